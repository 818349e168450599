"""Values in a word, for messages; values of records as formulas hold them; bounds that declarations set."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from vramledger.codes import Code
from vramledger.evaluation.residual import Node
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.values import Range, Verdict, exact, high, low
from vramledger.rules.model import Declaration


def brief(value: Any) -> str:
    if isinstance(value, Row | CatalogRow):
        return value.label
    if isinstance(value, Fraction):
        return str(value) if value.denominator < 10**6 else f"{float(value):.6g}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Range):
        return f"{brief(value.low)} .. {brief(value.high)}"
    if isinstance(value, tuple):
        return "[" + ", ".join(brief(item) for item in value[:6]) + (", ...]" if len(value) > 6 else "]")
    return str(value)


def frozen(value: Any) -> Any:
    """A value of a record as formulas hold it: exact numbers, lists as tuples."""
    if isinstance(value, float):
        return exact(Fraction(repr(value)))
    if isinstance(value, list):
        return tuple(frozen(item) for item in value)
    if isinstance(value, dict):
        return {name: frozen(item) for name, item in value.items()}
    return value


def width(value: Any) -> int:
    """How many items a value of a record holds, which are taken over when it is read."""
    return len(value) if isinstance(value, list | dict) else 0


_HELD: dict[str, tuple[type, ...]] = {
    "number": (int, Range, Node, Fraction),
    "text": (str,),
    "boolean": (bool, Node, Verdict),
    "list": (tuple,),
}


def unlike(declared: Declaration, value: Any) -> tuple[Code, str]:
    """How a computed value is not what its declaration promises, with its code; no text where it is."""
    wrong = mistyped(declared, value)
    return ("type-clash", wrong) if wrong else ("out-of-bounds", out_of_bounds(declared, value))


def mistyped(declared: Declaration, value: Any) -> str:
    """How a value is not of its declaration's type, or ""; what comes from a file may be of any."""
    wanted = _HELD.get(declared.type.kind)
    wrong = wanted is not None and not isinstance(value, wanted)
    wrong = wrong or (declared.type.kind == "number" and isinstance(value, bool))
    return f"is {brief(value)}, expected {declared.type}" if wrong else ""


def out_of_bounds(declared: Declaration, value: Any) -> str:
    """How a value breaks what its declaration allows, or ""."""
    if declared.one_of and isinstance(value, str) and value not in declared.one_of:
        return f'is "{value}", expected one of {", ".join(declared.one_of)}'
    if not declared.integer and declared.minimum is None and declared.below is None:
        return ""
    for end in (low(value), high(value)):
        if isinstance(end, bool | str | Node | tuple | dict) or not isinstance(end, int | Fraction):
            continue
        if declared.integer and not isinstance(end, int):
            return f"is {brief(end)}, expected a whole number"
        if declared.minimum is not None and end < declared.minimum:
            return f"is {brief(end)}, expected at least {declared.minimum}"
        if declared.below is not None and end > declared.below:
            return f"is {brief(end)}, expected at most {declared.below}"
    return ""
