"""Bounds of steps over a run of one number, as lines: of two that both grow, it is known which is above the other."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from vramledger.evaluation.steps import Ref, Steps


class Line(NamedTuple):
    """What lies between `slope * n + least` and `slope * n + most` for every number n of the run."""

    slope: Any
    least: Any
    most: Any

    def less(self, other: Line) -> Line:
        """What is left of it without another."""
        if self is other:
            return _ZERO
        return Line(self.slope - other.slope, self.least - other.most, self.most - other.least)

    def times(self, factor: Any) -> Line:
        """So many of it."""
        least, most = sorted((self.least * factor, self.most * factor))
        return Line(self.slope * factor, least, most)

    def span(self, low: int, top: int) -> tuple[Any, Any]:
        """The least and the most of it from low to top."""
        ends = sorted((self.slope * low, self.slope * top))
        return ends[0] + self.least, ends[1] + self.most

    @property
    def known(self) -> Any:
        """The one number that it is; None where it is no such thing."""
        return self.least if not self.slope and self.least == self.most else None


_ZERO, _ONE = Line(0, 0, 0), Line(0, 1, 1)


def lines(steps: Steps, low: int, top: int) -> list[Line]:
    """The line of every step, where all facts are the number that runs from low to top."""
    found: list[Line] = []
    plain = steps.bounds(dict.fromkeys(steps.facts, (low, top)))
    for (op, arguments), ends in zip(steps.list, plain, strict=True):
        parts = [found[part.number] if isinstance(part, Ref) else Line(0, part, part) for part in arguments]
        found.append(_line(op, parts, low, top) or Line(0, *ends))
    return found


def _line(op: str, parts: list[Line], low: int, top: int) -> Line | None:
    match op, parts:
        case "fact", _:
            return Line(1, 0, 0)
        case "add", (a, b):
            return Line(a.slope + b.slope, a.least + b.least, a.most + b.most)
        case "subtract", (a, b):
            return a.less(b)
        case "multiply", (a, b) if b.known is not None or a.known is not None:
            return a.times(b.known) if b.known is not None else b.times(a.known)
        case "floordiv", (a, b) if b.known is not None and b.known > 0:
            return Line(a.slope, a.least - b.known + 1, a.most).times(Fraction(1, b.known))
        case "mask", (a, b) if b.known is not None:
            return Line(a.slope, a.least + b.known + 1, a.most)
        case "max" | "min", (a, b):
            least, most = b.less(a).span(low, top)
            return _between(a, b, (least >= 0) if op == "max" else (most <= 0), *_kept(op, least, most))
        case "if", (test, a, b):
            if test.known is not None:
                return a if test.known else b
            least, most = b.less(a).span(low, top)
            return _between(a, b, False, min(0, least), max(0, most))
        case "below" | "above" | "same", (a, b):
            return _compared(op, *a.less(b).span(low, top))
        case "not", (a,):
            return _ONE.less(a)
    return None


def _kept(op: str, least: Any, most: Any) -> tuple[Any, Any]:
    """What the larger or smaller of two has more than the first, from what the second has more."""
    return (max(0, least), max(0, most)) if op == "max" else (min(0, least), min(0, most))


def _between(a: Line, b: Line, is_b: bool, least: Any, most: Any) -> Line:
    """The first with so much more; one of the two where that is known."""
    if is_b:
        return b
    return a if not least and not most else Line(a.slope, a.least + least, a.most + most)


def _compared(op: str, least: Any, most: Any) -> Line | None:
    if op == "same":
        return _ZERO if least > 0 or most < 0 else _ONE if least == most == 0 else None
    if op == "below":
        return _ONE if most < 0 else _ZERO if least >= 0 else None
    return _ONE if least > 0 else _ZERO if most <= 0 else None
