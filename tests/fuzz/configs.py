"""A config.json: read, and the model that it describes evaluated."""

from __future__ import annotations

import runner  # first, so that all else is watched
from answer import ask, forget

from vramledger.api import evaluate_with
from vramledger.problems import Problems
from vramledger.rules.open import open_rules

RULES = open_rules()
FILE = runner.made("configs") / "config.json"
TASKS = ({"task": "training", "adapter": "lora"}, {"task": "inference"})


def one(content: bytes) -> None:
    FILE.write_bytes(content)
    for task in TASKS:
        try:
            ask(evaluate_with(RULES, {"model": {"huggingface": str(FILE)}, **task}))
        except Problems as faults:
            str(faults)
    forget(RULES)


if __name__ == "__main__":
    seeds = [(runner.ROOT / "examples" / "llama-3-8b" / "config.json").read_bytes()]
    for kind in ("qwen2", "mistral"):
        seeds.append(seeds[0].replace(b'"llama"', f'"{kind}"'.encode()))
    runner.run("configs", one, seeds, longest=4000)
