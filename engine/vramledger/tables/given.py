"""A column of an Arrow table as facts: whole numbers, a key for what is none, or both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.chunks import Column

_WHOLE = r"^-?[0-9]{1,18}$"
_DECIMAL = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
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

    def sides_of(self, rows: Column) -> list[tuple[bool, bool]]:
        """On which side of 0 those of some rows are, and whether they are whole."""
        values = self.values[rows]
        return list(zip((values < 0).tolist(), (values % self.scale == 0).tolist(), strict=True))


def read(column: pa.ChunkedArray) -> tuple[Numbers | None, Column | None]:
    """A column as numbers, and as a key of what is no number in it."""
    written = _written(column)
    found = _numbers(column if written is None else written) if len(column) else None
    if found is None:
        return None, _codes(column)
    if written is not None and found.there is not None:
        return found, _codes(pc.if_else(found.there, pa.scalar(None, column.type), column))
    return found, None


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
    codes = np.asarray(places) if not places.null_count else np.asarray(pc.fill_null(places, -1)) + 1
    return codes.astype(np.uint16) if len(found.dictionary) < 2**16 else codes
