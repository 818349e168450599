"""The formulas that every engine is given: what full fine-tuning of a Llama takes, as a rule of thumb in whole bytes.

They stand here once, as Python expressions over `+ - * // ==`, `max`, `ceil_div` and `x if c else y`; `written` prints
them in an engine's own syntax. They are simpler than the bundled rules, and mean to be nothing but the same for all.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import NamedTuple


class Input(NamedTuple):
    """A number that a scenario gives; one with a default need not be given."""

    unit: str
    default: int | None = None


class Rule(NamedTuple):
    """A quantity by its formula."""

    unit: str
    formula: str


INPUTS = {
    "hidden": Input("features"),
    "layers": Input("layers"),
    "heads": Input("heads"),
    "kv_heads": Input("heads"),
    "intermediate": Input("features"),
    "vocab": Input("entries"),
    "batch": Input("sequences"),
    "sequence": Input("tokens"),
    "recompute": Input("flag"),
    "width": Input("B", 2),
    "wide": Input("B", 4),
    "state_width": Input("B", 4),
    "segment": Input("B", 2 * 2**20),
    "context": Input("B", 500_000_000),
}
RULES = {
    "head_dim": Rule("features", "hidden // heads"),
    "attention_parameters": Rule("parameters", "2 * hidden * head_dim * (heads + kv_heads)"),
    "mlp_parameters": Rule("parameters", "3 * hidden * intermediate"),
    "layer_parameters": Rule("parameters", "attention_parameters + mlp_parameters + 2 * hidden"),
    "count": Rule("parameters", "layers * layer_parameters + 2 * vocab * hidden + hidden"),
    "weights": Rule("B", "count * width"),
    "gradients": Rule("B", "count * width"),
    "optimizer": Rule("B", "count * state_width"),
    "tokens": Rule("tokens", "batch * sequence"),
    "norms_saved": Rule("B", "2 * tokens * (hidden * (wide + width) + wide)"),
    "inputs_saved": Rule("B", "2 * tokens * hidden * width"),
    "attention_saved": Rule("B", "2 * tokens * head_dim * (heads + kv_heads) * width + tokens * heads * wide"),
    "mlp_saved": Rule("B", "4 * tokens * intermediate * width"),
    "layer_saved": Rule("B", "norms_saved + inputs_saved + attention_saved + mlp_saved"),
    "activations": Rule(
        "B", "layers * layer_saved if recompute == 0 else layers * tokens * hidden * width + layer_saved"
    ),
    "logits": Rule("B", "tokens * vocab * wide"),
    "end_of_forward": Rule("B", "weights + optimizer + activations + logits + tokens * vocab * (width + wide)"),
    "step": Rule("B", "weights + 2 * gradients + optimizer"),
    "allocated": Rule("B", "max(end_of_forward, step)"),
    "reserved": Rule("B", "ceil_div(allocated, segment) * segment"),
    "total": Rule("B", "reserved + context"),
}
TOTAL = "total"
DEFAULTS = {name: given.default for name, given in INPUTS.items() if given.default is not None}


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a language writes what the formulas use, as patterns of its operands."""

    divided: str = "({0} // {1})"
    ceil_divided: str = "(-(-{0} // {1}))"
    greater: str = "max({0}, {1})"
    chosen: str = "({1} if {0} else {2})"
    given: str = "{}"  # an input
    computed: str = "{}"  # another formula's value


PYTHON = Syntax()
NUMPY = Syntax(greater="numpy.maximum({0}, {1})", chosen="numpy.where({0}, {1}, {2})")
OURS = Syntax(ceil_divided="ceil_div({0}, {1})", given="plain.{}", computed="plain.{}")
ZEN = Syntax("floor({0} / {1})", "ceil({0} / {1})", "max([{0}, {1}])", "({0} ? {1} : {2})", computed="$.{}")
CEL = Syntax(
    "({0} / {1})", "(({0} + {1} - 1) / {1})", "({0} > {1} ? {0} : {1})", "({0} ? {1} : {2})"
)  # division of integers leaves the fraction out

_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


def written(formula: str, syntax: Syntax) -> str:
    """A formula in a language's syntax."""
    return _written(ast.parse(formula, mode="eval").body, syntax)


def reads(formula: str) -> list[str]:
    """The names that a formula reads, each once."""
    names = [part.id for part in ast.walk(ast.parse(formula)) if isinstance(part, ast.Name)]
    return [name for name in dict.fromkeys(names) if name in INPUTS or name in RULES]


def _written(part: ast.expr, syntax: Syntax) -> str:
    match part:
        case ast.Constant(value):
            return str(value)
        case ast.Name(name):
            return (syntax.given if name in INPUTS else syntax.computed).format(name)
        case ast.BinOp(left, ast.FloorDiv(), right):
            return syntax.divided.format(_written(left, syntax), _written(right, syntax))
        case ast.BinOp(left, sign, right):
            return f"({_written(left, syntax)} {_SIGNS[type(sign)]} {_written(right, syntax)})"
        case ast.Compare(left, [ast.Eq()], [right]):
            return f"{_written(left, syntax)} == {_written(right, syntax)}"
        case ast.IfExp(test, chosen, otherwise):
            return syntax.chosen.format(*(_written(one, syntax) for one in (test, chosen, otherwise)))
        case ast.Call(ast.Name(function), arguments):
            pattern = {"max": syntax.greater, "ceil_div": syntax.ceil_divided}[function]
            return pattern.format(*(_written(one, syntax) for one in arguments))
    raise ValueError(ast.dump(part))
