"""A choice between two values by a test that is open: both of them, under it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from vramledger.evaluation.arithmetic import Undecided, larger, never_negative, smaller
from vramledger.evaluation.logic import both, either, is_test, negated
from vramledger.evaluation.residual import Node
from vramledger.evaluation.values import NotApplicable, Range, Verdict, high, low


def choose(test: Any, then: Any, otherwise: Any) -> Any:
    """One of two values by a test that is a residual node or a verdict; ranges join. Raises Undecided."""
    if isinstance(test, Verdict):
        return _choose_verdict(test, then, otherwise)
    if type(then) is type(otherwise) and then == otherwise:
        return then
    if is_test(then) and is_test(otherwise):
        return either(both(test, then), both(negated(test), otherwise))
    if not _is_number(then) or not _is_number(otherwise):
        raise Undecided(test)
    if type(then) is Range or type(otherwise) is Range:
        return Range(_if(test, low(then), low(otherwise)), _if(test, high(then), high(otherwise)))
    return _if(test, then, otherwise)


def _if(test: Node, then: Any, otherwise: Any) -> Any:
    if (then.key if isinstance(then, Node) else then) == (otherwise.key if isinstance(otherwise, Node) else otherwise):
        return then
    whole = all(part.whole if isinstance(part, Node) else isinstance(part, int) for part in (then, otherwise))
    positive = never_negative(then) and never_negative(otherwise)
    return test.graph.apply("if", test, then, otherwise, whole=whole, positive=positive)


def _choose_verdict(test: Verdict, then: Any, otherwise: Any) -> Any:
    if type(then) is type(otherwise) and then == otherwise:
        return then
    if _is_number(then) and _is_number(otherwise):
        joined = Range(smaller(low(then), low(otherwise)), larger(high(then), high(otherwise)))
        for answer, value in ((test.certain, then), (negated(test.possible), otherwise)):
            if isinstance(answer, Node):
                joined = choose(answer, value, joined)
        return joined
    truths = (bool, Node, Verdict)
    if isinstance(then, truths) and isinstance(otherwise, truths):
        return either(both(test, then), both(negated(test), otherwise))
    return NotApplicable("a test over ranges falls either way, and its branches are not numbers", missing=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Range, Node, Fraction)) and type(value) is not bool
