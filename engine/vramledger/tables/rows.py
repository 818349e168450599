"""The rows of an Arrow table as facts: columns of numbers, and what tells shapes apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.columns import Column, at_once
from vramledger.inputs.raw import Written

_WHOLE = r"^-?[0-9]{1,18}$"
_DECIMAL = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
CELL = "column "  # begins the place of what a cell says
_SCALES = tuple(10**power for power in range(13))


class Numbers(NamedTuple):
    """A column of numbers: `scale` times the fact, as integers; `there` where some rows have none."""

    values: Column
    scale: int
    there: Column | None
    ends: tuple[int, int]  # the least and the most of them

    def sides(self) -> Iterator[Column]:
        """On which side of 0 each is, and whether it is whole: rules may depend on either."""
        if self.ends[0] < 0:
            yield self.values < 0
        if self.scale > 1:
            yield self.values % self.scale == 0

    def side(self, row: int) -> tuple[bool, bool]:
        """On which side of 0 one is, and whether it is whole."""
        value = int(self.values[row])
        return value < 0, value % self.scale == 0


class Group(NamedTuple):
    """Rows of one key: which columns give which facts for all of them, and which give a number that varies."""

    rows: Column
    said: dict[str, Any]
    varies: tuple[str, ...]


class Rows:
    """A table's columns, each a column of numbers or a key."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.count = table.num_rows
        self.numbers: dict[str, Numbers] = {}
        self._keys: dict[str, Column] = {}
        self.order: Column | None = None  # the row of the table at each place; None where they are as they came
        self.back: Column | None = None  # the place of each row
        self.code: Column | None = None  # a number for the group of each row; None where all are of one
        self.places: dict[range, int] = {}  # the places of a group, to its number
        for name in table.column_names:
            column = table[name]
            written = _written(column)
            found = _numbers(column if written is None else written) if self.count else None
            if found is not None:
                self.numbers[name] = found
            if found is None:
                self._keys[name] = _codes(column)
            elif written is not None and found.there is not None:
                self._keys[name] = _codes(pc.if_else(found.there, pa.scalar(None, column.type), column))

    def groups(self) -> Iterator[Group]:
        """The rows by what is no number, and by which numbers are there and on which side of 0."""
        codes = [*self._keys.values()]
        for number in self.numbers.values():
            if number.there is not None:
                codes.append(number.there.astype(np.int32))
            codes += [code.astype(np.int32) for code in number.sides()]
        self.code = _combined(codes) if self.count else None
        if self.code is None:
            if self.count:
                yield self.group(range(self.count))
            return
        order, self.places = _grouped(self.code)
        self._lay(order)
        firsts = pa.array([order[places.start] for places in self.places])
        cells = {name: self.table[name].take(firsts).to_pylist() for name in self._keys}
        for place, places in enumerate(self.places):
            yield self.group(places, known={name: cell[place] for name, cell in cells.items()})

    def _lay(self, order: Column) -> None:
        """Lays the rows of a group side by side; from then on a row is a place in that order."""
        self.order = order
        self.back = np.empty(self.count, np.int32)
        self.back[order] = np.arange(self.count, dtype=np.int32)
        places = pa.array(order)

        def laid(number: Numbers) -> Numbers:
            there = None if number.there is None else number.there[order]
            values = np.asarray(pc.take(pa.array(number.values), places, boundscheck=False))
            return number._replace(values=values, there=there)

        found = at_once(laid, list(self.numbers.values()), self.count)
        self.numbers = dict(zip(self.numbers, found, strict=True))

    def group(self, rows: Any, also: Sequence[str] = (), known: Mapping[str, Any] = MappingProxyType({})) -> Group:
        """Rows that share a key, with the numbers named in `also` as a part of it; `known` are cells of the first."""
        first = int(rows[0])
        varies = tuple(
            name
            for name, number in self.numbers.items()
            if name not in also and (number.there is None or bool(number.there[first]))
        )
        said = {
            name: _said(name, known[name]) if name in known else self.said(name, first)
            for name in (*self._keys, *also)
            if name not in varies
        }
        return Group(rows, {name: value for name, value in said.items() if value is not None}, varies)

    def split(self, rows: Column, names: Sequence[str]) -> Iterator[Group]:
        """Rows by the values of some numbers."""
        rows = np.asarray(rows)
        codes = [np.unique(self.numbers[name].values[rows], return_inverse=True)[1] for name in names]
        code = _combined(codes)
        if code is None:
            yield self.group(rows, names)
            return
        order, places = _grouped(code)
        laid = rows[order]
        for place in places:
            yield self.group(laid[place.start : place.stop], names)

    def said(self, name: str, row: int) -> Any:
        """What a cell says, as a scenario would; None where it is empty."""
        return _said(name, self.table[name][row if self.order is None else int(self.order[row])].as_py())

    def row(self, row: int) -> dict[str, Any]:
        """Everything that a row says."""
        found = {name: self.said(name, row) for name in self.table.column_names}
        return {name: value for name, value in found.items() if value is not None}


