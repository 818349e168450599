"""Measured figures beside ours, by source: how far off, how often inside a range, and the worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from vramledger.evaluation.show import in_bytes, plain
from vramledger.inputs.measured import Compared, Record
from vramledger.reports.blocks import Block, Lines, Table

# What figures of a grade are held to: the median error, and the error that nine in ten stay below.
GOALS = {"A": (Fraction(3, 100), Fraction(8, 100)), "B": (Fraction(10, 100), None)}
INSIDE = Fraction(9, 10)  # of the figures lie in their ranges,
WIDEST, WIDE = (
    Fraction(35, 100),
    Fraction(3 * 10**9),
)  # which are no wider than this share of the figure, or so many bytes


class Summary(NamedTuple):
    """What the records of one source, quantity and grade come to; errors are shares of the measured figure."""

    group: str
    quantity: str
    grade: str
    records: int
    median: Fraction
    ninety: Fraction
    bias: Fraction
    worst: Compared
    inside: Fraction | None  # share of the figures in our ranges, None where ours are no ranges
    narrow: bool

    @property
    def met(self) -> bool | None:
        """Whether it is as near as its grade asks; None where nothing is asked."""
        if self.inside is not None:
            return self.inside >= INSIDE and self.narrow if self.grade in GOALS else None
        if self.grade not in GOALS:
            return None
        median, ninety = GOALS[self.grade]
        return self.median <= median and (ninety is None or self.ninety <= ninety)


def summaries(compared: Sequence[Compared]) -> list[Summary]:
    """What each source comes to, in the order of the records."""
    parts: dict[tuple[str, str, str], list[Compared]] = {}
    for one in compared:
        parts.setdefault((one.record.group, one.record.quantity, one.record.grade), []).append(one)
    return [_summary(*key, part) for key, part in parts.items()]


def _summary(group: str, quantity: str, grade: str, part: list[Compared]) -> Summary:
    errors = sorted(abs(one.error) for one in part)
    count = len(errors)
    ranged = any(one.ranged for one in part)
    return Summary(
        group,
        quantity,
        grade,
        count,
        (errors[(count - 1) // 2] + errors[count // 2]) / 2,
        errors[-(-9 * count // 10) - 1],
        sum((one.error for one in part), Fraction(0)) / count,
        max(part, key=lambda one: abs(one.error)),
        Fraction(sum(one.inside for one in part), count) if ranged else None,
        all(_narrow(one) for one in part),
    )


def _narrow(one: Compared) -> bool:
    return one.high - one.low <= max(WIDEST * one.record.value, WIDE)


def blocks(compared: Sequence[Compared], unanswered: int, worst: int) -> Iterator[Block]:
    """A line a source, the worst records where they are asked for, and how many there are."""
    found = summaries(compared)
    head = ("source", "quantity", "grade", "records", "median", "90th", "bias", "worst", "inside", "goal")
    yield Table(head, [_row(one) for one in found], frozenset(range(3, 9)))
    listed = sorted(compared, key=lambda one: -abs(one.error))[:worst]
    yield Table(("record", "measured", "ours", "error"), [_worst(one) for one in listed], frozenset({1, 2, 3}))
    missed = sum(one.met is False for one in found)
    asked = sum(one.met is not None for one in found)
    parts = [f"{len(compared)} records"]
    parts += [f"{unanswered} that could not be compared"] if unanswered else []
    parts += [f"goals met by {asked - missed} of {asked} lines"] if asked else []
    yield Lines([", ".join(parts)])


def _row(one: Summary) -> tuple[str, ...]:
    inside = "" if one.inside is None else f"{_share(one.inside)}{'' if one.narrow else ', wide'}"
    goal = {True: "met", False: "missed", None: ""}[one.met]
    errors = (_share(one.median), _share(one.ninety), _signed(one.bias), _signed(one.worst.error))
    return (one.group, one.quantity, one.grade, str(one.records), *errors, inside, goal)


def _worst(one: Compared) -> tuple[str, ...]:
    ours = _shown(one.record, one.low)
    ours = f"{ours} .. {_shown(one.record, one.high)}" if one.ranged else ours
    return (one.record.id, _shown(one.record, one.record.value), ours, _signed(one.error))


def _shown(record: Record, value: Fraction) -> str:
    return in_bytes(value) if record.unit else plain(value)


def _share(value: Fraction) -> str:
    return f"{float(value * 100):.1f} %"


def _signed(value: Fraction) -> str:
    return f"{float(value * 100):+.1f} %"


def to_dict(compared: Sequence[Compared]) -> dict[str, Any]:
    """Everything as JSON; errors are shares."""
    return {
        "sources": [
            {
                "source": one.group,
                "quantity": one.quantity,
                "grade": one.grade,
                "records": one.records,
                "median": float(one.median),
                "90th": float(one.ninety),
                "bias": float(one.bias),
                "worst": float(one.worst.error),
                "inside": None if one.inside is None else float(one.inside),
                "goal": one.met,
            }
            for one in summaries(compared)
        ],
        "records": [
            {
                "id": one.record.id,
                "source": one.record.group,
                "quantity": one.record.quantity,
                "measured": _exact(one.record.value),
                "low": _exact(one.low),
                "high": _exact(one.high),
                "error": float(one.error),
            }
            for one in compared
        ],
    }


def _exact(value: Fraction) -> int | str:
    return int(value) if value.denominator == 1 else str(value)
