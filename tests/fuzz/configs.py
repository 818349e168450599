"""A config.json: read, and the model that it describes evaluated."""

from __future__ import annotations

import runner  # first, so that all else is watched

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
            ledger = evaluate_with(RULES, {"model": {"huggingface": str(FILE)}, **task})
            ledger["total.bytes"]
            str(ledger.derivation("total.bytes"))
            assert isinstance(ledger.components, dict)
            assert isinstance(ledger.warnings, list)
        except Problems as faults:
            str(faults)
    if len(RULES.plans) > 200:
        RULES.plans.clear()
        RULES.programs.clear()


if __name__ == "__main__":
    seeds = [(runner.ROOT / "examples" / "llama-3-8b" / "config.json").read_bytes()]
    for kind in ("qwen2", "mistral"):
        seeds.append(seeds[0].replace(b'"llama"', f'"{kind}"'.encode()))
    runner.run("configs", one, seeds, longest=4000)
