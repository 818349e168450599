"""A scenario file: read, its total evaluated and derived, what it expects compared."""

from __future__ import annotations

import runner  # first, so that all else is watched

from vramledger.api import evaluate_with
from vramledger.inputs.checks import run_scenario
from vramledger.problems import Problems
from vramledger.rules.open import open_rules

RULES = open_rules()
FILE = runner.made("scenarios") / "made.yaml"


def one(content: bytes) -> None:
    FILE.write_bytes(content)
    try:
        for _ in range(2):  # the second time it is compiled
            ledger = evaluate_with(RULES, FILE)
            ledger["total.bytes"]
        str(ledger.derivation("total.bytes"))
        assert isinstance(ledger.components, dict)
        assert isinstance(ledger.warnings, list)
    except Problems as faults:
        str(faults)
    for result in run_scenario(RULES, FILE):
        str(result)
    if len(RULES.plans) > 200:
        RULES.plans.clear()
        RULES.programs.clear()


if __name__ == "__main__":
    seeds = sorted((runner.ROOT / "specs" / "scenarios").glob("*.yaml"))
    seeds += sorted((runner.ROOT / "tests" / "cases").glob("*/scenarios/*.yaml"))
    runner.run("scenarios", one, [path.read_bytes() for path in seeds], longest=4000)