def _said(name: str, value: Any) -> Any:
    return Written(value, f"{CELL}{name}") if isinstance(value, str) else value


def _written(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The numbers in a column of texts, as they are where a few cells say something else; None where there are none."""
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        return None
    for pattern, kind in ((_WHOLE, pa.int64()), (_DECIMAL, pa.float64())):
        matched = pc.fill_null(pc.match_substring_regex(column, pattern), False)
        texts = pc.drop_null(column)
        if 2 * (pc.sum(matched).as_py() or 0) > len(texts):
            return pc.if_else(matched, column, pa.scalar(None, column.type)).cast(kind)
    return None


def _numbers(column: pa.ChunkedArray) -> Numbers | None:
    """A column of whole numbers, or of decimals that can be made whole; None for anything else."""
    there = pc.is_valid(column).to_numpy() if column.null_count else None
    if there is not None and not there.any():
        return None
    if pa.types.is_integer(column.type):
        if pa.types.is_uint64(column.type) and pc.max(column).as_py() >= 2**63:
            return None
        whole = column.cast(pa.int64())
        filled = whole if there is None else pc.fill_null(whole, pc.min(whole))
        return _numbered(np.ascontiguousarray(filled.to_numpy()), 1, there)
    if pa.types.is_floating(column.type):
        values = column.to_numpy().astype(np.float64)
        if there is not None:
            values = np.where(there, values, values[np.argmax(there)])
        return _scaled(values, there)
    return None


def _numbered(values: Column, scale: int, there: Column | None) -> Numbers:
    ends = pc.min_max(pa.array(values))
    return Numbers(values, scale, there, (ends["min"].as_py(), ends["max"].as_py()))


def _scaled(values: Column, there: Column | None) -> Numbers | None:
    """Decimals times the power of ten that makes all of them whole."""
    if not np.isfinite(values).all():
        return None
    most = float(np.abs(values).max())
    for scale in _SCALES:
        if most * scale >= 2**53:
            return None
        whole = np.rint(values * scale)
        if (whole / scale == values).all():
            return _numbered(whole.astype(np.int64), scale, there)
    return None


def _codes(column: pa.ChunkedArray) -> Column:
    """A number for each distinct value of a column."""
    if pa.types.is_nested(column.type):
        column = pa.chunked_array([pa.array([repr(value) for value in column.to_pylist()], pa.string())])
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int32)
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode(null_encoding="encode")
    combined = encoded.unify_dictionaries().combine_chunks()
    found = combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
    places = found.indices.cast(pa.int32())
    return np.asarray(places) if not places.null_count else np.asarray(pc.fill_null(places, -1)) + 1


def _grouped(code: Column) -> tuple[Column, dict[range, int]]:
    """The order in which rows of the same code lie side by side, and the places of each, to the code."""
    order = np.asarray(pc.array_sort_indices(pa.array(code))).view(np.int64)
    ends = pairwise([0, *np.cumsum(np.bincount(code)).tolist()])
    return order, {range(start, end): number for number, (start, end) in enumerate(ends) if start < end}


def _combined(codes: Sequence[Column]) -> Column | None:
    """One code for each combination of codes; None where there is but one."""
    combined: Column | None = None
    for code in codes:
        most = int(code.max())
        if most == code.min():
            continue
        if combined is None:
            combined = code
            continue
        wide = (int(combined.max()) + 1) * (most + 1) >= 2**31
        combined = combined.astype(np.int64 if wide else np.int32) * (most + 1) + code
        if int(combined.max()) >= 2**16:
            combined = _dense(combined)
    return combined if combined is None or int(combined.max()) >= 2**16 else combined.astype(np.uint16)


def _dense(codes: Column) -> Column:
    """Codes without gaps, in order of first appearance."""
    return np.asarray(pa.array(codes).dictionary_encode().indices)
