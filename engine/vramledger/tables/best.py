"""The rows that no other row beats: as good in everything asked, and better in something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.chunks import Column
from vramledger.problems import Place, Problems, nearest, problem

_BLOCK = 4096


class Aim(NamedTuple):
    """A column that is to be small, or large."""

    column: str
    sign: int  # 1 small, -1 large


def aims(given: Iterable[str], schema: pa.Schema, option: str = "--best") -> list[Aim]:
    """Texts such as `min:total.bytes.high` or `max:batch.size`. Raises Problems."""
    numbers = [f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    found, problems = [], []
    for text in (part.strip() for one in given for part in one.split(",")):
        way, _, column = text.partition(":")
        if way not in ("min", "max"):
            hint = "write --best min:total.bytes.high,max:batch.size"
            problems.append(problem("set-syntax", f"{text!r} is no aim", Place(option), hint))
        elif column not in numbers:
            hint = nearest(column, numbers) or f"there are: {', '.join(numbers)}"
            problems.append(problem("unknown-name", f"no column of numbers is called {column}", Place(option), hint))
        else:
            found.append(Aim(column, 1 if way == "min" else -1))
    if problems:
        raise Problems(problems)
    return found


def front(table: pa.Table, wanted: Sequence[Aim]) -> pa.Table:
    """The unbeaten rows, in their order; equal ones all. A row with nothing in one of the columns is left out."""
    there = pc.is_valid(table[wanted[0].column])
    for aim in wanted[1:]:
        there = pc.and_(there, pc.is_valid(table[aim.column]))
    table = table.filter(there)
    if not table.num_rows:
        return table
    values = np.column_stack([table[aim.column].to_numpy() * aim.sign for aim in wanted])
    return table.take(pa.array(np.sort(unbeaten(values))))


def unbeaten(values: Column) -> Column:
    """The numbers of the rows that no other row beats, small being good."""
    order = np.lexsort(values.T[::-1])
    left = order
    best: list[Column] = []
    # in this order a row is beaten by an earlier one or by none, so each block is done after those before it
    for start in range(0, len(left), _BLOCK):
        block = left[start : start + _BLOCK]
        for seen in best:
            block = block[~_beaten(values[block], values[seen])]
        best.append(block[~_beaten(values[block], values[block])])
    return np.concatenate(best) if best else order


def _beaten(rows: Column, others: Column) -> Column:
    """Which rows some other row beats."""
    found = np.zeros(len(rows), bool)
    for one in others:
        found |= (one <= rows).all(axis=1) & (one < rows).any(axis=1)
    return found


def merged(parts: Iterable[pa.Table], wanted: Sequence[Aim]) -> Iterator[pa.Table]:
    """The unbeaten rows of all parts, as one."""
    held: list[pa.Table] = []
    for part in parts:
        held = [front(pa.concat_tables([*held, part]), wanted)]
    yield from held
