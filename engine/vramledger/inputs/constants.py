"""Numbers as scenarios write them: `4`, `7e9`, `80 GB`, `10 GB .. 30 GB`, `8 * 1024`; no names, no rules."""

from __future__ import annotations

import re
from typing import Any

from vramledger.evaluation.brief import brief
from vramledger.evaluation.fold import fold
from vramledger.language.parse import FormulaError, literal, parse
from vramledger.language.syntax import Binary, Expr, Name, Number, Unary, walk
from vramledger.language.units import PLAIN, Fault, Type, check
from vramledger.problems import problem
from vramledger.rules.model import Declaration
from vramledger.rules.tree import Scalar

_COUNT = re.compile(r"0|[1-9][0-9]{0,17}")  # most of what is written; the rest is parsed


class _NoNames:
    def quantity(self, name: str) -> Type | None:
        return None

    def column(self, table: str, name: str) -> Type | None:
        return None

    def near(self, name: str, table: str = "") -> str:
        return ""


def constant(scalar: Scalar, declared: Declaration) -> Any:
    """The exact value that a scalar writes, or the problem with it."""
    if not declared.type.bytes and _COUNT.fullmatch(scalar.text):
        return int(scalar.text)
    try:
        tree = literal(scalar.text) or parse(scalar.text)
    except FormulaError as fault:
        place = scalar.at(fault.span)
        return problem("formula-syntax", fault.message, place, *fault.hints, f"expected {_expected(declared)}")
    stranger = next((part for part in walk(tree) if not isinstance(part, Number | Unary | Binary)), None)
    if stranger is not None:
        what = stranger.name if isinstance(stranger, Name) else scalar.text
        message = f"{declared.name} is {what!r}, expected {_expected(declared)}"
        return problem("type-clash", message, scalar.at(stranger.span), _word_hint(scalar.text))
    faults: list[Fault] = []
    found = check(tree, _NoNames(), {}, faults)
    if faults:
        return problem(faults[0].code, faults[0].message, scalar.at(faults[0].spans[0][0]), *faults[0].hints)
    unplaced = scalar.marks[0][1] == 0  # a Python number: it cannot carry a unit
    if found.kind == "number" and found.bytes != declared.type.bytes and not (unplaced and found == PLAIN):
        return problem(
            "unit-clash",
            f"{declared.name} is given in {found}, expected {_expected(declared)}",
            scalar.place,
            _unit_hint(tree, scalar.text, declared),
        )
    try:
        return fold(tree)
    except (ArithmeticError, ValueError) as fault:
        return problem("arithmetic", f"{declared.name} is {str(fault) or 'no number'}", scalar.place)


def _expected(declared: Declaration) -> str:
    if declared.type.bytes == 1:
        return "bytes with their unit, such as 80 GB"
    return "a whole number" if declared.integer else "a number"


def _word_hint(text: str) -> str:
    return "write the number itself" if text.lower() in ("nan", ".nan", "inf", ".inf", "yes", "no") else ""


def _unit_hint(tree: Expr, text: str, declared: Declaration) -> str:
    if isinstance(tree, Number) and tree.unit == "B" and not declared.type.bytes:
        return f"7B reads as seven bytes: billions are written {brief(tree.value)}e9"
    if declared.type.bytes:
        return f"write {text} B, or kB, MB, GB, KiB, MiB, GiB"
    return ""
