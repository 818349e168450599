"""Tables of scenarios to tables of answers: rows of one shape are computed as columns, the odd ones one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.chunks import Column
from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.specialise import Leaf
from vramledger.evaluation.steps import Bounds
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import IN_MEMORY, Raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Problem, Problems
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Formula
from vramledger.tables.fleet import Fleet
from vramledger.tables.given import Numbers
from vramledger.tables.questions import Place, apart, settled
from vramledger.tables.rows import CELL, Group, Rows
from vramledger.tables.shape import Shape, Way, follow
from vramledger.tables.sheet import Sheet
from vramledger.tables.wanted import KEPT, Wanted, check_names, schema

_TRIES = 3  # rows that stand for a group before its rows are read one by one
_MOST_SHAPES = 4096  # that are remembered
_MOST_LASTING = 500  # that are held from call to call, each of up to half a megabyte
_MANY = 100  # rows that are worth asking whether all have the same fault


class _Fault(NamedTuple):
    """What is wrong with every row of a group, as far as a few of them tell; nothing where they differ in it."""

    text: str | None


# how a group is answered: as columns, after it was parted by numbers that shape the rules, or not at all
_Parting = list[str]
_Found = Shape | _Parting | _Fault


class Evaluator:
    """Answers tables whose rows say what differs from one scenario; shapes are remembered from table to table."""

    def __init__(
        self,
        ruleset: RuleSet,
        raw: Raw,
        columns: Sequence[Wanted],
        overrides: Mapping[str, Any] | None = None,
        where: Formula | None = None,
    ) -> None:
        self.ruleset = ruleset
        self.raw = raw
        self.columns = list(columns)
        self.overrides = dict(overrides or {})
        self.where = where
        self._asked = [*self.columns, *([Wanted(KEPT, KEPT, "", pa.bool_())] if where else [])]
        self._shapes: dict[Any, Shape | _Parting] = {}
        self._fleet: Fleet | None = None

    @property
    def lasting(self) -> bool:
        """Whether its shapes hold for as long as the rules: not many, and what files say is in none of them."""
        shapes = [shape for shape in self._shapes.values() if isinstance(shape, Shape)]
        return len(self._shapes) <= _MOST_LASTING and not any(shape.read.facts.records_digest for shape in shapes)

    def table(self, given: pa.Table, keep: Sequence[str] = ()) -> pa.Table:
        """The table with the answers beside it. Columns named in `keep` are carried along and not asked."""
        return self.kept(given, keep)[0]

    def kept(
        self, given: pa.Table, keep: Sequence[str] = (), faults: Mapping[int, str] = MappingProxyType({})
    ) -> tuple[pa.Table, Column | None]:
        """The same, and which rows the formula keeps; None where there is no formula.

        `faults` says what is wrong with rows that could not even be read.
        """
        check_names(given.column_names, keep, self.columns)
        asked = given.drop_columns([name for name in keep if name in given.column_names])
        rows = Rows(asked)
        sheet = self._answers(rows)
        for row, said in faults.items():
            sheet.put_one(row, [None] * len(self._asked), said)
        found, problems = sheet.arrays()
        kept = None
        if self.where is not None:
            held = found.pop()
            kept = pc.or_(pc.fill_null(held, False), pc.is_valid(problems)).to_numpy(zero_copy_only=False)
        taken = set(given.column_names)
        added = zip(schema(self.columns), [*found, problems], strict=True)
        fresh = [(field, array) for field, array in added if field.name not in taken]
        fields = pa.schema([*given.schema, *(field for field, _ in fresh)])
        return pa.Table.from_arrays([*given.columns, *(array for _, array in fresh)], schema=fields), kept

    def _answers(self, rows: Rows) -> Sheet:
        """The answers to all rows."""
        groups = self._shaped(rows)
        places = [Place(g.number, g.size, shape, shape.plan.root) for g, shape in groups if isinstance(shape, Shape)]
        if rows.code is None:
            sheet, left = Sheet(self._asked, rows.count), []
        else:
            places, odd, ends = apart(rows, places)
            places = settled(rows, places, ends)
            fleet = self._fleet_of(places, ends)
            sheet = Sheet(self._asked, rows.count, rows.code)
            left = fleet.answer([place for place in places if id(place.node) in fleet.slots], rows, sheet)
            places = [place for place in places if id(place.node) not in fleet.slots] + odd
        left += follow(list(self._ways(rows, places, sheet)), sheet.put)
        for some, alike in left:
            self._one_by_one(rows, some, sheet, alike)
        faulty = [(group, found) for group, found in groups if isinstance(found, _Fault)]
        for (_, fault), some in zip(faulty, rows.of([group.number for group, _ in faulty]), strict=True):
            if fault.text is None:
                self._one_by_one(rows, some, sheet)
            else:
                sheet.problems.update(dict.fromkeys(map(int, some), fault.text))
        return sheet

    def _shaped(self, rows: Rows) -> list[tuple[Group, Shape | _Fault]]:
        """The groups, parted by the numbers that shape the rules, and the shape of each."""
        done: list[tuple[Group, Shape | _Fault]] = []
        waiting = rows.groups()
        while waiting:
            parted = []
            for group in waiting:
                found = self._shape(rows, group)
                if isinstance(found, list):
                    parted.append((group, tuple(found)))
                else:
                    done.append((group, found))
            waiting = rows.parted(parted)
        return done

    def _fleet_of(self, places: Sequence[Place], ends: Mapping[str, Bounds]) -> Fleet:
        """The fleet of these leaves; it is kept for the next table."""
        leaves = [place for place in places if isinstance(place.node, Leaf)]
        grown = [place.shape.saw(place.node, place.size) for place in leaves]
        held = self._fleet
        if held is None or any(grown) or not held.serves(leaves, ends):
            wider = ends if held is None else held.around(ends)
            found = Fleet(self._asked, leaves, wider)
            held = self._fleet = found if found.whole or wider == ends else Fleet(self._asked, leaves, ends)
        return held

    def _ways(self, rows: Rows, places: Sequence[Place], sheet: Sheet) -> Iterator[Way]:
        """The rows of each place, but those whose numbers are out of bounds."""
        ends = {name: number.ends for name, number in rows.numbers.items()}
        for place, some in zip(places, rows.of([place.number for place in places]), strict=True):
            columns = {name: rows.numbers[name].values for name in place.shape.names}
            if not isinstance(some, range):
                columns = {name: values[some] for name, values in columns.items()}
            inside, left = _within(place.shape, columns, some, ends)
            if left is None:
                yield place.shape.way(columns, some, ends, place.node)
                continue
            self._one_by_one(rows, left, sheet)
            columns = {name: values[inside] for name, values in columns.items()}
            yield place.shape.way(columns, np.asarray(some)[inside], ends, place.node)

    def _shape(self, rows: Rows, group: Group) -> _Found:
        if group.key in self._shapes:
            return self._shapes[group.key]
        found = self._made(rows, group)
        if not isinstance(found, _Fault):  # other rows of that key may have better numbers
            while len(self._shapes) >= _MOST_SHAPES:
                del self._shapes[next(iter(self._shapes))]
            self._shapes[group.key] = found
        return found

    def _made(self, rows: Rows, group: Group) -> _Found:
        for row in _standing_for(rows, group):
            try:
                read = read_scenario(self.ruleset, self.raw, {**self.overrides, **rows.row(row)})
            except Problems:
                continue
            facts = {name: self.fact_of(name, read.facts) for name in group.varies}
            fixed = [name for name, fact in facts.items() if not _is(read.facts, fact, rows.numbers[name], row)]
            scales = {name: rows.numbers[name].scale for name in group.varies}
            return fixed or Shape(read, facts, scales, self._asked, self.where)
        return _Fault(self._shared_fault(rows, rows.of([group.number])[0]))

    def _shared_fault(self, rows: Rows, some: Column) -> str | None:
        """What is wrong with many rows of one shape: the same with some of them, whatever numbers they differ in."""
        tried = _some_of(some)
        if len(tried) < _TRIES:
            return None
        for number in rows.numbers.values():
            values = number.values[np.asarray(some)]
            if len({int(number.values[row]) for row in tried}) < len(tried) and values.min() != values.max():
                return None
        faults = {self.answer(rows.row(row))[1] for row in tried}
        return faults.pop() if len(faults) == 1 else None

    def fact_of(self, name: str, facts: Facts) -> str:
        """The fact that a column gives: a kind's own field, or one of its record."""
        first, _, rest = name.partition(".")
        kind = next((kind for kind in self.ruleset.kinds.values() if kind.key == first), None)
        spaces = (kind.namespace, kind.rest) if kind is not None else ()
        return next((f"{space}.{rest}" for space in spaces if f"{space}.{rest}" in facts.values), name)

    def _one_by_one(self, rows: Rows, some: Column, sheet: Sheet, alike: bool = False) -> None:
        shared = self._shared_fault(rows, some) if alike and len(some) > _MANY else None
        if shared is not None:
            sheet.problems.update(dict.fromkeys(map(int, some), shared))
            return
        told: dict[str, str] = {}
        for row in map(int, some):
            said = rows.row(row)
            key = repr(said)
            if key in told:
                sheet.put_one(row, [None] * len(self._asked), told[key])
                continue
            values, fault = self.answer(said)
            sheet.put_one(row, values, fault)
            if fault is not None:
                told[key] = fault

    def answer(self, said: Mapping[str, Any]) -> tuple[list[Any], str | None]:
        """One row's values, whether it is kept among them, and what was wrong with it."""
        try:
            read = read_scenario(self.ruleset, self.raw, {**self.overrides, **said})
            ledger = ledger_of(read.program, read.facts)
            names = dict.fromkeys(one.quantity for one in self.columns)
            known = {name: ledger[name] for name in names if name in read.program.declarations}
            values, fault = self.cells(self.columns, known)
            return values + ([ledger.value_of(self.where) is True] if self.where else []), fault
        except Problems as faults:
            return [None] * len(self._asked), told_of(faults.problems)

    @staticmethod
    def cells(columns: Sequence[Wanted], known: Mapping[str, Any]) -> tuple[list[Any], str | None]:
        """Values by quantity as the columns' cells; what does not go into one is told."""
        found = []
        said = []
        for one in columns:
            value, fault = _cell(one, known.get(one.quantity))
            found.append(value)
            said += [fault] if fault else []
        return found, "; ".join(dict.fromkeys(said)) or None


