"""The answers to the rows of one table, as they come in, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from vramledger.evaluation.columns import Column
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
        if len(rows) == self.count and isinstance(values, np.ndarray):
            self._values[number], self._there[number] = values, there
            return
        held = self._values[number]
        if held is None:
            held = self._values[number] = np.empty(self.count, _TYPES[self.columns[number].type])
            self._there[number] = np.zeros(self.count, bool)
        known = self._there[number]
        held[rows] = values
        if known is not None:
            known[rows] = True if there is None else there

    def put_one(self, row: int, values: Sequence[Any], said: str | None) -> None:
        """Puts the answer of one row; None is nothing."""
        for number, value in enumerate(values):
            there = self._values[number] is not None and self._there[number] is None
            if there:
                self._there[number] = np.ones(self.count, bool)
            self.put(number, _one(row), 0 if value is None else value, value is not None)
        if said is not None:
            self.problems[row] = said

    def arrays(self) -> tuple[list[pa.Array], pa.Array]:
        """The columns, and the problems, as Arrow has them."""
        found = []
        for one, values, there in zip(self.columns, self._values, self._there, strict=True):
            if values is None:
                found.append(pa.nulls(self.count, one.type))
            else:
                found.append(pa.array(values, one.type, mask=None if there is None else ~there))
        said: list[str | None] = [None] * self.count if self.problems else []
        for row, text in self.problems.items():
            said[row] = text
        return found, pa.array(said, pa.string()) if said else pa.nulls(self.count, pa.string())


def _one(row: int) -> Column:
    return np.array([row])
