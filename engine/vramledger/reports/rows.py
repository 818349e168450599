"""The rows of a table as a scenario fills them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from vramledger.evaluation.ledger import Ledger
from vramledger.evaluation.show import show
from vramledger.evaluation.values import NotApplicable, as_json
from vramledger.reports.blocks import Block, Lines, Table

Rows = list[dict[str, Any]]


def blocks(ledger: Ledger, table: str, rows: Rows) -> Iterator[Block]:
    """The rows for people: columns in which rows differ, and what is the same in all."""
    units = {name: declared.unit for name, declared in ledger.program.tables[table].columns.items()}
    columns = [name for name in (rows[0] if rows else {}) if name != "name"]
    common = [name for name in columns if all(row[name] == rows[0][name] for row in rows)] if len(rows) > 1 else []
    common = [name for name in common if not isinstance(rows[0][name], NotApplicable)]
    shown = [
        name for name in columns if name not in common and any(not isinstance(row[name], NotApplicable) for row in rows)
    ]
    right = frozenset(number for number, name in enumerate(shown, 1) if all(_numeric(row[name]) for row in rows))
    listed = [(row["name"], *(_cell(row[name], units.get(name, "")) for name in shown)) for row in rows]
    yield Table(("row", *shown), listed, right, f"{table}, {len(rows)} rows" if rows else "")
    same = [f"{name} {_cell(rows[0][name], units.get(name, ''))}" for name in common]
    yield Lines([f"In all rows: {', '.join(same)}."] if same else [])
    yield Lines([] if rows else [f"{table} has no rows here."])


def to_dict(rows: Rows) -> list[dict[str, Any]]:
    """The rows as JSON."""
    return [{name: as_json(value) for name, value in row.items()} for row in rows]


def _numeric(value: Any) -> bool:
    return isinstance(value, int | Fraction | NotApplicable) and not isinstance(value, bool)


def _cell(value: Any, unit: str) -> str:
    if isinstance(value, NotApplicable):
        return ""
    return show(value, unit if unit == "B" else "")
