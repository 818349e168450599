"""What a YAML file says, with the place of every part: scalars keep their text, nobody guesses a type for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from vramledger.problems import Place

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,59})")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,59})(\.[0-9]{1,60})?([eE][-+]?[0-9]{1,2})?")


class Scalar(NamedTuple):
    """One value as written. `marks` are (offset, line, column) where each line of a long scalar begins."""

    text: str
    style: str  # "" plain, else the YAML indicator: ' " | >
    marks: tuple[tuple[int, int, int], ...]
    path: str

    @property
    def place(self) -> Place:
        return self.at((0, max(1, len(self.text))))

    def at(self, span: tuple[int, int]) -> Place:
        """The place of a span of the text."""
        start, line, column = self.marks[0]
        for mark in self.marks:
            if mark[0] > span[0]:
                break
            start, line, column = mark
        return Place(self.path, line, column + span[0] - start, span[1])

    @property
    def null(self) -> bool:
        return not self.style and self.text in ("", "~", "null")


class Sequence(NamedTuple):
    items: tuple[Any, ...]
    place: Place


class Mapping(NamedTuple):
    items: tuple[tuple[Scalar, Any], ...]
    place: Place

    def get(self, key: str) -> Node | None:
        for name, value in self.items:
            if name.text == key:
                return value  # type: ignore[no-any-return]
        return None

    def key(self, key: str) -> Scalar | None:
        """The key as it stands in the file, for its place."""
        return next((name for name, _ in self.items if name.text == key), None)


Node = Scalar | Sequence | Mapping


def to_data(node: Node | None) -> Any:
    """The node as plain data: numbers and true/false where a plain scalar is one, text otherwise."""
    if isinstance(node, Scalar):
        return node.text if node.style else _plain(node.text)
    if isinstance(node, Sequence):
        return [to_data(item) for item in node.items]
    return None if node is None else {key.text: to_data(value) for key, value in node.items}


def _plain(text: str) -> Any:
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def find(node: Node, path: Iterator[str | int] | list[str | int]) -> Node:
    """The node that a path of keys and positions leads to, or the last one on the way."""
    for step in path:
        below: Node | None = None
        if isinstance(node, Mapping):
            below = node.get(str(step))
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            below = node.items[step]
        if below is None:
            return node
        node = below
    return node


def scalars(node: Node | None) -> Iterator[Scalar]:
    """All values of a node, without the keys."""
    if isinstance(node, Scalar):
        yield node
    elif node is not None:
        for item in node.items if isinstance(node, Sequence) else (value for _, value in node.items):
            yield from scalars(item)


def size(node: Node) -> int:
    """How many values a node holds, itself and the lines of its texts included."""
    if isinstance(node, Scalar):
        return len(node.marks)
    if isinstance(node, Sequence):
        return 1 + sum(map(size, node.items))
    return 1 + sum(size(key) + size(value) for key, value in node.items)


def encode(node: Node) -> list[Any]:
    """The node as JSON; `decode` reads it back."""
    if isinstance(node, Scalar):
        (_, line, column), *more = node.marks
        return [node.text, node.style, line, column, *(number for mark in more for number in mark)]
    line, column = node.place.line, node.place.column
    if isinstance(node, Sequence):
        return [0, line, column, [encode(item) for item in node.items]]
    return [1, line, column, [[encode(key), encode(value)] for key, value in node.items]]


_made: Any = tuple.__new__  # of ten thousands of nodes; what a named tuple's own does takes as long again


def decode(data: list[Any], path: str) -> Any:
    """The node that `encode` wrote, for the file at `path`."""
    if type(data[0]) is str:
        text, style, line, column, *more = data
        first = (0, line, column)
        marks = (first, *zip(more[::3], more[1::3], more[2::3], strict=True)) if more else (first,)
        return _made(Scalar, (text, style, marks, path))
    kind, line, column, items = data
    place = _made(Place, (path, line, column, 1))
    if kind == 0:
        return _made(Sequence, (tuple([decode(item, path) for item in items]), place))
    return _made(Mapping, (tuple([(decode(key, path), decode(value, path)) for key, value in items]), place))
