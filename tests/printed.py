"""Whether an exact value rounds to a figure as a document prints it: `73.6 GB`, `107-128 GB`, `0.524 percent`."""

from __future__ import annotations

import re
from fractions import Fraction

_BYTES = {"k": 1, "M": 2, "G": 3, "T": 4}
_UNITS = {
    "": Fraction(1),
    "B": Fraction(1),
    "bytes": Fraction(1),
    "bytes/param": Fraction(1),
    "params": Fraction(1),
    "times": Fraction(1),
    "bit": Fraction(1),
    "percent": Fraction(1, 100),
    "%": Fraction(1, 100),
    "million": Fraction(10**6),
    **{f"{letter}B": Fraction(1000**power) for letter, power in _BYTES.items()},
    **{f"{letter.upper()}iB": Fraction(1024**power) for letter, power in _BYTES.items()},
}
_NUMBER = r"(?P<digits>\d+(?:\.(?P<decimals>\d+))?)(?:e(?P<power>\d+))?"
_END = re.compile(rf"\s*(?:about )?{_NUMBER}\s*(?P<unit>[A-Za-z%/]*)\s*")
_BETWEEN = re.compile(r"\s*(?:\.\.|-|\bto\b)\s*")


def rounds_to(value: int | Fraction | tuple[int | Fraction, int | Fraction], text: str) -> bool:
    """Whether the value, rounded to the digits that `text` prints, is what it prints; a range, end by end."""
    ends = [_END.fullmatch(part) for part in _BETWEEN.split(str(text))]
    if len(ends) > 2 or None in ends:
        raise ValueError(f"{text!r} is no printed figure")
    unit = ends[-1]["unit"]  # 10-30 GB: the last end's unit is the first one's too
    values = value if isinstance(value, tuple) else (value,)
    return len(values) == len(ends) and all(
        _rounds(Fraction(one), end, end["unit"] or unit) for one, end in zip(values, ends, strict=True)
    )


def _rounds(value: Fraction, printed: re.Match[str], unit: str) -> bool:
    last_digit = Fraction(10) ** (int(printed["power"] or 0) - len(printed["decimals"] or ""))
    shown = Fraction(printed["digits"]) * 10 ** int(printed["power"] or 0)
    return abs(value / _UNITS[unit] - shown) <= last_digit / 2
