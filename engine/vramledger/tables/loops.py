"""Rows of many shapes by machine code, each where it stands: neither their facts nor their answers are moved.

Rows of shapes that share code are taken one after the other within a stretch that the processor's cache holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.chunks import Column, taken
from vramledger.evaluation.machine import Loop, Part, Put, run_each
from vramledger.evaluation.steps import Ref
from vramledger.evaluation.threads import at_once
from vramledger.tables.cells import Parts, needed
from vramledger.tables.kin import Kin, Known
from vramledger.tables.rows import Rows
from vramledger.tables.shape import Left
from vramledger.tables.sheet import Sheet
from vramledger.tables.wanted import Wanted

STRETCH = 2**13
_MOST_STRETCHES = 32  # in a block
_SORTED = 4096  # keys up to which Arrow counts rows instead of comparing them


class Fill(NamedTuple):
    """What goes into a column: a number, or of a verdict whether it is certain and whether it is possible."""

    number: int
    parts: tuple[Part, ...]
    flag: bool


class _Table(NamedTuple):
    """The rows of a table: of which loop and with which constants each group is, and where everything begins."""

    code: Column
    calls: Column
    bases: Column
    columns: Sequence[Column]


class Loops:
    """The loops for some of so many slots."""

    def __init__(self, some: Sequence[tuple[Kin, Sequence[Fill]]], slots: int) -> None:
        every = [fill for _, fills in some for fill in fills]
        self._given = sorted({name for kin, _ in some for name in kin.given})
        self._filled = sorted({fill.number for fill in every})
        self._told = sorted({fill.number for fill in every if len(fill.parts) > 1})
        columns = [*self._given, *self._filled, *((number, "there") for number in self._told), "refused"]
        places = {column: place for place, column in enumerate(columns)}
        self._loops = [_loop(kin, fills, places) for kin, fills in some]
        self._addresses = np.array([loop.address for loop in self._loops], np.int64)
        self._refuses = any(_guards(kin) for kin, _ in some)
        self._constants = np.concatenate([loop.constants.ravel() for loop in self._loops])
        self._calls = np.full(slots + 1, len(some), np.uint16)
        self._bases = np.zeros(slots + 1, np.uint32)
        starts = accumulate((loop.constants.size for loop in self._loops), initial=0)
        for call, ((kin, _), loop, start) in enumerate(zip(some, self._loops, starts, strict=False)):
            self._calls[kin.first : kin.last] = call
            self._bases[kin.first : kin.last] = start + np.arange(len(kin.kernels)) * loop.constants.shape[1]
        self._stretches = max(1, min(_MOST_STRETCHES, _SORTED // (len(some) + 1)))

    def others(self, slots: Column) -> Column:
        """The slots of groups, without those that loops answer."""
        return np.where(self._calls[slots] < len(self._loops), slots.dtype.type(len(self._calls) - 1), slots)

    def answer(self, slots: Column, rows: Rows, sheet: Sheet) -> list[Left]:
        """Puts the answers of rows where they belong, by their groups' slots; those to be asked alone come back."""
        assert rows.code is not None
        given = [rows.numbers[name].values for name in self._given]
        filled = [sheet.values_of(number) for number in self._filled]
        told = [sheet.there_of(number) for number in self._told]
        table = _Table(rows.code, self._calls[slots], self._bases[slots], [*given, *filled, *told])
        blocks = list(pairwise([*range(0, rows.count, self._stretches * STRETCH), rows.count]))
        refused = at_once(lambda block: self._block(table, *block), blocks, rows.count)
        return [Left(some) for some in refused if len(some)]

    def _block(self, table: _Table, start: int, end: int) -> Column:
        """Answers the rows from one on to another; those refused come back."""
        code = table.code[start:end]
        calls = len(self._loops) + 1
        cells = taken(table.calls, code)  # of rows of one stretch for one loop
        for stretch, first in enumerate(range(0, len(code), STRETCH)):
            cells[first : first + STRETCH] += np.uint16(stretch * calls)
        counts = np.bincount(cells)
        ends = counts.cumsum()
        order = np.asarray(pc.array_sort_indices(pa.array(cells)))
        here = np.flatnonzero(counts)
        here = here[here % calls < len(self._loops)]
        refused = np.zeros(len(code) if self._refuses else 0, bool)
        columns = [*(column[start:end] for column in table.columns), refused]
        run_each(
            self._addresses[here % calls],
            ends[here] - counts[here],
            ends[here],
            order,
            taken(table.bases, code),
            self._constants,
            np.array([column.ctypes.data for column in columns], np.int64),
        )
        return np.flatnonzero(refused) + start


def fills_of(kin: Kin, columns: Sequence[Wanted], known: Sequence[Known], computed: Sequence[int]) -> list[Fill] | None:
    """What a loop for these leaves puts into each column that is computed for any; None where it cannot."""
    for kernel in kin.kernels:
        if any(whole and under != 1 for whole, (_, under) in zip(kin.leaf.whole, kernel.results, strict=True)):
            return None
    each = [kin.parts(kernel.results) for kernel in kin.kernels]
    found = []
    for number in computed:
        values = known[number].values[kin.first : kin.last]
        fill = _fill(number, columns[number], each) if number in kin.computed else _known(number, values)
        if fill is None:
            return None
        found.append(fill)
    return found


def _fill(number: int, one: Wanted, each: Sequence[Mapping[str, Parts]]) -> Fill | None:
    """What goes into a column, by what it is made of for each kernel; None where that is a quotient or both ends."""
    numbers = [needed(one, parts) for parts in each]
    flag = each[0][one.quantity][0] == "verdict"
    if any(under != 1 for some in numbers for _, under in some) or not (flag or len(numbers[0]) == 1):
        return None
    overs = zip(*([over for over, _ in some] for some in numbers), strict=True)
    parts = tuple(some[0] if isinstance(some[0], Ref) else tuple(map(int, some)) for some in overs)
    return Fill(number, parts, flag) if flag or one.type == pa.int64() else None


def _known(number: int, values: Column) -> Fill:
    """What goes into a column that each kernel knows."""
    flag = values.dtype == np.bool_
    return Fill(number, (tuple(map(int, values if flag else values.view(np.int64))),), flag)


def _loop(kin: Kin, fills: Sequence[Fill], places: Mapping[Any, int]) -> Loop:
    puts = []
    for number, parts, flag in fills:
        puts.append(Put(places[number], "any" if flag else "value", parts[:1]))
        if len(parts) > 1:
            puts.append(Put(places[number, "there"], "told", parts))
    guards = _guards(kin)
    if guards:
        puts.append(Put(places["refused"], "any", guards))
    return Loop(kin.kernels, [places[name] for name in kin.given], puts)


def _guards(kin: Kin) -> tuple[Ref, ...]:
    """The tests that refuse a row."""
    return tuple(guard for guard in kin.kernels[0].guards if isinstance(guard, Ref))
