"""Real steps on a CUDA device beside ours: `python benchmarks/measure_gpu.py [-o FILE.jsonl] [--only WORD] [--list]`.

Each row of the table is a scenario that torch, transformers and peft run in a process of its own, where the device has
room for it. What was allocated, reserved, and taken from the device is written as measured figures, a line each, which
`vramledger validate FILE.jsonl` compares as well. Exit code 1 where figures miss their goals, 2 where nothing can run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from vramledger.api import evaluate_with
from vramledger.inputs import measured
from vramledger.problems import Problems
from vramledger.reports import blocks, validate
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules

STEPS = 3  # the first one makes the optimizer's state, the later ones hold it all along
QUANTITIES = {"allocated": "allocated.bytes", "reserved": "reserved.bytes", "device": "total.bytes"}
NEEDED = ("torch", "transformers")
GIB = 2**30


class Row(NamedTuple):
    """A scenario to measure, by name."""

    name: str
    scenario: dict[str, Any]


def llama(layers: int, hidden: int, inner: int, heads: int, kv_heads: int, vocab: int, **more: Any) -> dict[str, Any]:
    """A Llama of some size; fields are called as in its config.json."""
    return {
        "architecture": "llama",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocab,
        "tie_word_embeddings": False,
        **more,
    }


TINY = llama(22, 2048, 5632, 32, 4, 32000)  # 1.1e9 parameters
SMALL = llama(16, 2048, 8192, 32, 8, 128256, tie_word_embeddings=True)  # 1.2e9, a large head
MIDDLE = llama(28, 3072, 8192, 24, 8, 128256, tie_word_embeddings=True)  # 3.2e9
LARGE = llama(32, 4096, 14336, 32, 8, 128256)  # 8.0e9
GPT2 = {"architecture": "gpt2", "n_layer": 24, "n_embd": 1024, "n_head": 16, "vocab_size": 50257}


def training(model: dict[str, Any], size: int, length: int, **more: Any) -> dict[str, Any]:
    """A training step of so many sequences of a length."""
    return {"model": model, "batch": {"size": size, "sequence_length": length}, **more}


def serving(model: dict[str, Any], sequences: int, prompt: int, generated: int, **more: Any) -> dict[str, Any]:
    """Prompts that are read, and answers of a length."""
    lengths = {"sequences": sequences, "prompt": prompt, "generated": generated}
    return {"model": model, "task": "inference", "serving": lengths, **more}


LORA = {"name": "lora", "rank": 16, "targets": "all-linear"}
TABLE = (
    Row("gpt2-medium fp32", training(GPT2, 2, 512, precision="fp32")),
    Row("gpt2-medium bf16-mixed", training(GPT2, 2, 512, precision="bf16-mixed")),
    Row("tiny bf16", training(TINY, 1, 1024, precision="bf16")),
    Row("tiny bf16, checkpoints", training(TINY, 4, 2048, precision="bf16", checkpointing="full")),
    Row("tiny bf16, eager", training(TINY, 1, 1024, precision="bf16", attention="eager")),
    Row("tiny bf16, sgd", training(TINY, 2, 1024, precision="bf16", optimizer="sgd")),
    Row("tiny bf16, for-loop", training(TINY, 1, 512, optimizer={"name": "adamw", "implementation": "for-loop"})),
    Row("tiny bf16, fused", training(TINY, 1, 512, optimizer={"name": "adamw", "implementation": "fused"})),
    Row(
        "tiny bf16, accumulated",
        training(TINY, 1, 1024) | {"batch": {"size": 1, "sequence_length": 1024, "accumulation": 2}},
    ),
    Row("tiny bf16, lora", training(TINY, 4, 1024, precision="bf16", adapter=LORA)),
    Row("small bf16", training(SMALL, 2, 2048, precision="bf16")),
    Row("small bf16-mixed", training(SMALL, 1, 2048, precision="bf16-mixed")),
    Row("small bf16, lora, long", training(SMALL, 1, 8192, precision="bf16", adapter=LORA, checkpointing="full")),
    Row("middle bf16", training(MIDDLE, 1, 2048, precision="bf16")),
    Row("middle bf16, lora", training(MIDDLE, 4, 1024, precision="bf16", adapter=LORA)),
    Row("middle bf16-mixed", training(MIDDLE, 1, 2048, precision="bf16-mixed")),
    Row("large bf16, lora, checkpoints", training(LARGE, 2, 2048, adapter=LORA, checkpointing="full")),
    Row("large bf16, lora", training(LARGE, 1, 2048, adapter=LORA)),
    Row("large bf16, checkpoints", training(LARGE, 4, 2048, checkpointing="full")),
    Row("large bf16", training(LARGE, 2, 2048)),
    Row("large bf16, long", training(LARGE, 1, 8192)),
    Row("large bf16, sgd, wide", training(LARGE, 6, 2048, optimizer="sgd")),
    Row("tiny, long prompt", serving(TINY, 1, 8192, 64)),
    Row("small, many prompts", serving(SMALL, 16, 1024, 64)),
    Row("large, one prompt", serving(LARGE, 1, 4096, 128)),
    Row("large, many prompts", serving(LARGE, 16, 4096, 128)),
)


def used_mib(text: str) -> int:
    """The MiB in use that nvidia-smi prints for the first device."""
    first = text.strip().partition("\n")[0].strip().removesuffix("MiB").strip()
    if not first.isdigit():
        raise ValueError(f"nvidia-smi printed no number of MiB: {first[:80]!r}")
    return int(first)


def device_used() -> int:
    """Bytes in use on the first device, as nvidia-smi tells."""
    asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "0"]
    return used_mib(subprocess.run(asked, capture_output=True, text=True, check=True).stdout) * 2**20


def lines(row: Row, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was read of a row as measured figures."""
    title = f"measure_gpu.py on {found['device_name']}, torch {found['torch']}, transformers {found['transformers']}"
    for what, quantity in QUANTITIES.items():
        yield {
            "id": f"{row.name}: {what}",
            "group": found["device_name"],
            "grade": "A",
            "quantity": quantity,
            "value": f"{found[what]} B",
            "scenario": row.scenario,
            "source": {"title": title, "section": row.name},
        }


