"""Exact values as people read them: bytes in GB (10^9) and GiB (2^30), the unit always written out."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

_DECIMAL = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_MOST_NAMED = 8
_BINARY = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def show(value: Any, unit: str = "") -> str:
    """A value with its unit: 12.3 GB, 1,234, "text", true, 1 GB .. 2 GB."""
    if isinstance(value, tuple) and len(value) == 2 and not any(isinstance(end, str) for end in value):
        return f"{show(value[0], unit)} .. {show(value[1], unit)}"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "undecided"
    if isinstance(value, int | Fraction):
        return in_bytes(value) if is_bytes(unit) else f"{plain(value)}{f' {unit}' if unit else ''}"
    if isinstance(value, list):
        return f"[{', '.join(show(item) for item in value)}]"
    return str(value)


def named(values: list[Any]) -> str:
    """A list within a sentence: the first of it, and how many more there are."""
    shown = ", ".join(show(item) for item in values[:_MOST_NAMED])
    return f"{shown} and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else shown


def is_bytes(unit: str) -> bool:
    return unit == "B" or unit.startswith("B per ")


def in_bytes(value: int | Fraction) -> str:
    """Bytes in the largest decimal unit that they fill, three decimals at most."""
    return _scaled(value, _DECIMAL)


def in_binary(value: int | Fraction) -> str:
    """Bytes in the largest binary unit that they fill."""
    return _scaled(value, _BINARY)


def both(value: Any) -> str:
    """Bytes in decimal and binary units."""
    if isinstance(value, tuple):
        low, high = value[0], value[1]
        return f"{in_bytes(low)} .. {in_bytes(high)} ({in_binary(low)} .. {in_binary(high)})"
    return f"{in_bytes(value)} ({in_binary(value)})"


def _scaled(value: Any, units: tuple[tuple[str, int], ...]) -> str:
    for name, size in units:
        if abs(value) >= size:
            return f"{trim(Fraction(value) / size)} {name}"
    return f"{plain(value)} B"


def trim(value: Fraction) -> str:
    """Three decimals, rounded half up, trailing zeros dropped."""
    scaled = (abs(value) * 2000 + 1) // 2
    whole, rest = divmod(int(scaled), 1000)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole:,}.{rest:03}".rstrip("0").rstrip(".")


def plain(value: Any) -> str:
    """A plain number: whole with separators, otherwise six significant digits or an exact short quotient."""
    if isinstance(value, int) or value.denominator == 1:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return trim(value)
    return f"{float(value):.6g}"
