"""The rows of an Arrow table in groups: those that only numbers tell apart are of one shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from math import prod
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from vramledger.evaluation.chunks import Column, taken
from vramledger.evaluation.threads import at_once, in_threads
from vramledger.inputs.raw import Written
from vramledger.tables.given import Numbers, read

CELL = "column "  # begins the place of what a cell says
_ZERO = np.zeros(1, np.intp)
_LOOKED = 2**16  # rows that are looked through at once
_AT_ONCE = 2**18  # and in one thread, where little is done with each


class Group(NamedTuple):
    """Rows of one key: which columns give a number that varies, and what tells it from others in any table."""

    number: int
    first: int  # a row of it
    size: int
    varies: tuple[str, ...]
    key: tuple[Any, ...]


class Rows:
    """A table's columns, each a column of numbers or a key."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.count = table.num_rows
        self.numbers: dict[str, Numbers] = {}
        self._keys: dict[str, Column] = {}
        self.code: Column | None = None  # the number of each row's group; None where all are of one
        self.next = 1  # the number of the next new group
        found = at_once(lambda name: read(table[name]), table.column_names, self.count)
        for name, (number, key) in zip(table.column_names, found, strict=True):
            if number is not None:
                self.numbers[name] = number
            if key is not None:
                self._keys[name] = key

    def groups(self) -> list[Group]:
        """The rows by what is no number, and by which numbers are there, on which side of 0, and whole."""
        if not self.count:
            return []
        codes = [*self._keys.values()]
        for number in self.numbers.values():
            if number.there is not None:
                codes.append(number.there.astype(np.uint16))
            codes += [code.astype(np.uint16) for code in number.sides()]
        self.code = _combined(codes)
        if self.code is None:
            return self._groups(_ZERO, _ZERO, np.array([self.count]), ())
        sizes = _sizes(self.code)
        self.next = len(sizes)
        numbers = np.flatnonzero(sizes)
        return self._groups(numbers, _firsts(self.code, sizes)[numbers], sizes[numbers], ())

    def parted(self, groups: Sequence[tuple[Group, tuple[str, ...]]]) -> list[Group]:
        """Groups by the values of some of their numbers, which are said of all their rows from then on."""
        found = []
        for (group, names), rows in zip(groups, self.of([group.number for group, _ in groups]), strict=True):
            at = np.asarray(rows)
            code = _combined([np.unique(self.numbers[name].values[at], return_inverse=True)[1] for name in names])
            if code is None:
                one, first, size = (np.array([each]) for each in (group.number, group.first, group.size))
                found += self._groups(one, first, size, names)
                continue
            sizes = np.bincount(code)
            numbers = np.arange(self.next, self.next + len(sizes))
            self.move(at, numbers[code])
            there = sizes > 0
            found += self._groups(numbers[there], at[_firsts(code, sizes)[there]], sizes[there], names)
        return found

    def move(self, rows: Column, numbers: Column) -> None:
        """Puts rows into groups of these numbers, some of which may be new."""
        self.next = max(self.next, int(numbers.max(initial=0)) + 1)
        if self.code is None:
            self.code = np.zeros(self.count, np.uint16)
        if self.next > 2**16 and self.code.dtype == np.uint16:
            self.code = self.code.astype(np.int32)
        self.code[rows] = numbers

    def _groups(self, numbers: Column, firsts: Column, sizes: Column, also: tuple[str, ...]) -> list[Group]:
        """Groups by their numbers and a row of each, with the columns named in `also` as a part of their key."""
        varying = {name: number for name, number in self.numbers.items() if name not in also}
        keys = {name: _plain(self.table[name].take(pa.array(firsts))) for name in (*self._keys, *also)}
        kinds = tuple((name, str(column.type)) for name, column in keys.items())
        scales = tuple((name, number.scale) for name, number in varying.items())
        there = {name: number.there[firsts] for name, number in varying.items() if number.there is not None}
        said = [_cells(column, there.get(name)) for name, column in keys.items()]
        sides = [number.sides_of(firsts) for number in varying.values()]
        cells = zip(*said, strict=True) if said else repeat(())
        side = zip(*sides, strict=True) if sides else repeat(())
        varies: Iterable[tuple[str, ...]] = repeat(tuple(varying))
        if there:
            varies = [tuple(n for n in varying if n not in there or there[n][at]) for at in range(len(numbers))]
        return [
            Group(number, first, size, names, (kinds, scales, names, *more))
            for number, first, size, names, *more in zip(
                numbers.tolist(), firsts.tolist(), sizes.tolist(), varies, cells, side, strict=False
            )
        ]

    def of(self, numbers: Sequence[int]) -> list[Any]:
        """The rows of each group, by its number."""
        if self.code is None or not numbers:
            return [range(self.count) for _ in numbers]
        rows, which = self.among(numbers)
        laid = rows[np.argsort(which, kind="stable")]
        return np.split(laid, np.bincount(which, minlength=len(numbers)).cumsum()[:-1])

    def among(self, numbers: Sequence[int]) -> tuple[Column, Column]:
        """The rows of some groups in the table's order, and of which of them each is."""
        code = self.code
        assert code is not None
        wanted = np.zeros(self.next, bool)
        wanted[numbers] = True
        which = np.zeros(self.next, np.uint16 if len(numbers) < 2**16 else np.int32)
        which[numbers] = np.arange(len(numbers))

        def held(start: int, end: int) -> Column:
            return start + np.flatnonzero(taken(wanted, code[start:end]))

        rows = np.concatenate(in_threads(held, self.count, _AT_ONCE))
        return rows, taken(which, code[rows])

    def said(self, name: str, row: int) -> Any:
        """What a cell says, as a scenario would; None where it is empty."""
        return _said(name, self.table[name][row].as_py())

    def row(self, row: int) -> dict[str, Any]:
        """Everything that a row says."""
        found = {name: self.said(name, row) for name in self.table.column_names}
        return {name: value for name, value in found.items() if value is not None}


