"""A residual graph to one Python function of its facts: plain int and Fraction arithmetic, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from vramledger.evaluation.residual import Graph
from vramledger.evaluation.roots import root_bounds
from vramledger.evaluation.writer import Writer, quotient


def compile_scalar(graph: Graph, outputs: list[Any], facts: list[str]) -> Callable[..., tuple[Any, ...]]:
    """A function of the facts, in their order, that gives the outputs (nodes or numbers) as a tuple."""
    writer = _Text(graph, facts)
    for divisor in sorted(graph.divisors, key=lambda node: node.key):
        writer.lines.append(f"if not ({writer.number(divisor)}): raise ZeroDivisionError")
    for test in sorted(graph.refused, key=lambda node: node.key):
        writer.lines.append(f"if {writer.number(test)}: raise ValueError")
    results = [writer.number(output) for output in outputs]
    names = ", ".join(f"f{number}" for number in range(len(facts)))
    body = "\n    ".join([*writer.lines, f"return ({''.join(f'{result}, ' for result in results)})"])
    text = f"def run({names}):\n    {body}\n"
    space: dict[str, Any] = {"_quotient": quotient, "_root": root_bounds, "Fraction": Fraction}
    exec(compile(text, "<specialised>", "exec"), space)  # noqa: S102 - the text holds generated names and numbers only
    run: Callable[..., tuple[Any, ...]] = space["run"]
    return run


class _Sum(str):
    """The text of a sum, which stands in parentheses wherever it is multiplied."""

    __slots__ = ()


class _Text(Writer[str]):
    """Python text: names for what is kept, expressions for the rest."""

    def __init__(self, graph: Graph, facts: list[str]) -> None:
        super().__init__(graph)
        self.facts = {name: f"f{number}" for number, name in enumerate(facts)}
        self.lines: list[str] = []

    def literal(self, value: Any) -> str:
        if isinstance(value, Fraction) and value.denominator != 1:
            return f"Fraction({value.numerator}, {value.denominator})"
        if isinstance(value, bool):
            return str(value)
        return str(int(value)) if value >= 0 else f"({int(value)})"

    def fact(self, name: str) -> str:
        return self.facts[name]

    def keep(self, value: str) -> str:
        name = f"x{len(self.lines)}"
        self.lines.append(f"{name} = {value}")
        return name

    def total(self, parts: list[str]) -> str:
        return _Sum(" + ".join(parts)) if len(parts) > 1 else parts[0]

    def product(self, parts: list[str]) -> str:
        return " * ".join(f"({part})" if isinstance(part, _Sum) else part for part in parts)

    def quotient(self, over: str, under: str) -> str:
        return f"_quotient({over}, {under})"

    def floor(self, over: str, under: str) -> str:
        return f"({over}) // ({under})"

    def operation(self, op: str, parts: list[str]) -> str:
        match op:
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
        raise TypeError(op)
