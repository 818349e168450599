"""Arithmetic on what formulas hold: exact numbers, residual nodes and ranges of either.

Ranges are closed intervals and every result encloses all results of its operands. A decision that residual nodes
leave open raises Undecided; the specialiser then follows both ways apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial, reduce
from typing import Any

from vramledger.evaluation.logic import below, both, either
from vramledger.evaluation.options import WRITTEN, leading, remember, spread
from vramledger.evaluation.residual import Node
from vramledger.evaluation.values import Range, exact, high, low

MOST_BITS = 4096


class Undecided(Exception):
    """A test over varying facts on which the shape of the result depends."""

    def __init__(self, test: Node) -> None:
        super().__init__("undecided")
        self.test = test


class Overflow(Exception):
    """A number larger than anything that can be meant."""


def _sized(value: Any) -> Any:
    if type(value) is int:
        bits = value.bit_length()
    elif type(value) is Fraction:
        bits = value.numerator.bit_length() + value.denominator.bit_length()
        value = exact(value)
    else:
        return value
    if bits > MOST_BITS:
        raise Overflow
    return value


def between(bottom: Any, top: Any) -> Any:
    """A range, or the number that is both of its ends."""
    if not isinstance(bottom, Node) and not isinstance(top, Node) and bottom == top:
        return _sized(bottom)
    return Range(_sized(bottom), _sized(top))


def decide(test: Any) -> bool:
    """A test whose answer is needed now."""
    if isinstance(test, Node):
        raise Undecided(test)
    return bool(test)


def add(a: Any, b: Any) -> Any:
    if type(a) is Range or type(b) is Range:
        return between(low(a) + low(b), high(a) + high(b))
    return _sized(a + b)


def negate(a: Any) -> Any:
    return Range(-a.high, -a.low) if type(a) is Range else -a


def subtract(a: Any, b: Any) -> Any:
    return add(a, negate(b))


def multiply(a: Any, b: Any) -> Any:
    if type(a) is not Range and type(b) is not Range:
        return _sized(a * b)
    if type(a) is Range and type(b) is Range:
        if never_negative(a.low) and never_negative(b.low):
            return between(a.low * b.low, a.high * b.high)
        return _hull(x * y for x in (a.low, a.high) for y in (b.low, b.high))
    span, factor = (a, b) if type(a) is Range else (b, a)
    if never_negative(factor):
        return between(span.low * factor, span.high * factor)
    return _hull((span.low * factor, span.high * factor))


def never_negative(value: Any) -> bool:
    return value.positive if isinstance(value, Node) else value >= 0


def _hull(values: Iterable[Any]) -> Any:
    listed = list(values)
    return between(reduce(smaller, listed), reduce(larger, listed))


def divide(a: Any, b: Any) -> Any:
    if type(b) is Range:
        if not decide(either(below(0, b.low), below(b.high, 0))):
            raise ZeroDivisionError
        return _hull(_quotient(x, y) for x in (low(a), high(a)) for y in (b.low, b.high))
    if type(a) is Range:
        return _hull((_quotient(a.low, b), _quotient(a.high, b)))
    return _quotient(a, b)


def _quotient(a: Any, b: Any) -> Any:
    if isinstance(b, Node):
        b.graph.divisors.add(b)
        positive = never_negative(a) and b.positive
        return b.graph.apply("div", a, b, positive=positive)
    if b == 0:
        raise ZeroDivisionError
    if isinstance(a, Node):
        return a * (Fraction(1) / b)
    return _sized(exact(Fraction(a) / b))


def floor_divide(a: Any, b: Any) -> Any:
    if type(a) is Range or type(b) is Range:
        return floor(divide(a, b))
    return _floor_quotient(a, b)


def _floor_quotient(a: Any, b: Any) -> Any:
    if not isinstance(a, Node) and not isinstance(b, Node):
        if b == 0:
            raise ZeroDivisionError
        return a // b
    graph = a.graph if isinstance(a, Node) else b.graph
    if b == 1 and isinstance(a, Node) and a.whole:
        return a
    if b == 0:
        raise ZeroDivisionError
    if isinstance(b, Node):
        graph.divisors.add(b)
    elif isinstance(a, Node) and (exact_part := a.divided(b)) is not None:
        return exact_part
    positive = never_negative(a) and never_negative(b)
    return graph.apply("floordiv", a, b, whole=True, positive=positive)


def modulo(a: Any, b: Any) -> Any:
    if type(a) is Range or type(b) is Range:
        bottom, top = low(b), high(b)
        if not decide(either(below(0, bottom), below(top, 0))):
            raise ZeroDivisionError
        return between(smaller(0, bottom), larger(0, top))
    return subtract(a, multiply(b, _floor_quotient(a, b)))


def power(a: Any, b: Any) -> Any:
    if type(b) is not int:
        raise ValueError("an exponent is a whole, known number")
    if b < 0:
        return divide(1, power(a, -b))
    for end in (low(a), high(a)):
        size = (
            max(exact(end).numerator.bit_length(), exact(end).denominator.bit_length())
            if not isinstance(end, Node)
            else 1
        )
        if size * b > MOST_BITS:
            raise Overflow
    if type(a) is Range and b % 2 == 0 and b > 0:
        ends = (_power(a.low, b), _power(a.high, b))
        crosses = decide(both(below(a.low, 0), below(0, a.high)))
        return between(0 if crosses else smaller(*ends), larger(*ends))
    if type(a) is Range:
        return between(_power(a.low, b), _power(a.high, b))
    return _power(a, b)


def _power(a: Any, exponent: int) -> Any:
    if not isinstance(a, Node):
        return exact(a**exponent)
    if exponent > 16:
        raise Overflow
    return reduce(lambda x, _: x * a, range(exponent), 1)


def minimum(values: list[Any]) -> Any:
    return _ends(smaller, values)


def maximum(values: list[Any]) -> Any:
    return _ends(larger, values)


def _ends(pick: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    bottom = reduce(pick, [low(value) for value in values])
    if any(type(value) is Range for value in values):
        return Range(bottom, reduce(pick, [high(value) for value in values]))
    return bottom


def smaller(a: Any, b: Any) -> Any:
    return _extreme("min", a, b)


def larger(a: Any, b: Any) -> Any:
    """The larger of two, written without what can never be it in a chain of them."""
    if not isinstance(a, Node) and not isinstance(b, Node):
        return max(a, b)
    options = leading([*spread(a), *spread(b)])
    found = reduce(partial(_extreme, "max"), options if len(options) <= WRITTEN else [a, b])
    remember(found, options)
    return found


def _extreme(op: str, a: Any, b: Any) -> Any:
    if not isinstance(a, Node) and not isinstance(b, Node):
        return min(a, b) if op == "min" else max(a, b)
    if (a.key if isinstance(a, Node) else a) == (b.key if isinstance(b, Node) else b):
        return a
    difference = a - b
    if isinstance(difference, Node):
        if difference.positive:
            return b if op == "min" else a
        if (-difference).positive:
            return a if op == "min" else b
        graph = difference.graph
        shared = _in_common(a, b)
        if shared:
            common = Node(graph, shared)
            return common + _extreme(op, a - common, b - common)
        parts = [part if isinstance(part, Node) else None for part in (a, b)]
        whole = all(part.whole if part else isinstance(value, int) for part, value in zip(parts, (a, b), strict=True))
        signs = [never_negative(part) for part in (a, b)]
        positive = all(signs) if op == "min" else any(signs)
        return graph.apply(op, a, b, whole=whole, positive=positive)
    return (b if difference >= 0 else a) if op == "min" else (a if difference >= 0 else b)


def _in_common(a: Any, b: Any) -> dict[Any, Any]:
    """The terms that two sums share, as far as their signs do: what an extreme of them has on top."""
    sums: list[dict[Any, Any]] = [dict(part.terms) if isinstance(part, Node) else {(): part} for part in (a, b)]
    left, right = sums
    found: dict[Any, Any] = {}
    for monomial, one in left.items():
        two = right.get(monomial, 0)
        if one * two > 0:
            found[monomial] = min(one, two) if one > 0 else max(one, two)
    return found if any(found) else {}


def floor(a: Any) -> Any:
    if type(a) is Range:
        return between(floor(a.low), floor(a.high))
    if not isinstance(a, Node):
        return a // 1
    atom = a.atom()
    if atom is not None and atom.op == "div":
        return _floor_quotient(*atom.arguments)
    return _floor_quotient(a, 1)


def ceil(a: Any) -> Any:
    if type(a) is Range:
        return between(ceil(a.low), ceil(a.high))
    atom = a.atom() if isinstance(a, Node) else None
    if atom is not None and atom.op == "div":
        return ceil_divide(*atom.arguments)
    return -floor(-a)


def ceil_divide(a: Any, b: Any) -> Any:
    if type(a) is Range or type(b) is Range:
        return ceil(divide(a, b))
    return -_floor_quotient(-a, b)


def round_up(a: Any, step: Any) -> Any:
    return multiply(ceil_divide(a, step), step)