def _said(name: str, value: Any) -> Any:
    return Written(value, f"{CELL}{name}") if isinstance(value, str) else value


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without its dictionary: the cells of one are slow to read."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _cells(column: pa.ChunkedArray, numbers: Column | None) -> list[Any]:
    """What cells say, so that it tells rows apart; None where they are numbers that vary."""
    if pa.types.is_string(column.type):
        cells: list[Any] = column.to_numpy().tolist()  # many times faster than its own way to a list
    else:
        cells = [repr(cell) if isinstance(cell, list | dict) else cell for cell in column.to_pylist()]
    return cells if numbers is None else [None if varies else cell for cell, varies in zip(cells, numbers, strict=True)]


def _firsts(code: Column, sizes: Column) -> Column:
    """The first row of each code; -1 where there is none."""
    firsts = np.full(len(sizes), -1)
    present = np.count_nonzero(sizes)
    for start in range(0, len(code), _LOOKED):
        part = code[start : start + _LOOKED]
        fresh = np.flatnonzero(firsts[part] < 0)[::-1]
        firsts[part[fresh]] = fresh + start  # the last that is put stays
        if np.count_nonzero(firsts >= 0) == present:
            break
    return firsts


def _sizes(code: Column) -> Column:
    """How many rows each code has."""
    sizes = int(code.max(initial=0)) + 1
    if sizes > _LOOKED:
        return np.bincount(code)
    found: Column = sum(
        in_threads(lambda start, end: np.bincount(code[start:end], minlength=sizes), len(code), _AT_ONCE)
    )
    return found


def _combined(codes: Sequence[Column]) -> Column | None:
    """One code for each combination of codes; None where there is but one."""
    ends = at_once(lambda code: (int(code.min()), int(code.max())), codes, len(codes[0])) if codes else []
    varying = [(code, most + 1) for code, (least, most) in zip(codes, ends, strict=True) if least < most]
    if not varying:
        return None
    if prod(size for _, size in varying) > 2**16:
        return _densely(varying)
    (first, _), *more = varying
    combined = np.empty(len(first), np.uint16)

    def combine(start: int, end: int) -> None:
        part = combined[start:end]
        np.copyto(part, first[start:end], casting="unsafe")
        for code, size in more:
            np.multiply(part, np.uint16(size), out=part)
            np.add(part, code[start:end], out=part, casting="unsafe")

    in_threads(combine, len(combined), _AT_ONCE)
    return combined


def _densely(codes: Sequence[tuple[Column, int]]) -> Column:
    """The same for codes of many sizes: combinations that no row has take no number."""
    combined, _ = codes[0]
    for code, most in codes[1:]:
        size = (int(combined.max()) + 1) * most
        kind: Any = np.uint16 if size <= 2**16 else np.int32 if size < 2**31 else np.int64
        combined = combined.astype(kind, copy=False) * kind(most) + code.astype(kind, copy=False)
        if size > 2**16:
            combined = _dense(combined)
    return combined.astype(np.uint16, copy=False) if int(combined.max()) < 2**16 else combined


def _dense(codes: Column) -> Column:
    """Codes without gaps, in order of first appearance."""
    return np.asarray(pa.array(codes).dictionary_encode().indices)
