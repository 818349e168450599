"""What users hold: a scenario in, a ledger out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.ledger import Ledger
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.rules.load import RuleSet
from vramledger.rules.open import opened
from vramledger.rules.tree import to_data

if TYPE_CHECKING:
    import pyarrow as pa

    from vramledger.tables.evaluate import Evaluator
    from vramledger.tables.solve import Solution


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
    return evaluate_with(opened(specs), scenario, convention, base)


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


def sweep(
    scenario: str | Path | Mapping[str, Any],
    over: Mapping[str, Any],
    select: Sequence[str] = (),
    convention: str | None = None,
    specs: Iterable[str | Path] = (),
    base: str | Path | None = None,
) -> pa.Table:
    """Every combination of some facts' values on top of a scenario, a row each, the last of `over` changing fastest.

    `over` gives each fact's values, or "all" for every entry of a kind. The columns are the facts, then the quantities
    in `select` (default: the main ones), in bytes: `X`, or `X.low` and `X.high` for a quantity that the rules may leave
    a range; empty where it does not apply. `problem` says what is wrong with a row, and is empty where nothing is.
    Raises Problems for a selected name that nothing declares, and for a scenario that cannot be read.
    """
    from vramledger.tables.grid import Grid, axes_of

    ruleset = opened(specs)
    grid = Grid(axes_of(ruleset, over, "over"))
    with _evaluator(ruleset, scenario, select, convention, base) as evaluator:
        return evaluator.table(grid.part(0, grid.count))


def evaluate_table(
    table: pa.Table,
    scenario: str | Path | Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
    keep: Sequence[str] = (),
    convention: str | None = None,
    specs: Iterable[str | Path] = (),
    base: str | Path | None = None,
) -> pa.Table:
    """A scenario a row, its facts in columns by their dotted names (`model`, `batch.size` ...) or as fields of nested
    ones, to a table of answers.

    What a row leaves empty is as `scenario` says, or the default. The answer has the same rows in the same order: the
    table's own columns, then those that `sweep` describes. Columns in `keep` are carried along and not read. A row at
    fault has its `problem`, and the others are answered. Which columns come back depends on `select` and the rules
    alone, so parts of a table may be answered apart. Raises Problems for a selected name that nothing declares.
    """
    from vramledger.tables.sources import flat

    with _evaluator(opened(specs), scenario or {}, select, convention, base) as evaluator:
        return evaluator.table(flat(table), keep)


def solve(
    scenario: str | Path | Mapping[str, Any],
    maximize: str | None = None,
    minimize: str | None = None,
    where: str = "fits",
    convention: str | None = None,
    specs: Iterable[str | Path] = (),
    base: str | Path | None = None,
) -> Solution:
    """The largest whole number of a fact (default: batch.size) for which `where` holds; with `minimize` the smallest.

    `.value` is the number, None where none will do; `.ledger` is the answer there, `.beyond` at the next one,
    `.changes` single changes that lower the total. A range fits where all of it does. Raises Problems for a fact that
    is no number, a formula that is none, and one that says nothing here, as `fits` does without hardware.
    """
    from vramledger.tables.solve import Solver

    beats = {"convention": convention} if convention else {}
    solver = Solver(opened(specs), read_raw(scenario, base), beats, where)
    return solver.solve(minimize or maximize or "batch.size", largest=minimize is None)


@contextmanager
def _evaluator(
    ruleset: RuleSet,
    scenario: str | Path | Mapping[str, Any],
    select: Sequence[str],
    convention: str | None,
    base: str | Path | None,
) -> Iterator[Evaluator]:
    """What answers tables: that of a call before which asked the same, with its shapes, where no file shaped them.

    While one call has it no other does.
    """
    from vramledger.tables.evaluate import Evaluator
    from vramledger.tables.wanted import base_of, wanted

    beats = {"convention": convention} if convention else {}
    raw = read_raw(scenario, base)
    key = (repr(to_data(raw.tree)), raw.origin, raw.base, tuple(select), convention)
    found = ruleset.evaluators.pop(key, None)
    if found is None:
        found = Evaluator(ruleset, raw, wanted(ruleset, select, base_of(ruleset, raw, beats)), beats)
    yield found
    if found.lasting:
        ruleset.evaluators[key] = found
