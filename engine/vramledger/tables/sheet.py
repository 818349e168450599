"""The answers to the rows of one table, as they come in, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.chunks import Column, blank, taken
from vramledger.evaluation.threads import at_once
from vramledger.tables.wanted import Wanted

_TYPES = {pa.int64(): np.int64, pa.float64(): np.float64, pa.bool_(): np.bool_, pa.string(): np.object_}


class Sheet:
    """`count` rows of the wanted columns, all empty at first; `code` says of which group each row is."""

    def __init__(self, columns: Sequence[Wanted], count: int, code: Column | None = None) -> None:
        self.columns = columns
        self.count = count
        self.code = code
        # what the rows of each group share, as long as nothing else is put into the column
        self._known: list[tuple[Column, Column] | None] = [None] * len(columns)
        self._values: list[Column | None] = [None] * len(columns)
        self._there: list[Column | None] = [None] * len(columns)  # None beside values: all rows have one
        self.problems: dict[int, str] = {}
        self._making = Lock()

    def know(self, number: int, values: Column, there: Column) -> None:
        """Says what the rows of each group share, and which groups have it."""
        self._known[number] = values, there

    def open(self, number: int, there: Column) -> None:
        """Makes room for values that are filled in, for all groups that are to have them."""
        assert self.code is not None
        self._values[number] = blank(self.count, dtype_of(self.columns[number]))
        self._there[number] = None if there.all() else taken(there, self.code)

    def fill(self, number: int, rows: Column, values: Column, there: Column | None) -> None:
        """Fills in values of a column that was opened; `there` says which of them exist after all."""
        self.values_of(number)[rows] = values
        if there is not None and not there.all():
            self.there_of(number)[rows] = there

    def values_of(self, number: int) -> Column:
        """The values of a column that was opened, to be filled in."""
        held = self._values[number]
        assert held is not None
        return held

    def put(self, number: int, rows: Any, values: Any, there: Any) -> None:
        """Puts values, or one for all, into rows of a column; `there` says which of them exist."""
        if self._values[number] is None and self._known[number] is None and len(rows) == self.count:
            if isinstance(values, np.ndarray):
                self._values[number], self._there[number] = values, there
                return
            if there is None and self.code is None:
                self.know(number, np.array([values], dtype_of(self.columns[number])), np.ones(1, bool))
                return
        held, known = self._column(number)
        at = slice(rows.start, rows.stop) if isinstance(rows, range) else rows
        held[at] = values
        if known is not None:
            known[at] = True if there is None else there
        elif there is not None:
            self.there_of(number)[at] = there

    def there_of(self, number: int) -> Column:
        """Which rows of a column have a value, to be changed."""
        with self._making:
            there = self._there[number]
            if there is None:
                there = self._there[number] = np.ones(self.count, bool)
            return there

    def _column(self, number: int) -> tuple[Column, Column | None]:
        """A column's values and which of them exist, row by row."""
        held = self._values[number]
        if held is None:
            kind = dtype_of(self.columns[number])
            code = np.zeros(self.count, np.uint16) if self.code is None else self.code
            values, there = self._known[number] or (np.zeros(int(code.max(initial=0)) + 1, kind), None)
            held = self._values[number] = taken(values, code)
            self._there[number] = np.zeros(self.count, bool) if there is None else taken(there, code)
        return held, self._there[number]

    def put_one(self, row: int, values: Sequence[Any], said: str | None) -> None:
        """Puts the answer of one row; None is nothing."""
        for number, value in enumerate(values):
            self.put(number, np.array([row]), 0 if value is None else value, value is not None)
        if said is not None:
            self.problems[row] = said

    def arrays(self) -> tuple[list[pa.Array], pa.Array]:
        """The columns, and the problems, as Arrow has them."""
        found = at_once(self._array, range(len(self.columns)), self.count)
        if not self.problems:
            return found, pa.nulls(self.count, pa.string())
        said: list[str | None] = [None] * self.count
        for row, text in self.problems.items():
            said[row] = text
        return found, pa.array(said, pa.string())

    def _array(self, number: int) -> pa.Array:
        """A column as Arrow has it."""
        kind = self.columns[number].type
        if self._values[number] is None:
            return self._shared(kind, self._known[number])
        values, there = self._column(number)
        if kind == pa.bool_():
            return _flags(values, there)
        return pa.array(values, kind, mask=None if there is None or there.all() else ~there)

    def _shared(self, kind: pa.DataType, known: tuple[Column, Column] | None) -> pa.Array:
        """A column of which every group has one value, or none."""
        if known is None or not known[1].any():
            return pa.nulls(self.count, kind)
        values, there = known
        if self.code is None:
            return _all(values[0], kind, self.count)
        return pc.take(pa.array(values, kind, mask=~there), pa.array(self.code), boundscheck=False)


def dtype_of(one: Wanted) -> type:
    """What NumPy keeps the values of a column as."""
    return _TYPES[one.type]


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