def fitting(rules: RuleSet, rows: tuple[Row, ...], capacity: int) -> Iterator[tuple[Row, bool]]:
    """Each row, and whether the device has room for what we expect of it at least."""
    for row in rows:
        total = evaluate_with(rules, row.scenario).total
        yield row, (total[0] if isinstance(total, tuple) else total) <= capacity


def measure(row: Row) -> dict[str, Any] | str:
    """Runs a row in a process of its own; what was read, or why nothing was."""
    before = device_used()
    asked = [sys.executable, __file__, "--run", row.name, "--before", str(before)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return said[-1][:200] if said else f"ended with {done.returncode}"
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def run(row: Row, before: int) -> dict[str, Any]:
    """The steps themselves, where torch and transformers are installed."""
    import torch
    import transformers

    import gpu_steps

    gpu_steps.run(row.scenario, STEPS)
    return {
        "allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
        "device": device_used() - before,
        "device_name": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def capacity() -> int | str:
    """The device's bytes, or why there is none to run on."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return f"needs {' and '.join(missing)}: pip install {' '.join(missing)}"
    import torch

    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return int(torch.cuda.mem_get_info()[1])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Real steps on a CUDA device beside ours.")
    parser.add_argument("-o", "--output", type=Path, help="write the measured figures there, a line each")
    parser.add_argument("--only", default="", help="only rows whose name holds this")
    parser.add_argument("--list", action="store_true", help="what would be run, and what we expect; needs no device")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--before", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.run:
        print(json.dumps(run(next(row for row in TABLE if row.name == asked.run), asked.before)))
        return 0
    rules, rows = open_rules(), tuple(row for row in TABLE if asked.only in row.name)
    if asked.list:
        for row in rows:
            low, high = evaluate_with(rules, row.scenario).total
            print(f"{row.name:32}{low / GIB:8.1f} .. {high / GIB:.1f} GiB")
        return 0
    room = capacity()
    if isinstance(room, str):
        print(f"nothing can be measured here: {room}", file=sys.stderr)
        return 2
    found = []
    for row, fits in fitting(rules, rows, room):
        read = measure(row) if fits else "does not fit this device"
        if isinstance(read, str):
            print(f"{row.name}: {read}", file=sys.stderr)
        else:
            found += list(lines(row, read))
    text = "".join(json.dumps(line) + "\n" for line in found)
    output = asked.output or Path("measured.jsonl")
    output.write_text(text, encoding="utf-8")
    return compare(rules, output) if found else 2


def compare(rules: RuleSet, path: Path) -> int:
    """Prints the measured figures of a file beside ours; the exit code."""
    records, faults = measured.read([path])
    compared = []
    for record in records:
        try:
            compared.append(measured.compare(rules, record))
        except Problems as wrong:
            faults += wrong.problems
    blocks.write(validate.blocks(compared, len(records) - len(compared), len(compared)), sys.stdout)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 2 if faults else int(any(one.met is False for one in validate.summaries(compared)))


if __name__ == "__main__":
    sys.exit(main())
