"""The moments of a step, what lives at each, which of them is the peak, and what it would be without a component."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from vramledger.evaluation.values import NotApplicable

if TYPE_CHECKING:
    from vramledger.evaluation.ledger import Ledger

# The tables that make a timeline, by the names that users hold.
MOMENTS, LIVE = "moments", "live"
Number = int | Fraction


class Life(NamedTuple):
    """What lives from one moment to another; bytes are a range's upper end."""

    name: str
    component: str
    bytes: Number
    born: int
    dies: int


class Moment(NamedTuple):
    """A moment with what lives then, the largest first; their bytes add up to its own."""

    name: str
    phase: str
    order: int
    bytes: Number
    lives: tuple[Life, ...]

    def of(self, component: str) -> Number:
        """Its bytes of one component."""
        return sum(life.bytes for life in self.lives if life.component == component)


class Saving(NamedTuple):
    """What the peak would be without a component, and the moment at which it would then be reached."""

    component: str
    peak: Number
    moment: str


class Timeline:
    """The moments of a scenario's step in their order; where bytes are a range, its upper end is taken."""

    def __init__(self, ledger: Ledger) -> None:
        lives = [
            Life(row["name"], row["component"], _upper(row["bytes"]), row["born"], row["dies"])
            for row in ledger.table(LIVE)
            if not isinstance(row["bytes"], NotApplicable) and _upper(row["bytes"])
        ]
        lives.sort(key=lambda life: -life.bytes)
        self.moments = [
            Moment(
                row["name"],
                row["phase"],
                row["order"],
                _upper(row["bytes"]),
                tuple(life for life in lives if life.born <= row["order"] <= life.dies),
            )
            for row in sorted(ledger.table(MOMENTS), key=lambda row: row["order"])
        ]

    @property
    def components(self) -> list[str]:
        """The components that live at some moment, in the order of the table."""
        return list(dict.fromkeys(life.component for moment in self.moments for life in moment.lives))

    @property
    def peak(self) -> Moment | None:
        """The largest moment, the first of equals; None where a convention knows no moments."""
        return max(self.moments, key=lambda moment: moment.bytes, default=None)

    def savings(self) -> Iterator[Saving]:
        """For each component that lives at the peak, the peak without it, the lowest first."""
        peak = self.peak
        found = []
        for component in dict.fromkeys(life.component for life in (peak.lives if peak is not None else ())):
            left = {moment.name: moment.bytes - moment.of(component) for moment in self.moments}
            then = max(left, key=lambda name: left[name])
            found.append(Saving(component, left[then], then))
        yield from sorted(found, key=lambda saving: saving.peak)

    def _repr_html_(self) -> str:
        from vramledger.reports.html import of_timeline

        return of_timeline(self)


def _upper(value: Any) -> Any:
    return value[-1] if isinstance(value, tuple) else value
