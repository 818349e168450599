"""Tables of scenarios to tables of answers: rows of one shape are computed as columns, the odd ones one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.columns import Column
from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import IN_MEMORY, Raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Problem, Problems
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Formula
from vramledger.tables.rows import CELL, Group, Numbers, Rows
from vramledger.tables.shape import Shape, Way, follow
from vramledger.tables.sheet import Sheet
from vramledger.tables.wanted import KEPT, Wanted, check_names, schema

_TRIES = 3  # rows that stand for a group before its rows are read one by one
_MOST_SHAPES = 4096  # that are remembered
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
        sheet = Sheet(self._asked, given.num_rows)
        ways = [way for group in rows.groups() for way in self._ways(rows, group, sheet)]
        for some, alike in follow(ways, sheet.put):
            self._one_by_one(rows, some, sheet, alike)
        for row, said in faults.items():
            sheet.put_one(row if rows.back is None else int(rows.back[row]), [None] * len(self._asked), said)
        found, problems = sheet.arrays(rows)
        kept = None
        if self.where is not None:
            held = found.pop()
            kept = pc.or_(pc.fill_null(held, False), pc.is_valid(problems)).to_numpy(zero_copy_only=False)
        taken = set(given.column_names)
        added = zip(schema(self.columns), [*found, problems], strict=True)
        fresh = [(field, array) for field, array in added if field.name not in taken]
        fields = pa.schema([*given.schema, *(field for field, _ in fresh)])
        return pa.Table.from_arrays([*given.columns, *(array for _, array in fresh)], schema=fields), kept

    def _ways(self, rows: Rows, group: Group, sheet: Sheet) -> Iterator[Way]:
        """The rows of a group before the plan of their shape; what is at fault in them is told at once."""
        shape = self._shape(rows, group)
        if isinstance(shape, _Fault):
            if shape.text is None:
                self._one_by_one(rows, group.rows, sheet)
            else:
                sheet.problems.update(dict.fromkeys(list(group.rows), shape.text))
            return
        if isinstance(shape, list):
            for part in rows.split(group.rows, shape):
                yield from self._ways(rows, part, sheet)
            return
        whole = len(group.rows) == rows.count
        columns = {name: rows.numbers[name].values for name in group.varies}
        at = slice(group.rows.start, group.rows.stop) if isinstance(group.rows, range) else group.rows
        columns = columns if whole else {name: values[at] for name, values in columns.items()}
        ends = {name: rows.numbers[name].ends for name in group.varies}
        inside, left = _within(shape, columns, group.rows, ends)
        if left is not None:
            columns = {name: values[inside] for name, values in columns.items()}
            self._one_by_one(rows, left, sheet)
        good = group.rows if left is None else np.asarray(group.rows)[inside]
        yield shape.way(columns, good, ends)

    def _shape(self, rows: Rows, group: Group) -> _Found:
        scales = tuple((name, rows.numbers[name].scale) for name in group.varies)
        sides = tuple(rows.numbers[name].side(int(group.rows[0])) for name in group.varies)
        key = (tuple((name, repr(value)) for name, value in group.said.items()), scales, sides)
        if key in self._shapes:
            return self._shapes[key]
        found = self._made(rows, group)
        if not isinstance(found, _Fault):  # other rows of that key may have better numbers
            while len(self._shapes) >= _MOST_SHAPES:
                del self._shapes[next(iter(self._shapes))]
            self._shapes[key] = found
        return found

    def _made(self, rows: Rows, group: Group) -> _Found:
        for row in _some_of(group.rows):
            try:
                read = read_scenario(self.ruleset, self.raw, {**self.overrides, **rows.row(row)})
            except Problems:
                continue
            facts = {name: self.fact_of(name, read.facts) for name in group.varies}
            fixed = [name for name, fact in facts.items() if not _is(read.facts, fact, rows.numbers[name], row)]
            scales = {name: rows.numbers[name].scale for name in group.varies}
            return fixed or Shape(read, facts, scales, self._asked, self.where)
        return _Fault(self._shared_fault(rows, group.rows))

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
