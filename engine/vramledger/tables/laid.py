"""Rows of many shapes by NumPy: those of leaves that are alike lie side by side and are computed as one.

A table is answered block by block, so that rows which change their places stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.chunks import CHUNK, Column, blank, taken
from vramledger.evaluation.columns import Family, Outcome
from vramledger.evaluation.steps import Ref
from vramledger.evaluation.threads import at_once
from vramledger.tables.cells import cells, needed, sound
from vramledger.tables.kin import Kin, Known
from vramledger.tables.rows import Rows
from vramledger.tables.shape import Left
from vramledger.tables.sheet import Sheet
from vramledger.tables.wanted import Wanted

BLOCK = 2**20
_Side = tuple[Column, Column | None]  # the values of rows side by side, and which of them there are


class _Part(NamedTuple):
    """Leaves that are alike, and their code."""

    kin: Kin
    family: Family
    direct: Mapping[int, int]  # the columns that an output of the code is as it stands, by its place
    made: Sequence[int]  # those that are made of outputs


class Laid:
    """Answers the rows of leaves; `known` says what there is of each column, those in `computed` are to be filled."""

    def __init__(
        self, columns: Sequence[Wanted], some: Sequence[Kin], known: Sequence[Known], computed: Sequence[int]
    ) -> None:
        self.columns = columns
        self._known = known
        self._computed = computed
        self._parts = [self._part(kin) for kin in some]
        self._given = sorted({name for kin in some for name in kin.given})

    def _part(self, kin: Kin) -> _Part:
        outputs = {number: _output(self.columns[number], kin) for number in kin.computed}
        direct = {output: number for number, output in outputs.items() if output is not None}
        return _Part(kin, Family(kin.kernels), direct, sorted({*kin.computed} - {*direct.values()}))

    def answer(self, slots: Column, rows: Rows, sheet: Sheet) -> list[Left]:
        """Puts the answers of rows where they belong, by their groups' slots; those to be asked alone come back."""
        turn = Lock()
        blocks = list(pairwise([*range(0, rows.count, BLOCK), rows.count]))
        left = at_once(lambda block: self._block(slots, rows, sheet, turn, *block), blocks, rows.count)
        return [one for some in left for one in some]

    def _block(self, slots: Column, rows: Rows, sheet: Sheet, turn: Any, start: int, end: int) -> list[Left]:
        """Answers the rows from one on to another."""
        assert rows.code is not None
        here = taken(slots, rows.code[start:end])
        counts = np.bincount(here, minlength=len(self._known[0].there))[:-1]
        ends = np.cumsum([0, *counts])
        order = np.asarray(pc.array_sort_indices(pa.array(here))).view(np.int64)[: ends[-1]] + start
        given = {name: taken(rows.numbers[name].values, order) for name in self._given}
        laid = {number: self._room_for(number, counts) for number in self._computed}
        left: list[Left] = []
        short = len(order) < CHUNK * len(self._parts)
        with turn if short else nullcontext():  # short calls of NumPy in several threads wait for each other
            for part in self._parts:
                kin = part.kin
                some = slice(int(ends[kin.first]), int(ends[kin.last]))
                if some.stop > some.start:
                    facts = [given[name][some] for name in kin.given]
                    held = {place: laid[number][0][some] for place, number in part.direct.items()}
                    found = part.family.run(facts, counts[kin.first : kin.last], held)
                    left += self._lay(part, found, laid, order, some)
        for number, (values, there) in laid.items():
            sheet.fill(number, order, values, there)
        return left

    def _room_for(self, number: int, counts: Column) -> _Side:
        """A column of so many rows of each slot, with what is known."""
        values, there = self._known[number]
        if all(number in part.kin.computed for part in self._parts):
            return blank(int(counts.sum()), values.dtype.type), None
        return np.repeat(values[:-1], counts), np.repeat(there[:-1], counts)

    def _lay(self, part: _Part, found: Outcome, laid: dict[int, _Side], order: Column, some: slice) -> list[Left]:
        """Lays what was found of some rows; those at odds with their columns are left."""
        count = some.stop - some.start
        found, wrong = sound(part.kin.leaf, found, count)
        at: Any = some if wrong is None else np.flatnonzero(~wrong) + some.start
        left = [] if wrong is None else [Left(order[some][wrong])]
        count = count if wrong is None else len(at)
        parts = part.kin.parts(zip(found.overs, found.unders, strict=True))
        for number in part.made:
            said = cells(self.columns[number], parts, count)
            assert said is not None
            values, there = laid[number]
            values[at] = said.values
            if said.there is not None:
                if there is None:
                    there = np.ones(len(order), bool)
                    laid[number] = values, there
                there[at] = said.there
            if said.odd is not None:
                left.append(Left(order[at][said.odd]))
        return left


def _output(one: Wanted, kin: Kin) -> int | None:
    """The place of the code's output that is a column as it stands."""
    kernel = kin.kernels[0]
    numbers = needed(one, kin.parts(kernel.results))
    if len(numbers) != 1 or one.type != pa.int64():
        return None
    over, under = numbers[0]
    return kernel.wanted.index(over) if isinstance(over, Ref) and under == 1 else None
