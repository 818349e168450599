"""The forms in which a table of answers is written: each takes one part after the other."""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

_JSON = b"json"  # marks a column that holds rows as JSON already
ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "arrow": ".arrow"}


class Writer(ABC):
    """Writes parts to a binary stream."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self.stream = stream
        self.schema = schema

    @abstractmethod
    def write(self, part: pa.Table) -> None:
        """Writes the rows of a part."""

    def close(self) -> None:  # noqa: B027 - most forms have no end
        """Ends what was begun."""

    def abandon(self) -> None:  # noqa: B027 - most forms hold nothing
        """Lets go of what is half written, whose stream may be gone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.abandon()


class Csv(Writer):
    """A head, then a row a line; nothing is an empty cell."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        super().__init__(stream, schema)
        pv.write_csv(_flat(_plain(schema.empty_table())), stream)

    def write(self, part: pa.Table) -> None:
        held = io.BytesIO()
        pv.write_csv(_flat(_plain(part)), held, pv.WriteOptions(include_header=False, quoting_style="needed"))
        self.stream.write(held.getbuffer())


class JsonLines(Writer):
    """An object a line."""

    def write(self, part: pa.Table) -> None:
        for row in _lines(part):
            self.stream.write(row.encode() + b"\n")


class Arrow(Writer):
    """An Arrow stream."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        super().__init__(stream, schema)
        self._inner = pa.ipc.new_stream(stream, _plain(schema.empty_table()).schema)

    def write(self, part: pa.Table) -> None:
        self._inner.write_table(_plain(part))

    def close(self) -> None:
        self._inner.close()


class Parquet(Writer):
    """A row group a part."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        super().__init__(stream, schema)
        self._inner = pq.ParquetWriter(stream, _plain(schema.empty_table()).schema)

    def write(self, part: pa.Table) -> None:
        self._inner.write_table(_plain(part), row_group_size=max(1, part.num_rows))

    def close(self) -> None:
        self._inner.close()

    def abandon(self) -> None:
        self._inner.is_open = False  # else it would end the file when it is collected, and say on stderr that it cannot


WRITERS: dict[str, type[Writer]] = {"csv": Csv, "jsonl": JsonLines, "arrow": Arrow, "parquet": Parquet}


def _lines(part: pa.Table) -> Iterator[str]:
    held = [field.name for field in part.schema if field.metadata and _JSON in field.metadata]
    if held:
        yield from part[held[0]].to_pylist()
        return
    for row in part.to_pylist():
        yield json.dumps({name: _number(value) for name, value in row.items()}, ensure_ascii=False, default=str)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain(table: pa.Table) -> pa.Table:
    """A table as other tools read it: texts as texts."""
    for position, field in enumerate(table.schema):
        if pa.types.is_null(field.type) or pa.types.is_dictionary(field.type):
            table = table.set_column(position, field.name, table[position].cast(pa.string()))
    return table


def _flat(table: pa.Table) -> pa.Table:
    """A table whose lists and mappings are texts, as a cell has them."""
    for position, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            cells = [None if cell is None else json.dumps(cell, default=str) for cell in table[position].to_pylist()]
            table = table.set_column(position, field.name, pa.array(cells, pa.string()))
    return table


def write(parts: Iterable[pa.Table], schema: pa.Schema, form: str, path: Path) -> None:
    """Parts to a new file."""
    with path.open("wb") as stream, WRITERS[form](stream, schema) as writer:
        for part in parts:
            writer.write(part)


def keep(part: pa.Table, path: Path) -> None:
    """A finished part, as it is read back by `kept`."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with path.open("wb") as stream, pa.ipc.new_file(stream, part.schema, options=options) as writer:
        writer.write_table(part)


def kept(path: Path) -> pa.Table:
    """A part that was kept."""
    with pa.memory_map(str(path)) as source:
        found: Any = pa.ipc.open_file(source).read_all()
    return found
