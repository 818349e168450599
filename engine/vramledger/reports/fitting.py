"""Which devices a scenario fits: a table by family and cloud, and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vramledger.evaluation.ledger import (
    CAPACITY,
    CLOUD,
    COUNT,
    FAMILY,
    FITS,
    HARDWARE,
    HEADROOM,
    MARKETED,
    TOTAL,
    Ledger,
)
from vramledger.evaluation.show import in_binary, in_bytes
from vramledger.evaluation.values import as_json
from vramledger.reports.blocks import Block, Lines, Table

WANTED = (FAMILY, CLOUD, COUNT, MARKETED, CAPACITY, TOTAL, HEADROOM, FITS)
_SAYS = {True: "yes", None: "perhaps", False: "no"}
_HEAD = ("family", "hardware", "devices", "each holds", "binary", "needs", "headroom", "fits")


def blocks(ledgers: Mapping[str, Ledger]) -> Iterator[Block]:
    """The table for people, the smallest device of each family first, and how many of them fit."""
    rows = []
    family = ""
    for name, ledger in _ordered(ledgers):
        shown = "" if _family(ledger) == family else _family(ledger)
        family = _family(ledger)
        holds = (_in(ledger[CAPACITY], in_bytes), _in(ledger[CAPACITY], in_binary))
        needs = (_in(ledger[TOTAL], in_bytes), _in(ledger[HEADROOM], in_bytes))
        rows.append((shown, name, str(ledger[COUNT]), *holds, *needs, _SAYS[ledger.fits]))
    yield Table(_HEAD, rows, frozenset(range(2, 7)))
    verdicts = [ledger.fits for ledger in ledgers.values()]
    counts = ", ".join(f"{verdicts.count(verdict)} {said}" for verdict, said in _SAYS.items())
    yield Lines([f"{len(verdicts)} kinds of hardware, of which one device holds what it needs: {counts}"])
    first = next(iter(ledgers.values()))
    yield Lines([f"warning: {text}" for text in first.warnings], "yellow")
    stamp = first.stamp
    yield Lines([f"convention {stamp['convention']}, engine {stamp['engine']}, rules {stamp['rules'][:12]}"], "dim")


def to_dict(ledgers: Mapping[str, Ledger]) -> dict[str, Any]:
    """The rows as JSON, exact."""
    rows = [
        {HARDWARE: name, **{quantity: as_json(ledger[quantity]) for quantity in WANTED}, FITS: ledger.fits}
        for name, ledger in _ordered(ledgers)
    ]
    stamp = next(iter(ledgers.values())).stamp
    return {"hardware": rows, "stamp": {name: said for name, said in stamp.items() if name != "scenario"}}


def _ordered(ledgers: Mapping[str, Ledger]) -> list[tuple[str, Ledger]]:
    return sorted(ledgers.items(), key=lambda one: (_family(one[1]), _least(one[1][CAPACITY]), one[0]))


def _family(ledger: Ledger) -> str:
    """The family that a device stands with; an instance stands with those of its cloud."""
    cloud = ledger[CLOUD]
    return cloud if isinstance(cloud, str) else str(ledger[FAMILY])


def _least(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def _in(value: Any, unit: Callable[[Any], str]) -> str:
    return f"{unit(value[0])} .. {unit(value[1])}" if isinstance(value, tuple) else unit(value)
