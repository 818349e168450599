"""The numbers on which rules depend: groups of rows part in two by what columns answer to their shapes' questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        places = []
        for (given, *_), some in asked.items():
            after = _after(rows, given, some)
            if after is None:  # some rows are to be refused before
                done += [place for place, *_ in some]
            else:
                places += after
    return done


def _after(rows: Rows, given: Sequence[str], some: Sequence[tuple[Place, Fork, Kernel]]) -> list[Place] | None:
    """Where places go on that ask the same; None where rows are refused."""
    parts = rows.of([place.group for place, *_ in some])
    laid, counts = np.concatenate(parts), np.array([len(part) for part in parts])
    found = Family([kernel for *_, kernel in some]).run([rows.numbers[name].values[laid] for name in given], counts)
    if found.refused is not None:
        return None
    answers = np.split(flags(found.overs[0], len(laid)), np.cumsum(counts)[:-1])
    after = []
    for (place, fork, _), part, held in zip(some, parts, answers, strict=True):
        for answer, group in _halves(rows, place.group, part, held):
            after.append(Place(group, place.shape, place.shape.plan.after(fork, answer)))
    return after


def _halves(rows: Rows, group: Group, part: Any, held: Any) -> list[tuple[bool, Group]]:
    """The rows of a group by an answer."""
    if held.all() or not held.any():
        return [(bool(held[0]), group)]
    others = part[~held]
    return [(True, rows.apart(group, part[held])), (False, group._replace(first=int(others[0]), size=len(others)))]
