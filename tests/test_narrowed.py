"""What bounds of the facts leave of a graph: every value stays, and what can never be the largest is gone."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vramledger.evaluation import arithmetic
from vramledger.evaluation.choice import choose
from vramledger.evaluation.logic import compare
from vramledger.evaluation.narrowed import Narrowed
from vramledger.evaluation.residual import Graph, Node
from vramledger.evaluation.scalar import compile_scalar
from vramledger.evaluation.steps import NotInSteps

NAMES = ("x", "y", "z")
ends = st.tuples(st.integers(-9, 9), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def facts(graph: Graph) -> list[Any]:
    return [graph.fact(name, True, False) for name in NAMES]


def left(node: Any, bounds: dict[str, tuple[int, int]]) -> tuple[Narrowed, Any]:
    narrowed = Narrowed(node.graph, bounds)
    return narrowed, narrowed.node(node)


def ops(node: Any) -> set[str]:
    """The operations behind a node."""
    if not isinstance(node, Node):
        return set()
    atoms = [node.graph.atoms[number] for term in node.terms for number, _ in term]
    return {atom.op for atom in atoms}.union(*(ops(argument) for atom in atoms for argument in atom.arguments))


def test_of_a_chain_of_maxima_those_stay_that_can_be_the_largest() -> None:
    graph = Graph()
    x, y, _ = facts(graph)
    # x + 5 y lies below the mean of 2 x and 12 y, and below neither of them
    chain = arithmetic.maximum([arithmetic.maximum([x * 2, x + y * 5]), y * 12])
    narrowed, found = left(chain, {"x": (0, 100), "y": (0, 100), "z": (0, 0)})
    assert found == arithmetic.maximum([narrowed.node(x * 2), narrowed.node(y * 12)])
    _, found = left(chain, {"x": (0, 100), "y": (50, 60), "z": (0, 0)})
    assert "max" not in ops(found)
    _, found = left(chain, {"x": (0, 1000), "y": (0, 100), "z": (0, 0)})
    assert "max" in ops(found)


def test_an_option_goes_where_it_is_passed_by_others_for_each_answer_of_a_test() -> None:
    graph = Graph()
    x, y, z = facts(graph)
    other = choose(compare("<", z, 5), x + y * 6, x * 2)
    chain = arithmetic.maximum([arithmetic.maximum([x + y * 5, other]), y * 12])
    narrowed, found = left(chain, {"x": (1, 9), "y": (1, 9), "z": (0, 9)})
    assert found == arithmetic.maximum([narrowed.node(other), narrowed.node(y * 12)])


def test_tests_that_the_bounds_decide_are_gone() -> None:
    graph = Graph()
    x, y, _ = facts(graph)
    for low, high, expected in ((0, 4, "y"), (5, 9, "7"), (4, 5, "both")):
        chosen = choose(compare("<", x, 5), y, 7)
        narrowed, found = left(chosen, {"x": (low, high), "y": (1, 9), "z": (0, 0)})
        if expected == "both":
            assert "below" in ops(found)
        else:
            assert found == (narrowed.node(y) if expected == "y" else 7)


def test_a_fact_that_is_known_is_a_number() -> None:
    graph = Graph()
    x, y, z = facts(graph)
    _, found = left(arithmetic.floor_divide(x * y + z, 4), {"x": (3, 3), "y": (5, 5), "z": (2, 2)})
    assert found == 4


def test_what_has_too_many_corners_is_left_as_it_was() -> None:
    graph = Graph()
    terms = [graph.fact(f"f{number}", True, True) for number in range(12)]
    many = arithmetic.maximum([sum(terms[1:], terms[0]), terms[0] * 3 - terms[1]])
    with pytest.raises(NotInSteps):
        left(many, {f"f{number}": (1, 9) for number in range(12)})


polynomials = st.lists(
    st.tuples(st.integers(-5, 5), st.lists(st.sampled_from(range(3)), max_size=3)), min_size=1, max_size=4
)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(polynomials, min_size=2, max_size=5), st.tuples(ends, ends, ends), st.integers(-20, 20))
def test_a_maximum_of_sums_of_products_stays_what_it_is(
    sums: list[list[tuple[int, list[int]]]], between: tuple[tuple[int, int], ...], edge: int
) -> None:
    graph = Graph()
    given_ = facts(graph)
    found: Any = 0
    for number, terms in enumerate(sums):
        option: Any = 0
        for coefficient, factors in terms:
            part: Any = coefficient
            for factor in factors:
                part = part * given_[factor]
            option = option + part
        test = compare("<", given_[number % 3], edge)
        option = choose(test, option, number - 3) if isinstance(test, Node) and number % 2 else option
        found = arithmetic.maximum([found, option])
    if not isinstance(found, Node):
        return
    bounds = dict(zip(NAMES, between, strict=True))
    narrowed, less = left(found, bounds)
    low, high = narrowed.bounds(less)
    before, after = compile_scalar(graph, [found], [*NAMES]), compile_scalar(narrowed.graph, [less], [*NAMES])
    for row in product(*({low_, (low_ + high_) // 2, high_} for low_, high_ in between)):
        (value,), (same,) = before(*row), after(*row)
        assert Fraction(value) == Fraction(same)
        assert low <= value <= high


def test_signs_alone_tell_that_a_mean_passes_an_option() -> None:
    graph = Graph()
    x, y = graph.fact("x", True, True), graph.fact("y", True, True)
    wide, long = x * 2, y * 12
    found = arithmetic.maximum([arithmetic.maximum([wide + 5, x + y * 5]) + 7, long + 12])
    assert found == arithmetic.maximum([wide + 12, long + 12])
    apart = arithmetic.maximum([arithmetic.maximum([wide, x + y * 7]), long])  # above the mean
    assert len(graph.options[max(graph.options)]) == 3
    assert apart != arithmetic.maximum([wide, long])
