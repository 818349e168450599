"""Formulas of files: parsed once, remembered by their text, every fault placed in its file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

from vramledger.language.syntax import Aggregate, Expr, Number, Text
from vramledger.problems import Problem, problem
from vramledger.rules.model import Formula
from vramledger.rules.tree import Scalar

_NODES: tuple[Any, ...] = Expr.__args__
_NUMBERS = {kind: number for number, kind in enumerate(_NODES)}
_EACH = "first(0 for "
SHOWN = re.compile(r"\{([^{}]*)\}")  # a formula in a text for people
MOST_CHARACTERS = 1_000_000  # of all formulas that are read
BROKEN = Text("")  # stands for what could not be read; its fault is told, and nothing else is asked of it


class FormulaReader:
    """Reads formulas; `known` gives the trees of an earlier reading, `read` those of this one.

    What the reader of other files has read, `base`, is not read again.
    """

    def __init__(self, base: FormulaReader | None = None) -> None:
        self.base = base
        self.known: dict[str, Callable[[], Any]] = {}
        self.read: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self._room = MOST_CHARACTERS

    def know(self, places: Mapping[str, tuple[int, int]], trees: Callable[[int, int], Any]) -> None:
        """Takes what was read earlier: where the tree of each text lies, and what gives it."""
        self.known.update({text: partial(trees, *at) for text, at in places.items()})

    def formula(self, scalar: Scalar) -> Formula:
        """A formula; where it cannot be read, a problem is noted and a stand-in comes back."""
        return Formula(scalar, self._tree(scalar, scalar.text, 0))

    def each(self, scalar: Scalar) -> Formula:
        """`t in tensors if t.trainable`, as the aggregate that runs over those rows."""
        text = f"{_EACH}{scalar.text})"
        tree = self._tree(scalar, text, len(_EACH))
        if not callable(tree) and tree is not BROKEN and not (isinstance(tree, Aggregate) and tree.body == Number(0)):
            hint = "write a variable and a table: t in tensors if t.trainable"
            self.problems.append(problem("formula-syntax", "no run over rows", scalar.place, hint))
        return Formula(scalar, tree, len(_EACH))

    def literal(self, scalar: Scalar) -> Formula:
        """A text as it stands."""
        return Formula(scalar, Text(scalar.text, (0, max(1, len(scalar.text)))))

    def _tree(self, scalar: Scalar, text: str, shift: int) -> Expr | Callable[[], Expr]:
        if scalar.style == ">":
            hint = "write a formula over several lines with |"
            self.problems.append(problem("folded-formula", "a folded text (>) loses its lines", scalar.place, hint))
            return BROKEN
        found = self.found(text)
        if found is not None:
            return found
        from vramledger.language.parse import FormulaError, literal, parse

        self._room -= len(text)
        if self._room < 0:
            message = f"formulas of more than {MOST_CHARACTERS} characters in all"
            self.problems.append(problem("formula-syntax", message, scalar.place))
            return BROKEN
        try:
            tree = literal(text) or parse(text)
        except FormulaError as fault:
            place = scalar.at((max(0, min(fault.span[0] - shift, len(scalar.text) - 1)), fault.span[1]))
            self.problems.append(problem("formula-syntax", fault.message, place, *fault.hints))
            return BROKEN
        self.read[text] = tree
        return tree

    def found(self, text: str) -> Expr | Callable[[], Expr] | None:
        """The tree of a text that was read before."""
        if text in self.read:
            return self.read[text]  # type: ignore[no-any-return]
        if text in self.known:
            return self.known[text]
        return self.base.found(text) if self.base is not None else None


def readings(scalar: Scalar) -> Iterator[str]:
    """The texts under which formulas may have been read in a scalar."""
    yield from (scalar.text, f"{_EACH}{scalar.text})", *SHOWN.findall(scalar.text))


def encode(node: Any) -> Any:
    """A tree as JSON: a node is a list of its kind's number, its parts, its span. `decode` reads it back."""
    if type(node) in _NUMBERS:
        *parts, span = node
        return [_NUMBERS[type(node)], *(encode(part) for part in parts), *span]
    if isinstance(node, tuple):
        return [encode(item) for item in node]
    return str(node) if isinstance(node, Fraction) else node


_made: Any = tuple.__new__  # of thousands of nodes; what a named tuple's own does takes as long again


def decode(data: list[Any]) -> Any:
    """The tree that `encode` wrote."""
    kind = _NODES[data[0]]
    parts = [_part(part) if type(part) is list else part for part in data[1:-2]]
    if kind is Number and type(parts[0]) is str:
        parts[0] = Fraction(parts[0])
    return _made(kind, (*parts, (data[-2], data[-1])))


def _part(data: list[Any]) -> Any:
    return decode(data) if data and type(data[0]) is int else tuple([decode(item) for item in data])
