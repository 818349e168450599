"""A scenario that is much like one before: what nothing that differs stands behind is not worked out anew."""

from __future__ import annotations

from _thread import get_ident  # of `threading` nothing else is needed, which takes long to import
from collections.abc import Iterator, Mapping
from typing import Any

from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.residual import Graph
from vramledger.evaluation.tables import Row
from vramledger.evaluation.trail import Part
from vramledger.evaluation.values import NotApplicable
from vramledger.rules.overlay import Program

_MOST = 8  # evaluations that others may start from
_LOOKED_AT = 3  # of these, the ones with the fewest other entries and facts
_WORTH, _ALMOST_ALL = 0.1, 0.9  # of the work that one took: what is worth taking over, and where no other is looked at
_LARGE = 20_000  # atoms of a graph that is not added to any more


def near(program: Program, facts: Facts, graph: Graph | None = None) -> Evaluation:
    """An evaluation that starts from the one before that leaves least to do; later ones may start from it.

    With a graph, those under the same assumptions that vary the same facts are of use, and their graph is gone on with.
    """
    kin: list[Evaluation] = program.ruleset.kin.setdefault(get_ident(), [])
    said = _said(facts)
    likely = sorted((one for one in kin if _of_use(one, facts, graph)), key=lambda one: len(said ^ _said(one.facts)))
    best: tuple[int, Evaluation | None, set[Part]] = (0, None, set())
    for one in likely[:_LOOKED_AT]:
        changed = _changed(one, program, facts)
        whole = sum(trail.work for trail in [*one.trails.values()])
        kept = whole - sum(one.trails[part].work for part in changed if part in one.trails)
        if kept > max(best[0], _WORTH * whole):
            best = (kept, one, changed)
        if kept > _ALMOST_ALL * whole:
            break
    _, first, changed = best
    if first is None:
        made = Evaluation(program, facts, graph)
    else:
        made = _after(first, program, facts, changed)
        kin.append(kin.pop(kin.index(first)))  # what is started from stays
    while len(kin) >= _MOST:
        del kin[0]
    kin.append(made)
    return made


def again(first: Evaluation, program: Program, facts: Facts) -> Evaluation:
    """An evaluation under another program, or of other facts, with what a first one found wherever that holds."""
    if facts.records_digest != first.facts.records_digest:
        return Evaluation(program, facts)
    return _after(first, program, facts, _changed(first, program, facts))


def _after(first: Evaluation, program: Program, facts: Facts, changed: set[Part]) -> Evaluation:
    made = Evaluation(program, facts, first.graph)
    made.values = {
        name: value for name, value in [*first.values.items()] if name not in changed and not _is_bound(value)
    }
    made.resolutions = {name: first.resolutions[name] for name in made.values}
    made.trails = {part: trail for part, trail in [*first.trails.items()] if part not in changed}
    copies: dict[int, Row] = {}
    for name, rows in [*first.tables.items()]:  # a row stands on rows of tables before
        if name not in changed:
            kept = {column for row in rows for column in [*row.values] if (name, column) not in changed}
            made.tables[name] = tuple(_copy(row, kept, copies) for row in rows)
    return made


def _copy(row: Row, kept: set[str], copies: dict[int, Row]) -> Row:
    variables = {name: copies.get(id(value), value) for name, value in row.variables.items()}
    made = copies[id(row)] = Row(row.table, row.fill, variables, row.guard, None)
    made.label = row.label
    made.values = {name: value for name, value in [*row.values.items()] if name in kept and not _is_bound(value)}
    made.formulas = {name: row.formulas[name] for name in made.values if name in row.formulas}
    return made


def _is_bound(value: Any) -> bool:
    """Whether a value is of one evaluation: a row, or a reason, which may tell of whatever else was given."""
    return isinstance(value, Row | NotApplicable) or (isinstance(value, tuple) and any(map(_is_bound, value)))


def _of_use(one: Evaluation, facts: Facts, graph: Graph | None) -> bool:
    """Whether what an evaluation found can be of use to another."""
    if one.graph is None or graph is None:
        return one.graph is graph and one.facts.records_digest == facts.records_digest
    return (
        one.graph.assumed == graph.assumed
        and (one.graph.numbers is graph.numbers or not graph.assumed)
        and len(one.graph.atoms) < _LARGE
        and one.facts.records_digest == facts.records_digest
        and _varying(one.facts) == _varying(facts)
    )


def _said(facts: Facts) -> set[Any]:
    """The entries and facts that tell one scenario from another; numbers that vary are not among them."""
    selection, _, *given = facts.shape()
    return {*selection, *given}


def _varying(facts: Facts) -> set[Any]:
    return {said for name, said in zip(facts.values, facts.shape()[2:], strict=True) if facts.values[name].varies}


def _changed(first: Evaluation, program: Program, facts: Facts) -> set[Part]:
    """What differs, and all that read it, or read what did."""
    readers: dict[Part, list[Part]] = {}
    for part, trail in [*first.trails.items()]:  # which somebody else may still add to
        for read in [*trail.read]:
            readers.setdefault(read, []).append(part)
    found: set[Part] = set()
    left = [*_differing(first, program, facts)]
    while left:
        part = left.pop()
        if part not in found:
            found.add(part)
            left += readers.get(part, ())
    return found


def _differing(first: Evaluation, other: Program, given: Facts) -> Iterator[Part]:
    """The quantities, tables and columns of which two programs, or what two scenarios give, say different things."""
    one = first.program
    sides: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
        (one.candidates, other.candidates),
        (one.declarations, other.declarations),
        (one.tables, other.tables),
        (one.values, other.values),
        (first.facts.record_places, given.record_places),
    )
    for known, now in sides:
        for name in known.keys() | now.keys():
            if known.get(name) is not now.get(name) and known.get(name) != now.get(name):
                table, _, column = name.rpartition(".")
                yield name
                yield (table, column)
    before = first.facts.values
    for name in before.keys() | given.values.keys():
        two = before.get(name), given.values.get(name)
        if two[0] != two[1] and not (first.graph is not None and all(fact is not None and fact.varies for fact in two)):
            yield name
