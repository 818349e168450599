"""Square roots of what formulas hold: exact where they are rational, else between two bounds."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import Any

from vramledger.evaluation.arithmetic import between, decide
from vramledger.evaluation.residual import Node
from vramledger.evaluation.values import Range, exact

_SQRT_DIGITS = 10**14


def square_root(a: Any) -> Any:
    """Exact where it is known and rational, else the enclosing range at a relative 1e-12 or better."""
    if type(a) is Range:
        return between(_root(a.low)[0], _root(a.high)[1])
    bottom, top = _root(a)
    return bottom if not isinstance(a, Node) and bottom == top else between(bottom, top)


def decided_root(a: Any) -> Any:
    """The square root, where it must be known whether it is rational."""
    if isinstance(a, Node) and decide(a.graph.test("square", a)):
        return _root(a)[0]
    return square_root(a)


def _root(a: Any) -> tuple[Any, Any]:
    if isinstance(a, Node):
        down = a.graph.apply("sqrt_low", a, positive=True)
        return down, a.graph.apply("sqrt_high", a, positive=True)
    return root_bounds(a)


def root_bounds(a: Any) -> tuple[Any, Any]:
    """The closest bounds of a known number's square root that are kept."""
    if a < 0:
        raise ValueError("the square root of a negative number")
    number = Fraction(a)
    inside = number.numerator * number.denominator
    whole = isqrt(inside)
    if whole * whole == inside:
        found = exact(Fraction(whole, number.denominator))
        return found, found
    scale = _SQRT_DIGITS
    down = isqrt(inside * scale * scale)
    below = number.denominator * scale
    return exact(Fraction(down, below)), exact(Fraction(down + 1, below))
