"""Rows of a table for people: bytes rounded, both ends of a range in one cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vramledger.evaluation.show import in_bytes, is_bytes
from vramledger.reports.blocks import Block, Table

_EXACT = 2**53  # whole numbers below are what a float says
_TOLD = ("problem", "warnings")  # of scenario files, which have a status


def of_rows(rows: Sequence[Mapping[str, Any]], schema: Any) -> Iterator[Block]:
    """A table with the columns of a schema, but for those that are only for machines or told beside the table."""
    left_out = _TOLD if "status" in schema.names else ()
    names = [name for name in schema.names if name not in left_out and not name.endswith(".high")]
    names += [name for name in schema.names if name.endswith(".high") and f"{name[:-5]}.low" not in schema.names]
    if not any(row.get("problem") for row in rows):
        names = [name for name in names if name != "problem"]
    heads = [name.removesuffix(".low") if f"{name[:-4]}.high" in schema.names else name for name in names]
    in_unit = {name: is_bytes((schema.field(name).metadata or {}).get(b"unit", b"").decode()) for name in names}
    right = {at for at, name in enumerate(names) if str(schema.field(name).type) in ("int64", "double")}
    yield Table(
        tuple(heads), [tuple(_cell(row, name, in_unit[name]) for name in names) for row in rows], frozenset(right)
    )


def _cell(row: Mapping[str, Any], name: str, in_unit: bool) -> str:
    value = row[name]
    if value is None:
        return ""
    stem = name.removesuffix(".low")
    other = row.get(f"{stem}.high", value) if name.endswith(".low") else value
    if in_unit:
        return in_bytes(value) if value == other else f"{in_bytes(value)} .. {in_bytes(other)}"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    text = str(value).lower() if isinstance(value, bool) else f"{value:,}" if isinstance(value, int) else str(value)
    return text if value == other else f"{text} .. {other}"
