"""The stretch of a file that a node takes up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vramledger.problems import Place
from vramledger.rules.tree import Mapping, Node, Scalar

Position = tuple[int, int]  # line, column


class Extent(NamedTuple):
    """A file, and the positions of a node's first and last word."""

    path: str
    first: Position
    last: Position

    def holds(self, place: Place) -> bool:
        """Whether a place lies inside."""
        return place.path == self.path and self.first <= (place.line, place.column) <= self.last


class Extents:
    """Extents that lie inside or beside each other; those around a place are found without asking all."""

    def __init__(self, extents: Iterable[Extent]) -> None:
        self._extents = sorted(set(extents), key=lambda one: (one.path, one.first, (-one.last[0], -one.last[1])))
        self._starts = [(one.path, one.first) for one in self._extents]
        self._outer: list[int] = []  # of each the one around it, or -1
        inside: list[int] = []
        for number, one in enumerate(self._extents):
            while inside and not self._extents[inside[-1]].holds(Place(one.path, *one.first)):
                inside.pop()
            self._outer.append(inside[-1] if inside else -1)
            inside.append(number)

    def around(self, place: Place) -> Iterator[Extent]:
        """The extents that hold a place, the innermost first."""
        number = bisect_right(self._starts, (place.path, (place.line, place.column))) - 1
        while number >= 0:
            if self._extents[number].holds(place):
                yield self._extents[number]
            number = self._outer[number]


def extent(node: Node, key: Scalar | None = None) -> Extent:
    """Where a node stands, from its key on."""
    start = (key or node).place
    return Extent(start.path, (start.line, start.column), _last(node))


def _last(node: Node) -> Position:
    if isinstance(node, Scalar):
        end = node.at((len(node.text), 1))
        return (end.line, end.column)
    below = [value for _, value in node.items] if isinstance(node, Mapping) else list(node.items)
    return _last(below[-1]) if below else (node.place.line, node.place.column)
