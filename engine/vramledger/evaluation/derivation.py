"""What a derivation is: the steps by which a value came, one below the other, and their lines as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from vramledger.evaluation.show import both, is_bytes, show
from vramledger.evaluation.values import as_json


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a derivation. `kind` is quantity, column, rows or row."""

    kind: str
    name: str
    value: Any
    unit: str = ""
    formula: str = ""
    latex: str = ""
    substituted: str = ""
    why: str = ""
    overrode: tuple[str, ...] = ()
    says: str = ""
    source: dict[str, Any] | None = None
    place: str = ""
    again: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def shown(self) -> str:
        """The value for people: bytes in decimal and binary units."""
        value = self.value
        if is_bytes(self.unit) and isinstance(value, int | Fraction | tuple) and not isinstance(value, bool):
            return both(value)
        return f'"{value}"' if isinstance(value, str) else show(value, self.unit)

    def to_dict(self) -> dict[str, Any]:
        """The step and those below it as JSON; its schema is derivation.schema.json."""
        found: dict[str, Any] = {"kind": self.kind, "name": self.name, "value": as_json(self.value)}
        given = {
            "unit": self.unit,
            "formula": self.formula,
            "substituted": self.substituted,
            "why": self.why,
            "overrode": list(self.overrode),
            "says": self.says,
            "source": self.source,
            "place": self.place,
            "again": self.again,
        }
        found.update({name: value for name, value in given.items() if value})
        if self.steps:
            found["steps"] = [step.to_dict() for step in self.steps]
        return found


@dataclass(frozen=True, slots=True)
class Derivation:
    """The tree of steps of one quantity, with the stamp of the answer that it explains."""

    step: Step
    stamp: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The derivation as JSON; its schema is derivation.schema.json."""
        return {"stamp": self.stamp, "step": self.step.to_dict()}

    def _repr_html_(self) -> str:
        from vramledger.reports.html import of_derivation

        return of_derivation(self)

    def __str__(self) -> str:
        """The derivation as an indented tree."""
        return "\n".join(lines(self.step))


def lines(step: Step, prefix: str = "", depth: int = 60) -> Iterator[str]:
    """A step and those below it as the lines of a tree."""
    yield from head(step)
    for number, below in enumerate(step.steps if depth else ()):
        last = number == len(step.steps) - 1
        first, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
        for count, line in enumerate(lines(below, prefix, depth - 1)):
            yield f"{rest if count else first}{line}"


def head(step: Step) -> Iterator[str]:
    """A step's own lines: name and value; formula; the same with values; why, whence."""
    if step.again:
        yield f"{step.name} = {step.shown} (above)"
        return
    yield f"{step.name} = {step.shown}"
    inner = "│    " if step.steps else "     "
    if step.formula and step.kind != "rows":
        yield f"{inner}= {' '.join(step.formula.split())}"
    if step.substituted and step.substituted != step.formula:
        yield f"{inner}= {step.substituted}"
    if step.why:
        yield f"{inner}{step.why}"
    for beaten in step.overrode:
        yield f"{inner}overrides {beaten}"
    if step.source:
        yield f"{inner}source: {cite(step.source)}"
    if step.place:
        yield f"{inner}at {step.place}"


def cite(source: dict[str, Any]) -> str:
    """A citation in a line."""
    if source.get("assumed"):
        return f"assumed: {source.get('reason', '')}"
    if "sources" in source:
        return "; ".join(cite(one) for one in source["sources"])
    parts = [source.get("title", ""), str(source.get("section", "")), source.get("url", "")]
    return ", ".join(part for part in parts if part)
