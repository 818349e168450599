"""Llama-3-8B with LoRA on an H100 in NumPy, formula by formula: every rule, row and cell of the specs as it is written.

What does not vary is a plain number. Sums and maxima go over the rows of their tables in Python; nothing is collected.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE, VOCAB = 4096, 32, 32, 8, 128, 14336, 128256
BITS, ADAPTER_BITS = 16, 32  # precision bf16, adapter.precision fp32
WIDTH, STREAM, ADAPTER_WIDTH = 2, 2, 4  # activation.width, activation.stream, adapter.width
TEMPORARY_COPIES = 1  # optimizer adam
CAPACITY = 81089 * 2**20  # hardware h100-80gb, usable
OVERHEAD = (287047680, 666632192)  # stages/overhead, overhead.bytes
MIB = 2**20


class Module(NamedTuple):
    """A row of `modules`, architectures/decoder."""

    name: str
    kind: str
    in_features: int
    out_features: int
    copies: int = LAYERS
    layer: bool = True
    follows_embedding: bool = False
    adapted: bool = False


MODULES = (
    Module("embed_tokens", "embedding", HIDDEN, VOCAB, 1, layer=False),
    Module("input_layernorm", "norm", 1, HIDDEN, follows_embedding=True),
    Module("q_proj", "linear", HIDDEN, HEADS * HEAD_DIM, follows_embedding=True, adapted=True),
    Module("k_proj", "linear", HIDDEN, KV_HEADS * HEAD_DIM, follows_embedding=True, adapted=True),
    Module("v_proj", "linear", HIDDEN, KV_HEADS * HEAD_DIM, follows_embedding=True, adapted=True),
    Module("o_proj", "linear", HEADS * HEAD_DIM, HIDDEN, adapted=True),
    Module("post_attention_layernorm", "norm", 1, HIDDEN),
    Module("gate_proj", "linear", HIDDEN, INTERMEDIATE, adapted=True),
    Module("up_proj", "linear", HIDDEN, INTERMEDIATE, adapted=True),
    Module("down_proj", "linear", INTERMEDIATE, HIDDEN, adapted=True),
    Module("norm", "norm", 1, HIDDEN, 1, layer=False),
    Module("lm_head", "linear", HIDDEN, VOCAB, 1, layer=False),
)
ADAPTED = tuple(module for module in MODULES if module.adapted)


class Tensor(NamedTuple):
    """A row of `tensors`."""

    elements: Any
    copies: int
    bits: int
    trainable: bool


class Saved(NamedTuple):
    """A row of `saved`."""

    bytes: Any
    copies: int
    layer: bool = True
    loss: bool = False


class Live(NamedTuple):
    """A row of `live`."""

    bytes: Any
    born: int = 0
    dies: int = 9


def ceil_bits(bits: Any) -> Any:
    """ceil(bits * 1 bit), in bytes."""
    return -(-bits // 8)


def tensors(rank: Column) -> list[Tensor]:
    """The fill `weight` of stages/params, then lora_A and lora_B of adapters/lora."""
    found = []
    for m in MODULES:
        rows, cols = m.out_features, m.in_features  # stages/params, modules.weight_rows, weight_cols
        found.append(Tensor(1 * rows * cols, m.copies, BITS, trainable=False))  # tensors.elements
    for m in ADAPTED:
        rows_a = rank * 1  # adapters/lora, lora_A, rows
        found.append(Tensor(1 * rows_a * m.in_features, m.copies, ADAPTER_BITS, trainable=True))
    for m in ADAPTED:
        cols_b = rank * 1  # adapters/lora, lora_B, cols
        found.append(Tensor(1 * m.out_features * cols_b, m.copies, ADAPTER_BITS, trainable=True))
    return found


def saved(batch: Column, length: Column, rank: Column, tokens: Column) -> list[Saved]:
    """The rows of `saved` in stages/activations and architectures/transformer."""
    found = []
    for m in MODULES:  # norm
        if m.kind == "norm":
            copies = m.copies - 1 if m.follows_embedding else m.copies
            found.append(Saved(tokens * 1 * (m.out_features * 4 + 4 + 0), copies, m.layer))
    found += [Saved(tokens * m.in_features * ADAPTER_WIDTH, m.copies) for m in ADAPTED]  # adapter input
    found += [Saved(tokens * rank * ADAPTER_WIDTH, m.copies) for m in ADAPTED]  # adapter inside
    found.append(Saved(tokens * VOCAB * 4, 1, layer=False, loss=True))  # log-softmax
    labels = tokens * 8 + 4 + np.where(batch == 1, 8, 0)  # labels
    found.append(Saved(labels, 1, layer=False, loss=True))
    core = tokens * (2 * HEADS + 2 * KV_HEADS) * HEAD_DIM * WIDTH + tokens * HEADS * 4 + 24  # attention core
    found.append(Saved(core, LAYERS))
    found.append(Saved(tokens * 3 * INTERMEDIATE * WIDTH, LAYERS))  # gated product
    found.append(Saved(length * 2 * HEAD_DIM * STREAM, 1))  # rotary positions
    return found


def by_formula(batch: Column, length: Column, rank: Column, accumulation: Column) -> dict[str, Any]:
    """The columns of the answer; of a range both ends, of `fits` whether it is certain and whether it is possible."""
    tokens = batch * length  # stages/scenario, tokens.batch
    all_tensors = tensors(rank)
    trainable = [t for t in all_tensors if t.trainable]
    # stages/params: stored.bytes, parameters.bytes
    stored = [(ceil_bits(t.elements * t.bits), t.copies) for t in all_tensors]
    parameters = sum(size * copies for size, copies in stored)
    # stages/grads: gradients.bytes; master.bytes is 0, as precision bf16 names no master
    gradients = sum(ceil_bits(t.elements * t.bits) * t.copies for t in trainable)
    # stages/optimizer: states.bytes, optimizer.bytes over exp_avg and exp_avg_sq (step lies on the host)
    states = [(ceil_bits(t.elements * t.bits), t.copies) for _ in ("exp_avg", "exp_avg_sq") for t in trainable]
    optimizer = sum(size * copies for size, copies in states)
    # stages/activations: activations.bytes, logits.bytes, recomputed.bytes
    rows = saved(batch, length, rank, tokens)
    activations = sum(v.bytes * v.copies for v in rows if not v.loss)
    logits = sum(v.bytes * v.copies for v in rows if v.loss)
    recomputed = -(-sum(v.bytes * v.copies for v in rows if v.layer) // max(LAYERS, 1))
    # stages/overhead: logits.output_bytes, logits.copy_bytes, gradients.behind, backward.temporary_bytes
    output = tokens * VOCAB * WIDTH
    copy = tokens * VOCAB * 4
    behind = sum(ceil_bits(t.elements * t.bits) * (t.copies - 1 if t.copies > 1 else t.copies) for t in trainable)
    inside = tokens * (3 * INTERMEDIATE + 2 * HIDDEN) * WIDTH
    # stages/overhead: step.temporary_bytes, foreach
    updated = sum(t.elements * t.copies * t.bits for t in trainable)
    step = ceil_bits(TEMPORARY_COPIES * updated)
    # stages/overhead: the rows of `live`
    live = (
        Live(parameters),
        Live(0),  # master copy
        Live(optimizer),
        Live(np.where(accumulation > 1, gradients, 0), dies=3),  # gradients kept over micro-batches
        Live(np.where(accumulation == 1, behind, 0), 3, 3),  # gradients of the layers behind
        Live(gradients, 4),
        Live(activations, dies=2),
        Live(recomputed, 3, 3),
        Live(logits, dies=2),
        Live(output, dies=5),
        Live(copy, dies=1),
        Live(2 * copy, 2, 2),
        Live(inside, 3, 3),
        Live(tokens * HIDDEN * STREAM, 4, 4),  # gradient of the embedding's output
        Live(step, 5, 5),
    )
    # stages/overhead: moments.bytes, allocated.bytes
    moments = [sum(row.bytes for row in live if row.born <= order <= row.dies) for order in range(1, 6)]
    allocated = moments[0]
    for moment in moments[1:]:
        allocated = np.maximum(allocated, moment)
    # stages/overhead: reserved.bytes, overhead.bytes; stages/total: total.bytes, fits
    reserved_low = -(-allocated // (2 * MIB)) * (2 * MIB)
    reserved_high = -(-(-(-(allocated * 115) // 100) + 32 * MIB) // (2 * MIB)) * (2 * MIB)
    total_low, total_high = reserved_low + OVERHEAD[0], reserved_high + OVERHEAD[1]
    return {
        "parameters.bytes": parameters,
        "gradients.bytes": gradients,
        "optimizer.bytes": optimizer,
        "activations.bytes": activations,
        "logits.bytes": logits,
        "overhead.bytes.low": OVERHEAD[0],
        "overhead.bytes.high": OVERHEAD[1],
        "total.bytes.low": total_low,
        "total.bytes.high": total_high,
        "fits": (total_high <= CAPACITY, total_low <= CAPACITY),
    }
