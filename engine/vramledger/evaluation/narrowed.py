"""A graph under bounds of its facts: tests that they decide are gone, and what can never be the largest of several.

A sum of products over a box lies between the least and the greatest of its Bernstein coefficients; where each fact
stands to the first power these are its values at the corners. So an option of a maximum is left out that others pass
at every corner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import comb, prod
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vramledger.evaluation.arithmetic import maximum, minimum
from vramledger.evaluation.options import MOST, WRITTEN, left, passed, spread
from vramledger.evaluation.residual import Atom, Graph, Monomial, Node
from vramledger.evaluation.steps import NotInSteps

Ends = tuple[Any, Any]
Corners = NDArray[Any]  # exact numbers
_TESTS = ("below", "zero", "not", "and", "fraction")
_MOST_CORNERS = 128
_SHORT = 8  # terms of a choice that are worth multiplying by its test


class Narrowed:
    """The nodes of a graph written anew for facts within `ends`. Raises NotInSteps for what columns do not take."""

    def __init__(self, graph: Graph, ends: Mapping[str, Ends]) -> None:
        self.graph = Graph()
        self._old = graph
        self._ends = ends
        self._known: dict[int, Any] = {}  # atoms of the old graph
        self._bounds: dict[int, Ends] = {}  # of the new atoms

    def node(self, value: Any) -> Any:
        """A node or a number of the old graph in the new one."""
        if not isinstance(value, Node):
            return value
        found: Any = 0
        for monomial, coefficient in value.terms.items():
            term: Any = coefficient
            for number, power in monomial:
                term = reduce(mul, [self._atom(number)] * power, term)
            found = found + term
        return self._flat(found)

    def bounds(self, value: Any) -> Ends:
        """Between what a node lies."""
        if not isinstance(value, Node):
            return value, value
        (corners,) = _Box(self, [value]).corners()
        return min(corners), max(corners)

    def of(self, atom: Atom) -> Ends:
        """Between what an atom of the new graph lies."""
        if atom.number not in self._bounds:
            self._bounds[atom.number] = self._between(atom)
        return self._bounds[atom.number]

    def _between(self, atom: Atom) -> Ends:
        if atom.op == "fact":
            return self._ends[atom.arguments[0]]
        if atom.op in _TESTS:
            return 0, 1
        ends = [self.bounds(argument) for argument in atom.arguments]
        lows, highs = zip(*ends, strict=True)
        match atom.op:
            case "max":
                return max(lows), max(highs)
            case "min":
                return min(lows), min(highs)
            case "if":
                return min(lows[1:]), max(highs[1:])
            case "sum":
                return ends[0]
        over, under = ends
        if under[0] <= 0:
            raise NotInSteps
        quotients = [Fraction(x) / y for x in over for y in under]
        low, high = min(quotients), max(quotients)
        return (low // 1, high // 1) if atom.op == "floordiv" else (low, high)

    def _atom(self, number: int) -> Any:
        if number not in self._known:
            self._known[number] = self._written(self._old.atoms[number])
        return self._known[number]

    def _written(self, atom: Atom) -> Any:
        if atom.op == "fact":
            low, high = self._ends[atom.arguments[0]]
            return low if low == high else self.graph.fact(atom.arguments[0], atom.whole, atom.positive or low >= 0)
        parts = [self.node(argument) for argument in atom.arguments]
        match atom.op:
            case "max":
                return self._largest(parts)
            case "min":
                return self._smallest(parts)
            case "if":
                return self._choice(atom, *parts)
            case "below" | "zero" | "not" | "and" | "fraction":
                return self._test(atom.op, parts)
            case "sum" | "floordiv" | "div":
                return self._operation(atom, parts)
        raise NotInSteps

    def _test(self, op: str, parts: list[Any]) -> Any:
        """A test, or its answer where the bounds give it."""
        first, *more = parts
        if op == "not":
            return self.graph.test("not", first) if isinstance(first, Node) else not first
        if op == "and":
            if all(isinstance(part, Node) for part in parts):
                return self.graph.test("and", *parts)
            known, other = (more[0], first) if isinstance(first, Node) else (first, more[0])
            return other if known else False
        if op == "fraction":
            whole = first.whole if isinstance(first, Node) else Fraction(first).denominator == 1
            return False if whole else self.graph.test(op, first) if isinstance(first, Node) else True
        low, high = self.bounds(first)
        if op == "below":
            return True if high < 0 else False if low >= 0 else self.graph.test(op, first)
        return False if low > 0 or high < 0 else True if low == high else self.graph.test(op, first)

    def _operation(self, atom: Atom, parts: list[Any]) -> Any:
        first, *under = parts
        if under == [0]:
            return 0  # where a divisor is 0 the rows are refused
        if not any(isinstance(part, Node) for part in parts):
            quotient = Fraction(first) / under[0] if under else Fraction(first)
            quotient = Fraction(quotient // 1) if atom.op == "floordiv" else quotient
            return quotient.numerator if quotient.denominator == 1 else quotient
        if atom.op == "floordiv" and isinstance(first, Node) and not isinstance(under[0], Node):
            quotient = first.divided(under[0])
            if quotient is not None:
                return quotient
        return self.graph.apply(atom.op, *parts, whole=atom.whole, positive=atom.positive)

    def _choice(self, atom: Atom, test: Any, then: Any, otherwise: Any) -> Any:
        """One of two: where that is short, the second and the test times what the first has more."""
        if not isinstance(test, Node):
            return then if test else otherwise
        asked = test.atom()
        if asked is not None and asked.op == "not":  # so that cases are told apart once
            return self._choice(atom, asked.arguments[0], otherwise, then)
        more = then - otherwise
        if not isinstance(more, Node):
            return otherwise + test * more
        if len(more.terms) <= _SHORT:
            return self._flat(otherwise + test * more)
        return self.graph.apply("if", test, then, otherwise, whole=atom.whole, positive=atom.positive)

    def _smallest(self, parts: list[Any]) -> Any:
        one, other = parts
        low, high = self.bounds(one - other)
        return other if low >= 0 else one if high <= 0 else minimum(parts)

    def _largest(self, parts: list[Any]) -> Any:
        """The largest of several, written without what cannot be it."""
        options = [option for part in parts for option in spread(part)]
        if len(options) > MOST:
            return maximum(parts)
        box = _Box(self, options)
        self.graph.spend(len(options) ** 2 * box.size)
        cases = list(box.cases())
        kept = left(len(options), lambda one, others: all(passed(rows, one, others) for rows in cases))
        return maximum([options[number] for number in kept] if len(kept) <= WRITTEN else parts)

    def _flat(self, value: Any) -> Any:
        """A node whose tests, being 0 or 1, stand to the first power."""
        if not isinstance(value, Node) or not any(power > 1 for term in value.terms for _, power in term):
            return value
        terms: dict[Monomial, Any] = {}
        for monomial, coefficient in value.terms.items():
            flat = tuple((n, 1 if self.graph.atoms[n].op in _TESTS else power) for n, power in monomial)
            terms[flat] = terms.get(flat, 0) + coefficient
        return Node(self.graph, {term: c for term, c in terms.items() if c}) + 0  # a number where it has become one


class _Box:
    """The Bernstein coefficients of nodes over the bounds of their atoms, tests first."""

    def __init__(self, narrowed: Narrowed, nodes: Sequence[Any]) -> None:
        self.nodes = nodes
        atoms = narrowed.graph.atoms
        powers: dict[int, int] = {}
        for node in nodes:
            for monomial in node.terms if isinstance(node, Node) else ():
                for number, power in monomial:
                    powers[number] = max(power, powers.get(number, 0))
        self.order = sorted(powers, key=lambda number: (atoms[number].op not in _TESTS, number))
        self.tests = sum(atoms[number].op in _TESTS for number in self.order)
        self.shape = [powers[number] + 1 for number in self.order]
        self.places = {number: place for place, number in enumerate(self.order)}
        self.size = prod(self.shape)
        if self.size > _MOST_CORNERS:
            raise NotInSteps
        self.axes = [_axis(narrowed.of(atoms[number]), powers[number]) for number in self.order]

    def corners(self) -> list[Corners]:
        """Those of each node, one after the other."""
        return [values.reshape(-1) for values in self._grids()]

    def cases(self) -> Iterator[list[list[Any]]]:
        """Those of each node, for each answer to the tests."""
        count = 2**self.tests
        grids = [values.reshape(count, -1) for values in self._grids()]
        for number in range(count):
            yield [values[number].tolist() for values in grids]

    def _grids(self) -> Iterator[Corners]:
        for node in self.nodes:
            found: Any = np.zeros(self.shape, object)
            for monomial, coefficient in (node.terms if isinstance(node, Node) else {(): node}).items():
                term: Any = coefficient
                for number, power in monomial:
                    place = self.places[number]
                    along = [1] * len(self.shape)
                    along[place] = -1
                    term = term * self.axes[place][power].reshape(along)
                found = found + term
            yield np.asarray(found, object)  # of known numbers alone NumPy makes no array


def _axis(ends: Ends, degree: int) -> list[Corners]:
    """The Bernstein coefficients of each power of a variable between two ends."""
    low, high = ends
    return [
        np.array([_coefficient(low, high, degree, power, place) for place in range(degree + 1)], object)
        for power in range(degree + 1)
    ]


def _coefficient(low: Any, high: Any, degree: int, power: int, place: int) -> Any:
    """The mean product of so many of `place` times the high end and the low end for the rest."""
    found = sum(
        comb(place, tall) * comb(degree - place, power - tall) * high**tall * low ** (power - tall)
        for tall in range(max(0, power - degree + place), min(place, power) + 1)
    )
    mean = Fraction(found) / comb(degree, power)
    return mean.numerator if mean.denominator == 1 else mean
