"""What a formula can evaluate to."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vramledger.evaluation.residual import Node

Numeral = int | Fraction
Scalar = int | Fraction | Node  # a number, known or residual
Truth = bool | Node


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The value of what does not apply; `reason` says why. `missing` marks what nothing gives."""

    reason: str
    missing: bool = False

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"not applicable, because {self.reason}"


@dataclass(frozen=True, slots=True)
class Range:
    """Every number from `low` to `high`, both included."""

    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """A test over ranges that may fall either way: certainly true, possibly true."""

    certain: Truth
    possible: Truth


def exact(value: Any) -> Any:
    """A whole Fraction as an int; anything else as it is."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    return value


def public(value: Any) -> Any:
    """A value as users hold it: int, Fraction, (low, high), bool, str, NotApplicable; None where undecided."""
    if isinstance(value, Range):
        return (exact(value.low), exact(value.high))
    if isinstance(value, Verdict):
        return None
    return exact(value)
