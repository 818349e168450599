"""The leaves of many shapes at once: rows of those that share code lie side by side and are computed as one.

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

from vramledger.evaluation.chunks import CHUNK, Column, blank
from vramledger.evaluation.columns import Family, Kernel, Outcome
from vramledger.evaluation.specialise import Leaf
from vramledger.evaluation.steps import Bounds, Ref
from vramledger.evaluation.threads import at_once
from vramledger.tables.cells import Cells, Parts, cells, needed, sound
from vramledger.tables.questions import Place
from vramledger.tables.rows import Rows
from vramledger.tables.shape import Left, Shape
from vramledger.tables.sheet import Sheet, dtype_of
from vramledger.tables.wanted import Wanted

BLOCK = 2**20
_Said = list[Cells | None]
_Table = tuple[Column, Column]
_Laid = tuple[Column, Column | None]  # the values of rows side by side, and which of them there are


class _Member(NamedTuple):
    """A leaf of a shape, and its code."""

    shape: Shape
    leaf: Leaf
    kernel: Kernel


class _Kin(NamedTuple):
    """Leaves of the same code and form, in the slots from `first` to `last`."""

    family: Family
    shape: Shape
    leaf: Leaf
    given: tuple[str, ...]  # the columns of the table that are the code's facts
    computed: Sequence[int]  # the columns that are not known
    direct: Mapping[int, int]  # those of them that an output of the code is as it stands, by its place
    made: Sequence[int]  # and those that are made of outputs
    first: int
    last: int


class Fleet:
    """Leaves by their slots: what columns know of each, and the code for the rest. `ends` bound the columns given."""

    def __init__(self, columns: Sequence[Wanted], places: Sequence[Place], ends: Mapping[str, Bounds]) -> None:
        self.columns = columns
        self.ends = dict(ends)
        self.slots: dict[int, int] = {}
        self._met = {id(place.node): place.node for place in places}  # ids are told apart while their leaves live
        self._kin: list[_Kin] = []
        known: list[_Said] = []
        for (given, *_), members in self._alike(places).items():
            parts = members[0].shape.parts(members[0].leaf, members[0].kernel.results)
            computed = [at for at, one in enumerate(columns) if _varies(needed(one, parts))]
            said = [self._known(computed, member) for member in members]
            good = [member for member, one in zip(members, said, strict=True) if one is not None]
            known += [one for one in said if one is not None]
            if good:
                self._add(given, computed, parts, good)
        self._given = sorted({name for kin in self._kin for name in kin.given})
        self._computed = sorted({number for kin in self._kin for number in kin.computed})
        self._tables = [_table(one, [said[at] for said in known]) for at, one in enumerate(columns)]

    def _add(
        self, given: tuple[str, ...], computed: list[int], parts: Mapping[str, Parts], some: list[_Member]
    ) -> None:
        """Gives slots to leaves that are alike."""
        first = len(self.slots)
        shape, leaf, kernel = some[0]
        self.slots.update((id(member.leaf), first + slot) for slot, member in enumerate(some))
        outputs = {at: _output(self.columns[at], parts, kernel) for at in computed}
        direct = {output: at for at, output in outputs.items() if output is not None}
        made = sorted({*computed} - {*direct.values()})
        family = Family([member.kernel for member in some])
        self._kin.append(_Kin(family, shape, leaf, given, computed, direct, made, first, len(self.slots)))

    def serves(self, places: Sequence[Place], ends: Mapping[str, Bounds]) -> bool:
        """Whether it answers these leaves between these ends."""
        return (
            all(id(place.node) in self._met for place in places)
            and ends.keys() == self.ends.keys()
            and all(known[0] <= ends[name][0] and ends[name][1] <= known[1] for name, known in self.ends.items())
        )

    def around(self, ends: Mapping[str, Bounds]) -> Mapping[str, Bounds]:
        """Ends that hold its own as well, where they are of the same columns: parts of a table differ a little."""
        if ends.keys() != self.ends.keys():
            return ends
        return {
            name: (min(low, self.ends[name][0]), max(high, self.ends[name][1])) for name, (low, high) in ends.items()
        }

    @property
    def whole(self) -> bool:
        """Whether columns answer all leaves that it met."""
        return len(self.slots) == len(self._met)

    def answer(self, places: Sequence[Place], rows: Rows, sheet: Sheet) -> list[Left]:
        """Puts the answers of rows where they belong; those that must be answered one by one come back."""
        slots = np.full(rows.next, len(self.slots), np.uint16 if len(self.slots) < 2**16 else np.int32)
        slots[[place.number for place in places]] = [self.slots[id(place.node)] for place in places]
        for number, (values, there) in enumerate(self._tables):
            if number in self._computed:
                sheet.open(number, there[slots])
            else:
                sheet.know(number, values[slots], there[slots])
        turn = Lock()
        blocks = list(pairwise([*range(0, rows.count, BLOCK), rows.count]))
        left = at_once(lambda block: self._block(slots, rows, sheet, turn, *block), blocks, rows.count)
        return [one for some in left for one in some]

    def _block(self, slots: Column, rows: Rows, sheet: Sheet, turn: Any, start: int, end: int) -> list[Left]:
        """Answers the rows from one on to another."""
        assert rows.code is not None
        here = slots.take(rows.code[start:end])
        counts = np.bincount(here, minlength=len(self.slots) + 1)[:-1]
        ends = np.cumsum([0, *counts])
        order = np.asarray(pc.array_sort_indices(pa.array(here))).view(np.int64)[: ends[-1]] + start
        given = {name: _taken(rows.numbers[name].values, order) for name in self._given}
        laid = {number: self._room_for(number, counts) for number in self._computed}
        left: list[Left] = []
        short = len(order) < CHUNK * len(self._kin)
        with turn if short else nullcontext():  # short calls of NumPy in several threads wait for each other
            for kin in self._kin:
                some = slice(int(ends[kin.first]), int(ends[kin.last]))
                if some.stop > some.start:
                    facts = [given[name][some] for name in kin.given]
                    held = {place: laid[number][0][some] for place, number in kin.direct.items()}
                    found = kin.family.run(facts, counts[kin.first : kin.last], held)
                    left += self._lay(kin, found, laid, order, some)
        for number, (values, there) in laid.items():
            sheet.fill(number, order, values, there)
        return left

    def _room_for(self, number: int, counts: Column) -> _Laid:
        """A column of so many rows of each slot, with what is known."""
        values, there = self._tables[number]
        if all(number in kin.computed for kin in self._kin):
            return blank(int(counts.sum()), values.dtype.type), None
        return np.repeat(values[:-1], counts), np.repeat(there[:-1], counts)

    def _lay(self, kin: _Kin, found: Outcome, laid: dict[int, _Laid], order: Column, some: slice) -> list[Left]:
        """Lays what was found of some rows; those at odds with their columns are left."""
        count = some.stop - some.start
        found, wrong = sound(kin.leaf, found, count)
        at: Any = some if wrong is None else np.flatnonzero(~wrong) + some.start
        left = [] if wrong is None else [Left(order[some][wrong])]
        count = count if wrong is None else len(at)
        parts = kin.shape.parts(kin.leaf, zip(found.overs, found.unders, strict=True))
        for number in kin.made:
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

    def _alike(self, places: Sequence[Place]) -> dict[Any, list[_Member]]:
        """Leaves that columns answer, by the columns given, by their code and by what is made of its outputs."""
        found: dict[Any, list[_Member]] = {}
        for place in places:
            kernel = place.shape.ready(place.node, self.ends)
            if kernel is not None and isinstance(place.node, Leaf):
                key = (place.shape.given(kernel), kernel.code, kernel.layout, place.node.form)
                found.setdefault(key, []).append(_Member(place.shape, place.node, kernel))
        return found

    def _known(self, computed: Sequence[int], member: _Member) -> _Said | None:
        """What columns say of a leaf before any row is computed; None where that goes into none."""
        parts = member.shape.parts(member.leaf, member.kernel.results)
        found = [Cells(0) if at in computed else cells(one, parts, 1) for at, one in enumerate(self.columns)]
        return None if any(said is not None and said.odd is not None for said in found) else found


def _varies(numbers: Sequence[tuple[Any, Any]]) -> bool:
    """Whether any part of them is computed row by row."""
    return any(isinstance(part, Ref) for number in numbers for part in number)


def _output(one: Wanted, parts: Mapping[str, Parts], kernel: Kernel) -> int | None:
    """The place of the code's output that is a column as it stands."""
    numbers = needed(one, parts)
    if len(numbers) != 1 or one.type != pa.int64():
        return None
    over, under = numbers[0]
    return kernel.wanted.index(over) if isinstance(over, Ref) and under == 1 else None


def _table(one: Wanted, known: _Said) -> _Table:
    """A column's values and which of them there are, by slot; after the last slot there is none."""
    values: Column = np.zeros(len(known) + 1, dtype_of(one))
    there = np.zeros(len(known) + 1, bool)
    for slot, said in enumerate(known):
        if said is not None and (said.there is None or said.there.all()):
            values[slot] = said.values[0] if isinstance(said.values, np.ndarray) else said.values
            there[slot] = True
    return values, there


def _taken(column: Column, places: Column) -> Column:
    return np.asarray(pc.take(pa.array(column), pa.array(places), boundscheck=False))
