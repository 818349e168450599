"""`vramledger sweep`: every combination of some facts' values."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from vramledger.commands.answers import OPTIONS, deliver, form_of, selected
from vramledger.commands.command import SCENARIO, Command, overrides
from vramledger.commands.meant import meant
from vramledger.problems import Place, Problem, Problems, problem

_MOST = 10_000_000  # values of one fact


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Answers every combination."""
    from vramledger.inputs.raw import read_raw
    from vramledger.rules.tree import to_data
    from vramledger.tables.grid import Grid, axes_of
    from vramledger.tables.sources import GridSource
    from vramledger.tables.work import Asked, TableWork

    form = form_of(options)
    raw = read_raw(meant(ruleset, options.scenario))
    given = over(options.over)
    if not given:
        own = raw.tree.get("sweep")
        data = to_data(own) if own is not None else {}
        given = data if isinstance(data, dict) else {}
    if not given:
        hint = "say --over batch.size=1:8, or give the scenario a sweep:"
        raise Problems([problem("missing-fact", "nothing is said to be swept over", Place("--over"), hint)])
    grid = Grid(axes_of(ruleset, given, "--over"))
    asked = Asked(tuple(options.specs), overrides(options), selected(options), options.where)
    _check_base(ruleset, raw, asked.overrides, grid)
    return deliver(TableWork(GridSource(grid, options.part_rows), raw, asked, ruleset), form, options, fitting=False)


def _check_base(ruleset: Any, raw: Any, overrides: Mapping[str, Any], grid: Any) -> None:
    """Raises what is wrong with the scenario itself: with the first combination and with the last."""
    from vramledger.inputs.scenario import read_scenario
    from vramledger.tables.rows import CELL, Rows

    found: list[tuple[Problem, ...]] = []
    for row in (0, grid.count - 1):
        try:
            read_scenario(ruleset, raw, {**overrides, **Rows(grid.part(row, row + 1)).row(0)})
        except Problems as faults:
            found.append(faults.problems)
        else:
            found.append(())
    first, last = found
    shared = [one for one in first if one in last and not any(at.place.path.startswith(CELL) for at in one.labels)]
    if shared:
        raise Problems(shared)


def over(given: list[str]) -> dict[str, Any]:
    """Facts and their values: `1:8` runs from 1 to 8, `1:8:2` by twos, `a,b` lists, `all` is each entry of a kind."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for text in given:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not values.strip():
            hint = "write --over batch.size=1:8 or --over optimizer=adamw,sgd"
            problems.append(problem("set-syntax", f"{text!r} sweeps nothing", Place("--over"), hint))
            continue
        listed = values.strip() if values.strip() == "all" else _values(values, problems)
        found[name.strip()] = listed
    if problems:
        raise Problems(problems)
    return found


def _values(text: str, problems: list[Problem]) -> list[Any]:
    found: list[Any] = []
    for part in (part.strip() for part in text.split(",")):
        ends = part.split(":")
        if len(ends) in (2, 3) and all(_is_whole(end) for end in ends):
            start, stop, step = (*map(int, ends), 1)[:3]
            if step < 1 or stop < start or (stop - start) // step >= _MOST:
                hint = "write FIRST:LAST or FIRST:LAST:STEP, both ends are meant"
                many = f"has more than {_MOST} numbers" if step > 0 and stop > start else "is no run of numbers"
                problems.append(problem("set-syntax", f"{part} {many}", Place("--over"), hint))
            else:
                found += range(start, stop + 1, step)
        else:
            found.append(_one(part))
    return found


def _is_whole(text: str) -> bool:
    return text.strip().removeprefix("-").isdecimal()


def _one(text: str) -> Any:
    """A number where it is one as JSON has it, else the text."""
    if _is_whole(text):
        return int(text)
    try:
        return float(text) if Fraction(text) == Fraction(repr(float(text))) else text
    except (ValueError, ZeroDivisionError, OverflowError):
        return text


OVER = (
    ("--over",),
    {
        "action": "append",
        "default": [],
        "metavar": "FACT=VALUES",
        "help": "1:64, 512:8192:512, a,b,c or all; the last changes fastest",
    },
)
COMMAND = Command(
    "sweep",
    run,
    "Every combination of some facts' values, a row each.",
    "sweep llama-3-8b --over batch.size=1:64 --over optimizer=adamw,sgd -o grid.parquet",
    (
        *SCENARIO,
        OVER,
        *OPTIONS,
    ),
    scenario=True,
)
