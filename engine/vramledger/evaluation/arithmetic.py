"""Arithmetic on what formulas hold: exact numbers, residual nodes, ranges of either, and what is not applicable.

Ranges are closed intervals and every result encloses all results of its operands. A decision that residual nodes
leave open raises Undecided; the specialiser then follows both ways apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial, reduce
from math import isqrt
from typing import Any

from vramledger.evaluation.options import WRITTEN, leading, remember, spread
from vramledger.evaluation.residual import Node
from vramledger.evaluation.values import NotApplicable, Range, Verdict, exact

MOST_BITS = 4096
_SQRT_DIGITS = 10**14


class Undecided(Exception):
    """A test over varying facts on which the shape of the result depends."""

    def __init__(self, test: Node) -> None:
        super().__init__("undecided")
        self.test = test


class Overflow(Exception):
    """A number larger than anything that can be meant."""


def low(value: Any) -> Any:
    return value.low if type(value) is Range else value


def high(value: Any) -> Any:
    return value.high if type(value) is Range else value


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


def _pair(bottom: Any, top: Any) -> Any:
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
        return _pair(low(a) + low(b), high(a) + high(b))
    return _sized(a + b)


def negate(a: Any) -> Any:
    return Range(-a.high, -a.low) if type(a) is Range else -a


def subtract(a: Any, b: Any) -> Any:
    return add(a, negate(b))


def multiply(a: Any, b: Any) -> Any:
    if type(a) is not Range and type(b) is not Range:
        return _sized(a * b)
    if type(a) is Range and type(b) is Range:
        if _never_negative(a.low) and _never_negative(b.low):
            return _pair(a.low * b.low, a.high * b.high)
        return _hull(x * y for x in (a.low, a.high) for y in (b.low, b.high))
    span, factor = (a, b) if type(a) is Range else (b, a)
    if _never_negative(factor):
        return _pair(span.low * factor, span.high * factor)
    return _hull((span.low * factor, span.high * factor))


def _never_negative(value: Any) -> bool:
    return value.positive if isinstance(value, Node) else value >= 0


def _hull(values: Iterable[Any]) -> Any:
    listed = list(values)
    return _pair(reduce(_smaller, listed), reduce(_larger, listed))


def divide(a: Any, b: Any) -> Any:
    if type(b) is Range:
        if not decide(_logic_or(_below(0, b.low), _below(b.high, 0))):
            raise ZeroDivisionError
        return _hull(_quotient(x, y) for x in (low(a), high(a)) for y in (b.low, b.high))
    if type(a) is Range:
        return _hull((_quotient(a.low, b), _quotient(a.high, b)))
    return _quotient(a, b)


def _quotient(a: Any, b: Any) -> Any:
    if isinstance(b, Node):
        b.graph.divisors.add(b)
        positive = _never_negative(a) and b.positive
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
    positive = _never_negative(a) and _never_negative(b)
    return graph.apply("floordiv", a, b, whole=True, positive=positive)


def modulo(a: Any, b: Any) -> Any:
    if type(a) is Range or type(b) is Range:
        bottom, top = low(b), high(b)
        if not decide(_logic_or(_below(0, bottom), _below(top, 0))):
            raise ZeroDivisionError
        return _pair(_smaller(0, bottom), _larger(0, top))
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
        crosses = decide(_logic_and(_below(a.low, 0), _below(0, a.high)))
        return _pair(0 if crosses else _smaller(*ends), _larger(*ends))
    if type(a) is Range:
        return _pair(_power(a.low, b), _power(a.high, b))
    return _power(a, b)


def _power(a: Any, exponent: int) -> Any:
    if not isinstance(a, Node):
        return exact(a**exponent)
    if exponent > 16:
        raise Overflow
    return reduce(lambda x, _: x * a, range(exponent), 1)


def minimum(values: list[Any]) -> Any:
    return _ends(_smaller, values)


def maximum(values: list[Any]) -> Any:
    return _ends(_larger, values)


def _ends(pick: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    bottom = reduce(pick, [low(value) for value in values])
    if any(type(value) is Range for value in values):
        return Range(bottom, reduce(pick, [high(value) for value in values]))
    return bottom


def _smaller(a: Any, b: Any) -> Any:
    return _extreme("min", a, b)


def _larger(a: Any, b: Any) -> Any:
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
        both = [part if isinstance(part, Node) else None for part in (a, b)]
        whole = all(part.whole if part else isinstance(value, int) for part, value in zip(both, (a, b), strict=True))
        signs = [_never_negative(part) for part in (a, b)]
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
        return _pair(floor(a.low), floor(a.high))
    if not isinstance(a, Node):
        return a // 1
    atom = a.atom()
    if atom is not None and atom.op == "div":
        return _floor_quotient(*atom.arguments)
    return _floor_quotient(a, 1)


def ceil(a: Any) -> Any:
    if type(a) is Range:
        return _pair(ceil(a.low), ceil(a.high))
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


def square_root(a: Any) -> Any:
    """Exact where it is known and rational, else the enclosing range at a relative 1e-12 or better."""
    if type(a) is Range:
        return _pair(_root(a.low)[0], _root(a.high)[1])
    bottom, top = _root(a)
    return bottom if not isinstance(a, Node) and bottom == top else _pair(bottom, top)


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


def compare(op: str, a: Any, b: Any) -> Any:
    """A comparison of numbers, or of anything else for equality."""
    if op == "!=":
        return negated(compare("==", a, b))
    if op in (">", ">="):
        a, b, op = b, a, {">": "<", ">=": "<="}[op]
    if type(a) is not Range and type(b) is not Range:
        return {"<": _below, "<=": _not_above, "==": _same}[op](a, b)
    if op == "==":
        inside = _logic_and(_not_above(low(a), high(b)), _not_above(low(b), high(a)))
        points = _logic_and(_same(low(a), high(a)), _same(low(b), high(b)))
        return _verdict(_logic_and(points, inside), inside)
    test = _below if op == "<" else _not_above
    return _verdict(test(high(a), low(b)), test(low(a), high(b)))


def _verdict(certain: Any, possible: Any) -> Any:
    if certain is True or possible is False:
        return certain is True
    return Verdict(certain, possible)


def _below(a: Any, b: Any) -> Any:
    difference = a - b
    if not isinstance(difference, Node):
        return difference < 0
    return False if difference.positive else difference.graph.test("below", difference)


def _not_above(a: Any, b: Any) -> Any:
    return _logic_not(_below(b, a))


def _same(a: Any, b: Any) -> Any:
    if not isinstance(a, Node) and not isinstance(b, Node):
        return type(a) is type(b) and a == b if isinstance(a, bool) or isinstance(b, bool) else bool(a == b)
    if isinstance(a, bool | str) or isinstance(b, bool | str):
        # a test against true or false
        test, flag = (a, b) if isinstance(a, Node) else (b, a)
        return (test if flag else _logic_not(test)) if isinstance(flag, bool) else False
    difference = a - b
    if not isinstance(difference, Node):
        return difference == 0
    return difference.graph.test("zero", difference)


def _logic_not(a: Any) -> Any:
    if not isinstance(a, Node):
        return not a
    atom = a.atom()
    return atom.arguments[0] if atom is not None and atom.op == "not" else a.graph.test("not", a)


def _logic_and(a: Any, b: Any) -> Any:
    if a is False or b is False:
        return False
    if a is True:
        return b
    return a if b is True else a.graph.test("and", a, b)


def _logic_or(a: Any, b: Any) -> Any:
    return _logic_not(_logic_and(_logic_not(a), _logic_not(b)))


def _certain(a: Any) -> Any:
    return a.certain if isinstance(a, Verdict) else a


def _possible(a: Any) -> Any:
    return a.possible if isinstance(a, Verdict) else a


def negated(a: Any) -> Any:
    if isinstance(a, Verdict):
        return _verdict(_logic_not(a.possible), _logic_not(a.certain))
    return _logic_not(a)


def both(a: Any, b: Any) -> Any:
    if isinstance(a, Verdict) or isinstance(b, Verdict):
        return _verdict(_logic_and(_certain(a), _certain(b)), _logic_and(_possible(a), _possible(b)))
    return _logic_and(a, b)


def either(a: Any, b: Any) -> Any:
    return negated(both(negated(a), negated(b)))


def choose(test: Any, then: Any, otherwise: Any) -> Any:
    """One of two values by a test that is a residual node or a verdict; ranges join. Raises Undecided."""
    if isinstance(test, Verdict):
        return _choose_verdict(test, then, otherwise)
    if type(then) is type(otherwise) and then == otherwise:
        return then
    if is_test(then) and is_test(otherwise):
        return _logic_or(_logic_and(test, then), _logic_and(_logic_not(test), otherwise))
    if not _is_number(then) or not _is_number(otherwise):
        raise Undecided(test)
    if type(then) is Range or type(otherwise) is Range:
        return Range(_if(test, low(then), low(otherwise)), _if(test, high(then), high(otherwise)))
    return _if(test, then, otherwise)


def _if(test: Node, then: Any, otherwise: Any) -> Any:
    if (then.key if isinstance(then, Node) else then) == (otherwise.key if isinstance(otherwise, Node) else otherwise):
        return then
    whole = all(part.whole if isinstance(part, Node) else isinstance(part, int) for part in (then, otherwise))
    positive = _never_negative(then) and _never_negative(otherwise)
    return test.graph.apply("if", test, then, otherwise, whole=whole, positive=positive)


def _choose_verdict(test: Verdict, then: Any, otherwise: Any) -> Any:
    if type(then) is type(otherwise) and then == otherwise:
        return then
    if _is_number(then) and _is_number(otherwise):
        joined = Range(_smaller(low(then), low(otherwise)), _larger(high(then), high(otherwise)))
        for answer, value in ((test.certain, then), (_logic_not(test.possible), otherwise)):
            if isinstance(answer, Node):
                joined = choose(answer, value, joined)
        return joined
    truths = (bool, Node, Verdict)
    if isinstance(then, truths) and isinstance(otherwise, truths):
        return either(both(test, then), both(negated(test), otherwise))
    return NotApplicable("a test over ranges falls either way, and its branches are not numbers", missing=True)


def is_test(value: Any) -> bool:
    """Whether it is true, false, or a residual test."""
    if isinstance(value, Node):
        atom = value.atom()
        return atom is not None and atom.op in ("below", "zero", "not", "and", "fraction", "square")
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Range, Node, Fraction)) and type(value) is not bool
