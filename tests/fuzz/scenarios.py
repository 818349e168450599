"""A scenario file: read, its total evaluated and derived, what it expects compared."""

from __future__ import annotations

import runner  # first, so that all else is watched
from answer import ask, forget

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
            ask(evaluate_with(RULES, FILE))
    except Problems as faults:
        str(faults)
    for result in run_scenario(RULES, FILE):
        str(result)
    forget(RULES)


if __name__ == "__main__":
    seeds = sorted((runner.ROOT / "specs" / "scenarios").glob("*.yaml"))
    seeds += sorted((runner.ROOT / "tests" / "cases").glob("*/scenarios/*.yaml"))
    runner.run("scenarios", one, [path.read_bytes() for path in seeds], longest=4000)
