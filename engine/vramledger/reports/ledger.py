"""A ledger as a table of components, and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any

from vramledger.evaluation.ledger import CAPACITY, CLASSES, COUNTS, FITS, HARDWARE, HEADROOM, PEAK_MOMENT, Ledger
from vramledger.evaluation.show import both, in_binary, in_bytes, is_bytes, show
from vramledger.evaluation.values import NotApplicable, as_json
from vramledger.problems import Problems
from vramledger.reports.blocks import Block, Lines, Table
from vramledger.rules.tree import to_data
from vramledger.version import ENGINE

_SAYS = {True: "fits", False: "does not fit", None: "may or may not fit"}


def blocks(ledger: Ledger) -> Iterator[Block]:
    """The answer for people: what was asked, components, total, phases, verdict, warnings, stamp."""
    chosen = " · ".join(f"{kind} {name}" for kind, name in sorted(ledger.program.selection))
    yield Lines([chosen, *filter(None, (" · ".join(_counts(ledger)),))], "bold")
    total = ledger.total
    rows = [(name, *_bytes(value), _share(value, total)) for name, value in ledger.components.items()]
    rows.append(("total", *_bytes(total), ""))
    yield Table(("component", "bytes", "decimal", "binary", "share"), rows, frozenset({1, 2, 3, 4}))
    phases = [(name, *_bytes(value)) for name, value in ledger.phases.items()]
    yield Table(("phase peak", "bytes", "decimal", "binary"), phases, frozenset({1, 2, 3}))
    yield from _classes(ledger)
    yield Lines(list(_verdict(ledger)))
    yield Lines([f"warning: {text}" for text in ledger.warnings], "yellow")
    rules = ledger.program.ruleset.digest[:12]  # the stamp's hash of the scenario is not shown, and takes its time
    yield Lines([f"convention {ledger.convention}, engine {ENGINE}, rules {rules}"], "dim")


def _counts(ledger: Ledger) -> Iterator[str]:
    """The first count, and those of the others that are a share of it."""
    whole = ledger[COUNTS[0]]
    for name in COUNTS:
        value = ledger[name]
        if isinstance(value, int) and (name == COUNTS[0] or value not in (0, whole)):
            yield f"{name} {value:,}"


def _classes(ledger: Ledger) -> Iterator[Block]:
    """Devices that hold alike; a column is shown where it applies to any of them."""
    rows = ledger.classes
    names = [
        name for name in (rows[0] if rows else ()) if any(not isinstance(row[name], NotApplicable) for row in rows)
    ]
    columns = ledger.program.tables[CLASSES].columns
    counted = {name for name in names if name in columns and is_bytes(columns[name].unit)}
    cells = [tuple(_cell(row[name], "B" if name in counted else "") for name in names) for row in rows]
    if cells:
        numbers = frozenset(at for at, name in enumerate(names) if not isinstance(rows[0][name], str | bool))
        yield Table(("device class", *names[1:]), cells, numbers)


def _cell(value: Any, unit: str) -> str:
    return "" if isinstance(value, NotApplicable) or value is False else "yes" if value is True else show(value, unit)


def _verdict(ledger: Ledger) -> Iterator[str]:
    peak = ledger[PEAK_MOMENT]
    if isinstance(peak, str):
        yield f"The peak is reached in {ledger.peak_phase}, at: {peak}."
    if isinstance(ledger[FITS], NotApplicable):
        return
    capacity, headroom = ledger[CAPACITY], ledger[HEADROOM]
    name = ledger[HARDWARE]
    line = f"It {_SAYS[ledger.fits]} {name}"
    line += f", which holds {both(capacity)}" if not isinstance(capacity, NotApplicable) else ""
    if not isinstance(headroom, NotApplicable):
        line += f"; headroom {both(headroom)}"
    yield f"{line}."


def _bytes(value: Any) -> tuple[str, str, str]:
    if isinstance(value, tuple):
        low, high = value
        return (
            f"{_exact(low)} .. {_exact(high)}",
            f"{in_bytes(low)} .. {in_bytes(high)}",
            f"{in_binary(low)} .. {in_binary(high)}",
        )
    if not isinstance(value, int | Fraction):
        return (str(value), "", "")
    return (_exact(value), in_bytes(value), in_binary(value))


def _exact(value: int | Fraction) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _share(value: Any, total: Any) -> str:
    ends = [end[-1] if isinstance(end, tuple) else end for end in (value, total)]
    if not all(isinstance(end, int | Fraction) for end in ends) or not ends[1]:
        return ""
    return f"{float(100 * Fraction(ends[0]) / Fraction(ends[1])):.1f} %"


def to_dict(ledger: Ledger, select: Collection[str] = ()) -> dict[str, Any]:
    """The answer as JSON, exact; its schema is ledger.schema.json. Of its quantities those in `select`, or all."""
    from vramledger.evaluation.basis import basis  # which people who read a table do not wait for

    quantities: dict[str, Any] = {}
    declared = ledger.program.declarations
    for name in sorted(declared.keys() & {*select} if select else declared):
        if name in ledger.program.tables or ledger.program.declarations[name].type.kind in ("record", "list"):
            continue
        if any(rule.per for rule in ledger.program.candidates.get(name, ())):
            continue
        try:
            value = ledger[name]
        except Problems:
            continue
        quantities[name] = as_json(value)
    return {
        "total": as_json(ledger.total),
        "fits": ledger.fits,
        "peak_phase": ledger.peak_phase,
        "components": {name: as_json(value) for name, value in ledger.components.items()},
        "phases": {name: as_json(value) for name, value in ledger.phases.items()},
        "classes": [{name: as_json(value) for name, value in row.items()} for row in ledger.classes],
        "quantities": quantities,
        "warnings": ledger.warnings,
        "selection": dict(ledger.program.selection),
        "asked": {name: to_data(node) for name, node in sorted(ledger.facts.asked.items())},
        "rules": basis(ledger.program, ledger.facts, quantities),
        "stamp": ledger.stamp,
    }
