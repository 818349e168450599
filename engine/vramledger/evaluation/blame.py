"""Where a user gave what a formula could not take: the facts and the fields of files behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vramledger.codes import Code
from vramledger.evaluation.brief import brief, frozen
from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.names import full_name
from vramledger.evaluation.tables import Row
from vramledger.language.syntax import Expr, Name, walk
from vramledger.problems import Label, Place, Problem, problem
from vramledger.rules.bytes import read_bytes
from vramledger.rules.model import Formula, Scope

if TYPE_CHECKING:
    from vramledger.evaluation.evaluate import Evaluation

_DEEPEST = 6
_ABSENT = " is absent"
_BLAMED = ("type-clash", "not-a-table", "not-a-row", "division-by-zero", "arithmetic", "overflow")


def blame(
    ev: Evaluation, code: Code, message: str, formula: Formula, place: Place, scope: Scope, rows: Mapping[str, Any]
) -> Problem:
    """A problem at what the user gave, with the formula that could not take it; at the formula where nobody did."""
    given = _given(ev, formula.tree, scope, rows)
    if not given:
        return problem(code, message, place)
    said = f"{message}; {given[0].text}"
    placed = [label for label in given if label.place.line]
    if not placed:
        return problem(code, said, place)
    return problem(code, said, placed[0].place, also=(*placed[1:], Label(place, "needed here")))


def blamed(ev: Evaluation, frame: Frame) -> Any:
    """The value of a frame's formula; a fault in it also names what the user gave."""
    try:
        return ev.evaluate(frame.formula.tree, frame)
    except Fault as fault:
        if not fault.blamed and fault.problem.code in _BLAMED and fault.problem.labels:
            (first, *others), found = fault.problem.labels, fault.problem
            given = _given(ev, frame.formula.tree, frame.scope, frame.rows)
            if given and first.place.path not in {label.place.path for label in given}:
                placed = [label for label in given if label.place.line]
                labels = (*placed, Label(first.place, "needed here"), *others) if placed else found.labels
                fault.problem = found._replace(message=f"{found.message}; {given[0].text}", labels=labels)
        fault.blamed = True
        raise


def _given(ev: Evaluation, tree: Expr, scope: Scope, rows: Mapping[str, Any]) -> list[Label]:
    """The places of what was given; what is absent is told only where nothing else is to blame."""
    found = list(dict.fromkeys(givers(ev, tree, scope, rows)))
    return [label for label in found if not label.text.endswith(_ABSENT)] or found


def givers(ev: Evaluation, tree: Expr, scope: Scope, rows: Mapping[str, Any], depth: int = 0) -> Iterator[Label]:
    """The places of the facts that a formula reads, through the quantities and columns between."""
    for part in walk(tree) if depth < _DEEPEST else ():
        if not isinstance(part, Name):
            continue
        first, _, rest = part.name.partition(".")
        if isinstance(rows.get(first), Row):
            yield from _of_row(ev, rows[first], rest, depth)
        elif first in rows:
            yield from (Label(given.place, f"{name} is given here") for name, given in _lists(ev, rows[first]))
        else:
            yield from _of_quantity(ev, full_name(ev, part.name, scope), depth)


def _of_row(ev: Evaluation, row: Row, name: str, depth: int) -> Iterator[Label]:
    """Those behind a row's column, or behind what the row stands on."""
    first, _, rest = name.partition(".")
    below, cell = row.variables.get(first), row.formulas.get(name)
    if cell is not None:
        inner = {cell.variable: row} if cell.variable else row.variables
        yield from givers(ev, cell.formula.tree, row.fill.scope, inner, depth + 1)
    elif isinstance(below, Row):
        yield from _of_row(ev, below, rest, depth)
    elif below is not None:
        yield from (Label(given.place, f"{name} is given here") for name, given in _lists(ev, below))


def _lists(ev: Evaluation, item: Any) -> Iterator[tuple[str, Any]]:
    for name, given in ev.facts.values.items():
        if isinstance(given.value, tuple) and item in given.value:
            yield name, given


def _of_quantity(ev: Evaluation, name: str, depth: int) -> Iterator[Label]:
    given = ev.facts.values.get(name)
    if given is not None:
        yield Label(given.place, f"{name} is {brief(given.value)}")
        return
    record = ev.program.record(name)
    if record is not None and record in ev.facts.record_places:
        key = name.partition(".")[2]
        value = ev.facts.records[record].get(key.partition(".")[0])
        said = _ABSENT if value is None else f" is {brief(frozen(value))}"
        yield Label(_key(ev.facts.record_places[record], key), f"{name}{said}")
        return
    resolution = ev.resolutions.get(name)
    if resolution is not None and resolution.formula is not None:
        yield from givers(ev, resolution.formula.tree, resolution.scope, {}, depth + 1)
        return
    for rule in ev.program.candidates.get(name, ()):
        for case in rule.cases:
            yield from givers(ev, case.formula.tree, rule.scope, {}, depth + 1)
    declared = ev.program.declarations.get(name)
    if declared is not None and declared.default is not None and not ev.program.candidates.get(name):
        yield from givers(ev, declared.default.tree, declared.scope, {}, depth + 1)


def _key(place: Place, key: str) -> Place:
    """Where a JSON file writes a key; the file itself where it does not."""
    content, _ = read_bytes(place.path)
    text = content.decode(errors="replace")
    match = re.search(rf'"{re.escape(key)}"\s*:', text)
    if match is None:
        return place
    line = text.count("\n", 0, match.start()) + 1
    return Place(place.path, line, match.start() - text.rfind("\n", 0, match.start()), len(key) + 2)
