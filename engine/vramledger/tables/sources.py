"""Where the rows of a batch come from, in parts of bounded size that can be read apart and in any order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from vramledger.problems import Place, Problem, Problems, problem
from vramledger.tables.grid import Grid

_BLOCK = 1 << 22


class Span(NamedTuple):
    """A part of a source: `size` rows from `row` on; `start`, `end` and `line` are the source's own."""

    row: int
    size: int
    start: int = 0
    end: int = 0
    line: int = 0


class Part(NamedTuple):
    """The rows of a span; what is wrong with some of them, by their number in it."""

    table: pa.Table
    faults: Mapping[int, str]


class Source(Protocol):
    """Rows in parts. Reading one raises Problems where the source is not what it was when it was opened."""

    name: str
    schema: pa.Schema
    identity: str  # a hash of all that it says

    def spans(self) -> Sequence[Span]:
        """The parts, in order."""

    def read(self, span: Span) -> Part:
        """The rows of a part."""


class GridSource:
    """A sweep's rows."""

    def __init__(self, grid: Grid, rows: int) -> None:
        self.name = "sweep"
        self.grid = grid
        self.rows = rows
        self.schema = grid.part(0, 0).schema
        self.identity = hash_of(repr([(name, values.to_pylist()) for name, values in grid.axes.items()]).encode())

    def spans(self) -> Sequence[Span]:
        count = self.grid.count
        return [Span(row, min(self.rows, count - row)) for row in range(0, count, self.rows)]

    def read(self, span: Span) -> Part:
        return Part(self.grid.part(span.row, span.row + span.size), {})


class ParquetSource:
    """A Parquet file, its nested fields as dotted names."""

    def __init__(self, path: Path, rows: int) -> None:
        self.name = str(path)
        self.path = path
        self.rows = rows
        try:
            found = pq.ParquetFile(path)
            self.schema = flat(found.schema_arrow.empty_table()).schema
            self.groups = [found.metadata.row_group(number).num_rows for number in range(found.num_row_groups)]
        except (OSError, pa.ArrowException) as fault:
            raise Problems([unreadable(path, fault)]) from None
        self.identity = hash_of_file(path)
        self._last: tuple[int, pa.Table] | None = None

    def spans(self) -> Sequence[Span]:
        found = []
        row = 0
        for number, count in enumerate(self.groups):
            starts = range(0, count, self.rows)
            found += [Span(row + start, min(self.rows, count - start), number, start) for start in starts]
            row += count
        return found

    def read(self, span: Span) -> Part:
        if self._last is None or self._last[0] != span.start:
            try:
                self._last = (span.start, flat(pq.ParquetFile(self.path).read_row_group(span.start)))
            except (OSError, pa.ArrowException) as fault:
                raise Problems([unreadable(self.path, fault)]) from None
        return Part(self._last[1].slice(span.end, span.size), {})


def text_of(value: Any) -> str | None:
    """A value as a cell of texts shows it."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def flat(table: pa.Table) -> pa.Table:
    """A table in one piece, its nested fields as dotted names, texts that Arrow has no functions for as plain ones."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    for position, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(position, field.name, table[position].cast(pa.string()))
    return table.combine_chunks()  # Arrow cannot tell the texts of several pieces apart where some are missing


def hash_of(content: bytes) -> str:
    """The hash of a text."""
    return hashlib.sha256(content).hexdigest()


def hash_of_file(path: Path) -> str:
    """The hash of a file that may be larger than memory."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def unreadable(path: Path, fault: Exception) -> Problem:
    """What to say of a file that cannot be read."""
    said = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
    return problem("unreadable-file", f"cannot read {str(path)[:200]}: {said}", Place(str(path)[:200]))
