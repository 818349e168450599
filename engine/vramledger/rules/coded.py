"""What kinds and stages come to, as JSON: a value is a list of its class's number and its parts.

The trees of formulas lie apart, side by side; each is decoded when it is asked for. What is said many times, such as a
type or a source, is kept once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from vramledger.language.units import Type
from vramledger.problems import Place
from vramledger.rules import formulas, tree
from vramledger.rules.model import Block, Case, Declaration, Fill, Formula, Kind, Notice, Rule, Scope, Stage, Table
from vramledger.rules.tree import Scalar

_SHARED, _PLACE, _FORMULA, _SCALAR, _TUPLE, _LIST = range(6)
_CLASSES: tuple[Any, ...] = (Scope, Type, Declaration, Case, Rule, Fill, Table, Notice, Block, Kind, Stage)
_FIRST = _LIST + 1
_NUMBERS = {kind: _FIRST + number for number, kind in enumerate(_CLASSES)}
_WHOLE = tuple(
    (kind, tuple(kind._field_defaults.get(name) for name in kind._fields)) for kind in _CLASSES
)  # with what stands where parts at the end were left out


_OFTEN = (Scope, Type)
Trees = Callable[[int, int], Any]  # gives the tree that lies from here to there


class Apart:
    """What is kept once: the trees of formulas as texts, and what values share."""

    def __init__(self) -> None:
        self.trees: list[str] = []
        self.shared: list[Any] = []
        self._known: dict[str, tuple[int, int]] = {}
        self._numbers: dict[str, int] = {}
        self._end = 0

    def number(self, data: Any) -> int:
        """The place of something among what is shared."""
        number = self._numbers.setdefault(json.dumps(data), len(self.shared))
        if number == len(self.shared):
            self.shared.append(data)
        return number

    def tree(self, node: Any) -> tuple[int, int]:
        """Where a tree begins and ends."""
        text = json.dumps(formulas.encode(node), separators=(",", ":"))
        if text not in self._known:
            self._known[text] = (self._end, self._end + len(text))
            self._end += len(text)
            self.trees.append(text)
        return self._known[text]


def encode(value: Any, apart: Apart) -> Any:
    """A value as JSON; `decode` reads it back. All of it stands in one file."""
    kind = type(value)
    if kind is Formula:
        text = None if value.text == value.scalar.text else value.text
        return [_FORMULA, *apart.tree(value.tree), value.shift, text, tree.encode(value.scalar)]
    if kind is Place:
        return [_PLACE, *value[1:]]
    if kind is Scalar:
        return [_SCALAR, tree.encode(value)]
    if kind in _OFTEN:
        return [_SHARED, apart.number(_parts(value, apart))]
    if kind in _NUMBERS:
        return _parts(value, apart)
    if isinstance(value, tuple | list):
        return [_TUPLE if kind is tuple else _LIST, *(encode(part, apart) for part in value)]
    if isinstance(value, Mapping):
        return {name: encode(part, apart) for name, part in value.items()}
    return value


def _parts(value: Any, apart: Apart) -> list[Any]:
    number = _NUMBERS[type(value)]
    defaults = _WHOLE[number - _FIRST][1]
    parts = list(value)
    while parts and parts[-1] == defaults[len(parts) - 1]:
        parts.pop()
    named = zip(value._fields, parts, strict=False)
    return [number, *(_source(part, apart) if name == "source" else encode(part, apart) for name, part in named)]


def _source(source: Any, apart: Apart) -> Any:
    return None if source is None else [_SHARED, apart.number(encode(source, apart))]


_NESTED = (list, dict)
_made: Any = tuple.__new__  # of thousands of values; what a named tuple's own does takes as long again


def decode(data: Any, path: str, trees: Trees, shared: list[Any]) -> Any:
    """The value that `encode` wrote, of the file at `path`."""

    def value(data: Any) -> Any:
        kind = type(data)
        if kind is dict:
            return {name: value(part) for name, part in data.items()}
        if kind is not list:
            return data
        number = data[0]
        if number == _SHARED:
            return shared[data[1]]
        if number == _FORMULA:
            return _formula(data, path, trees)
        if number == _PLACE:
            return _made(Place, (path, *data[1:]))
        if number == _SCALAR:
            return tree.decode(data[1], path)
        parts = [value(part) if type(part) in _NESTED else part for part in data[1:]]
        if number < _FIRST:
            return parts if number == _LIST else tuple(parts)
        made, defaults = _WHOLE[number - _FIRST]
        return _made(made, (*parts, *defaults[len(parts) :]))

    return value(data)


def _formula(data: list[Any], path: str, trees: Trees) -> Formula:
    _, start, end, shift, said, scalar = data
    return Formula(
        lambda: tree.decode(scalar, path),
        lambda: trees(start, end),
        shift,
        scalar[0] if said is None else said,
    )
