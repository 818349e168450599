"""`vramledger solve`: the largest batch that fits, and what would help where none does."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vramledger.commands.command import FAILED, FINE, SCENARIO, Command, overrides, print_json
from vramledger.commands.meant import meant
from vramledger.commands.sweep import OVER, over
from vramledger.problems import Place, Problems, problem

if TYPE_CHECKING:
    from vramledger.evaluation.ledger import Ledger
    from vramledger.tables.solve import Solution

_SHOWN = 12


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Finds the number; exit code 1 where there is none."""
    import sys

    from vramledger.inputs.raw import read_raw
    from vramledger.reports import blocks
    from vramledger.reports.solve import to_dict
    from vramledger.tables.solve import Solver

    if options.min and options.max:
        message = "--min and --max are given both"
        raise Problems([problem("wrong-shape", message, Place("--min"), "ask for one at a time")])
    raw, given = read_raw(meant(ruleset, options.scenario)), overrides(options)
    if options.over:
        return _for_each(ruleset, raw, given, options)
    solver = Solver(ruleset, raw, given, options.where)
    found = solver.solve(options.min or options.max or "batch.size", largest=not options.min)
    changes = found.changes if options.changes or found.value is None else []
    if options.json:
        print_json(to_dict(found, changes))
    else:
        blocks.write(_for_people(found, changes), sys.stdout)
    return FAILED if found.value is None else FINE


def _for_each(ruleset: Any, raw: Any, given: dict[str, Any], options: argparse.Namespace) -> int:
    """The number for every combination of other facts, a row each."""
    import sys

    from vramledger.evaluation.show import show
    from vramledger.reports import blocks
    from vramledger.reports.solve import to_dict
    from vramledger.tables.evaluate import told_of
    from vramledger.tables.grid import Grid, axes_of
    from vramledger.tables.solve import Solver

    grid = Grid(axes_of(ruleset, over(options.over), "--over"))
    fact = options.min or options.max or "batch.size"
    rows, data = [], []
    for said in grid.part(0, grid.count).to_pylist():
        cells = [str(value) for value in said.values()]
        try:
            solver = Solver(ruleset, raw, {**given, **said}, options.where)
            found = solver.solve(fact, largest=not options.min)
        except Problems as faults:
            rows.append((*cells, "", told_of(faults.problems)))
            data.append({**said, "value": None, "problem": told_of(faults.problems)})
            continue
        rows.append((*cells, "none" if found.value is None else f"{found.value:,}", show(found.ledger.total, "B")))
        data.append({**said, **to_dict(found, [])})
    if options.json:
        print_json(data)
    else:
        heads = (*grid.axes, fact, "total")
        blocks.write([blocks.Table(heads, rows, frozenset({len(heads) - 2, len(heads) - 1}))], sys.stdout)
    return FINE if any(row["value"] is not None for row in data) else FAILED


def _for_people(found: Solution, changes: list[Any]) -> Iterator[Any]:
    from vramledger.evaluation.show import show
    from vramledger.reports.blocks import Lines, Table

    if found.value is None:
        yield Lines(
            [f"no {found.fact} will do: {found.where} does not hold for any", *_at(found, found.ledger, found.first)]
        )
    else:
        yield Lines(list(_at(found, found.ledger, found.value)))
        if found.beyond is not None:
            step = 1 if found.last >= found.first else -1
            yield Lines(list(_at(found, found.beyond, found.value + step)))
        elif found.last >= found.first:
            yield Lines([f"{found.fact} was asked up to {found.last:,}, and that still will do"])
        else:
            yield Lines([f"{found.fact} is {found.last:,} at least, and that will do"])
    yield Lines([f"warning: {said}" for said in found.ledger.warnings])
    if not changes:
        return
    rows = [(f"{one.fact}={show(one.value)}", show(one.total, "B"), "enough" if one.enough else "") for one in changes]
    yield Lines(["what one change would make of it:"])
    yield Table(("change", "total", ""), _best_of_each(rows, changes), frozenset({1}))


def _best_of_each(rows: list[Any], changes: list[Any]) -> list[Any]:
    """The best of each fact, and as many more of the first as there is room for: many entries of a kind are alike."""
    places: dict[str, list[int]] = {}
    for place, change in enumerate(changes):
        places.setdefault(change.fact, []).append(place)
    best = [found[0] for found in places.values()]
    more = sorted(place for found in places.values() for place in found[1:_EACH])
    return [rows[place] for place in sorted([*best, *more[: max(0, _SHOWN - len(best))]])]


_EACH = 3


def _at(found: Solution, ledger: Ledger, number: int) -> Iterator[str]:
    from vramledger.evaluation.ledger import CAPACITY, HEADROOM
    from vramledger.evaluation.show import show
    from vramledger.evaluation.values import NotApplicable

    total = show(ledger.total, "B")
    capacity = ledger[CAPACITY] if CAPACITY in ledger.program.declarations else NotApplicable("")
    if isinstance(capacity, NotApplicable):
        yield f"{found.fact} = {number:,}: total {total}"
        return
    headroom = ledger[HEADROOM]
    low = headroom[0] if isinstance(headroom, tuple) else headroom
    left = f"{show(low, 'B')} left" if low >= 0 else f"{show(-low, 'B')} too much"
    yield f"{found.fact} = {number:,}: total {total} of {show(capacity, 'B')}, {left}"


COMMAND = Command(
    "solve",
    run,
    "The largest batch, context or rank that fits, or what would help.",
    "solve llama-3-8b --adapter lora --hardware h100-80gb --max batch.size",
    (
        *SCENARIO,
        (("--max",), {"metavar": "FACT", "help": "find the largest number of it (default: batch.size)"}),
        (("--min",), {"metavar": "FACT", "help": "find the smallest number of it"}),
        OVER,
        (("--where",), {"default": "fits", "metavar": "FORMULA", "help": "what shall hold (default: fits)"}),
        (("--changes",), {"action": "store_true", "help": "rank single changes that lower the total, whatever fits"}),
    ),
    scenario=True,
)
