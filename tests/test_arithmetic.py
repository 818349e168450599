"""Arithmetic on numbers and ranges: exact on numbers, and ranges enclose every result, no more than they must."""

from __future__ import annotations

import operator
from fractions import Fraction
from itertools import product
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import operands, shares
from vramledger.evaluation import arithmetic as number
from vramledger.evaluation.arithmetic import MOST_BITS, Overflow
from vramledger.evaluation.choice import choose
from vramledger.evaluation.logic import both, compare, either, negated
from vramledger.evaluation.roots import square_root
from vramledger.evaluation.values import NotApplicable, Range, Verdict, high, low, public

EITHER = Verdict(certain=False, possible=True)
MANY = settings(max_examples=200, deadline=None)


def quotient(x, y):
    return Fraction(x) / y


PAIRS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": quotient,
    "floor_divide": operator.floordiv,
    "modulo": operator.mod,
    "ceil_divide": lambda x, y: ceil(quotient(x, y)),
    "round_up": lambda x, y: ceil(quotient(x, y)) * y,
    "minimum": min,
    "maximum": max,
}
LISTS = ("minimum", "maximum")
DIVISIONS = ("divide", "floor_divide", "modulo", "ceil_divide", "round_up")
LOOSE = ("modulo", "round_up")  # neither is monotone: these ranges may be wider than the results


def applied(name, a, b):
    function = getattr(number, name)
    return function([a, b]) if name in LISTS else function(a, b)


def point(operand, share):
    return low(operand) + (high(operand) - low(operand)) * share


def corners(operand):
    return (low(operand), high(operand))


def assert_exact(*values):
    for value in values:
        for end in corners(value):
            assert type(end) in (int, Fraction)
            assert type(end) is int or end.denominator > 1
        assert low(value) <= high(value)


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=100, deadline=None)
@given(a=operands, b=operands, first=shares, second=shares)
def test_two_operands(name, a, b, first, second):
    reference = PAIRS[name]
    try:
        found = applied(name, a, b)
    except ZeroDivisionError:
        assert name in DIVISIONS
        assert low(b) <= 0 <= high(b)
        return
    assert name not in DIVISIONS or not low(b) <= 0 <= high(b)
    assert_exact(found)
    assert low(found) <= reference(point(a, first), point(b, second)) <= high(found)
    if not isinstance(a, Range) and not isinstance(b, Range):
        assert found == reference(a, b)
    elif name not in LOOSE:
        ends = [reference(x, y) for x, y in product(corners(a), corners(b))]
        assert corners(found) == (min(ends), max(ends))


@MANY
@given(operands, st.integers(-3, 5), shares)
def test_power(base, exponent, share):
    try:
        found = number.power(base, exponent)
    except ZeroDivisionError:
        assert exponent < 0
        assert low(base) <= 0 <= high(base)
        return
    assert_exact(found)
    crossed = [0] if low(base) < 0 < high(base) else []
    ends = [Fraction(x) ** exponent for x in (*corners(base), *crossed)]
    assert corners(found) == (min(ends), max(ends))
    assert low(found) <= Fraction(point(base, share)) ** exponent <= high(found)


@pytest.mark.parametrize(("name", "reference"), [("negate", operator.neg), ("floor", floor), ("ceil", ceil)])
@given(a=operands, share=shares)
def test_one_operand(name, reference, a, share):
    found = getattr(number, name)(a)
    assert_exact(found)
    assert low(found) <= reference(point(a, share)) <= high(found)
    assert corners(found) == tuple(sorted(map(reference, corners(a))))


@MANY
@given(operands.filter(lambda a: low(a) >= 0), st.sampled_from([1, 10**20, Fraction(1, 10**20)]))
def test_square_root(a, scale):
    a = number.multiply(a, scale)
    found = square_root(a)
    assert_exact(found)
    assert low(found) ** 2 <= low(a)
    assert high(a) <= high(found) ** 2
    for end, exact_end in ((low(found), low(a)), (high(found), high(a))):
        assert abs(end**2 - exact_end) <= exact_end * Fraction(2, 10**12)
    squared = number.power(a, 2)
    assert corners(square_root(squared)) == corners(a)


COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@pytest.mark.parametrize("op", COMPARE)
@settings(max_examples=100, deadline=None)
@given(a=operands, b=operands, first=shares, second=shares)
def test_compare(op, a, b, first, second):
    found = compare(op, a, b)
    holds = COMPARE[op](point(a, first), point(b, second))
    assert found == EITHER or found is holds
    meets = max(low(a), low(b))  # a point of both, where there is one
    samples = {COMPARE[op](x, y) for x, y in product(corners(a), corners(b))}
    if low(a) <= meets <= high(a) and low(b) <= meets <= high(b):
        samples.add(COMPARE[op](meets, meets))
    assert (found == EITHER) == (len(samples) == 2)


