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


class Printed(NamedTuple):
    """A figure as it is printed: its value, the step of its last digit, and its unit, "" where it has none."""

    value: Fraction
    step: Fraction
    unit: str


class Gap(NamedTuple):
    """How far a value is from what is printed, and how far it may be, both in the value's unit."""

    off: Fraction
    allowed: Fraction

    @property
    def used(self) -> Fraction:
        """The share of what is allowed that is used up: above 1 it does not hold."""
        return self.off / self.allowed if self.allowed else Fraction(bool(self.off) * 2)


def holds(value: Any, text: str, tolerance: Fraction | None = None) -> bool:
    """Whether `value` agrees with the printed text; with a tolerance, within that share of it."""
    if _is_number(value):
        found = gap(value, text, tolerance)
        return found is not None and found.used <= 1
    if value is None:
        return text in ("undecided", "null", "")
    if isinstance(value, NotApplicable):
        return text == "not applicable"
    return text == (str(value).lower() if isinstance(value, bool) else str(value))


def understood(text: str) -> bool:
    """Whether the text is a number, a range of numbers or a word."""
    return all(_PRINTED.fullmatch(end.strip()) or not end.strip()[:1].isdigit() for end in text.split(".."))


def _is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) == 2 and not isinstance(value[0], str)
    return isinstance(value, int | Fraction) and not isinstance(value, bool)


def gap(value: Any, text: str, tolerance: Fraction | None = None) -> Gap | None:
    """How far a number or a range, at its worse end, is from what is printed; None where that cannot be compared."""
    ends = [end.strip() for end in text.split("..")]
    values = value if isinstance(value, tuple) else (value,)
    if not _is_number(value) or len(ends) != len(values):
        return None
    gaps = [_gap(one, end, tolerance) for one, end in zip(values, ends, strict=True)]
    return None if None in gaps else max((one for one in gaps if one is not None), key=lambda one: one.used)


def printed(text: str) -> Printed | None:
    """A printed figure; None where it is none, or has a unit that nobody knows."""
    match = _PRINTED.fullmatch(text.strip())
    if match is None or (match["unit"] and match["unit"] not in UNITS):
        return None
    part, unit = match["part"] or "", match["unit"] or ""
    digits = int(match["whole"].replace(",", "").replace("_", "") + part)
    step = Fraction(10) ** (int(match["exponent"] or 0) - len(part)) * UNITS.get(unit, 1)
    return Printed(digits * step, step, unit)


def _gap(value: Any, text: str, tolerance: Fraction | None) -> Gap | None:
    found = printed(text)
    if found is None:
        return None
    allowed = found.step / 2 if tolerance is None else tolerance * abs(found.value)
    return Gap(Fraction(abs(value - found.value)), Fraction(allowed))
