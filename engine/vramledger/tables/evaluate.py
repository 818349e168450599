"""Tables of scenarios to tables of answers: rows of one shape are computed as columns, the odd ones one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from vramledger.evaluation.columns import Column
from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.facts import Given
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import IN_MEMORY, Raw
from vramledger.inputs.scenario import Scenario, read_scenario
from vramledger.problems import Problem, Problems
from vramledger.rules.load import RuleSet
from vramledger.tables.rows import Group, Numbers, Rows
from vramledger.tables.shape import Shape
from vramledger.tables.sheet import Sheet
from vramledger.tables.wanted import Wanted, schema

_TRIES = 3  # rows that stand for a group before its rows are read one by one


class _Fault(NamedTuple):
    """What is wrong with every row of a group, as far as a few of them tell; nothing where they differ in it."""

    text: str | None


# how a group is answered: as columns, after it was parted by numbers that shape the rules, or not at all
_Parting = list[str]
_Found = Shape | _Parting | _Fault


class Evaluator:
    """Answers tables whose rows say what differs from one scenario; shapes are remembered from table to table."""

    def __init__(
        self, ruleset: RuleSet, raw: Raw, columns: Sequence[Wanted], overrides: Mapping[str, Any] | None = None
    ) -> None:
        self.ruleset = ruleset
        self.raw = raw
        self.columns = list(columns)
        self.overrides = dict(overrides or {})
        self._shapes: dict[Any, _Found] = {}

    def table(self, given: pa.Table, keep: Sequence[str] = ()) -> pa.Table:
        """The table with the answers beside it. Columns named in `keep` are carried along and not asked."""
        asked = given.drop_columns([name for name in keep if name in given.column_names])
        rows = Rows(asked)
        sheet = Sheet(self.columns, given.num_rows)
        for group in rows.groups():
            self._group(rows, group, sheet)
        taken = set(given.column_names)
        added = [(field, array) for field, array in zip(schema(self.columns), sheet.arrays(), strict=True)]
        fields = [*given.schema, *(field for field, _ in added if field.name not in taken)]
        arrays = [*given.columns, *(array for field, array in added if field.name not in taken)]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def _group(self, rows: Rows, group: Group, sheet: Sheet) -> None:
        shape = self._shape(rows, group)
        if isinstance(shape, _Fault):
            if shape.text is None:
                self._one_by_one(rows, group.rows, sheet)
            else:
                sheet.problems.update(dict.fromkeys(group.rows.tolist(), shape.text))
            return
        if isinstance(shape, list):
            for part in rows.split(group.rows, shape):
                self._group(rows, part, sheet)
            return
        whole = len(group.rows) == rows.count
        columns = {name: rows.numbers[name].values for name in group.varies}
        columns = columns if whole else {name: values[group.rows] for name, values in columns.items()}
        inside, left = _within(shape, columns, group.rows)
        if left is not None:
            columns = {name: values[inside] for name, values in columns.items()}
        good = group.rows if left is None else group.rows[inside]
        odd = shape.run(columns, good, sheet.put)
        for some in (*odd, *([] if left is None else [left])):
            self._one_by_one(rows, some, sheet)

    def _shape(self, rows: Rows, group: Group) -> _Found:
        scales = tuple((name, rows.numbers[name].scale) for name in group.varies)
        sides = tuple(rows.numbers[name].side(int(group.rows[0])) for name in group.varies)
        key = (tuple((name, repr(value)) for name, value in group.said.items()), scales, sides)
        if key not in self._shapes:
            self._shapes[key] = self._made(rows, group)
        return self._shapes[key]

    def _made(self, rows: Rows, group: Group) -> _Found:
        faults = []
        tried = sorted({int(group.rows[at]) for at in np.linspace(0, len(group.rows) - 1, _TRIES).astype(int)})
        for row in tried:
            try:
                read = read_scenario(self.ruleset, self.raw, {**self.overrides, **rows.row(row)})
            except Problems as found:
                faults.append(told_of(found.problems))
                continue
            facts = read.facts.values
            fixed = [name for name in group.varies if not _is(facts.get(name), rows.numbers[name], row)]
            return fixed or Shape(read, {name: rows.numbers[name].scale for name in group.varies}, self.columns)
        apart = all(len({int(rows.numbers[name].values[row]) for row in tried}) == len(tried) for name in group.varies)
        same = len(set(faults)) == 1 and apart and len(tried) == _TRIES
        return _Fault(faults[0] if same else None)

    def _one_by_one(self, rows: Rows, some: Column, sheet: Sheet) -> None:
        told: dict[str, str] = {}
        for row in some.tolist():
            said = rows.row(row)
            key = repr(said)
            if key in told:
                sheet.put_one(row, [None] * len(self.columns), told[key])
                continue
            values, fault = self.answer(said)
            sheet.put_one(row, values, fault)
            if fault is not None:
                told[key] = fault

    def answer(self, said: Mapping[str, Any]) -> tuple[list[Any], str | None]:
        """One row's values, and what was wrong with it."""
        try:
            read = read_scenario(self.ruleset, self.raw, {**self.overrides, **said})
            return _values(read, self.columns)
        except Problems as faults:
            return [None] * len(self.columns), told_of(faults.problems)


def _within(shape: Shape, columns: Mapping[str, Column], rows: Column) -> tuple[Column | None, Column | None]:
    """Which rows keep the bounds of their facts, and those that do not."""
    wrong: Column | None = None
    for name, values in columns.items():
        here = shape.bad(name, values)
        if here is not None:
            wrong = here if wrong is None else wrong | here
    return (None, None) if wrong is None else (~wrong, rows[wrong])


def _is(given: Given | None, number: Numbers, row: int) -> bool:
    """Whether a fact is a number that a column can vary."""
    if given is None or not given.varies or isinstance(given.value, tuple):
        return False
    return bool(given.value * number.scale == int(number.values[row]))


def _values(read: Scenario, columns: Sequence[Wanted]) -> tuple[list[Any], str | None]:
    ledger = ledger_of(read.program, read.facts)
    found: list[Any] = []
    said = []
    for one in columns:
        value = ledger[one.quantity] if one.quantity in read.program.declarations else None
        if isinstance(value, NotApplicable):
            value = None
        if isinstance(value, tuple):
            if not one.end:
                said.append(f"{one.quantity} is a range here; select {one.quantity}.low and {one.quantity}.high")
            value = value[one.end == "high"] if one.end else None
        if value is not None and one.type == "int64" and not -(2**63) <= value < 2**63:
            said.append(f"{one.quantity} has more than 64 bits")
            value = None
        if value is not None and one.type == "double":
            value = float(value)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        found.append(value)
    return found, "; ".join(said) or None


def told_of(problems: Sequence[Problem]) -> str:
    """Problems in a line."""
    return "; ".join(_line(found) for found in problems)


def _line(found: Problem) -> str:
    named = found.labels and found.labels[0].place.path != IN_MEMORY
    place = f"{found.labels[0].place}: " if named else ""
    hints = f" ({found.hints[0]})" if found.hints else ""
    return f"{place}{found.code}: {found.message}{hints}"
