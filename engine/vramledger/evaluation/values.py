"""What a formula can evaluate to."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from vramledger.evaluation.residual import Node
from vramledger.problems import LONGEST

Numeral = int | Fraction
Scalar = int | Fraction | Node  # a number, known or residual
Truth = bool | Node


class NotApplicable:
    """The value of what does not apply; `reason` says why. `missing` marks what nothing gives."""

    __slots__ = ("_reason", "hint", "missing")

    def __init__(self, reason: str | Callable[[], str], missing: bool = False, hint: str = "") -> None:
        self._reason = reason  # a reason that takes work is found when it is first asked for
        self.missing = missing
        self.hint = hint

    @property
    def reason(self) -> str:
        if callable(self._reason):
            found = self._reason()
            self._reason = found if len(found) <= LONGEST else f"{found[:LONGEST]} ..."
        return self._reason

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NotApplicable) and self.reason == other.reason

    def __hash__(self) -> int:
        return hash(self.reason)

    def __str__(self) -> str:
        return f"not applicable, because {self.reason}"

    def __repr__(self) -> str:
        return f"NotApplicable({self.reason!r})"


class Range:
    """Every number from `low` to `high`, both included."""

    __slots__ = ("high", "low")

    def __init__(self, low: Any, high: Any) -> None:
        self.low = low
        self.high = high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and self.low == other.low and self.high == other.high

    def __hash__(self) -> int:
        return hash((self.low, self.high))

    def __repr__(self) -> str:
        return f"Range({self.low!r}, {self.high!r})"


def low(value: Any) -> Any:
    return value.low if type(value) is Range else value


def high(value: Any) -> Any:
    return value.high if type(value) is Range else value


class Verdict:
    """A test over ranges that may fall either way: certainly true, possibly true."""

    __slots__ = ("certain", "possible")

    def __init__(self, certain: Truth, possible: Truth) -> None:
        self.certain = certain
        self.possible = possible

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verdict) and self.certain == other.certain and self.possible == other.possible

    def __hash__(self) -> int:
        return hash((self.certain, self.possible))

    def __repr__(self) -> str:
        return f"Verdict({self.certain!r}, {self.possible!r})"


_PUBLIC = (int, bool, str)  # what is held as it is


def exact(value: Any) -> Any:
    """A whole Fraction as an int; anything else as it is."""
    if type(value) is Fraction and value.denominator == 1:  # asking for subclasses takes ten times as long
        return value.numerator
    return value


def public(value: Any) -> Any:
    """A value as users hold it: int, Fraction, (low, high), bool, str, list, NotApplicable; None where undecided."""
    if type(value) in _PUBLIC:
        return value
    if isinstance(value, Range):
        bottom, top = exact(value.low), exact(value.high)
        return bottom if bottom == top else (bottom, top)
    if isinstance(value, Verdict):
        return None
    if isinstance(value, tuple):
        return [public(item) for item in value]
    label = getattr(value, "label", None)  # a row is known by its name
    if isinstance(label, str):
        return label
    return exact(value)


def as_json(value: Any) -> Any:
    """An exact value as JSON: integers as they are, quotients as text, ranges as pairs."""
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    if isinstance(value, NotApplicable):
        return {"not_applicable": value.reason}
    return value