def _within(
    shape: Shape, columns: Mapping[str, Column], rows: Column, ends: Any
) -> tuple[Column | None, Column | None]:
    """Which rows keep the bounds of their facts, and those that do not."""
    wrong: Column | None = None
    for name, values in columns.items():
        here = shape.bad(name, values, ends[name])
        if here is not None:
            wrong = here if wrong is None else wrong | here
    return (None, None) if wrong is None else (~wrong, np.asarray(rows)[wrong])


def _standing_for(rows: Rows, group: Group) -> Iterator[int]:
    """A few rows of a group; the others are looked for where the first will not do."""
    yield group.first
    yield from (row for row in _some_of(rows.of([group.number])[0]) if row != group.first)


def _some_of(rows: Column) -> list[int]:
    """A few rows: the first, the last, and between them."""
    return sorted({int(rows[at]) for at in np.linspace(0, len(rows) - 1, _TRIES).astype(int)})


def _is(facts: Facts, name: str, number: Numbers, row: int) -> bool:
    """Whether a fact is a number that a column can vary."""
    given = facts.values.get(name)
    if given is None or not given.varies or isinstance(given.value, tuple):
        return False
    return bool(given.value * number.scale == int(number.values[row]))


def _cell(one: Wanted, value: Any) -> tuple[Any, str]:
    if value is None or isinstance(value, NotApplicable):
        return None, ""
    if isinstance(value, tuple):
        if not one.end:
            return None, f"{one.quantity} is a range here; select {one.quantity}.low and {one.quantity}.high"
        value = value[one.end == "high"]
    if one.type == pa.int64() and not -(2**63) <= value < 2**63:
        return None, f"{one.quantity} takes more than 64 bits"
    if one.type == pa.float64():
        return float(value), ""
    return (", ".join(map(str, value)) if isinstance(value, list) else value), ""


def told_of(problems: Sequence[Problem]) -> str:
    """Problems in a line."""
    return "; ".join(_line(found) for found in problems)


def _place(found: Problem) -> str:
    place = found.labels[0].place
    return place.path if place.path.startswith(CELL) else str(place)


def _line(found: Problem) -> str:
    named = found.labels and found.labels[0].place.path != IN_MEMORY
    place = f"{_place(found)}: " if named else ""
    hints = f" ({found.hints[0]})" if found.hints else ""
    return f"{place}{found.code}: {found.message}{hints}"