@MANY
@given(operands, operands, operands, operands, shares, shares)
def test_choose_on_a_verdict_encloses_both_branches(a, b, then, otherwise, first, second):
    test = compare("<", a, b)
    if not isinstance(test, Verdict):
        assert test is (point(a, first) < point(b, second))
        return
    found = choose(test, then, otherwise)
    assert_exact(found)
    assert low(found) == min(low(then), low(otherwise))
    assert high(found) == max(high(then), high(otherwise))


CHOICES = [
    (1, 1, 1),
    (Range(1, 2), 5, Range(1, 5)),
    ("bf16", "bf16", "bf16"),
    (True, True, True),
    (True, False, EITHER),
    (EITHER, False, EITHER),
]


@pytest.mark.parametrize(("then", "otherwise", "found"), CHOICES)
def test_choose_on_an_open_verdict(then, otherwise, found):
    assert choose(EITHER, then, otherwise) == found


@pytest.mark.parametrize(("then", "otherwise"), [("bf16", "fp32"), (1, "fp32"), (True, 1)])
def test_branches_that_cannot_be_joined_are_missing(then, otherwise):
    found = choose(EITHER, then, otherwise)
    assert isinstance(found, NotApplicable)
    assert found.missing


ANSWERS = (True, False, EITHER)


def meant(answer):
    return {True, False} if answer == EITHER else {answer}


@pytest.mark.parametrize(("a", "b"), list(product(ANSWERS, ANSWERS)))
def test_logic_of_what_may_fall_either_way(a, b):
    pairs = list(product(meant(a), meant(b)))
    assert meant(both(a, b)) == {x and y for x, y in pairs}
    assert meant(either(a, b)) == {x or y for x, y in pairs}
    assert meant(negated(a)) == {not x for x in meant(a)}


ZERO_DIVISORS = [0, Fraction(0), Range(0, 1), Range(-1, 0), Range(-1, 1), Range(0, 0)]


@pytest.mark.parametrize("divisor", ZERO_DIVISORS)
@pytest.mark.parametrize("name", DIVISIONS)
def test_a_divisor_that_may_be_zero(name, divisor):
    for a in (0, 6, Fraction(1, 3), Range(-2, 5)):
        with pytest.raises(ZeroDivisionError):
            applied(name, a, divisor)
    with pytest.raises(ZeroDivisionError):
        number.power(divisor, -2)


BIG = 2 ** (MOST_BITS - 1)
LIMITS = [
    (number.power, 2, MOST_BITS, Overflow),
    (number.power, 2, 10**12, Overflow),
    (number.power, Fraction(1, 3), 10**12, Overflow),
    (number.power, Range(1, 2), 10**12, Overflow),
    (number.power, Range(-(10**600), 1), 3, Overflow),
    (number.power, 2, -(10**12), Overflow),
    (number.multiply, BIG, 2, Overflow),
    (number.add, BIG, BIG, Overflow),
    (number.multiply, Range(0, BIG), 2, Overflow),
    (number.divide, 1, Fraction(1, 2 * BIG), Overflow),
    (number.power, 2, Fraction(1, 2), ValueError),
    (number.power, 2, Range(1, 2), ValueError),
    (number.power, 0, -1, ZeroDivisionError),
]


@pytest.mark.parametrize(("function", "a", "b", "fault"), LIMITS)
def test_limits(function, a, b, fault):
    with pytest.raises(fault):
        function(a, b)


@pytest.mark.parametrize("a", [-1, Fraction(-1, 9), Range(-1, 4)])
def test_no_root_of_a_negative_number(a):
    with pytest.raises(ValueError, match="square root of a negative number"):
        square_root(a)


EXACT = [
    (number.power, (2, MOST_BITS // 2), 2 ** (MOST_BITS // 2)),
    (number.power, (0, 0), 1),
    (number.power, (Fraction(1, 2), 0), 1),
    (number.divide, (6, 3), 2),
    (number.divide, (1, 3), Fraction(1, 3)),
    (number.add, (Fraction(1, 2), Fraction(1, 2)), 1),
    (number.floor_divide, (-7, 2), -4),
    (number.ceil_divide, (-7, 2), -3),
    (number.modulo, (-7, 4), 1),
    (number.modulo, (7, -4), -1),
    (number.round_up, (10**30 + 1, 512), 10**30 - 10**30 % 512 + 512),
    (square_root, (Fraction(9, 4),), Fraction(3, 2)),
    (compare, ("==", True, 1), False),
    (compare, ("==", 10**20, Fraction(10**20)), True),
    (compare, ("==", "bf16", "bf16"), True),
]


@pytest.mark.parametrize(("function", "operands_", "expected"), EXACT)
def test_exact_results(function, operands_, expected):
    found = function(*operands_)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("function", [number.add, number.multiply])
def test_a_range_of_one_number_keeps_its_kind_whatever_the_number(function):
    kinds = {type(public(function(Range(size, size), size))) for size in (1, 10**6)}
    assert len(kinds) == 1
