"""What the property tests draw: formulas, numbers and ranges, YAML trees."""

from __future__ import annotations

import re
from fractions import Fraction

from hypothesis import strategies as st

from vramledger.evaluation.values import Range, exact
from vramledger.language.syntax import (
    AGGREGATES,
    UNITS,
    Aggregate,
    Binary,
    Call,
    Conditional,
    Expr,
    Field,
    Index,
    Name,
    Number,
    Text,
    Truth,
    Unary,
)
from vramledger.problems import Place
from vramledger.rules.tree import Mapping, Scalar, Sequence

OPERATORS = ("or", "and", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "..", "+", "-", "*", "/", "//", "%", "**")
FILE = "rules.yaml"

# Formulas. Names that begin like a keyword or a unit are where a lexer goes wrong.
words = st.sampled_from(["a", "x_1", "iffy", "order", "notable", "inner", "form", "trueish", "B", "GiB", "e5"])
names = st.one_of(words, st.lists(words, min_size=2, max_size=3).map(".".join))
decimals = st.builds(
    lambda digits, places: exact(Fraction(digits, 10**places)), st.integers(0, 10**20), st.integers(0, 12)
)
literals = st.builds(Number, decimals, st.sampled_from([None, None, *UNITS]))
texts = st.builds(Text, st.one_of(st.text("ab '#{}_-.%é", max_size=4), st.text('ab "#{}_-.%é', max_size=4)))


def _larger_formula(part: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    rows = part.filter(lambda tree: not isinstance(tree, Number | Text | Truth | Name))
    return st.one_of(
        st.builds(Unary, st.sampled_from(["-", "not"]), part),
        st.builds(Binary, st.sampled_from(OPERATORS), part, part),
        st.builds(Conditional, part, part, part),
        st.builds(Call, names, st.lists(part, max_size=3).map(tuple)),
        st.builds(Call, st.just("sqrt"), st.tuples(part)),
        st.builds(Call, st.just("ceil_div"), st.tuples(part, part)),
        st.builds(Aggregate, st.sampled_from(AGGREGATES), part, words, part, st.none() | part),
        st.builds(Field, rows, words),
        st.builds(Index, part, part),
    )


formulas = st.recursive(
    st.one_of(literals, texts, st.builds(Truth, st.booleans()), st.builds(Name, names)), _larger_formula, max_leaves=12
)

# Numbers and closed ranges of them.
numbers = st.one_of(
    st.integers(-20, 20),
    st.builds(lambda top, below: exact(Fraction(top, below)), st.integers(-40, 40), st.integers(1, 6)),
)
ranges = st.tuples(numbers, numbers).map(lambda ends: Range(min(ends), max(ends)))
operands = numbers | ranges
shares = st.integers(0, 4).map(lambda quarters: Fraction(quarters, 4))

# YAML trees, as the reader builds them.
places = st.builds(Place, st.just(FILE), st.integers(1, 999), st.integers(1, 99), st.just(1))
spots = st.tuples(st.integers(1, 999), st.integers(1, 99))
marks = st.builds(  # the first line of a scalar begins at offset 0
    lambda first, more: ((0, *first), *((offset, *spot) for offset, spot in more)),
    spots,
    st.lists(st.tuples(st.integers(1, 99), spots), max_size=3),
)
scalars = st.builds(Scalar, st.text(max_size=5), st.sampled_from(["", "'", '"', "|", ">"]), marks, st.just(FILE))
yaml_trees = st.recursive(
    scalars,
    lambda part: st.one_of(
        st.builds(Sequence, st.lists(part, max_size=3).map(tuple), places),
        st.builds(Mapping, st.lists(st.tuples(scalars, part), max_size=3).map(tuple), places),
    ),
    max_leaves=10,
)

# Formulas that say something: each of the kind that is asked for, over names and rows that a scenario has.
OF_KIND = {
    "number": ("0", "1", "2.5", "7", "1e9", "50 percent", "batch.size", "parameters.count", "tokens.batch"),
    "bytes": ("0 B", "3 B", "12 bit", "2 GiB", "1.5 MB", "parameters.bytes", "optimizer.bytes", "kv_cache.bytes"),
    "boolean": ("true", "false", '(task == "training")', "optimizer.in_backward", "applies(model.architecture)"),
    "text": ('"a"', "'training'", "task", "precision.name", "optimizer.implementation", "adapter.name"),
}  # fmt: skip
OF_ROWS = {
    "number": ("rows", "cols", "elements", "copies", "ndim", "bits"),
    "bytes": (),
    "boolean": ("trainable", "adapter", "quantized"),
    "text": ("kind", "name"),
}
_SHAPES = {
    "number": (
        "({n} + {n})", "({n} - {n})", "({n} * {n})", "({n} / {n})", "({b} / {b})", "({n} // {n})", "({n} % {n})",
        "({n} ** 2)", "({n} .. {n})", "({n} if {t} else {n})", "min({n}, {n})", "max({n}, {n}, {n})", "ceil({n})",
        "floor({n})", "round_up({n}, {n})", "ceil_div({n}, {n})", "ceil_div({b}, {b})", "sqrt({n})", "value({n}, {n})",
        "length({s})", "length(tensors)", "sum({n+} for {r} in tensors)", "max({n+} for {r} in tensors if {t+})",
        "min({n+} for {r} in tensors)", "product({n+} for {r} in tensors if {t+})",
        "count(1 for {r} in tensors if {t+})", "first({n+} for {r} in tensors if {t+})",
        "precisions[precision.name].bits", "(-{n})",
    ),
    "bytes": (
        "({b} + {b})", "({b} - {b})", "({n} * {b})", "({b} * {n})", "({b} / {n})", "({b} // {n})", "({b} % {b})",
        "({b} .. {b})", "({b} if {t} else {b})", "min({b}, {b})", "ceil({b})", "value({b}, {b})", "sqrt({b} * {b})",
        "sum({b+} for {r} in tensors if {t+})", "max({b+} for {r} in tensors)", "round_up({b}, {b})", "(-{b})",
    ),
    "boolean": (
        "({n} < {n})", "({b} >= {b})", "({n} == {n})", "({s} == {s})", "({s} != {s})", "({t} == {t})", "({t} and {t})",
        "({t} or {t})", "(not {t})", "applies({n})", "({s} in {s})", '("w" not in tensors)', "({t} if {t} else {t})",
        "any({t+} for {r} in tensors)", "all({t+} for {r} in tensors if {t+})", "value({t}, {t})",
    ),
    "text": ("({s} if {t} else {s})", "value({s}, {s})", "first({s+} for {r} in tensors if {t+})"),
}  # fmt: skip
_LETTERS = {"n": "number", "b": "bytes", "t": "boolean", "s": "text"}


@st.composite
def typed_formulas(draw: st.DrawFn, kind: str, depth: int = 4, row: str = "") -> str:
    """The text of a formula whose value is of a kind: number, bytes, boolean or text."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        columns = tuple(f"{row}.{column}" for column in OF_ROWS[kind]) if row else ()
        return draw(st.sampled_from(columns or OF_KIND[kind]) | st.sampled_from(OF_KIND[kind]))
    shape, inner = draw(st.sampled_from(_SHAPES[kind])), f"r{depth}"

    def part(match: re.Match[str]) -> str:
        if match[1] == "r":
            return inner
        below = inner if match[2] else row
        return str(draw(typed_formulas(_LETTERS[match[1]], depth - 1, below)))

    return re.sub(r"\{(\w)(\+?)\}", part, shape)
