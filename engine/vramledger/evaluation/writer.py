"""A residual graph to straight-line code: sums with common factors taken out, equal work written once.

What the code is made of is a back end's own: texts, or steps over columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Generic, TypeVar

from vramledger.evaluation.residual import Atom, Coefficient, Graph, Monomial, Node

T = TypeVar("T")
_SHARED = 3  # a sum of so many terms is worth a name
Whole = dict[Monomial, int]


class Writer(ABC, Generic[T]):
    """Writes each atom once, after those that it needs."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._atoms: dict[int, T] = {}
        self._sums: dict[tuple[Any, ...], T] = {}

    @abstractmethod
    def literal(self, value: Coefficient) -> T:
        """A known number."""

    @abstractmethod
    def fact(self, name: str) -> T:
        """A fact that varies."""

    @abstractmethod
    def total(self, parts: list[T]) -> T:
        """The sum of parts."""

    @abstractmethod
    def product(self, parts: list[T]) -> T:
        """The product of parts."""

    @abstractmethod
    def quotient(self, over: T, under: T) -> T:
        """An exact quotient."""

    @abstractmethod
    def floor(self, over: T, under: T) -> T:
        """A quotient rounded down; `over` is whole where it was written by `cleared`."""

    @abstractmethod
    def operation(self, op: str, parts: list[T]) -> T:
        """Any other operation of the graph."""

    def keep(self, value: T) -> T:
        """A value that is used more than once."""
        return value

    def number(self, value: Any) -> T:
        """A node, a number or a flag; equal sums, up to a factor, are computed once."""
        if not isinstance(value, Node):
            return self.literal(value)
        terms, below = cleared(value)
        found = self._shared(terms)
        return found if below == 1 else self.quotient(found, self.literal(below))

    def _shared(self, terms: Whole) -> T:
        if len(terms) < _SHARED:
            return self._sum(terms)
        factor = gcd(*terms.values())
        primitive = {monomial: coefficient // factor for monomial, coefficient in terms.items()}
        key = tuple(sorted(primitive.items()))
        if key not in self._sums:
            self._sums[key] = self.keep(self._over_known(primitive))
        return self._sums[key] if factor == 1 else self.product([self.literal(factor), self._sums[key]])

    def _over_known(self, terms: Whole) -> T:
        """A sum as what it has beside a multiple of one that is there already, where that is less to write."""
        known: tuple[Any, ...] = ()
        factor, rest = 0, terms
        for key in self._sums:
            for times in {terms[m] // c for m, c in key if m in terms and terms[m] % c == 0}:
                left = {m: c for m in {**terms, **dict(key)} if (c := terms.get(m, 0) - times * dict(key).get(m, 0))}
                if len(left) < len(rest) - 1:
                    known, factor, rest = key, times, left
        if not known:
            return self._sum(terms)
        head = self._sums[known] if factor == 1 else self.product([self.literal(factor), self._sums[known]])
        return self.total([head, self._over_known(rest)]) if rest else head

    def _sum(self, terms: Whole) -> T:
        """A sum with the commonest atom taken out, again and again."""
        count = Counter(number for monomial in terms for number, _ in monomial)
        if len(terms) > 1 and count:
            number, times = max(count.items(), key=lambda item: (item[1], -item[0]))
            if times > 1:
                inside: Whole = {}
                outside: Whole = {}
                for monomial, coefficient in terms.items():
                    powers = dict(monomial)
                    if number in powers:
                        powers[number] -= 1
                        inside[tuple((atom, power) for atom, power in powers.items() if power)] = coefficient
                    else:
                        outside[monomial] = coefficient
                head = self.product([self._atom(number), self._sum(inside)])
                return self.total([head, self._sum(outside)]) if outside else head
        return self.total([self._term(monomial, coefficient) for monomial, coefficient in terms.items()])

    def _term(self, monomial: Monomial, coefficient: int) -> T:
        factors = [self._atom(number) for number, power in monomial for _ in range(power)]
        if coefficient != 1 or not factors:
            factors.insert(0, self.literal(coefficient))
        return self.product(factors)

    def _atom(self, number: int) -> T:
        if number not in self._atoms:
            atom = self.graph.atoms[number]
            fact = atom.op == "fact"
            self._atoms[number] = self.fact(atom.arguments[0]) if fact else self.keep(self._applied(atom))
        return self._atoms[number]

    def _applied(self, atom: Atom) -> T:
        if atom.op == "floordiv":
            return self._floor(*atom.arguments)
        parts = [self.number(argument) for argument in atom.arguments]
        if atom.op == "sum":
            return parts[0]
        return self.quotient(*parts) if atom.op == "div" else self.operation(atom.op, parts)

    def _floor(self, over: Any, under: Any) -> T:
        """A floor division, its fractions cleared: floor(a / c / b) is a // (b * c) for whole a."""
        terms, below = cleared(over) if isinstance(over, Node) else ({}, 1)
        top = self._shared(terms) if terms else self.number(over)
        return self.floor(top, self.number(under if below == 1 else under * below))


def cleared(node: Node) -> tuple[Whole, int]:
    """The terms with whole coefficients, and what they are to be divided by."""
    below = lcm(*(c.denominator for c in node.terms.values()))
    return {monomial: int(coefficient * below) for monomial, coefficient in node.terms.items()}, below


def quotient(a: Any, b: Any) -> Any:
    """The exact quotient of known numbers."""
    if type(a) is int and type(b) is int and b and not a % b:
        return a // b
    found = Fraction(a) / b
    return found.numerator if found.denominator == 1 else found
