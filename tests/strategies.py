"""What the property tests draw: formulas, numbers and ranges, YAML trees."""

from __future__ import annotations

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
