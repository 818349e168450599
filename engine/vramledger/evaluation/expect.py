"""Whether a value is what a document prints: it rounds to the printed digits, a range end by end."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, NamedTuple

from vramledger.evaluation.values import NotApplicable
from vramledger.language.syntax import UNITS

_PRINTED = re.compile(
    r"(?P<whole>-?[0-9][0-9_,]{0,79})(\.(?P<part>[0-9]{1,60}))?([eE](?P<exponent>[+-]?[0-9]{1,2}))?\s*(?P<unit>[A-Za-z]+)?"
)


class Gap(NamedTuple):
    """How far a value is from what is printed, and how far it may be, both in the value's unit."""

    off: Fraction
    allowed: Fraction

    @property
    def used(self) -> Fraction:
        """The share of what is allowed that is used up: above 1 it does not hold."""
        return self.off / self.allowed if self.allowed else Fraction(bool(self.off) * 2)


def holds(value: Any, printed: str, tolerance: Fraction | None = None) -> bool:
    """Whether `value` agrees with the printed text; with a tolerance, within that share of it."""
    if _is_number(value):
        found = gap(value, printed, tolerance)
        return found is not None and found.used <= 1
    if value is None:
        return printed in ("undecided", "null", "")
    if isinstance(value, NotApplicable):
        return printed == "not applicable"
    return printed == (str(value).lower() if isinstance(value, bool) else str(value))


def understood(printed: str) -> bool:
    """Whether the text is a number, a range of numbers or a word."""
    return all(_PRINTED.fullmatch(end.strip()) or not end.strip()[:1].isdigit() for end in printed.split(".."))


def _is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) == 2 and not isinstance(value[0], str)
    return isinstance(value, int | Fraction) and not isinstance(value, bool)


def gap(value: Any, printed: str, tolerance: Fraction | None = None) -> Gap | None:
    """How far a number or a range, at its worse end, is from what is printed; None where that cannot be compared."""
    ends = [end.strip() for end in printed.split("..")]
    values = value if isinstance(value, tuple) else (value,)
    if not _is_number(value) or len(ends) != len(values):
        return None
    gaps = [_gap(one, end, tolerance) for one, end in zip(values, ends, strict=True)]
    return None if None in gaps else max((one for one in gaps if one is not None), key=lambda one: one.used)


def _gap(value: Any, printed: str, tolerance: Fraction | None) -> Gap | None:
    match = _PRINTED.fullmatch(printed.strip())
    if match is None or (match["unit"] and match["unit"] not in UNITS):
        return None
    part = match["part"] or ""
    digits = int(match["whole"].replace(",", "").replace("_", "") + part)
    quantum = Fraction(10) ** (int(match["exponent"] or 0) - len(part)) * UNITS.get(match["unit"] or "", 1)
    wanted = digits * quantum
    allowed = quantum / 2 if tolerance is None else tolerance * abs(wanted)
    return Gap(Fraction(abs(value - wanted)), Fraction(allowed))
