"""Tests on what formulas hold: comparisons, and what joins them; over ranges their answer may be a verdict."""

from __future__ import annotations

from typing import Any

from vramledger.evaluation.residual import Node
from vramledger.evaluation.values import Range, Verdict, high, low


def compare(op: str, a: Any, b: Any) -> Any:
    """A comparison of numbers, or of anything else for equality."""
    if op == "!=":
        return negated(compare("==", a, b))
    if op in (">", ">="):
        a, b, op = b, a, {">": "<", ">=": "<="}[op]
    if type(a) is not Range and type(b) is not Range:
        return {"<": below, "<=": _not_above, "==": _same}[op](a, b)
    if op == "==":
        inside = _and(_not_above(low(a), high(b)), _not_above(low(b), high(a)))
        points = _and(_same(low(a), high(a)), _same(low(b), high(b)))
        return _verdict(_and(points, inside), inside)
    test = below if op == "<" else _not_above
    return _verdict(test(high(a), low(b)), test(low(a), high(b)))


def _verdict(certain: Any, possible: Any) -> Any:
    if certain is True or possible is False:
        return certain is True
    return Verdict(certain, possible)


def below(a: Any, b: Any) -> Any:
    difference = a - b
    if not isinstance(difference, Node):
        return difference < 0
    return False if difference.positive else difference.graph.test("below", difference)


def _not_above(a: Any, b: Any) -> Any:
    return _not(below(b, a))


def _same(a: Any, b: Any) -> Any:
    if not isinstance(a, Node) and not isinstance(b, Node):
        return type(a) is type(b) and a == b if isinstance(a, bool) or isinstance(b, bool) else bool(a == b)
    if isinstance(a, bool | str) or isinstance(b, bool | str):
        # a test against true or false
        test, flag = (a, b) if isinstance(a, Node) else (b, a)
        return (test if flag else _not(test)) if isinstance(flag, bool) else False
    difference = a - b
    if not isinstance(difference, Node):
        return difference == 0
    return difference.graph.test("zero", difference)


def _not(a: Any) -> Any:
    if not isinstance(a, Node):
        return not a
    atom = a.atom()
    return atom.arguments[0] if atom is not None and atom.op == "not" else a.graph.test("not", a)


def _and(a: Any, b: Any) -> Any:
    if a is False or b is False:
        return False
    if a is True:
        return b
    return a if b is True else a.graph.test("and", a, b)


def _certain(a: Any) -> Any:
    return a.certain if isinstance(a, Verdict) else a


def _possible(a: Any) -> Any:
    return a.possible if isinstance(a, Verdict) else a


def negated(a: Any) -> Any:
    if isinstance(a, Verdict):
        return _verdict(_not(a.possible), _not(a.certain))
    return _not(a)


def both(a: Any, b: Any) -> Any:
    if isinstance(a, Verdict) or isinstance(b, Verdict):
        return _verdict(_and(_certain(a), _certain(b)), _and(_possible(a), _possible(b)))
    return _and(a, b)


def either(a: Any, b: Any) -> Any:
    return negated(both(negated(a), negated(b)))


def is_test(value: Any) -> bool:
    """Whether it is true, false, or a residual test."""
    if isinstance(value, Node):
        atom = value.atom()
        return atom is not None and atom.op in ("below", "zero", "not", "and", "fraction", "square")
    return isinstance(value, bool)
