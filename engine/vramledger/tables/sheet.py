"""The answers to the rows of one table, as they come in, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.columns import Column, blank
from vramledger.tables.wanted import Wanted

_TYPES = {pa.int64(): np.int64, pa.float64(): np.float64, pa.bool_(): np.bool_, pa.string(): np.object_}


class Sheet:
    """`count` rows of the wanted columns, all empty at first."""

    def __init__(self, columns: Sequence[Wanted], count: int) -> None:
        self.columns = columns
        self.count = count
        self._values: list[Column | None] = [None] * len(columns)
        self._there: list[Column | None] = [None] * len(columns)  # None beside values: all rows have one
        self.problems: dict[int, str] = {}

    def put(self, number: int, rows: Column, values: Any, there: Any) -> None:
        """Puts values, or one for all, into rows of a column; `there` says which of them exist."""
        if len(rows) == self.count and (isinstance(values, np.ndarray) or there is None):
            self._values[number], self._there[number] = values, there
            return
        held = self._values[number]
        if held is None:
            held = self._values[number] = np.empty(self.count, _TYPES[self.columns[number].type])
            self._there[number] = np.zeros(self.count, bool)
        if not isinstance(held, np.ndarray):
            held = self._values[number] = np.full(self.count, held, _TYPES[self.columns[number].type])
        known = self._there[number]
        at = slice(rows.start, rows.stop) if isinstance(rows, range) else rows
        held[at] = values
        if known is not None:
            known[at] = True if there is None else there

    def put_one(self, row: int, values: Sequence[Any], said: str | None) -> None:
        """Puts the answer of one row; None is nothing."""
        for number, value in enumerate(values):
            there = self._values[number] is not None and self._there[number] is None
            if there:
                self._there[number] = np.ones(self.count, bool)
            self.put(number, _one(row), 0 if value is None else value, value is not None)
        if said is not None:
            self.problems[row] = said

    def arrays(self, order: Column | None = None, back: Column | None = None) -> tuple[list[pa.Array], pa.Array]:
        """The columns, and the problems, as Arrow has them."""
        found = []
        for one, values, there in zip(self.columns, self._values, self._there, strict=True):
            if values is None:
                found.append(pa.nulls(self.count, one.type))
            elif not isinstance(values, np.ndarray):
                found.append(_all(values, one.type, self.count))
            elif one.type == pa.bool_():
                found.append(_flags(values, there))
            else:
                found.append(pa.array(values, one.type, mask=None if there is None or there.all() else ~there))
        said: list[str | None] = [None] * self.count if self.problems else []
        for row, text in self.problems.items():
            said[row if order is None else int(order[row])] = text
        if back is not None:
            places = pa.array(back)
            found = [one if one.null_count == len(one) else pc.take(one, places, boundscheck=False) for one in found]
        return found, pa.array(said, pa.string()) if said else pa.nulls(self.count, pa.string())


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
