"""Rows: of a table, with columns computed when they are asked for; of a catalog, one for each entry of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vramledger.rules.model import Fill, Formula, Table


class Cell(NamedTuple):
    """Where a column's value came from: the formula, who brings it, its source, the row's name in it."""

    formula: Formula
    origin: str
    source: Mapping[str, Any] | None = None
    variable: str = ""


class Row:
    """A row of a table. `guard` is True, or the open test under which it exists."""

    __slots__ = ("fill", "formulas", "guard", "label", "table", "values", "variables")

    def __init__(self, table: Table, fill: Fill, variables: Mapping[str, Any], guard: Any, source: Any) -> None:
        self.table = table
        self.fill = fill
        self.variables = variables
        self.guard = guard
        self.label = _label(fill.name, source)
        self.values: dict[str, Any] = {}
        self.formulas: dict[str, Cell] = {}

    @property
    def name(self) -> str:
        return self.fill.name

    def bound(self, variable: str) -> Any:
        return self.variables.get(variable)


class CatalogRow:
    """An entry as a row: its fields as its file gives them, whatever the scenario says."""

    __slots__ = ("kind", "name", "values")

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.values: dict[str, Any] = {}

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"


def _label(name: str, source: Any) -> str:
    """A row's name for readers: its own, after that of the row it stands on."""
    if isinstance(source, Row):
        return f"{source.label} / {name}" if name else source.label
    if isinstance(source, dict) and isinstance(source.get("name"), str):
        return f"{source['name']}" if not name else f"{source['name']} / {name}"
    if type(source) is int:
        return f"{name} {source}"
    return name
