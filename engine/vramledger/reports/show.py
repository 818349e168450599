"""What stands in the specs under a name, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.evaluation.derivation import cite
from vramledger.reports.blocks import Block, Lines, Table
from vramledger.reports.describe import Described

_MOST = 12


def blocks(found: list[Described]) -> Iterator[Block]:
    """What was found, for people."""
    for one in found:
        if one["what"] == "problem":
            yield Lines(one["page"].splitlines())
            continue
        yield Lines(list(_head(one)))
        yield from _lists(one)
        if one.get("rules"):
            if one["what"] == "quantity":
                yield Lines(["A fact in the scenario beats every rule; then, the strongest first:"])
            for rule in one["rules"]:
                yield Lines(list(_rule_lines(rule, one["what"] != "quantity")))
        for key in ("used by", "examples"):
            yield Lines([f"{key}: {_some(one[key])}"] if one.get(key) else [])


def _head(one: Described) -> Iterator[str]:
    yield one["name"] if one["what"] == "quantity" else f"{one['what']} {one['name']}"
    if one.get("says"):
        yield one["says"]
    if one["what"] == "quantity":
        yield f"{_type(one)}; declared at {one['place']}"
    elif one.get("place"):
        yield f"at {one['place']}"
    if one.get("default") not in (None, ""):
        yield f"default: {one['default']}"
    for key in ("one of", "aliases", "extends"):
        if one.get(key):
            yield f"{key}: {', '.join(one[key])}" if key != "extends" else f"extends {' -> '.join(one[key])}"
    if one.get("source"):
        yield f"source: {cite(one['source'])}"
    if one.get("entries"):
        yield f"entries: {_some(one['entries'])}"


def _some(names: list[str]) -> str:
    """The first of many; --json gives all."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _type(one: Described) -> str:
    return f"{one['type']}, in {one['unit']}" if one["unit"] else str(one["type"])


def _lists(one: Described) -> Iterator[Block]:
    what = one["what"]
    declared = one.get("columns") or (one["fields"] if what == "kind" else [])
    heads = ("field" if what == "kind" else "column", "type", "default", "says")
    yield Table(heads, [_column(field) for field in declared])
    if what == "kind":
        yield Table(("block", "feeds"), list(one["blocks"].items()))
    elif what not in ("quantity", "stage", "table"):
        yield Table(("field", "value"), list(one["fields"].items()))
        records = one["given"].items()
        given = [(f"{record}.{key}", str(value)) for record, data in records for key, value in _pairs(data)]
        yield Table(("given", "value"), given)
    yield Table(("table", "row", "columns"), [_row_cells(row, one["name"]) for row in one.get("rows", ())])
    for rule in one.get("computed", ()):
        yield Lines(list(_rule_lines(rule, named=True)))


def _column(field: Described) -> tuple[str, str, str, str]:
    return (field["name"].rpartition(".")[2], _type(field), field["default"] or "", field["says"])


def _row_cells(row: Described, table: str) -> tuple[str, str, str]:
    cells = "; ".join(f"{column}: {text}" for column, text in row["cells"].items())
    parts = [cells, *(f"{word} {row[word]}" for word in ("each", "when") if row[word])]
    return (row.get("table", table), row["name"], " ".join(part for part in parts if part))


def _pairs(data: Any) -> list[tuple[str, Any]]:
    return list(data.items()) if isinstance(data, dict) else [("", data)]


def _rule_lines(rule: Described, named: bool) -> Iterator[str]:
    if named:
        yield rule["quantity"]
    beats = f", overrides {', '.join(rule['overrides'])}" if rule["overrides"] else ""
    yield f"{rule['layer']}: {rule['origin']}{beats} ({rule['place']})"
    if rule["says"]:
        yield f"  {rule['says']}"
    if rule["when"]:
        yield f"  when {rule['when']}"
    for case in rule["cases"]:
        yield f"  = {case['formula']}" + (f"   when {case['when']}" if case["when"] else "")
    if rule["source"]:
        yield f"  source: {cite(rule['source'])}"
