"""Groups of rows at the plans of their shapes: they part by what columns answer to the questions that a plan asks.

Rows whose numbers break what is declared are set apart first, so that the others' bounds are of use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.chunks import Column
from vramledger.evaluation.columns import Family, Kernel
from vramledger.evaluation.specialise import Fork, Leaf
from vramledger.evaluation.steps import Bounds
from vramledger.tables.cells import flags
from vramledger.tables.rows import Rows
from vramledger.tables.shape import Shape


class Place(NamedTuple):
    """A group of rows at a node of the plan of its shape."""

    number: int
    size: int
    shape: Shape
    node: Leaf | Fork


def apart(rows: Rows, places: Sequence[Place]) -> tuple[list[Place], list[Place], dict[str, Bounds]]:
    """The places without rows that are out of bounds, these rows in places of their own, and the others' bounds."""
    ends = {name: number.ends for name, number in rows.numbers.items()}
    allowed = {end for place in places for end in place.shape.allowed.items()}
    wrong = np.zeros(rows.count, bool)
    for name, (low, high) in ends.items():
        bounds = [some for one, some in allowed if one == name]
        least = max((one for one, _ in bounds if one is not None), default=low)
        most = min((one for _, one in bounds if one is not None), default=high)
        if low < least or most < high:
            values = rows.numbers[name].values
            wrong |= (values < least) | (values > most)
            ends[name] = max(low, least), min(high, most)
    if not wrong.any() or any(low > high for low, high in ends.values()):
        return list(places), [], {name: number.ends for name, number in rows.numbers.items()}
    at, which = rows.among([place.number for place in places])
    odd, good = _parted(rows, places, at, which, wrong[at])
    return good, odd, ends


def settled(rows: Rows, places: Sequence[Place], ends: Mapping[str, Bounds]) -> list[Place]:
    """The places after all questions that columns between these ends can answer."""
    done: list[Place] = []
    while places:
        asked: dict[Any, list[tuple[Place, Kernel]]] = {}
        for place in places:
            kernel = None
            if isinstance(place.node, Fork):
                place.shape.saw(place.node, place.size)
                kernel = place.shape.ready(place.node, ends)
            if kernel is None:
                done.append(place)
            else:
                asked.setdefault((place.shape.given(kernel), kernel.code, kernel.layout), []).append((place, kernel))
        if not asked:
            break
        at, which = rows.among([place.number for some in asked.values() for place, _ in some])
        parts = _split(at, which, [len(some) for some in asked.values()])
        places = []
        for ((given, *_), some), part in zip(asked.items(), parts, strict=True):
            after = _after(rows, given, some, *part)
            if after is None:  # some rows are to be refused before
                done += [place for place, _ in some]
            else:
                places += after
    return done


def _after(
    rows: Rows, given: Sequence[str], some: Sequence[tuple[Place, Kernel]], at: Column, which: Column
) -> list[Place] | None:
    """Where places go on that ask the same, by their rows and of which place each is; None where rows are refused."""
    found = Family([kernel for _, kernel in some]).of_each([rows.numbers[name].values[at] for name in given], which)
    if found.refused is not None:
        return None
    held = flags(found.overs[0], len(at))
    yes, no = _parted(rows, [place for place, _ in some], at, which, held)
    return [_on(place, answer) for answer, parted in ((True, yes), (False, no)) for place in parted]


def _on(place: Place, answer: bool) -> Place:
    """A place at a question, after its answer."""
    assert isinstance(place.node, Fork)
    return place._replace(node=place.shape.plan.after(place.node, answer))


def _split(at: Column, which: Column, sizes: Sequence[int]) -> list[tuple[Column, Column]]:
    """Rows by the question that their places ask, of which there are so many for each, and of which place each is."""
    if len(sizes) == 1:
        return [(at, which)]
    question = np.repeat(np.arange(len(sizes), dtype=np.uint16), sizes).take(which)
    order = np.argsort(question, kind="stable")
    parts = np.split(order, np.bincount(question, minlength=len(sizes)).cumsum()[:-1])
    return [(at[some], which[some] - first) for some, first in zip(parts, accumulate(sizes, initial=0), strict=False)]


def _parted(
    rows: Rows, places: Sequence[Place], at: Column, which: Column, held: Column
) -> tuple[list[Place], list[Place]]:
    """The places of the rows that are held, and those of the others, from their rows and of which place each is."""
    yes: list[Place] = []
    no: list[Place] = []
    numbers: list[int] = []
    found = np.bincount(which[held], minlength=len(places))
    for place, count in zip(places, found.tolist(), strict=True):
        parts = 0 < count < place.size
        number = rows.next + len(numbers) if parts else place.number
        numbers.append(number)
        if count:
            yes.append(place._replace(number=number, size=count))
        if count < place.size:
            no.append(place._replace(size=place.size - count))
    rows.move(at[held], np.array(numbers).take(which[held]))
    return yes, no
