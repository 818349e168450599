"""What is left of a formula when everything known is folded in: polynomials over atoms.

A Node is a number written as a sum of terms (a coefficient times powers of atoms) or a test. An atom is a fact that
varies or an operation that does not dissolve into terms: max, floor division, a conditional, a comparison. Atoms
are interned in their Graph, so equal work is done once. Back ends translate a graph; they never see a rule.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

Monomial = tuple[tuple[int, int], ...]  # (atom's number, power), by number
Coefficient = int | Fraction
MOST_TERMS = 400
MOST_ROOM = 2_000_000  # terms that a graph may go through, an atom counted as some
_AN_ATOM = 20
_MOST_BITS, _MOST_FACTORS = 4096, 64  # of a coefficient, and of a term once all its atoms are written out


class TooLarge(Exception):
    """A graph that would take longer to build and to run than the formulas it stands for."""


class Atom:
    """A varying fact (`op` "fact") or an operation on nodes. It may be known to be `whole`, or never negative.

    `factors` says how many facts are multiplied in it at most.
    """

    __slots__ = ("arguments", "factors", "number", "op", "positive", "whole")

    def __init__(
        self, number: int, op: str, arguments: tuple[Any, ...], whole: bool, positive: bool, factors: int
    ) -> None:
        self.number = number
        self.op = op
        self.arguments = arguments
        self.whole = whole
        self.positive = positive
        self.factors = factors


class Graph:
    """The atoms of one specialisation, and the tests that it takes for granted. Raises TooLarge as it grows.

    Specialisations of one plan share `numbers`, so that an atom has the same number in all of them, and what one asks
    is known to the next, whatever else it comes upon before.
    """

    def __init__(
        self,
        assumed: dict[tuple[Any, ...], bool] | None = None,
        room: int = MOST_ROOM,
        numbers: dict[tuple[Any, ...], int] | None = None,
    ) -> None:
        self.room = room
        self.atoms: dict[int, Atom] = {}
        self.assumed = assumed or {}
        self.divisors: set[Node] = set()  # what must not be zero, even where the quotient dissolves
        self.refused: set[Node] = set()  # tests that hold where a value breaks its declaration
        self.numbers = {} if numbers is None else numbers
        self.options: dict[int, list[Any]] = {}  # what a maximum, by its number, may be

    def under(self, divisors: set[Node], refused: set[Node]) -> Graph:
        """The same atoms under other guards."""
        made = Graph(self.assumed, self.room, self.numbers)
        made.atoms, made.options = self.atoms, self.options
        made.divisors, made.refused = divisors, refused
        return made

    def spend(self, terms: int) -> None:
        """Notes terms that were gone through."""
        self.room -= terms
        within(0, self.room)

    def fact(self, name: str, whole: bool, positive: bool) -> Node:
        return self._node("fact", (name,), whole, positive)

    def apply(self, op: str, *arguments: Any, whole: bool = False, positive: bool = False) -> Node:
        """An operation on numbers, as a node."""
        return self._node(op, arguments, whole, positive)

    def test(self, op: str, *arguments: Any) -> Any:
        """An operation that gives true or false: a node, or the answer where it was assumed."""
        node = self._node(op, arguments, True, True)
        return self.assumed.get(node.key, node)

    def _node(self, op: str, arguments: tuple[Any, ...], whole: bool, positive: bool) -> Node:
        key = (op, *(argument.key if isinstance(argument, Node) else argument for argument in arguments))
        number = self.numbers.setdefault(key, len(self.numbers))
        if number not in self.atoms:
            self.spend(_AN_ATOM)
            factors = [argument.factors for argument in arguments if isinstance(argument, Node)]
            within(most := sum(factors) if op in ("div", "floordiv") else max(factors, default=1), _MOST_FACTORS)
            self.atoms[number] = Atom(number, op, arguments, whole, positive, most)
        return Node(self, {((number, 1),): 1})


def within(value: int, most: int) -> None:
    """Raises TooLarge where a value is above what it may be."""
    if value > most:
        raise TooLarge


class Node:
    """A sum of terms over the atoms of a graph."""

    __slots__ = ("_key", "graph", "terms")

    def __init__(self, graph: Graph, terms: dict[Monomial, Coefficient]) -> None:
        self.graph = graph
        self.terms = terms
        self._key: tuple[Any, ...] | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        if self._key is None:
            self._key = tuple(sorted(self.terms.items()))
        return self._key

    @property
    def whole(self) -> bool:
        """Whether it is an integer whatever the facts."""
        atoms = self.graph.atoms
        return all(
            isinstance(coefficient, int) and all(atoms[number].whole for number, _ in monomial)
            for monomial, coefficient in self.terms.items()
        )

    @property
    def positive(self) -> bool:
        """Whether it is never below 0, as far as its terms show."""
        atoms = self.graph.atoms
        return all(
            coefficient >= 0 and all(atoms[number].positive for number, _ in monomial)
            for monomial, coefficient in self.terms.items()
        )

    @property
    def factors(self) -> int:
        """How many facts are multiplied in one of its terms at most."""
        return max(sum(power * self.graph.atoms[number].factors for number, power in term) for term in self.terms)

    def divided(self, divisor: Coefficient) -> Any:
        """The quotient rounded down, where all but a known number is a multiple of the divisor; else None."""
        beside = self.terms.get((), 0)
        quotient = (self + -beside) * (1 / Fraction(divisor))
        return quotient + beside // divisor if isinstance(quotient, Node) and quotient.whole else None

    def atom(self) -> Atom | None:
        """The atom, where the node is nothing but one."""
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms.items()
            if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
                return self.graph.atoms[monomial[0][0]]
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.graph is other.graph and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __add__(self, other: Any) -> Any:
        terms = dict(self.terms)
        self.graph.spend(len(terms))
        for monomial, coefficient in _terms(other).items():
            total = terms.get(monomial, 0) + coefficient
            if total:
                terms[monomial] = total
            else:
                terms.pop(monomial, None)
        return _simple(self.graph, terms)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        left, right = self.terms, _terms(other)
        if len(left) * len(right) > MOST_TERMS:
            left, right = _closed(self.graph, left), _closed(self.graph, right)
        self.graph.spend(len(left) * len(right))
        terms: dict[Monomial, Coefficient] = {}
        for first, one in left.items():
            for second, two in right.items():
                powers = dict(first)
                for number, power in second:
                    powers[number] = powers.get(number, 0) + power
                monomial = tuple(sorted(powers.items()))
                within(sum(power * self.graph.atoms[number].factors for number, power in monomial), _MOST_FACTORS)
                total = terms.get(monomial, 0) + one * two
                if total:
                    terms[monomial] = total
                else:
                    terms.pop(monomial, None)
        return _simple(self.graph, terms)

    __rmul__ = __mul__


def _terms(value: Any) -> dict[Monomial, Coefficient]:
    if isinstance(value, Node):
        return value.terms
    return {(): value} if value else {}


def _simple(graph: Graph, terms: dict[Monomial, Coefficient]) -> Any:
    """A node, or the plain number that it has become; whole coefficients as ints."""
    clean = {
        monomial: coefficient.numerator
        if isinstance(coefficient, Fraction) and coefficient.denominator == 1
        else coefficient
        for monomial, coefficient in terms.items()
    }
    if not clean:
        return 0
    for coefficient in clean.values():
        within(coefficient.numerator.bit_length() + coefficient.denominator.bit_length(), _MOST_BITS)
    if len(clean) == 1 and () in clean:
        return clean[()]
    return Node(graph, clean)


def _closed(graph: Graph, terms: dict[Monomial, Coefficient]) -> dict[Monomial, Coefficient]:
    """A long sum as one atom, so that products of sums stay short."""
    if len(terms) < 4:
        return terms
    inner = Node(graph, terms)
    return graph.apply("sum", inner, whole=inner.whole, positive=inner.positive).terms
