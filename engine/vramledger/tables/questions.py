"""Groups of rows at the plans of their shapes: they part by what columns answer to the questions that a plan asks.

Rows whose numbers break what is declared are set apart first, so that the others' bounds are of use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.columns import Family, Kernel
from vramledger.evaluation.specialise import Fork, Leaf
from vramledger.evaluation.steps import Bounds
from vramledger.tables.cells import flags
from vramledger.tables.rows import Group, Rows
from vramledger.tables.shape import Shape


class Place(NamedTuple):
    """A group of rows at a node of the plan of its shape."""

    group: Group
    shape: Shape
    node: Leaf | Fork


def apart(rows: Rows, places: Sequence[Place]) -> tuple[list[Place], list[Place], dict[str, Bounds]]:
    """The places without rows that are out of bounds, these rows in places of their own, and the others' bounds."""
    ends = {name: number.ends for name, number in rows.numbers.items()}
    wrong = np.zeros(rows.count, bool)
    for name, (low, high) in ends.items():
        allowed = [place.shape.allowed(name) for place in places if name in place.shape.names]
        least = max((one for one, _ in allowed if one is not None), default=low)
        most = min((one for _, one in allowed if one is not None), default=high)
        if low < least or most < high:
            values = rows.numbers[name].values
            wrong |= (values < least) | (values > most)
            ends[name] = max(low, least), min(high, most)
    good: list[Place] = []
    odd: list[Place] = []
    if not wrong.any() or any(low > high for low, high in ends.values()):
        return list(places), odd, {name: number.ends for name, number in rows.numbers.items()}
    for place, part in zip(places, rows.of([place.group for place in places]), strict=True):
        for bad, group in halves(rows, place.group, part, wrong[part]):
            (odd if bad else good).append(place._replace(group=group))
    return good, odd, ends


def settled(rows: Rows, places: Sequence[Place], ends: Mapping[str, Bounds]) -> list[Place]:
    """The places after all questions that columns between these ends can answer."""
    done: list[Place] = []
    while places:
        asked: dict[Any, list[tuple[Place, Fork, Kernel]]] = {}
        for place in places:
            fork = place.node
            if isinstance(fork, Fork):
                place.shape.saw(fork, place.group.size)
                kernel = place.shape.ready(fork, ends)
                if kernel is not None:
                    key = place.shape.given(kernel), kernel.code, kernel.layout
                    asked.setdefault(key, []).append((place, fork, kernel))
                    continue
            done.append(place)
        parts = iter(rows.of([place.group for some in asked.values() for place, *_ in some]))
        places = []
        for (given, *_), some in asked.items():
            after = _after(rows, given, some, list(islice(parts, len(some))))
            if after is None:  # some rows are to be refused before
                done += [place for place, *_ in some]
            else:
                places += after
    return done


def _after(
    rows: Rows, given: Sequence[str], some: Sequence[tuple[Place, Fork, Kernel]], parts: Sequence[Any]
) -> list[Place] | None:
    """Where places go on that ask the same, by the rows of each; None where rows are refused."""
    laid, counts = np.concatenate(parts), np.array([len(part) for part in parts])
    found = Family([kernel for *_, kernel in some]).run([rows.numbers[name].values[laid] for name in given], counts)
    if found.refused is not None:
        return None
    answers = np.split(flags(found.overs[0], len(laid)), np.cumsum(counts)[:-1])
    after = []
    for (place, fork, _), part, held in zip(some, parts, answers, strict=True):
        for answer, group in halves(rows, place.group, part, held):
            after.append(Place(group, place.shape, place.shape.plan.after(fork, answer)))
    return after


def halves(rows: Rows, group: Group, part: Any, held: Any) -> list[tuple[bool, Group]]:
    """The rows of a group by an answer."""
    if held.all() or not held.any():
        return [(bool(held[0]), group)]
    others = part[~held]
    return [(True, rows.apart(group, part[held])), (False, group._replace(first=int(others[0]), size=len(others)))]
