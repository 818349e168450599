"""The answers to the rows of one table, as they come in, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise, repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.columns import Column, Each, at_once, blank
from vramledger.tables.rows import Rows
from vramledger.tables.shape import Several
from vramledger.tables.wanted import Wanted

_TYPES = {pa.int64(): np.int64, pa.float64(): np.float64, pa.bool_(): np.bool_, pa.string(): np.object_}


class Sheet:
    """`count` rows of the wanted columns, all empty at first."""

    def __init__(self, columns: Sequence[Wanted], count: int) -> None:
        self.columns = columns
        self.count = count
        # what all rows of a stretch share, as long as nothing else is put into the column
        self._alike: list[dict[range, Any]] = [{} for _ in columns]
        self._values: list[Column | None] = [None] * len(columns)
        self._there: list[Column | None] = [None] * len(columns)  # None beside values: all rows have one
        self.problems: dict[int, str] = {}

    def put(self, number: int, rows: Any, values: Any, there: Any) -> None:
        """Puts values, or one for all, into rows of a column; `there` says which of them exist."""
        if isinstance(rows, Several):
            self._put_parts(number, rows, values, there)
            return
        if self._values[number] is None:
            if there is None and isinstance(rows, range) and not isinstance(values, np.ndarray):
                self._alike[number][rows] = values
                return
            if len(rows) == self.count and isinstance(values, np.ndarray):
                self._values[number], self._there[number] = values, there
                return
        held, known = self._column(number)
        at = _place(rows)
        held[at] = values
        if known is not None:
            known[at] = True if there is None else there

    def _put_parts(self, number: int, rows: Several, values: Any, there: Any) -> None:
        """The same for several stretches of rows."""
        if isinstance(values, np.ndarray):
            held, known = self._column(number)
            for part, (start, end) in zip(rows.parts, pairwise([0, *accumulate(rows.counts)]), strict=True):
                at = _place(part)
                held[at] = values[start:end]
                if known is not None:
                    known[at] = True if there is None else there[start:end]
            return
        each = values.values if isinstance(values, Each) else repeat(values)
        for value, part in zip(each, rows.parts, strict=False):
            self.put(number, part, value, None)

    def _column(self, number: int) -> tuple[Column, Column | None]:
        """A column's values and which of them exist, row by row."""
        held = self._values[number]
        if held is None:
            held = self._values[number] = _empty(self.count, _TYPES[self.columns[number].type])
            there = self._there[number] = np.zeros(self.count, bool)
            for rows, value in self._alike[number].items():
                held[rows.start : rows.stop] = value
                there[rows.start : rows.stop] = True
        return held, self._there[number]

    def put_one(self, row: int, values: Sequence[Any], said: str | None) -> None:
        """Puts the answer of one row; None is nothing."""
        for number, value in enumerate(values):
            if self._values[number] is not None and self._there[number] is None:
                self._there[number] = np.ones(self.count, bool)
            self.put(number, _one(row), 0 if value is None else value, value is not None)
        if said is not None:
            self.problems[row] = said

    def arrays(self, rows: Rows | None = None) -> tuple[list[pa.Array], pa.Array]:
        """The columns, and the problems, in the order of the table's rows, as Arrow has them."""
        back = None if rows is None or rows.back is None else pa.array(rows.back)
        found = at_once(lambda number: self._array(number, rows, back), range(len(self.columns)), self.count)
        said: list[str | None] = [None] * self.count if self.problems else []
        for row, text in self.problems.items():
            said[row if rows is None or rows.order is None else int(rows.order[row])] = text
        return found, pa.array(said, pa.string()) if said else pa.nulls(self.count, pa.string())

    def _array(self, number: int, rows: Rows | None, back: pa.Array | None) -> pa.Array:
        """A column as Arrow has it."""
        if self._values[number] is None and self._by_group(number, rows):
            return self._stretches(number, rows)
        kind = self.columns[number].type
        values, there = self._column(number)
        if kind == pa.bool_():
            laid = _flags(values, there)
        else:
            laid = pa.array(values, kind, mask=None if there is None or there.all() else ~there)
        return laid if back is None else pc.take(laid, back, boundscheck=False)

    def _by_group(self, number: int, rows: Rows | None) -> bool:
        """Whether a column says the same of all rows of a group, or nothing."""
        groups = [range(self.count)] if rows is None or rows.code is None else rows.places
        return all(stretch in groups for stretch in self._alike[number])

    def _stretches(self, number: int, rows: Rows | None) -> pa.Array:
        """Such a column."""
        alike, kind = self._alike[number], self.columns[number].type
        if not alike:
            return pa.nulls(self.count, kind)
        if rows is None or rows.code is None:
            (value,) = alike.values()
            return _all(value, kind, self.count)
        values: list[Any] = [None] * (int(rows.code.max()) + 1)
        for stretch, value in alike.items():
            values[rows.places[stretch]] = value
        return pc.take(pa.array(values, kind), pa.array(rows.code), boundscheck=False)


def _place(rows: Any) -> Any:
    return slice(rows.start, rows.stop) if isinstance(rows, range) else rows


def _empty(count: int, kind: type) -> Column:
    """Room for a column; what is in it means nothing."""
    return np.empty(count, kind) if kind is np.object_ else blank(count, kind)


def _all(value: Any, kind: pa.DataType, count: int) -> pa.Array:
    """A column of one value."""
    if pa.types.is_string(kind):
        return pa.repeat(pa.scalar(value, kind), count)
    filled = blank(count, _TYPES[kind])
    filled.fill(value)
    return _flags(filled, None) if kind == pa.bool_() else pa.array(filled, kind)


def _flags(values: Column, there: Column | None) -> pa.Array:
    """Flags as Arrow keeps them, eight in a byte."""
    bits = [
        None if part is None else pa.py_buffer(np.packbits(part, bitorder="little"))
        for part in (there, values.astype(bool, copy=False))
    ]
    return pa.BooleanArray.from_buffers(pa.bool_(), len(values), bits)


def _one(row: int) -> Column:
    return np.array([row])
