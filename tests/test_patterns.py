"""Regular expressions of others' lists: as Python's own reads them, and none takes long."""

from __future__ import annotations

import re
import time
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramledger.api import evaluate_with
from vramledger.language.patterns import matches
from vramledger.rules.open import open_rules

SIGNS = "abc.1-"
ATOMS = st.sampled_from(["a", "b", ".", r"\.", r"\d", "[ab]", "[^a]", "[0-9]", "[a-c]", r"\w", r"[\d.]", "^", "$"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda part: st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map("({0[0]}|{0[1]})".format),
        st.tuples(part, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"])).map("(?:{0[0]}){0[1]}".format),
    ),
    max_leaves=8,
)
AHEAD = st.sampled_from(["", "^", "(?!a)", "(?=.*b)", "^(?!.*a$)"])


@given(AHEAD, EXPRESSIONS, st.text(SIGNS, max_size=8))
def test_an_expression_matches_where_pythons_own_does(ahead: str, expression: str, text: str) -> None:
    whole = ahead + expression
    assert matches(text, whole) == bool(re.match(whole, text))
    assert matches(text, expression, ".") == bool(re.match(rf"(?:{expression})(?:(?<=\.)|(?=\.|$))", text))


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|a)*b", "(.*)*(.*)*(.*)*x", "(a?){200}a{5}b", "(a|b|ab)*c"])
def test_none_takes_long(expression: str) -> None:
    begin = time.perf_counter()
    for length in range(300, 310):
        try:
            assert not matches("a" * length + "!", expression)
        except ValueError as fault:
            assert "too long" in str(fault)  # noqa: PT017 - it may as well be matched in time
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("(", "missing"),
        ("a)", "unbalanced"),
        ("[a", "unterminated"),
        ("*a", "nothing to repeat"),
        ("a{2000}", "repeats too much"),
        ("a{,99999999}", "repeats too much"),
        ("((a{100}){100}){100}", "repeats too much"),
        ("a" * 2000, "more than 1000"),
    ],
)
def test_what_is_wrong_with_one_is_said(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        matches("a", expression)


def test_a_formula_asks_and_joins(tmp_path: Path) -> None:
    (tmp_path / "asks.yaml").write_text(
        dedent(r"""
        stage: asks
        order: 99
        says: What formulas make of texts.
        rules:
          asks.fits:
            says: Whether it fits.
            type: boolean
            formula: matches(joined(".", "layers", 12, "mlp"), "layers\.\d+\.m", ".")
          asks.begins:
            says: Whether it begins so.
            type: boolean
            formula: matches(joined(".", "layers", 12, "mlp"), "layers\.\d+\.m")
          asks.bad:
            says: One that is not understood.
            type: boolean
            formula: matches("a", "(")
        """),
        encoding="utf-8",
    )
    ledger = evaluate_with(open_rules([tmp_path]), {"model": {"parameters": 1}})
    assert (ledger["asks.fits"], ledger["asks.begins"]) == (False, True)
    assert '"(" is no expression that is understood; missing )' in ledger["asks.bad"].reason
