"""Checkpoints: the header of a safetensors or GGUF file read, and what it describes evaluated."""

from __future__ import annotations

import json

import runner  # first, so that all else is watched
from answer import ask, forget

from vramledger.api import evaluate_with
from vramledger.problems import Problems
from vramledger.rules.open import open_rules

RULES = open_rules()
FOLDER = runner.made("headers")
DATA = bytes(200)


def one(content: bytes) -> None:
    kind = "gguf" if content[:4] == b"GGUF" else "safetensors"
    file = FOLDER / f"model.{kind}"
    file.write_bytes(content)
    try:
        ask(evaluate_with(RULES, {"model": {kind: str(file)}, "task": "inference"}))
    except Problems as faults:
        str(faults)
    forget(RULES)


def safetensors(tensors: dict[str, object]) -> bytes:
    header = json.dumps(tensors).encode()
    return len(header).to_bytes(8, "little") + header + DATA[: sum(1 for _ in tensors) * 8]


def text(found: bytes) -> bytes:
    return len(found).to_bytes(8, "little") + found


def gguf() -> bytes:
    """Some keys of each sort, and two tensors."""
    word = lambda number: number.to_bytes(4, "little")  # noqa: E731
    keys = [
        text(b"general.architecture") + word(8) + text(b"llama"),
        text(b"llama.block_count") + word(4) + word(1),
        text(b"llama.embedding_length") + word(4) + word(32),
        text(b"tokenizer.ggml.tokens") + word(9) + word(8) + (2).to_bytes(8, "little") + text(b"a") + text(b"b"),
        text(b"llama.head_counts") + word(9) + word(4) + (2).to_bytes(8, "little") + word(1) + word(2),
    ]
    tensors = [
        text(b"blk.0.attn_q.weight") + word(1) + (32).to_bytes(8, "little") + word(2) + (0).to_bytes(8, "little"),
        text(b"output_norm.weight") + word(1) + (4).to_bytes(8, "little") + word(0) + (32).to_bytes(8, "little"),
    ]
    counts = len(tensors).to_bytes(8, "little") + len(keys).to_bytes(8, "little")
    return b"GGUF" + word(3) + counts + b"".join(keys) + b"".join(tensors) + DATA


if __name__ == "__main__":
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    second = {"dtype": "BF16", "shape": [2, 2], "data_offsets": [8, 16]}
    seeds = [
        safetensors({}),
        safetensors({"model.layers.0.mlp.up_proj.weight": tensor}),
        safetensors({"__metadata__": {"format": "pt"}, "a.weight": tensor, "b": second}),
        gguf(),
    ]
    runner.run("headers", one, seeds, longest=4000)
