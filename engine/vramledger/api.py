"""What users hold: a scenario in, a ledger out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.ledger import Ledger
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules


def evaluate(
    scenario: str | Path | Mapping[str, Any],
    convention: str | None = None,
    specs: Iterable[str | Path] = (),
    base: str | Path | None = None,
) -> Ledger:
    """The ledger of a scenario: a path to a file or a dict.

    `convention` beats the scenario's own; without either it is "standard". `specs` are folders of rule files that
    join the bundled ones. Paths inside a scenario are relative to its file, those of a dict to `base` (default: the
    working directory). Raises Problems, which lists everything that is wrong.
    """
    return evaluate_with(open_rules(specs), scenario, convention, base)


def evaluate_with(
    ruleset: RuleSet,
    scenario: str | Path | Mapping[str, Any],
    convention: str | None = None,
    base: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Ledger:
    """`evaluate` with a rule set that is already open."""
    beats = {**(overrides or {}), **({"convention": convention} if convention else {})}
    read = read_scenario(ruleset, read_raw(scenario, base), beats)
    return ledger_of(read.program, read.facts)
