"""The leaves of many shapes at once: those that are alike are answered together, whatever the order of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation import machine
from vramledger.evaluation.chunks import Column
from vramledger.evaluation.columns import Kernel
from vramledger.evaluation.specialise import Leaf
from vramledger.evaluation.steps import Bounds, Ref
from vramledger.tables.cells import Cells, cells, needed
from vramledger.tables.kin import Kin, Known
from vramledger.tables.laid import Laid
from vramledger.tables.loops import Loops, fills_of
from vramledger.tables.questions import Place
from vramledger.tables.rows import Rows
from vramledger.tables.shape import Left, Shape
from vramledger.tables.sheet import Sheet, dtype_of
from vramledger.tables.wanted import Wanted

# when machine code is worth its time, for each loop of it:
_SHAPES_A_LOOP = 8  # shapes whose reading and specialising took twenty times as long
_ROWS_A_LOOP = 2**18  # rows over which it saves what it takes
_Said = list[Cells | None]


class _Member(NamedTuple):
    """A leaf of a shape, and its code."""

    shape: Shape
    leaf: Leaf
    kernel: Kernel


class _By(NamedTuple):
    """What answers rows: machine code, and NumPy for what that cannot do; None where there is nothing to do for one."""

    loops: Loops | None
    laid: Laid | None


class Fleet:
    """Leaves by their slots: what columns know of each, and the code for the rest. `ends` bound the columns given."""

    def __init__(self, columns: Sequence[Wanted], places: Sequence[Place], ends: Mapping[str, Bounds]) -> None:
        self.columns = columns
        self.ends = dict(ends)
        self.slots: dict[int, int] = {}
        self._met = {id(place.node): place.node for place in places}  # ids are told apart while their leaves live
        self._kin: list[Kin] = []
        known: list[_Said] = []
        for (given, *_), members in self._alike(places).items():
            parts = members[0].shape.parts(members[0].leaf, members[0].kernel.results)
            computed = [at for at, one in enumerate(columns) if _varies(needed(one, parts))]
            said = [self._known_of(computed, member) for member in members]
            good = [member for member, one in zip(members, said, strict=True) if one is not None]
            known += [one for one in said if one is not None]
            if good:
                self._add(given, computed, good)
        self._computed = sorted({number for kin in self._kin for number in kin.computed})
        self._known = [_known(one, [said[at] for said in known]) for at, one in enumerate(columns)]
        self._answered = 0
        self._compiled = False
        self.by = _By(None, self._laid(self._kin))

    def _add(self, given: tuple[str, ...], computed: Sequence[int], some: Sequence[_Member]) -> None:
        """Gives slots to leaves that are alike."""
        first = len(self.slots)
        self.slots.update((id(member.leaf), first + slot) for slot, member in enumerate(some))
        kernels = [member.kernel for member in some]
        self._kin.append(Kin(some[0].shape, some[0].leaf, kernels, given, computed, first, len(self.slots)))

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
        for number, (values, there) in enumerate(self._known):
            if number in self._computed:
                sheet.open(number, there[slots])
            else:
                sheet.know(number, values[slots], there[slots])
        self._compile(rows.count)
        loops, laid = self.by  # both at once: another thread may have them made anew
        left: list[Left] = []
        if loops is not None:
            left += loops.answer(slots, rows, sheet)
            slots = loops.others(slots)
        if laid is not None:
            left += laid.answer(slots, rows, sheet)
        return left

    def _compile(self, count: int) -> None:
        """Has machine code made once that is worth it, of all leaves that it can answer."""
        self._answered += count
        worth = len(self.slots) >= _SHAPES_A_LOOP * len(self._kin) or self._answered >= _ROWS_A_LOOP * len(self._kin)
        if self._compiled or not worth or not machine.available():
            return
        self._compiled = True
        fills = [fills_of(kin, self.columns, self._known, self._computed) for kin in self._kin]
        able = [(kin, some) for kin, some in zip(self._kin, fills, strict=True) if some is not None]
        if able:
            others = [kin for kin, some in zip(self._kin, fills, strict=True) if some is None]
            self.by = _By(Loops(able, len(self.slots)), self._laid(others))

    def _laid(self, some: Sequence[Kin]) -> Laid | None:
        return Laid(self.columns, some, self._known, self._computed) if some else None

    def _alike(self, places: Sequence[Place]) -> dict[Any, list[_Member]]:
        """Leaves that columns answer, by the columns given, by their code and by what is made of its outputs."""
        found: dict[Any, list[_Member]] = {}
        for place in places:
            kernel = place.shape.ready(place.node, self.ends)
            if kernel is not None and isinstance(place.node, Leaf):
                key = (place.shape.given(kernel), kernel.code, kernel.layout, place.node.form)
                found.setdefault(key, []).append(_Member(place.shape, place.node, kernel))
        return found

    def _known_of(self, computed: Sequence[int], member: _Member) -> _Said | None:
        """What columns say of a leaf before any row is computed; None where that goes into none."""
        parts = member.shape.parts(member.leaf, member.kernel.results)
        found = [Cells(0) if at in computed else cells(one, parts, 1) for at, one in enumerate(self.columns)]
        return None if any(said is not None and said.odd is not None for said in found) else found


def _varies(numbers: Sequence[tuple[Any, Any]]) -> bool:
    """Whether any part of them is computed row by row."""
    return any(isinstance(part, Ref) for number in numbers for part in number)


def _known(one: Wanted, some: _Said) -> Known:
    """What slots say of a column."""
    values: Column = np.zeros(len(some) + 1, dtype_of(one))
    there = np.zeros(len(some) + 1, bool)
    for slot, said in enumerate(some):
        if said is not None and (said.there is None or said.there.all()):
            values[slot] = said.values[0] if isinstance(said.values, np.ndarray) else said.values
            there[slot] = True
    return Known(values, there)
