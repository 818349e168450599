"""What operators and functions do with values, and the problems where they cannot."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from vramledger.codes import Code
from vramledger.evaluation import arithmetic as number
from vramledger.evaluation.arithmetic import Overflow
from vramledger.evaluation.brief import brief
from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.logic import compare, either, negated
from vramledger.evaluation.residual import Node
from vramledger.evaluation.roots import decided_root
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.values import NotApplicable, Range, Verdict, high, low
from vramledger.language.patterns import matches
from vramledger.language.printing import to_text
from vramledger.language.syntax import Binary, Expr
from vramledger.problems import problem

_NUMERIC = (int, Range, Node, Fraction)  # the last one's check takes longest


def compute(tree: Expr, frame: Frame, function: Callable[..., Any], *operands: Any) -> Any:
    for operand in operands:
        if type(operand) is int:
            continue
        if not isinstance(operand, _NUMERIC) or isinstance(operand, bool):
            message = f"expected a number, found {brief(operand)}"
            raise Fault(problem("type-clash", message, frame.formula.place(tree.span)))
    try:
        return function(*operands)
    except ZeroDivisionError:
        raise arithmetic_fault("division-by-zero", "division by zero", tree, frame) from None
    except Overflow:
        raise arithmetic_fault("overflow", "a number beyond all memory", tree, frame) from None
    except ValueError as fault:
        raise arithmetic_fault("arithmetic", str(fault), tree, frame) from None


def arithmetic_fault(code: Code, message: str, tree: Expr, frame: Frame) -> Fault:
    rows = ", ".join(f"{name} = {brief(row)}" for name, row in frame.rows.items())
    where = f" in {to_text(tree)}" + (f" for {rows}" if rows else "")
    return Fault(problem(code, message + where, frame.formula.place(tree.span)))


def comparison(tree: Binary, left: Any, right: Any, frame: Frame) -> Any:
    if isinstance(left, NotApplicable) or isinstance(right, NotApplicable):
        return False
    op = tree.op
    if op in ("in", "not in"):
        found = contains(left, right)
        return found if op == "in" else negated(found)
    numeric = [isinstance(part, _NUMERIC) and not isinstance(part, bool) for part in (left, right)]
    if all(numeric):
        return compare(op, left, right)
    if op in ("==", "!="):
        truths = (bool, Node)
        if isinstance(left, truths) and isinstance(right, truths):
            return compare(op, left, right)
        if isinstance(left, Verdict) or isinstance(right, Verdict):
            same = left if right is True else negated(left)
            return same if op == "==" else negated(same)
        same = type(left) is type(right) and left == right
        return same if op == "==" else not same
    message = f"cannot compare {brief(left)} with {brief(right)}"
    raise Fault(problem("type-clash", message, frame.formula.place(tree.span)))


def contains(item: Any, group: Any) -> Any:
    if isinstance(group, str):
        return isinstance(item, str) and item in group
    if not isinstance(group, tuple):
        return False
    found: Any = False
    for part in group:
        other = part.name if isinstance(part, Row | CatalogRow) else part
        same = (
            compare("==", item, other)
            if isinstance(item, _NUMERIC) and isinstance(other, _NUMERIC)
            else (type(item) is type(other) and item == other)
        )
        found = either(found, same)
    return found


def _interval(a: Any, b: Any) -> Any:
    bottom, top = low(a), high(b)
    backwards = compare(">", bottom, top)
    if not isinstance(backwards, Node) and backwards:
        raise ValueError(f"a range that ends ({brief(top)}) before it begins ({brief(bottom)})")
    return Range(bottom, top)


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": number.add,
    "-": number.subtract,
    "*": number.multiply,
    "/": number.divide,
    "//": number.floor_divide,
    "%": number.modulo,
    "**": number.power,
    "..": _interval,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": number.minimum,
    "max": number.maximum,
    "ceil": number.ceil,
    "floor": number.floor,
    "round_up": number.round_up,
    "ceil_div": number.ceil_divide,
    "sqrt": decided_root,
}
TEXT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ends_with": lambda text, end, mark="": text == end or text.endswith(mark + end),
    "starts_with": lambda text, start, mark="": text == start or text.startswith(start + mark),
    "split": lambda text, mark: tuple(text.split(mark) if mark else text),
    "matches": matches,
    "joined": lambda mark, *parts: mark.join(parts),
}
