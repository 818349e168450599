"""A timeline as a table with a chart, what lives at its peak, and both as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from vramledger.evaluation.show import in_bytes
from vramledger.evaluation.timeline import Moment, Timeline
from vramledger.evaluation.values import as_json
from vramledger.reports.blocks import Block, Lines, Table

WIDTH = 32  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"


def blocks(timeline: Timeline) -> Iterator[Block]:
    """The moments with their bytes by component, a bar each; then what lives at the peak."""
    peak = timeline.peak
    if peak is None:
        yield Lines(["This convention knows no moments; its total is a sum of parts."])
        return
    components = timeline.components
    rows = [
        (
            moment.phase,
            moment.name,
            *(in_bytes(size) if (size := moment.of(name)) else "" for name in components),
            in_bytes(moment.bytes),
            _bar(moment, peak) + (" peak" if moment is peak else ""),
        )
        for moment in timeline.moments
    ]
    right = frozenset(range(2, len(components) + 3))
    yield Table(("phase", "moment", *components, "tensors", ""), rows, right)
    lives = [
        (life.name, life.component, in_bytes(life.bytes), f"{float(100 * Fraction(life.bytes) / peak.bytes):.1f} %")
        for life in peak.lives
    ]
    title = f"What lives at the peak, in {peak.phase}, at: {peak.name}"
    yield Table(("live", "component", "bytes", "share"), lives, frozenset({2, 3}), title)
    savings = [(saving.component, in_bytes(saving.peak), saving.moment) for saving in timeline.savings()]
    yield Table(("without", "peak", "reached at"), savings, frozenset({1}), "What would lower it")


def to_dict(timeline: Timeline) -> dict[str, Any]:
    """The moments, each with all that lives then, and the peak, exact."""
    peak = timeline.peak
    return {
        "peak": peak.name if peak is not None else None,
        "moments": [
            {
                "name": moment.name,
                "phase": moment.phase,
                "bytes": as_json(moment.bytes),
                "live": [
                    {"name": life.name, "component": life.component, "bytes": as_json(life.bytes)}
                    for life in moment.lives
                ],
            }
            for moment in timeline.moments
        ],
        "without": [
            {"component": saving.component, "peak": as_json(saving.peak), "moment": saving.moment}
            for saving in timeline.savings()
        ],
    }


def _bar(moment: Moment, peak: Moment) -> str:
    eighths = int(Fraction(moment.bytes) * WIDTH * 8 / peak.bytes) if peak.bytes else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
