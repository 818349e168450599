"""`vramledger sweep`: every combination of some facts' values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import count, takewhile
from typing import Any

from vramledger.commands.answers import OPTIONS, deliver, form_of, selected
from vramledger.commands.command import SCENARIO, Command, overrides
from vramledger.commands.meant import meant
from vramledger.problems import Place, Problem, Problems, problem

_MOST = 10_000_000  # values of one fact
_LARGE = 2**63  # what columns of numbers hold
_RUN = re.compile(r"(?P<start>-?\d+):(?P<stop>-?\d+)(:(?P<times>\*?)(?P<step>-?\d+))?")


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
    """Facts and their values: `1:8` runs from 1 to 8, `1:8:2` by twos, `1:8:*2` doubles, `a,b` lists, `all` is all."""
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
    for part in _parts(text):
        run = _RUN.fullmatch(part)
        found += [_one(part)] if run is None else _numbers(run, problems)
    return found


def _numbers(run: re.Match[str], problems: list[Problem]) -> Iterable[int]:
    start, stop, step = (int(run[place] or 1) for place in ("start", "stop", "step"))
    grows = bool(run["times"])
    if step < 1 + grows or stop < start or (grows and start < 1):
        hint = "write FIRST:LAST, FIRST:LAST:STEP or FIRST:LAST:*FACTOR, both ends are meant"
        problems.append(problem("set-syntax", f"{run[0]} is no run of numbers", Place("--over"), hint))
    elif grows:
        return takewhile(stop.__ge__, (start * step**power for power in count()))
    elif (stop - start) // step >= _MOST:
        problems.append(problem("set-syntax", f"{run[0]} has more than {_MOST} numbers", Place("--over")))
    else:
        return range(start, stop + 1, step)
    return ()


def _parts(text: str) -> Iterator[str]:
    """The values of a list; a comma inside brackets or quotes parts none."""
    start, inside, quote = 0, 0, ""
    for at, sign in enumerate(text):
        if quote or sign in "\"'":
            quote = "" if sign == quote else quote or sign
        elif sign in "([{":
            inside += 1
        elif sign in ")]}":
            inside -= 1
        elif sign == "," and inside < 1:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _one(text: str) -> Any:
    """A number where it is one as JSON has it, else the text."""
    try:
        number = Fraction(text)
        if number.denominator == 1 and abs(number) < _LARGE:
            return int(number)
        return float(text) if number == Fraction(repr(float(text))) else text
    except (ValueError, ZeroDivisionError, OverflowError):
        return text


OVER = (
    ("--over",),
    {
        "action": "append",
        "default": [],
        "metavar": "FACT=VALUES",
        "help": "1:64, 512:8192:512, 1:64:*2, a,b,c or all; the last changes fastest",
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
