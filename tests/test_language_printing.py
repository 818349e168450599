"""Parsing, printing and what is said of a formula that cannot be read."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strategies import OPERATORS, formulas
from vramledger.language.parse import DEEPEST, LONGEST, FormulaError, parse
from vramledger.language.printing import to_latex, to_text
from vramledger.language.syntax import (
    Aggregate,
    Binary,
    Call,
    Conditional,
    Index,
    Name,
    Number,
    Text,
    Unary,
    children,
    walk,
)

A, B, C = Name("a"), Name("b"), Name("c")


@settings(max_examples=200, deadline=None)
@given(formulas)
def test_print_then_parse_is_the_identity(tree):
    assert parse(to_text(tree)) == tree


SHAPES = [
    *((lambda left, right, op=op: Binary(op, left, right), 2) for op in OPERATORS),
    *((lambda part, op=op: Unary(op, part), 1) for op in ("-", "not")),
    (Conditional, 3),
    (lambda first, second: Call("f", (first, second)), 2),
    (lambda body, over, condition: Aggregate("sum", body, "r", over, condition), 3),
    (lambda body, over: Aggregate("any", body, "r", over), 2),
    (Index, 2),
]


def test_every_node_prints_inside_every_other():
    for (outer, places), (inner, parts) in product(SHAPES, SHAPES):
        for place in range(places):
            tree = outer(*(inner(*(C,) * parts) if place == number else A for number in range(places)))
            assert parse(to_text(tree)) == tree, to_text(tree)
            to_latex(tree)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**30), st.integers(0, 10**9), st.integers(-60, 60))
@example(1, 1, 60)
@example(0, 5, -60)
@example(10**16, 100_000_001, -16)
@example(10**48, 10**9 + 1, 60)
def test_every_literal_that_is_read_can_be_printed(whole, after, exponent):
    text = f"{whole}.{after}e{exponent}"
    tree = parse(text)
    assert tree == Number(Fraction(text))
    assert parse(to_text(tree)) == tree


@settings(max_examples=200, deadline=None)
@given(formulas)
def test_latex_is_balanced(tree):
    bare = re.sub(r"\\[{}#$%&_]", "", to_latex(tree))
    assert bare.count("{") == bare.count("}")
    assert bare.count(r"\left") == bare.count(r"\right")


@settings(max_examples=100, deadline=None)
@given(formulas)
def test_spans_nest_and_point_at_what_they_name(tree):
    text = to_text(tree)
    for node in walk(parse(text)):
        start, length = node.span
        assert 0 <= start < start + length <= len(text)
        if isinstance(node, Name):
            assert text[start : start + length] == node.name
        if isinstance(node, Text):
            assert text[start + 1 : start + length - 1] == node.value
        for part in children(node):
            assert start <= part.span[0]
            assert part.span[0] + part.span[1] <= start + length


TOKENS = "a b.c f( ( ) [ ] , .d 1 2.5 GiB percent if else for in not and or true + - * / // % ** .. < == 'x' = ^ : !"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(TOKENS.split()), max_size=9).map(" ".join))
def test_any_text_is_a_formula_or_a_fault_inside_it(text):
    try:
        tree = parse(text)
    except FormulaError as fault:
        (start, length), tree = fault.span, None
    else:
        start, length = tree.span
        assert parse(to_text(tree)) == tree
    assert 0 <= start < start + length <= max(1, len(text))


GOOD = [
    ("1 + 2 * 3", Binary("+", Number(1), Binary("*", Number(2), Number(3)))),
    ("a - b - c", Binary("-", Binary("-", A, B), C)),
    ("a - (b - c)", Binary("-", A, Binary("-", B, C))),
    ("-a ** b", Unary("-", Binary("**", A, B))),
    ("a ** b ** c", Binary("**", A, Binary("**", B, C))),
    ("a ** -b", Binary("**", A, Unary("-", B))),
    ("not a in b", Unary("not", Binary("in", A, B))),
    ("a not  in b", Binary("not in", A, B)),
    ("a or b and c", Binary("or", A, Binary("and", B, C))),
    ("1 GB .. 2 GB", Binary("..", Number(1, "GB"), Number(2, "GB"))),
    ("1..2", Binary("..", Number(1), Number(2))),
    ("a if b else c if a else b", Conditional(A, B, Conditional(C, A, B))),
    ("7e9", Number(7 * 10**9)),
    ("1_000.25 KiB", Number(Fraction(4001, 4), "KiB")),
    ("20 percent", Number(20, "percent")),
    ("f()", Call("f", ())),
    ("(" * 1_900 + "a" + ")" * 1_900, A),
    (" + ".join(["a"] * DEEPEST), None),
]


@pytest.mark.parametrize(("text", "tree"), GOOD, ids=[text[:30] for text, _ in GOOD])
def test_good_formulas(text, tree):
    found = parse(text)
    assert tree is None or found == tree
    assert parse(to_text(found)) == found


CHAIN, CUT, SPLIT = "comparisons do not chain", "a comma inside a flow mapping", "split it into several rules"
BAD = [
    ("", "an empty formula", (0, 1), ""),
    ("  \n", "an empty formula", (0, 1), ""),
    ("a < b < c", "unexpected '<'", (6, 1), CHAIN),
    ("a == b == c", "unexpected '=='", (7, 2), CHAIN),
    ("a <> b", "unexpected '>'", (3, 1), ""),
    ("a = 2", "unexpected '='", (2, 1), "compare with =="),
    ("12:30:45", "unexpected ':'", (2, 1), "times such as 12:30:45"),
    ("010", "010 begins with a zero", (0, 3), "write 10"),
    ("a + 007", "007 begins with a zero", (4, 3), "write 7"),
    ("000.5", "000.5 begins with a zero", (0, 5), "write 0.5"),
    ("0_10", "0_10 begins with a zero", (0, 4), "write 10"),
    ("f(x", "the formula ends too early", (2, 1), CUT),
    ("a +  ", "the formula ends too early", (2, 1), ""),
    ("20 %", "the formula ends too early", (3, 1), "write percent"),
    ("max(20 %, a)", "unexpected ','", (8, 1), "write percent"),
    ("2 ^ 3", "unexpected '^'", (2, 1), "powers are written **"),
    ("a & b", "unexpected '&'", (2, 1), "write and, or, not"),
    ("a !b", "unexpected '!'", (2, 1), "write and, or, not"),
    ("a b", "unexpected 'b'", (2, 1), ""),
    ("a notin b", "unexpected 'notin'", (2, 5), ""),
    ("y)", "unexpected ')'", (1, 1), ""),
    ("f(a,)", "unexpected ')'", (4, 1), ""),
    ("2 percents", "unexpected 'percents'", (2, 8), ""),
    ("'a", 'unexpected "\'"', (0, 1), ""),
    ("a\0b", r"unexpected '\x00'", (1, 1), ""),
    ("3.x", "only a row has columns", (0, 3), ""),
    ("1e999999", "a number outside 1e-60 .. 1e60", (0, 8), ""),
    ("a * 1e-61", "a number outside 1e-60 .. 1e60", (4, 5), ""),
    ("9" * 61 + " B", "a number outside 1e-60 .. 1e60", (0, 63), ""),
    ("median(x for x in t)", "median does not run over rows", (0, 6), "these do: sum, product, max"),
    ("sum(x for x.y in t)", "x.y cannot name a row", (10, 3), "use a plain name"),
    ("(" * 10_000 + "a" + ")" * 10_000, f"a formula of 20001 characters; at most {LONGEST} are read", (0, 1), ""),
    ("a" * 5_000, f"a formula of 5000 characters; at most {LONGEST} are read", (0, 1), ""),
    ("-" * 3_000 + "a", f"nested more than {DEEPEST} deep", (60, 2_941), SPLIT),
    (" + ".join(["a"] * (DEEPEST + 1)), f"nested more than {DEEPEST} deep", (0, 1), SPLIT),
    ("a[" * 1_300 + "a" + "]" * 1_300, f"nested more than {DEEPEST} deep", (118, 1), SPLIT),
]


@pytest.mark.parametrize(("text", "message", "span", "hint"), BAD, ids=[text[:20] for text, *_ in BAD])
def test_bad_formulas(text, message, span, hint):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert (caught.value.message, caught.value.span) == (message, span)
    assert hint in " ".join(caught.value.hints)
    if "<>" in text:
        assert CHAIN not in " ".join(caught.value.hints)


LATEX = [
    ("ceil(a / 2)", r"\left\lceil \frac{\mathrm{a}}{2} \right\rceil"),
    ("a * (b + c)", r"\mathrm{a} \cdot \left(\mathrm{b} + \mathrm{c}\right)"),
    ("x_1 >= 2 GiB", r"\mathrm{x\_1} \ge 2\,\mathrm{GiB}"),
    ("sum(r.b for r in t if r.on)", r"\sum_{\mathrm{r} \in \mathrm{t},\ \mathrm{r.on}} \mathrm{r.b}"),
    ("(a < b) == c", r"\left(\mathrm{a} < \mathrm{b}\right) = \mathrm{c}"),
    (r"'\'", r"\text{\textbackslash{}}"),
    ("sqrt()", r"\mathrm{sqrt}\left(\right)"),
    ("ceil_div(a)", r"\mathrm{ceil\_div}\left(\mathrm{a}\right)"),
]


@pytest.mark.parametrize(("text", "latex"), LATEX)
def test_latex(text, latex):
    assert to_latex(parse(text)) == latex


def test_a_name_prints_as_what_it_stands_for():
    assert to_text(parse("a * (b + a)"), lambda part: "4 B" if part == A else None) == "4 B * (b + 4 B)"
