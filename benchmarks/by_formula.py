"""Llama-3-8B with LoRA on an H100 in NumPy, formula by formula: every rule, row and cell of the specs as it is written.

What does not vary is a plain number; a row whose guard holds nowhere is left out, one that is there and comes to
nothing is a plain 0. Shares of one device, which are 1, and terms that are 0 in every row are not written. Sums and
maxima go over the rows of their tables in Python; nothing is collected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE, VOCAB = 4096, 32, 32, 8, 128, 14336, 128256
BITS, ADAPTER_BITS = 16, 32  # precision bf16, adapter.precision fp32
WIDTH, STREAM, ADAPTER_WIDTH = 2, 2, 4  # activation.width, activation.stream, adapter.width and adapter.kept_width
TEMPORARY_COPIES = 1  # optimizer adamw; temporary_beside is 0
MIB = 2**20
CAPACITY = 81089 * MIB  # hardware h100-80gb, usable
WORKSPACE = 32 * MIB  # runtimes/cuda, runtime.workspace
OVERHEAD = (287047680, 666632192)  # stages/overhead, overhead.bytes
BLOCK, SEGMENT, OPEN = 512, 2 * MIB, 22 * MIB  # stages/overhead, allocator.block_bytes, segment_bytes, open_bytes


class Module(NamedTuple):
    """A row of `modules`, architectures/decoder."""

    name: str
    kind: str
    in_features: int
    out_features: int
    place: str
    copies: int = LAYERS
    layer: bool = True
    adapted: bool = False


MODULES = (
    Module("embed_tokens", "embedding", HIDDEN, VOCAB, "embedding", 1, layer=False),
    Module("input_layernorm", "norm", 1, HIDDEN, "input norm"),
    Module("q_proj", "linear", HIDDEN, HEADS * HEAD_DIM, "attention", adapted=True),
    Module("k_proj", "linear", HIDDEN, KV_HEADS * HEAD_DIM, "attention", adapted=True),
    Module("v_proj", "linear", HIDDEN, KV_HEADS * HEAD_DIM, "attention", adapted=True),
    Module("o_proj", "linear", HEADS * HEAD_DIM, HIDDEN, "attention output", adapted=True),
    Module("post_attention_layernorm", "norm", 1, HIDDEN, "post norm"),
    Module("gate_proj", "linear", HIDDEN, INTERMEDIATE, "mlp", adapted=True),
    Module("up_proj", "linear", HIDDEN, INTERMEDIATE, "mlp", adapted=True),
    Module("down_proj", "linear", INTERMEDIATE, HIDDEN, "mlp", adapted=True),
    Module("norm", "norm", 1, HIDDEN, "final norm", 1, layer=False),
    Module("lm_head", "linear", HIDDEN, VOCAB, "head", 1, layer=False),
)
ADAPTED = tuple(module for module in MODULES if module.adapted)
NORMS = tuple(module for module in MODULES if module.kind == "norm")


class Tensor(NamedTuple):
    """A row of `tensors`."""

    m: Module
    elements: Any
    bits: int
    trainable: bool

    @property
    def copies(self) -> int:
        return self.m.copies


class Saved(NamedTuple):
    """A row of `saved`; its kept_copies are its copies, as no layer is computed again."""

    part: str
    bytes: Any
    copies: int
    layer: bool = True
    loss: bool = False
    reads: int = 0
    unreached: int = 0


class Block(NamedTuple):
    """A row of `blocks`, stages/overhead."""

    order: int
    parts: tuple[str, ...]


BLOCKS = (
    Block(2, ("mlp", "router", "experts")),
    Block(3, ("post norm", "attention output")),
    Block(4, ("attention", "mixer")),
    Block(5, ("input norm",)),
)
ORDERS = (1, 2, 2.5, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18)  # stages/overhead, `moments`


class Inside(NamedTuple):
    """A row of `inside`."""

    at: int
    bytes: Any


class Live(NamedTuple):
    """A row of `live`."""

    bytes: Any
    born: float = 0
    dies: float = 19


def ceil_bits(bits: Any) -> Any:
    """ceil(bits * 1 bit), in bytes."""
    return -(-bits // 8)


def ceil_div(number: Any, parts: int) -> Any:
    """ceil(number / parts)."""
    return -(-number // parts)


def round_up(size: Any, step: int) -> Any:
    """round_up(size, step)."""
    return -(-size // step) * step


def tensors(rank: Column) -> list[Tensor]:
    """The fill `weight` of stages/params, then lora_A and lora_B of adapters/lora."""
    found = []
    for m in MODULES:
        rows, cols = m.out_features, m.in_features  # stages/params, modules.weight_rows, weight_cols
        found.append(Tensor(m, 1 * rows * cols, BITS, trainable=False))  # tensors.elements
    for m in ADAPTED:
        rows_a = rank * 1  # adapters/lora, lora_A, rows
        found.append(Tensor(m, 1 * rows_a * m.in_features, ADAPTER_BITS, trainable=True))
    for m in ADAPTED:
        cols_b = rank * 1  # adapters/lora, lora_B, cols
        found.append(Tensor(m, 1 * m.out_features * cols_b, ADAPTER_BITS, trainable=True))
    return found


def saved(batch: Column, length: Column, rank: Column, tokens: Column) -> list[Saved]:
    """The rows of `saved` in stages/activations, adapters/lora, architectures/transformer and losses/standard."""
    found = []
    # stages/activations; saved.unreached, since no gradient reaches the input norm of the first layer
    unreached = {m.name: 1 if m.place == "input norm" else 0 for m in NORMS}
    for m in NORMS:  # norm in fp32
        size = batch * length * m.out_features * 4
        found.append(Saved(m.place, size, m.copies * 1, m.layer, unreached=unreached[m.name]))
    for m in NORMS:  # norm statistics
        size = batch * length * 1 * 4
        found.append(Saved(m.place, size, m.copies, m.layer, unreached=unreached[m.name]))
    for m in ADAPTED:  # adapter input
        size = batch * length * m.in_features * ADAPTER_WIDTH
        found.append(Saved(m.place, size, m.copies, reads=m.in_features))
    for m in ADAPTED:  # adapters/lora, inside
        size = batch * length * rank * ADAPTER_WIDTH
        found.append(Saved(m.place, size, m.copies, reads=m.in_features))
    # architectures/transformer, of the one row of `attentions`
    found.append(Saved("attention", batch * length * HEADS * HEAD_DIM * WIDTH, LAYERS))  # queries
    found.append(Saved("attention", batch * length * KV_HEADS * HEAD_DIM * WIDTH, LAYERS))  # keys
    found.append(Saved("attention", batch * length * (KV_HEADS * HEAD_DIM) * WIDTH, LAYERS))  # values
    found.append(Saved("attention", batch * length * HEADS * HEAD_DIM * WIDTH, LAYERS))  # attention output
    found.append(Saved("attention", batch * HEADS * length * 4, LAYERS))  # log-sum-exp
    found.append(Saved("attention", 24, LAYERS))  # random state
    found.append(Saved("mlp", tokens * INTERMEDIATE * WIDTH, LAYERS))  # activation function
    found.append(Saved("mlp", tokens * INTERMEDIATE * (WIDTH + WIDTH), LAYERS))  # gate and input
    found.append(Saved("positions", length * 2 * HEAD_DIM * STREAM, 1))  # rotary positions
    # losses/standard
    found.append(Saved("loss", tokens * VOCAB * 4, 1, layer=False, loss=True))  # log-softmax
    labels = tokens * 8 + np.where(batch == 1, 8, 0) + 4  # labels
    found.append(Saved("loss", labels, 1, layer=False, loss=True))
    return found


def moments(live: Sequence[Live]) -> list[Any]:
    """stages/overhead, moments.bytes; a plain 0 is not added to columns, which would take time for nothing."""
    rows = [row for row in live if not isinstance(row.bytes, int) or row.bytes]
    return [sum(row.bytes for row in rows if row.born <= order <= row.dies) for order in ORDERS]


def by_formula(batch: Column, length: Column, rank: Column, accumulation: Column) -> dict[str, Any]:
    """The columns of the answer; of a range both ends, of `fits` whether it is certain and whether it is possible."""
    tokens = batch * length  # stages/scenario, tokens.batch
    all_tensors = tensors(rank)
    trainable = [t for t in all_tensors if t.trainable]  # stages/grads, tensors.graded: those that are trainable
    # stages/params: stored.bytes, parameters.bytes
    stored = [(ceil_bits(t.elements * t.bits), t.copies) for t in all_tensors]
    parameters = sum(size * copies for size, copies in stored)
    # stages/grads: gradients.bytes; master.bytes is 0, as precision bf16 names no master
    gradients = ceil_bits(sum(t.elements * t.copies * t.bits for t in trainable))
    # stages/optimizer: states.bytes, optimizer.bytes over exp_avg and exp_avg_sq (step lies on the host)
    states = [(ceil_bits(t.elements * t.bits), t.copies) for _ in ("exp_avg", "exp_avg_sq") for t in trainable]
    optimizer = sum(size * copies for size, copies in states)
    # stages/activations: unreached.bytes, activations.bytes, logits.bytes
    rows = saved(batch, length, rank, tokens)
    unreached = sum(v.bytes * v.unreached for v in rows if v.unreached > 0 and not v.loss)
    activations = sum(v.bytes * v.copies for v in rows if not v.loss) - unreached
    logits = sum(v.bytes * v.copies for v in rows if v.loss)
    # stages/overhead: tensors.gradient_bytes, and padding_bytes of parameters, gradients and optimizer
    parameters_padding = sum((round_up(size, BLOCK) - size) * copies for size, copies in stored)
    graded = [(t, ceil_bits(t.elements * t.bits)) for t in trainable]
    gradients_padding = sum((round_up(size, BLOCK) - size) * t.copies for t, size in graded)
    optimizer_padding = sum((round_up(size, BLOCK) - size) * copies for size, copies in states)
    # stages/overhead: gradients.persist, gradients.fresh
    persist = accumulation > 1
    fresh = ~persist
    # stages/overhead: blocks.saved_bytes, which are blocks.kept_bytes, and blocks.gradient_bytes, gradients.layer_bytes
    kept = {
        b.order: ceil_div(sum(v.bytes * v.copies for v in rows if v.layer and v.part in b.parts), LAYERS)
        for b in BLOCKS
    }
    of_block = {
        b.order: ceil_div(sum(round_up(size, BLOCK) * t.copies for t, size in graded if t.m.place in b.parts), LAYERS)
        for b in BLOCKS
    }
    of_layer = sum(of_block.values())
    # stages/overhead: saved.norm_bytes; saved.head_bytes and saved.before_bytes are sums of no rows
    norm_saved = sum(v.bytes * v.copies for v in rows if v.part == "final norm")
    # stages/overhead: stream.bytes, embedded.held_bytes, head.read_bytes, norm.temporary_bytes
    stream = tokens * HIDDEN * STREAM
    held = read = stream
    in_norm = tokens * HIDDEN * (5 * 4)
    in_norm_forward = stream + (stream + tokens * HIDDEN * 4) + tokens * HIDDEN * STREAM
    # stages/overhead: logits.output_bytes, logits.passed_bytes, logits.gradient_bytes, logits.copy_bytes
    output = tokens * VOCAB * WIDTH
    passed = output
    loss_gradient = 2 * tokens * VOCAB * 4
    copy = tokens * VOCAB * 4
    # stages/overhead: feed_forward.used_bytes, feed_forward.gradient_bytes, feed_forward.inside_bytes
    reads_product = [v for v in rows if v.layer and v.part == "mlp" and v.reads == INTERMEDIATE]
    used = ceil_div(sum(v.bytes * v.copies for v in reads_product), LAYERS)
    of_product = [(t, size) for t, size in graded if t.m.place == "mlp" and t.m.in_features == INTERMEDIATE]
    product_gradient = np.where(fresh, ceil_div(sum(size * t.copies for t, size in of_product), LAYERS), 0)
    in_product = np.maximum(0, tokens * INTERMEDIATE * (2 * WIDTH + 1 * WIDTH) - used + product_gradient)
    # architectures/transformer: `inside`
    inside = (
        Inside(1, 0),  # softmax of the scores, which no kernel writes out
        Inside(2, np.maximum(0, in_product)),  # gradients of the product; no experts, and no layer computed again
        Inside(3, in_norm),  # inside the post norm
        Inside(4, tokens * (2 * HEADS + KV_HEADS + KV_HEADS) * HEAD_DIM * WIDTH),  # gradients of queries, keys, values
        Inside(5, in_norm),  # inside the input norm
    )
    # stages/overhead: step.temporary_bytes, foreach
    updated = [(ceil_bits(t.elements * t.bits), t.copies) for t in trainable]
    step = TEMPORARY_COPIES * sum(round_up(size, BLOCK) * copies for size, copies in updated)
    # stages/overhead: the rows of `live`; those of keys and values are of inference
    behind_attention = kept[2] + kept[3]
    live = (
        Live(parameters + parameters_padding),
        Live(0),  # master copy
        Live(optimizer + optimizer_padding),
        Live(np.where(persist, gradients + gradients_padding, 0), 0, 16),  # gradients kept from before
        Live(0, 5, 16),  # gradients outside the layers, of which none are trained
        *(Live(np.where(fresh, of_block[b.order], 0), 7 + b.order, 11) for b in BLOCKS),  # of the last layer
        Live(np.where(fresh, (LAYERS - 1) * of_layer, 0), 12, 16),  # gradients of the layers behind
        *(Live(np.where(fresh, of_block[b.order], 0), 12 + b.order, 16) for b in BLOCKS),  # of the first layer
        Live(gradients + gradients_padding, 17, 19),
        Live(0, 5, 5),  # gradient of the head until it is added
        Live(np.maximum(activations - norm_saved - behind_attention, 0), 1, 1),  # up to attention of the last
        Live(np.maximum(activations - norm_saved, 0), 2, 2),  # saved by the layers in the forward pass
        Live(np.maximum(activations, 0), 2.5, 2.5),  # saved by the layers and the final norm, forward
        Live(held, 1, 2.5),  # embedded tokens
        Live(in_norm_forward, 2.5, 2.5),  # inside the final norm, forward
        Live(activations, 3, 5),  # saved for backward
        Live(np.maximum(activations, 0), 6, 6),  # saved by the layers and before
        Live(np.maximum(activations - norm_saved - sum(kept.values()), 0), 7, 11),  # by those before the last
        *(Live(kept[b.order], 7 if b.order > 3 else 8, 6 + b.order) for b in BLOCKS),  # saved by the last layer
        Live(0, 12, 17),  # saved before the first layer
        *(Live(kept[b.order], 12 if b.order > 3 else 13, 11 + b.order) for b in BLOCKS),  # saved by the first layer
        Live(read, 3, 3),  # last hidden state
        Live(tokens * 8),  # token ids
        Live(logits, 3, 4),  # kept by the loss
        Live(output, 3, 18),  # logits of the output
        Live(np.where(persist, output, 0), 0, 3),  # logits of the micro-batch before
        Live(0, 0, 2),  # mask, which flash attention does without
        Live(copy, 3, 3),  # logits in fp32
        Live(loss_gradient, 4, 4),  # gradient of the loss
        Live(passed, 5, 5),  # gradient of the logits
        Live(stream, 5, 17),  # gradient of the stream
        Live(in_norm - stream, 6, 6),  # inside the final norm
        *(Live(x.bytes, 1, 1) for x in inside if x.at == 1),  # inside the last layer, forward
        *(Live(x.bytes, 6 + x.at, 6 + x.at) for x in inside),  # inside the last layer
        *(Live(x.bytes, 11 + x.at, 11 + x.at) for x in inside),  # inside the first layer
        Live(0, 17, 17),  # gradient of the embedding until it is added
        Live(step, 18, 18),  # temporaries of the step
    )
    # stages/overhead: workspaces.bytes, allocated.bytes
    at = moments(live)
    peak = at[0]
    for moment in at[1:]:
        peak = np.maximum(peak, moment)
    allocated = peak + WORKSPACE * 2
    # stages/overhead: loss.taken_bytes
    before = [moment for order, moment in zip(ORDERS, at, strict=True) if order < 3]
    taken = before[0]
    for moment in before[1:]:
        taken = np.maximum(taken, moment)
    taken = np.maximum(at[ORDERS.index(4)], taken + logits + output + loss_gradient) + WORKSPACE * 2
    # stages/overhead: reserved.bytes, overhead.bytes; stages/total: total.bytes, fits
    reserved_low = round_up(allocated, SEGMENT)
    reserved_high = round_up(ceil_div(np.maximum(allocated, taken) * 115, 100) + OPEN, SEGMENT)
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
