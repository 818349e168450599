"""Formulas of files: parsed once, remembered by their text, every fault placed in its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from vramledger.language.syntax import Expr, Text
from vramledger.problems import Problem, problem
from vramledger.rules.model import Formula
from vramledger.rules.tree import Scalar

_NODES = {cls.__name__: cls for cls in Expr.__args__}
_EACH = "first(0 for "


class FormulaReader:
    """Reads formulas; `known` holds the encoded trees of an earlier reading, `read` those of this one."""

    def __init__(self, known: dict[str, Any] | None = None) -> None:
        self.known = known or {}
        self.read: dict[str, Any] = {}
        self.problems: list[Problem] = []

    def formula(self, scalar: Scalar) -> Formula:
        """A formula; where it cannot be read, a problem is noted and a stand-in comes back."""
        return Formula(scalar, self._tree(scalar, scalar.text, 0))

    def each(self, scalar: Scalar) -> Formula:
        """`t in tensors if t.trainable`, as the aggregate that runs over those rows."""
        return Formula(scalar, self._tree(scalar, f"{_EACH}{scalar.text})", len(_EACH)), len(_EACH))

    def literal(self, scalar: Scalar) -> Formula:
        """A text as it stands."""
        return Formula(scalar, Text(scalar.text, (0, max(1, len(scalar.text)))))

    def _tree(self, scalar: Scalar, text: str, shift: int) -> Expr | Callable[[], Expr]:
        if text in self.known:
            encoded = self.known[text]
            return lambda: decode(json.loads(encoded))
        from vramledger.language.parse import FormulaError, parse

        if scalar.style == ">":
            hint = "write a formula over several lines with |"
            self.problems.append(problem("folded-formula", "a folded text (>) loses its lines", scalar.place, hint))
            return Text("")
        try:
            tree = parse(text)
        except FormulaError as fault:
            place = scalar.at((max(0, min(fault.span[0] - shift, len(scalar.text) - 1)), fault.span[1]))
            self.problems.append(problem("formula-syntax", fault.message, place, *fault.hints))
            return Text("")
        if text not in self.read:
            self.read[text] = tree
        return tree


def encode(node: Any) -> Any:
    """A tree as JSON; `decode` reads it back."""
    if type(node).__name__ in _NODES:
        return {"n": type(node).__name__, "v": [encode(value) for value in node]}
    if isinstance(node, tuple):
        return [encode(item) for item in node]
    if isinstance(node, Fraction):
        return {"f": [node.numerator, node.denominator]}
    return node


def decode(data: Any) -> Any:
    """The tree that `encode` wrote."""
    if isinstance(data, dict):
        if "f" in data:
            return Fraction(*data["f"])
        return _NODES[data["n"]](*[decode(value) for value in data["v"]])
    if isinstance(data, list):
        return tuple([decode(item) for item in data])
    return data
