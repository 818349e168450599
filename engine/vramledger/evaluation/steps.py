"""A residual graph as steps on whole numbers, each of which a column of 64-bit integers can take.

A number of the graph is a quotient of two integers, its denominator above 0; most often that is 1. A step knows its
bounds once those of the facts are known, so what does not fit 64 bits is found before it is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Any, NamedTuple

from vramledger.evaluation.residual import Graph
from vramledger.evaluation.writer import Writer

FLAGS = ("below", "above", "same", "not", "and")
LEAST, MOST = -(2**63), 2**63 - 1
Bounds = tuple[int, int]


class NotInSteps(Exception):
    """Arithmetic that whole numbers of 64 bits cannot take: roots, divisors of either sign, very large constants."""


class Step(NamedTuple):
    """An operation on earlier steps (by number, as Refs) and known integers."""

    op: str
    arguments: tuple[Any, ...]


class Ref(NamedTuple):
    """A step, by its number."""

    number: int


class Ratio(NamedTuple):
    """Two integers, known or steps; the second is above 0."""

    over: Any
    under: Any = 1


class Steps(Writer[Ratio]):
    """The steps of one graph, equal ones once. `scales` says by what a fact is multiplied to be whole."""

    def __init__(self, graph: Graph, facts: list[str], scales: Mapping[str, int]) -> None:
        super().__init__(graph)
        self.facts = facts
        self.scales = scales
        self.list: list[Step] = []
        self._known: dict[Step, Ref] = {}

    # --- what a graph is made of ---------------------------------------------------------------------

    def literal(self, value: Any) -> Ratio:
        exact = Fraction(value)
        return Ratio(exact.numerator, exact.denominator)

    def fact(self, name: str) -> Ratio:
        return Ratio(self.step("fact", self.facts.index(name)), self.scales.get(name, 1))

    def total(self, parts: list[Ratio]) -> Ratio:
        under = self._common(parts)
        overs = [self.times(part.over, self._quotient(under, part.under)) for part in parts]
        found, *more = sorted(overs, key=_place)  # what was there before first, so that sums are shared
        for over in more:
            found = self.plus(found, over)
        return Ratio(found, under)

    def product(self, parts: list[Ratio]) -> Ratio:
        over: Any = 1
        under: Any = 1
        for part in sorted(parts, key=lambda part: not isinstance(part.over, Ref)):  # so that products are shared
            over, under = self.times(over, part.over), self.times(under, part.under)
        return _reduced(over, under)

    def quotient(self, over: Ratio, under: Ratio) -> Ratio:
        if not isinstance(under.over, Ref):
            sign = -1 if under.over < 0 else 1
            top = self.times(over.over, self.times(under.under, sign))
            return _reduced(top, self.times(over.under, abs(under.over)))
        if not self._above(under.over):
            raise NotInSteps
        return Ratio(self.times(over.over, under.under), self.times(over.under, under.over))

    def floor(self, over: Ratio, under: Ratio) -> Ratio:
        top, bottom = self.times(over.over, under.under), self.times(over.under, under.over)
        return Ratio(top if bottom == 1 else self.step("floordiv", top, bottom))

    def operation(self, op: str, parts: list[Ratio]) -> Ratio:
        match op:
            case "min" | "max":
                under = self._common(parts)
                overs = [self.times(part.over, self._quotient(under, part.under)) for part in parts]
                return Ratio(self.step(op, *overs), under)
            case "if":
                test, *sides = parts
                if not isinstance(test.over, Ref):
                    return sides[0] if test.over else sides[1]
                under = self._common(sides)
                then, otherwise = (self.times(side.over, self._quotient(under, side.under)) for side in sides)
                if not isinstance(then, Ref) and not isinstance(otherwise, Ref):
                    return Ratio(self.plus(self.times(test.over, then - otherwise), otherwise), under)
                return Ratio(self.step("if", test.over, then, otherwise), under)
            case "below" | "zero":
                return Ratio(self._compared("below" if op == "below" else "same", parts[0].over))
            case "not":
                return Ratio(self._not(parts[0].over))
            case "and":
                return Ratio(self.step(op, *(part.over for part in parts)))
            case "fraction":
                (part,) = parts
                whole = self.times(self.step("floordiv", part.over, part.under), part.under)
                return Ratio(self._not(self._compared("same", self.minus(part.over, whole))))
        raise NotInSteps

    # --- steps -----------------------------------------------------------------------------------------

    def step(self, op: str, *arguments: Any) -> Any:
        """A step, the one that is there already, or the integer that it comes to."""
        if op != "fact" and not any(isinstance(argument, Ref) for argument in arguments):
            return int(_APPLY[op](*arguments))
        if not all(isinstance(argument, Ref) or LEAST <= argument <= MOST for argument in arguments):
            raise NotInSteps
        key = Step(op, arguments)
        if key not in self._known:
            self._known[key] = Ref(len(self.list))
            self.list.append(key)
        return self._known[key]

    def plus(self, a: Any, b: Any) -> Any:
        for one, other in ((a, b), (b, a)):
            if not isinstance(one, Ref) and one == 0:
                return other
            if (under := self._negated(one)) is not None:
                return self.step("subtract", other, under)
        return self.step("add", a, b) if isinstance(a, Ref) else self.step("add", b, a)

    def minus(self, a: Any, b: Any) -> Any:
        return self.plus(a, self.times(b, -1))

    def times(self, a: Any, b: Any) -> Any:
        if not isinstance(a, Ref):
            a, b = b, a
        if isinstance(a, Ref) and not isinstance(b, Ref):
            if b in (0, 1):
                return a if b else 0
            op, arguments = self.list[a.number]
            if op == "multiply" and not isinstance(arguments[1], Ref):
                return self.times(arguments[0], arguments[1] * b)
            if op == "floordiv" and _power(arguments[1]) and b % arguments[1] == 0:
                return self.times(self.step("mask", arguments[0], -arguments[1]), b // arguments[1])
        return self.step("multiply", a, b)

    def _negated(self, a: Any) -> Any:
        """What a step takes times -1, where it does just that."""
        if isinstance(a, Ref):
            op, (first, *second) = self.list[a.number]
            if op == "multiply" and second == [-1]:
                return first
        return None

    def _compared(self, op: str, a: Any, b: int = 0) -> Any:
        """Whether a value is below, above or the same as a known one, asked of the step under what is known of it."""
        while isinstance(a, Ref):
            inner, arguments = self.list[a.number]
            if inner == "subtract" and not isinstance(arguments[0], Ref):  # c - x
                op, a, b = _TURNED[op], arguments[1], arguments[0] - b
                continue
            if inner not in ("add", "multiply", "floordiv") or isinstance(arguments[1], Ref):
                break
            under, known = arguments
            if inner == "add":
                b -= known
            elif inner == "multiply" and op == "same":
                if b % known:
                    return 0
                b //= known
            elif inner == "multiply":
                op, b, known = (op, b, known) if known > 0 else (_TURNED[op], -b, -known)
                b = -(-b // known) if op == "below" else b // known
            elif op == "same" or known < 0:
                break
            else:
                b = b * known if op == "below" else b * known + known - 1
            a = under
        if isinstance(a, Ref) and not LEAST <= b <= MOST:
            raise NotInSteps
        return self.step(op, a, b)

    def _not(self, a: Any) -> Any:
        if isinstance(a, Ref):
            op, arguments = self.list[a.number]
            if op == "below":
                return self._compared("above", arguments[0], arguments[1] - 1)
            if op == "above":
                return self._compared("below", arguments[0], arguments[1] + 1)
        return self.step("not", a)

    def _common(self, parts: list[Ratio]) -> Any:
        """A denominator that all parts can be brought to."""
        known = lcm(*(part.under for part in parts if not isinstance(part.under, Ref)))
        found: Any = known
        for under in sorted({part.under for part in parts if isinstance(part.under, Ref)}):
            found = self.times(under, found)
        return found

    def _quotient(self, common: Any, under: Any) -> Any:
        """What brings a denominator to a common one, which it divides."""
        if common == under:
            return 1
        if not isinstance(under, Ref) and under == 1:
            return common
        if not isinstance(common, Ref) and not isinstance(under, Ref):
            return common // under
        return self.step("floordiv", common, under)

    def _above(self, over: Any) -> bool:
        """Whether a divisor, which is never 0, is known to be above it."""
        signs = {atom.arguments[0]: atom.positive for atom in self.graph.atoms.values() if atom.op == "fact"}
        low, _ = self.bounds({name: (0 if signs.get(name) else LEAST, MOST) for name in self.facts})[over.number]
        return bool(low >= 0)

    def bounds(self, facts: Mapping[str, Bounds]) -> list[Bounds]:
        """The bounds of every step, from those of the facts as they are scaled."""
        found: list[Bounds] = []
        for op, arguments in self.list:
            if op == "fact":
                found.append(facts[self.facts[arguments[0]]])
                continue
            ends = [found[part.number] if isinstance(part, Ref) else (part, part) for part in arguments]
            found.append(_BOUNDS[op](*ends))
        return found


def _place(over: Any) -> tuple[bool, int]:
    return (False, over.number) if isinstance(over, Ref) else (True, 0)


def _power(number: Any) -> bool:
    """Whether a known number is a power of two."""
    return not isinstance(number, Ref) and number > 1 and number & (number - 1) == 0


def _reduced(over: Any, under: Any) -> Ratio:
    if isinstance(over, Ref) or isinstance(under, Ref):
        return Ratio(over, under)
    shared = gcd(over, under)
    return Ratio(over // shared, under // shared)


def fits(bounds: list[Bounds]) -> bool:
    """Whether no step leaves 64 bits."""
    return all(low >= LEAST and high <= MOST for low, high in bounds)


def _products(a: Bounds, b: Bounds) -> Bounds:
    if a[0] >= 0 and b[0] >= 0:
        return a[0] * b[0], a[1] * b[1]
    found = [x * y for x in a for y in b]
    return min(found), max(found)


def _quotients(a: Bounds, b: Bounds) -> Bounds:
    if b[0] > 0:
        found = [x // y for x in a for y in b]
        return min(found), max(found)
    most = max(abs(a[0]), abs(a[1])) + 1
    return -most, most  # where a divisor is 0 the row is refused, and any divisor is at least 1 away from it


_TURNED = {"below": "above", "above": "below", "same": "same"}
_BOUNDS: dict[str, Any] = {
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "multiply": _products,
    "floordiv": _quotients,
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "if": lambda test, a, b: a if test[0] else b if not test[1] else (min(a[0], b[0]), max(a[1], b[1])),
    "subtract": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "mask": lambda a, b: (a[0] // -b[0] * -b[0], a[1] // -b[0] * -b[0]),
    "below": lambda a, b: (int(a[1] < b[0]), int(a[0] < b[1])),
    "above": lambda a, b: (int(a[0] > b[1]), int(a[1] > b[0])),
    "same": lambda a, b: (int(a == b and a[0] == a[1]), int(a[0] <= b[1] and b[0] <= a[1])),
    "not": lambda a: (1 - a[1], 1 - a[0]),
    "and": lambda a, b: (a[0] & b[0], a[1] & b[1]),
}
_APPLY: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "min": min,
    "max": max,
    "subtract": lambda a, b: a - b,
    "if": lambda test, a, b: a if test else b,
    "mask": lambda a, b: a & b,
    "below": lambda a, b: a < b,
    "above": lambda a, b: a > b,
    "same": lambda a, b: a == b,
    "not": lambda a: not a,
    "and": lambda a, b: a and b,
}
