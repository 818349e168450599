"""Whether a value is what a document prints: it rounds to the printed digits, a range end by end."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from vramledger.evaluation.values import NotApplicable
from vramledger.language.syntax import UNITS

_PRINTED = re.compile(
    r"(?P<whole>-?[0-9][0-9_,]*)(\.(?P<part>[0-9]+))?([eE](?P<exponent>[+-]?[0-9]{1,2}))?\s*(?P<unit>[A-Za-z]+)?"
)


def holds(value: Any, printed: str, tolerance: Fraction | None = None) -> bool:
    """Whether `value` agrees with the printed text; with a tolerance, within that share of it."""
    ends = [end.strip() for end in printed.split("..")]
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], str):
        return len(ends) == 2 and all(_rounds(v, end, tolerance) for v, end in zip(value, ends, strict=True))
    if len(ends) == 1 and isinstance(value, int | Fraction) and not isinstance(value, bool):
        return _rounds(value, printed, tolerance)
    if value is None:
        return printed in ("undecided", "null", "")
    if isinstance(value, NotApplicable):
        return printed == "not applicable"
    return printed == (str(value).lower() if isinstance(value, bool) else str(value))


def understood(printed: str) -> bool:
    """Whether the text is a number, a range of numbers or a word."""
    return all(_PRINTED.fullmatch(end.strip()) or not end.strip()[:1].isdigit() for end in printed.split(".."))


def _rounds(value: Any, printed: str, tolerance: Fraction | None) -> bool:
    match = _PRINTED.fullmatch(printed.strip())
    if match is None or (match["unit"] and match["unit"] not in UNITS):
        return False
    part = match["part"] or ""
    digits = int(match["whole"].replace(",", "").replace("_", "") + part)
    quantum = Fraction(10) ** (int(match["exponent"] or 0) - len(part)) * UNITS.get(match["unit"] or "", 1)
    wanted = digits * quantum
    if tolerance is not None:
        return bool(abs(value - wanted) <= tolerance * abs(wanted))
    return bool(abs(value - wanted) * 2 <= quantum)
