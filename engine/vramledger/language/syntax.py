"""The tree of a formula: frozen nodes, each with its span (offset, length) in the text it was read from."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

Span = tuple[int, int]
NOWHERE: Span = (0, 1)
Numeral = int | Fraction

# Bytes (or plain factor) of one unit of each literal's suffix.
UNITS: dict[str, Numeral] = {
    "bit": Fraction(1, 8),
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "percent": Fraction(1, 100),
}
AGGREGATES = ("sum", "product", "max", "min", "count", "any", "all", "first", "list")


def _same(self: tuple[Any, ...], other: object) -> bool:
    return type(self) is type(other) and self[:-1] == other[:-1]


def _differs(self: tuple[Any, ...], other: object) -> bool:
    return not _same(self, other)


def _hash(self: tuple[Any, ...]) -> int:
    return hash((type(self).__name__, self[:-1]))


_Class = TypeVar("_Class")


def _node(made: type[_Class]) -> type[_Class]:
    """Nodes are equal where their kind and parts are, wherever they stand."""
    made.__eq__, made.__ne__, made.__hash__ = _same, _differs, _hash  # type: ignore[assignment,method-assign]
    return made


@_node
class Number(NamedTuple):
    """A literal; `value` is exact and counts units of `unit`."""

    value: Numeral
    unit: str | None = None
    span: Span = NOWHERE


@_node
class Text(NamedTuple):
    value: str
    span: Span = NOWHERE


@_node
class Truth(NamedTuple):
    value: bool
    span: Span = NOWHERE


@_node
class Name(NamedTuple):
    """A dotted name: a quantity, a table, or a row's variable followed by columns."""

    name: str
    span: Span = NOWHERE


@_node
class Field(NamedTuple):
    """A column of the row that `of` gives."""

    of: Expr
    name: str
    span: Span = NOWHERE


@_node
class Index(NamedTuple):
    """The entry of a catalog or the item of a list that `key` names."""

    of: Expr
    key: Expr
    span: Span = NOWHERE


@_node
class Unary(NamedTuple):
    op: str
    operand: Expr
    span: Span = NOWHERE


@_node
class Binary(NamedTuple):
    op: str
    left: Expr
    right: Expr
    span: Span = NOWHERE


@_node
class Conditional(NamedTuple):
    then: Expr
    test: Expr
    otherwise: Expr
    span: Span = NOWHERE


@_node
class Call(NamedTuple):
    function: str
    arguments: tuple[Expr, ...]
    span: Span = NOWHERE


@_node
class Aggregate(NamedTuple):
    """`function(body for variable in over if condition)`."""

    function: str
    body: Expr
    variable: str
    over: Expr
    condition: Expr | None = None
    span: Span = NOWHERE


Expr = Number | Text | Truth | Name | Field | Index | Unary | Binary | Conditional | Call | Aggregate


def children(node: Expr) -> Iterator[Expr]:
    """The direct parts of a node, in the order they stand in the text."""
    match node:
        case Field(of):
            yield of
        case Index(of, key):
            yield from (of, key)
        case Unary(_, operand):
            yield operand
        case Binary(_, left, right):
            yield from (left, right)
        case Conditional(then, test, otherwise):
            yield from (then, test, otherwise)
        case Call(_, arguments):
            yield from arguments
        case Aggregate(_, body, _, over, condition):
            yield from (body, over)
            if condition is not None:
                yield condition


def walk(node: Expr) -> Iterator[Expr]:
    """A node and everything below it."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(children(top))
