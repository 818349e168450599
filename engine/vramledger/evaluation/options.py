"""Which of several sums can be the largest: chains of maxima keep those alone.

A sum is a row of numbers, its coefficients or what it comes to at the corners of a box. It is passed where another
row, or a mean of two others, is nowhere below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

from vramledger.evaluation.residual import Atom, Graph, Monomial, Node

MOST = 16  # options that are followed
WRITTEN = 6  # options that are written out, with their terms collected
Row = Sequence[Any]
Passed = Callable[[int, list[int]], bool]  # whether an option, by its number, is passed by some others


def leading(options: list[Any]) -> list[Any]:
    """The options that can be the largest, as far as the signs of their coefficients tell."""
    if len(options) > MOST:
        return options
    graph = next(option.graph for option in options if isinstance(option, Node))
    monomials = list({monomial: None for option in options for monomial in _terms(option)})
    graph.spend(len(options) ** 2 * len(monomials))
    rows = [[_terms(option).get(monomial, 0) for monomial in monomials] for option in options]
    unsigned = [place for place, monomial in enumerate(monomials) if not _never_negative(graph, monomial)]
    rows = [[*row, *(-row[place] for place in unsigned)] for row in rows]
    return [options[number] for number in left(len(options), lambda one, others: passed(rows, one, others))]


def left(count: int, is_passed: Passed) -> list[int]:
    """The numbers of so many options, those taken away one by one that the others pass."""
    kept = list(range(count))
    for one in range(count):
        others = [other for other in kept if other != one]
        if others and is_passed(one, others):
            kept = others
    return kept


def passed(rows: Sequence[Row], one: int, others: Sequence[int]) -> bool:
    """Whether another row, or a mean of two others, is nowhere below one."""
    values = rows[one]
    if any(all(map(_reaches, rows[other], values)) for other in others):
        return True
    return any(_below_mean(values, rows[a], rows[b]) for a, b in combinations(others, 2))


def _reaches(value: Any, other: Any) -> bool:
    return bool(value >= other)


def _below_mean(values: Row, a: Row, b: Row) -> bool:
    """Whether some weighted mean of a and b is nowhere below the values."""
    low, high = Fraction(0), Fraction(1)  # of the weight of a
    for value, more, less in zip(values, a, b, strict=True):
        if more == less:
            if value > less:
                return False
            continue
        if value <= more and value <= less:
            continue
        if value > more and value > less:
            return False
        weight = Fraction(value - less) / (more - less)
        low, high = (max(low, weight), high) if more > less else (low, min(high, weight))
        if low > high:
            return False
    return True


def spread(value: Any) -> list[Any]:
    """What a value may be, where one of its terms is a maximum whose options are known."""
    if isinstance(value, Node):
        for monomial, coefficient in value.terms.items():
            atom = _maximum(value, monomial)
            if atom is not None and coefficient > 0 and atom.number in value.graph.options:
                rest = value - Node(value.graph, {monomial: coefficient})
                return [rest + option * coefficient for option in value.graph.options[atom.number]]
    return [value]


def remember(found: Any, options: list[Any]) -> None:
    """Notes what a maximum, which is a term of what was found, may be."""
    if isinstance(found, Node) and len(options) <= MOST:
        for monomial, coefficient in found.terms.items():
            atom = _maximum(found, monomial)
            if atom is not None and coefficient == 1 and atom.number not in found.graph.options:
                common = found - Node(found.graph, {monomial: 1})
                found.graph.options[atom.number] = [option - common for option in options]


def _maximum(value: Node, monomial: Monomial) -> Atom | None:
    """The maximum that a term is, or is a multiple of."""
    if len(monomial) != 1 or monomial[0][1] != 1:
        return None
    atom = value.graph.atoms[monomial[0][0]]
    return atom if atom.op == "max" else None


def _terms(option: Any) -> dict[Monomial, Any]:
    return option.terms if isinstance(option, Node) else {(): option}


def _never_negative(graph: Graph, monomial: Monomial) -> bool:
    return all(graph.atoms[number].positive for number, _ in monomial)
