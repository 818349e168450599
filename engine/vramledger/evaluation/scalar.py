"""A residual graph to one Python function of its facts: plain int and Fraction arithmetic, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from vramledger.evaluation.arithmetic import root_bounds
from vramledger.evaluation.residual import Atom, Coefficient, Graph, Monomial, Node


def compile_scalar(graph: Graph, outputs: list[Any], facts: list[str]) -> Callable[..., tuple[Any, ...]]:
    """A function of the facts, in their order, that gives the outputs (nodes or numbers) as a tuple."""
    writer = _Writer(graph, facts)
    for divisor in sorted(graph.divisors, key=lambda node: node.key):
        writer.lines.append(f"if not ({writer.number(divisor)}): raise ZeroDivisionError")
    for test in sorted(graph.refused, key=lambda node: node.key):
        writer.lines.append(f"if {writer.number(test)}: raise ValueError")
    results = [writer.number(output) for output in outputs]
    names = ", ".join(f"f{number}" for number in range(len(facts)))
    body = "\n    ".join([*writer.lines, f"return ({''.join(f'{result}, ' for result in results)})"])
    text = f"def run({names}):\n    {body}\n"
    space: dict[str, Any] = {"_quotient": _quotient, "_root": root_bounds, "Fraction": Fraction}
    exec(compile(text, "<specialised>", "exec"), space)  # noqa: S102 - the text holds generated names and numbers only
    run: Callable[..., tuple[Any, ...]] = space["run"]
    return run


def _quotient(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int and b and not a % b:
        return a // b
    found = Fraction(a) / b
    return found.numerator if found.denominator == 1 else found


_SHARED = 3  # a sum of so many terms is worth a name


class _Writer:
    """Writes each atom once, after those that it needs."""

    def __init__(self, graph: Graph, facts: list[str]) -> None:
        self.graph = graph
        self.facts = {name: f"f{number}" for number, name in enumerate(facts)}
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        self._sums: dict[tuple[Any, ...], str] = {}

    def number(self, value: Any) -> str:
        """A number as an expression; equal sums, up to a factor, are computed once."""
        if not isinstance(value, Node):
            return _literal(value)
        terms, below = _whole(value)
        text = self._shared(terms)
        return text if below == 1 else f"_quotient({text}, {below})"

    def _shared(self, terms: dict[Monomial, int]) -> str:
        if len(terms) < _SHARED:
            return self._sum(terms)
        factor = gcd(*terms.values())
        primitive = {monomial: coefficient // factor for monomial, coefficient in terms.items()}
        key = tuple(sorted(primitive.items()))
        if key not in self._sums:
            text = self._sum(primitive)
            self._sums[key] = f"s{len(self._sums)}"
            self.lines.append(f"{self._sums[key]} = {text}")
        return self._sums[key] if factor == 1 else f"{_literal(factor)} * {self._sums[key]}"

    def _sum(self, terms: Mapping[Monomial, Coefficient]) -> str:
        """A sum with the commonest atom taken out, again and again."""
        count = Counter(number for monomial in terms for number, _ in monomial)
        if len(terms) > 1 and count:
            number, times = max(count.items(), key=lambda item: (item[1], -item[0]))
            if times > 1:
                inside: dict[Monomial, Coefficient] = {}
                outside: dict[Monomial, Coefficient] = {}
                for monomial, coefficient in terms.items():
                    powers = dict(monomial)
                    if number in powers:
                        powers[number] -= 1
                        rest = tuple((atom, power) for atom, power in monomial if atom != number or power > 1)
                        inside[tuple((atom, powers[atom]) for atom, _ in rest)] = coefficient
                    else:
                        outside[monomial] = coefficient
                head = f"{self._atom(number)} * {self._group(inside)}"
                return f"{head} + {self._sum(outside)}" if outside else head
        return " + ".join(self._term(monomial, coefficient) for monomial, coefficient in terms.items())

    def _group(self, terms: Mapping[Monomial, Coefficient]) -> str:
        text = self._sum(terms)
        return f"({text})" if len(terms) > 1 else text

    def _term(self, monomial: Monomial, coefficient: Coefficient) -> str:
        factors = [self._atom(number) for number, power in monomial for _ in range(power)]
        if coefficient != 1 or not factors:
            factors.insert(0, _literal(coefficient))
        return " * ".join(factors)

    def _atom(self, number: int) -> str:
        if number not in self._names:
            atom = self.graph.atoms[number]
            if atom.op == "fact":
                self._names[number] = self.facts[atom.arguments[0]]
            else:
                text = self._operation(atom)
                self._names[number] = f"x{number}"
                self.lines.append(f"x{number} = {text}")
        return self._names[number]

    def _operation(self, atom: Atom) -> str:
        if atom.op == "floordiv":
            return self._floor(*atom.arguments)
        parts = [self.number(argument) for argument in atom.arguments]
        match atom.op:
            case "sum":
                return parts[0]
            case "div":
                return f"_quotient({parts[0]}, {parts[1]})"
            case "min":
                return f"b if (a := {parts[0]}) > (b := {parts[1]}) else a"
            case "max":
                return f"b if (a := {parts[0]}) < (b := {parts[1]}) else a"
            case "if":
                return f"({parts[1]}) if ({parts[0]}) else ({parts[2]})"
            case "below":
                return f"({parts[0]}) < 0"
            case "zero":
                return f"({parts[0]}) == 0"
            case "not":
                return f"not ({parts[0]})"
            case "and":
                return f"({parts[0]}) and ({parts[1]})"
            case "fraction":
                return f"({parts[0]}) % 1 != 0"
            case "square":
                return f"_root({parts[0]})[0] == _root({parts[0]})[1]"
            case "sqrt_low":
                return f"_root({parts[0]})[0]"
            case "sqrt_high":
                return f"_root({parts[0]})[1]"
        raise TypeError(atom.op)

    def _floor(self, over: Any, under: Any) -> str:
        """A floor division, its fractions cleared: floor(a / c / b) is a // (b * c) for whole a."""
        terms, below = _whole(over) if isinstance(over, Node) else ({}, 1)
        top = self._shared(terms) if terms else self.number(over)
        return f"({top}) // ({self.number(under if below == 1 else under * below)})"


def _whole(node: Node) -> tuple[dict[Monomial, int], int]:
    """The terms with whole coefficients, and what they are to be divided by."""
    below = lcm(*(c.denominator for c in node.terms.values()))
    return {monomial: int(coefficient * below) for monomial, coefficient in node.terms.items()}, below


def _literal(value: Any) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        return f"Fraction({value.numerator}, {value.denominator})"
    if isinstance(value, bool):
        return str(value)
    return str(int(value)) if value >= 0 else f"({int(value)})"
