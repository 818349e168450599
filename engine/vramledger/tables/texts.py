"""Rows out of files of text, a row a line. A column's type is the least that holds all its cells."""

from __future__ import annotations

import hashlib
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from vramledger.problems import Place, Problems, problem
from vramledger.tables.sources import Part, Span, text_of, unreadable

_RANKS = ("null", "int64", "double", "string")  # each can hold what stands before it


class LinesSource(ABC):
    """A file of text with a row a line, blank ones left out; what a line says is `_parsed` by who knows its form."""

    has_head = False
    quotes = False
    head = b""

    def __init__(self, path: Path, rows: int) -> None:
        self.name = str(path)
        self.path = path
        hashed = hashlib.sha256()
        ranks: dict[str, int] = {}
        self._spans: list[Span] = []
        row = 0
        line = 1 + self.has_head
        try:
            with path.open("rb") as file:
                start = self._head(file.readline() if self.has_head else b"")
                hashed.update(self.head)
                for content, count in _records(file, rows, self.quotes):
                    hashed.update(content)
                    columns, _ = self._parsed(content, line)
                    for name, column in columns.items():
                        ranks[name] = max(_rank(column), ranks.get(name, 0))
                    size = max(map(len, columns.values()), default=count)  # other signs may end a line too
                    self._spans.append(Span(row, size, start, start + len(content), line))
                    row, start, line = row + size, start + len(content), line + content.count(b"\n")
        except OSError as fault:
            raise Problems([unreadable(path, fault)]) from None
        self.identity = hashed.hexdigest()
        types = {"null": pa.null(), "int64": pa.int64(), "double": pa.float64(), "string": pa.string()}
        self.schema = pa.schema([(name, types[_RANKS[rank]]) for name, rank in ranks.items()])

    def _head(self, line: bytes) -> int:
        self.head = line
        return len(line)

    def spans(self) -> Sequence[Span]:
        return self._spans

    def read(self, span: Span) -> Part:
        with self.path.open("rb") as file:
            file.seek(span.start)
            columns, faults = self._parsed(file.read(span.end - span.start), span.line)
        arrays = [_as(columns.get(field.name), field.type, span.size) for field in self.schema]
        return Part(pa.Table.from_arrays(arrays, schema=self.schema), faults)

    @abstractmethod
    def _parsed(self, content: bytes, line: int) -> tuple[dict[str, Any], dict[int, str]]:
        """The columns of a block of lines, which begins with the file's `line`; what is wrong with some rows of it."""


class JsonSource(LinesSource):
    """JSON Lines: an object a line, its nested objects as dotted names."""

    def _parsed(self, content: bytes, line: int) -> tuple[dict[str, Any], dict[int, str]]:
        lines = [(at, said) for at, said in enumerate(content.split(b"\n"), line) if said.strip(b"\r")]
        columns: dict[str, list[Any]] = {}
        faults = {}
        for number, (at, said) in enumerate(lines):
            try:
                data = json.loads(said)
            except (ValueError, RecursionError) as fault:
                message = str(fault).partition(": line ")[0]
                faults[number] = f"{self.path}:{at}: json-syntax: {message[:1].lower()}{message[1:]}"
                continue
            if not isinstance(data, dict):
                faults[number] = f"{self.path}:{at}: json-shape: expected an object of fields"
                continue
            fields = list(_dotted(data, ""))
            given = dict(fields)
            if len(given) < len(fields):
                twice = next(name for name, _ in fields if [other for other, _ in fields].count(name) > 1)
                faults[number] = f"{self.path}:{at}: wrong-shape: {twice} is given twice"
                continue
            for name, value in given.items():
                columns.setdefault(name, [None] * len(lines))[number] = value
        return columns, faults


class CsvSource(LinesSource):
    """Comma-separated values with a head; an empty cell says nothing."""

    has_head = True
    quotes = True

    def _head(self, line: bytes) -> int:
        self.head = line if line.endswith(b"\n") else line + b"\n"
        try:
            names = [name.strip() for name in pv.read_csv(io.BytesIO(self.head)).column_names]
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

    def _parsed(self, content: bytes, line: int) -> tuple[dict[str, Any], dict[int, str]]:
        bad: dict[int, str] = {}

        def note(found: Any) -> str:
            number = found.number - 1  # rows count from 1
            bad[number] = f"wrong-shape: expected {found.expected_columns} cells, found {found.actual_columns}"
            return "skip"

        table = self._table(
            io.BytesIO(content),
            read_options=pv.ReadOptions(use_threads=False, column_names=self.names),
            parse_options=pv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=pv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.binary()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        if bad:
            table = _with_gaps(table, bad)
        table = table.combine_chunks()
        columns = {name: _texts(name, table[name], bad) for name in table.column_names}
        places = _lines_of(content, line) if bad else []  # fewer than rows where other signs end a line too
        return columns, {row: f"{self.path}:{places[min(row, len(places) - 1)]}: {said}" for row, said in bad.items()}

    def _table(self, content: io.BytesIO, **options: Any) -> pa.Table:
        try:
            return pv.read_csv(content, **options)
        except (pa.ArrowException, UnicodeDecodeError) as fault:
            raise Problems([unreadable(self.path, fault)]) from None


def _texts(name: str, column: pa.ChunkedArray, bad: dict[int, str]) -> pa.ChunkedArray:
    """Cells as texts; what is none is noted."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        cells = [None if cell is None else cell.decode(errors="replace") for cell in column.to_pylist()]
        for row, (cell, said) in enumerate(zip(column.to_pylist(), cells, strict=True)):
            if said is not None and said.encode() != cell:
                bad.setdefault(row, f"not-utf-8: {name} is no UTF-8")
        return pa.chunked_array([pa.array(cells, pa.string())])


def _lines_of(content: bytes, first: int) -> list[int]:
    """The line at which each record of a block begins."""
    found = []
    odd = False
    for number, line in enumerate(content.split(b"\n"), first):
        if not odd and line.strip(b"\r"):
            found.append(number)
        odd = odd != (line.count(b'"') % 2 == 1)
    return found


def _with_gaps(table: pa.Table, bad: Mapping[int, str]) -> pa.Table:
    """Rows that were left out come back empty, where they stood."""
    kept = np.ones(table.num_rows + len(bad), bool)
    kept[list(bad)] = False
    return table.take(pa.array(np.cumsum(kept) - 1, mask=~kept))


def _records(file: Any, rows: int, quotes: bool) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines, at most so many that are not blank in each; a line end inside quotes ends no line."""
    held: list[bytes] = []
    count = 0
    odd = False
    for line in file:
        held.append(line)
        if not odd and not line.strip(b"\r\n"):
            continue
        odd = odd != (quotes and line.count(b'"') % 2 == 1)
        if odd:
            continue
        count += 1
        if count == rows:
            yield b"".join(held), count
            held, count = [], 0
    if count or odd:
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
        return pa.array([text_of(value) if texts else value for value in column], kind)
    return column.cast(kind)
