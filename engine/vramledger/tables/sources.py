"""Where the rows of a batch come from, in parts of bounded size that can be read apart and in any order."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from vramledger.problems import Place, Problem, Problems, problem
from vramledger.tables.grid import Grid

_BLOCK = 1 << 22
_RANKS = ("null", "int64", "double", "string")  # each can hold what stands before it


class Span(NamedTuple):
    """A part of a source: `size` rows from `row` on; `start` and `end` are the source's own."""

    row: int
    size: int
    start: int = 0
    end: int = 0


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
        self.identity = _hash(repr([(name, values.to_pylist()) for name, values in grid.axes.items()]).encode())

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
            raise Problems([_unreadable(path, fault)]) from None
        self.identity = _hash_of(path)
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
                raise Problems([_unreadable(self.path, fault)]) from None
        return Part(self._last[1].slice(span.end, span.size), {})


class LinesSource:
    """A file of text with a row a line: what a line says is `_parsed` by those that know its form."""

    def __init__(self, path: Path, rows: int) -> None:
        self.name = str(path)
        self.path = path
        hashed = hashlib.sha256()
        ranks: dict[str, int] = {}
        self._spans: list[Span] = []
        row = 0
        try:
            with path.open("rb") as file:
                start = self._head(file.readline() if self.has_head else b"")
                hashed.update(self.head)
                for content, count in _records(file, rows, self.quotes):
                    hashed.update(content)
                    columns, _ = self._parsed(content, row)
                    for name, column in columns.items():
                        ranks[name] = max(_rank(column), ranks.get(name, 0))
                    size = max(map(len, columns.values()), default=count)  # other signs may end a line too
                    self._spans.append(Span(row, size, start, start + len(content)))
                    row, start = row + size, start + len(content)
        except OSError as fault:
            raise Problems([_unreadable(path, fault)]) from None
        self.identity = hashed.hexdigest()
        types = {"null": pa.null(), "int64": pa.int64(), "double": pa.float64(), "string": pa.string()}
        self.schema = pa.schema([(name, types[_RANKS[rank]]) for name, rank in ranks.items()])

    has_head = False
    quotes = False
    head = b""

    def _head(self, line: bytes) -> int:
        self.head = line
        return len(line)

    def spans(self) -> Sequence[Span]:
        return self._spans

    def read(self, span: Span) -> Part:
        with self.path.open("rb") as file:
            file.seek(span.start)
            columns, faults = self._parsed(file.read(span.end - span.start), span.row)
        arrays = [_as(columns.get(field.name), field.type, span.size) for field in self.schema]
        return Part(pa.Table.from_arrays(arrays, schema=self.schema), faults)

    def _parsed(self, content: bytes, row: int) -> tuple[dict[str, Any], dict[int, str]]:
        raise NotImplementedError


class JsonSource(LinesSource):
    """JSON Lines: an object a line, its nested objects as dotted names."""

    def _parsed(self, content: bytes, row: int) -> tuple[dict[str, Any], dict[int, str]]:
        lines = content.removesuffix(b"\n").split(b"\n")
        columns: dict[str, list[Any]] = {}
        faults = {}
        for number, line in enumerate(lines):
            try:
                data = json.loads(line)
            except (ValueError, RecursionError) as fault:
                message = str(fault).partition(": line ")[0]
                faults[number] = f"{self.path}:{row + number + 1}: json-syntax: {message[:1].lower()}{message[1:]}"
                continue
            if not isinstance(data, dict):
                faults[number] = f"{self.path}:{row + number + 1}: json-shape: expected an object of fields"
                continue
            for name, value in _dotted(data, ""):
                columns.setdefault(name, [None] * len(lines))[number] = value
        return columns, faults


