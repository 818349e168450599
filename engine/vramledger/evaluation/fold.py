"""Constant formulas to their value."""

from __future__ import annotations

from typing import Any

from vramledger.evaluation import arithmetic as number
from vramledger.evaluation.arithmetic import Overflow
from vramledger.evaluation.operators import ARITHMETIC
from vramledger.evaluation.values import exact
from vramledger.language.syntax import UNITS, Binary, Expr, Number, Unary


def fold(tree: Expr) -> Any:
    """The value of a tree of numbers and arithmetic. Raises ArithmeticError or ValueError."""
    try:
        return _fold(tree)
    except Overflow:
        raise ValueError("a number beyond all memory") from None
    except ZeroDivisionError:
        raise ValueError("division by zero") from None


def _fold(tree: Expr) -> Any:
    match tree:
        case Number(value, unit):
            return value if unit is None else exact(value * UNITS[unit])
        case Unary("-", operand):
            return number.negate(_fold(operand))
        case Binary(op, left, right) if op in ARITHMETIC:
            return ARITHMETIC[op](_fold(left), _fold(right))
    raise ValueError("not a number")
