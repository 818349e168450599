"""Several files of rows, each read by its form, as one source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from vramledger.problems import Problems
from vramledger.rules.bytes import endless
from vramledger.tables.sources import ParquetSource, Part, Source, Span, hash_of, text_of, unreadable
from vramledger.tables.texts import CsvSource, JsonSource

SOURCES: dict[str, Callable[[Path, int], Source]] = {
    ".parquet": ParquetSource,
    ".csv": CsvSource,
    ".jsonl": JsonSource,
    ".ndjson": JsonSource,
}


def source_at(path: Path, rows: int) -> Source:
    """The rows of a file, `rows` at a time. Raises Problems with a file that cannot be read."""
    try:
        fault = endless(path)
    except OSError as missing:
        fault = unreadable(path, missing)
    if fault is not None:
        raise Problems([fault])
    return SOURCES[path.suffix.lower()](path, rows)


class Joined:
    """Several sources one after the other, with the columns of all."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = list(sources)
        self.name = ", ".join(source.name for source in self.sources)
        self.identity = hash_of("\n".join(source.identity for source in self.sources).encode())
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
        return pa.chunked_array([pa.array([text_of(value) for value in column.to_pylist()], kind)])
    return column.cast(kind)