class CsvSource(LinesSource):
    """Comma-separated values with a head; an empty cell says nothing."""

    has_head = True
    quotes = True

    def _head(self, line: bytes) -> int:
        self.head = line if line.endswith(b"\n") else line + b"\n"
        try:
            names = pv.read_csv(io.BytesIO(self.head)).column_names
        except pa.ArrowException:
            names = []
        except UnicodeDecodeError:
            raise Problems([problem("not-utf-8", "the first line is no UTF-8", Place(str(self.path), 1, 1))]) from None
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or "" in names or twice:
            found = f"two columns are called {twice[0]}" if twice else "a column has no name" if names else "no columns"
            raise Problems([problem("wrong-shape", f"{found} in the first line", Place(str(self.path), 1, 1))])
        self.names: list[str] = names
        return len(line)

    def _parsed(self, content: bytes, row: int) -> tuple[dict[str, Any], dict[int, str]]:
        bad: dict[int, str] = {}

        def note(found: Any) -> str:
            number = found.number - 2  # the head is the first, and rows count from 1
            message = f"expected {found.expected_columns} cells, found {found.actual_columns}"
            bad[number] = f"{self.path}:{row + number + 2}: wrong-shape: {message}"
            return "skip"

        table = self._table(
            io.BytesIO(self.head + content),
            read_options=pv.ReadOptions(use_threads=False),
            parse_options=pv.ParseOptions(newlines_in_values=True, invalid_row_handler=note, ignore_empty_lines=False),
            convert_options=pv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        if bad:
            table = _with_gaps(table, bad)
        return {name: table[name] for name in table.column_names}, bad

    def _table(self, content: io.BytesIO, **options: Any) -> pa.Table:
        try:
            return pv.read_csv(content, **options)
        except (pa.ArrowException, UnicodeDecodeError) as fault:
            raise Problems([_unreadable(self.path, fault)]) from None


def _with_gaps(table: pa.Table, bad: Mapping[int, str]) -> pa.Table:
    """Rows that were left out come back empty, where they stood."""
    kept = np.ones(table.num_rows + len(bad), bool)
    kept[list(bad)] = False
    return table.take(pa.array(np.cumsum(kept) - 1, mask=~kept))


def _records(file: Any, rows: int, quotes: bool) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines, at most so many in each; a line end inside quotes ends no line."""
    held: list[bytes] = []
    count = 0
    odd = False
    for line in file:
        held.append(line)
        odd = odd != (quotes and line.count(b'"') % 2 == 1)
        if odd:
            continue
        count += 1
        if count == rows:
            yield b"".join(held), count
            held, count = [], 0
    if held:
        yield b"".join(held), count + odd


def _dotted(data: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _rank(column: Any) -> int:
    """The least type that holds all values of a column."""
    if isinstance(column, list):
        return max(map(_rank_of, column), default=0)
    given = pc.drop_null(column)
    if not len(given):
        return 0
    for rank, kind in ((1, pa.int64()), (2, pa.float64())):
        try:
            found = given.cast(kind)
        except pa.ArrowInvalid:
            continue
        if rank == 1 or pc.all(pc.is_finite(found)).as_py():
            return rank
    return 3


def _rank_of(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return 1
    return 2 if isinstance(value, float) and np.isfinite(value) else 3


def _as(column: Any, kind: pa.DataType, count: int) -> pa.ChunkedArray | pa.Array:
    if column is None or pa.types.is_null(kind):
        return pa.nulls(count, kind)
    if isinstance(column, list):
        texts = kind == pa.string()
        return pa.array([_text(value) if texts else value for value in column], kind)
    return column.cast(kind)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def flat(table: pa.Table) -> pa.Table:
    """A table with its nested fields as dotted names."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_of(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _unreadable(path: Path, fault: Exception) -> Problem:
    said = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
    return problem("unreadable-file", f"cannot read {str(path)[:200]}: {said}", Place(str(path)[:200]))


SOURCES: dict[str, Any] = {
    ".parquet": ParquetSource,
    ".csv": CsvSource,
    ".jsonl": JsonSource,
    ".ndjson": JsonSource,
}


class Joined:
    """Several sources one after the other, with the columns of all."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = list(sources)
        self.name = ", ".join(source.name for source in self.sources)
        self.identity = _hash("\n".join(source.identity for source in self.sources).encode())
        types: dict[str, pa.DataType] = {}
        for source in self.sources:
            for field in source.schema:
                types[field.name] = _wider(types.get(field.name, pa.null()), field.type)
        self.schema = pa.schema(list(types.items()))
        self._inner = [(number, span) for number, source in enumerate(self.sources) for span in source.spans()]

    def spans(self) -> Sequence[Span]:
        ends = accumulate((span.size for _, span in self._inner), initial=0)
        return [Span(row, span.size, at) for at, (row, (_, span)) in enumerate(zip(ends, self._inner, strict=False))]

    def read(self, span: Span) -> Part:
        number, inner = self._inner[span.start]
        table, faults = self.sources[number].read(inner)
        arrays = []
        for field in self.schema:
            found = table[field.name] if field.name in table.column_names else pa.nulls(inner.size, field.type)
            arrays.append(found if found.type == field.type else _texted(found, field.type))
        return Part(pa.Table.from_arrays(arrays, schema=self.schema), faults)


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    numbers = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, other)]
    if all(numbers):
        return pa.int64() if all(map(pa.types.is_integer, (one, other))) else pa.float64()
    return pa.string()


def _texted(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_nested(column.type):
        return pa.chunked_array([pa.array([_text(value) for value in column.to_pylist()], kind)])
    return column.cast(kind)
