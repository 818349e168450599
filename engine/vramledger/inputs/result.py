"""A stored answer (`estimate --json`) evaluated anew: which numbers changed, and which rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from vramledger.evaluation.basis import basis
from vramledger.evaluation.ledger import Ledger
from vramledger.inputs.files import read_json
from vramledger.inputs.raw import Raw, tree_of
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Place, Problems, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.tree import Mapping

NEEDED = ("asked", "rules", "quantities", "components", "phases", "stamp")
COMPARED = ("quantities", "components", "phases")


class Change(NamedTuple):
    """Something that was one thing and is another; None where it was or is not there."""

    name: str
    then: Any
    now: Any


class Verdict(NamedTuple):
    """What today's rules make of a stored answer."""

    ledger: Ledger
    numbers: list[Change]
    rules: list[Change]
    compared: int
    stamp: dict[str, str]  # of the stored answer


def read_result(path: Path) -> dict[str, Any]:
    """A stored answer. Raises Problems where the file is none."""
    data, _, fault = read_json(path)
    if fault is not None:
        raise Problems([fault])
    absent = [name for name in NEEDED if not isinstance(data.get(name), dict)]
    if absent:
        hint = "write one with: vramledger estimate SCENARIO --json > result.json"
        message = f"{path} is no answer of estimate --json: it has no {absent[0]}"
        raise Problems([problem("not-a-result", message, Place(str(path), 1, 1), hint)])
    return data


def ledger_again(ruleset: RuleSet, stored: dict[str, Any], path: Path) -> Ledger:
    """The answer to what a stored one was asked, under today's rules. Raises Problems."""
    tree = tree_of(stored["asked"])
    assert isinstance(tree, Mapping)
    read = read_scenario(ruleset, Raw(tree, str(path), Path()))
    return Ledger(read.program, read.facts)


def verify(ledger: Ledger, stored: dict[str, Any], now: dict[str, Any]) -> Verdict:
    """Compares a stored answer with the one that is given now, both as JSON."""
    fresh = json.loads(json.dumps(now))
    numbers = [change for block in COMPARED for change in _changes(stored[block], fresh[block])]
    rules = _changes(stored["rules"], basis(ledger.program, ledger.facts, now["quantities"]))
    return Verdict(ledger, numbers, rules, sum(len(stored[block]) for block in COMPARED), stored["stamp"])


def _changes(then: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    names = dict.fromkeys([*then, *now])
    return [Change(name, then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)]
