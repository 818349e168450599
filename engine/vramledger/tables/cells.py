"""What a leaf's numbers come to in the columns of a table: values, which of them there are, and the rows at odds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.chunks import Column
from vramledger.evaluation.columns import Each, Outcome, row_by_row
from vramledger.evaluation.specialise import Leaf
from vramledger.evaluation.steps import LEAST, MOST
from vramledger.evaluation.values import public
from vramledger.tables.wanted import Wanted

_WHOLE_IN_FLOAT = 2**53  # the largest up to which floats hold every whole number
_COUNTS = {"one": 1, "range": 2, "verdict": 2}
Parts = tuple[str, Any]  # how a target's value is made up, and its numbers, or what it is known to be
_NOTHING: Parts = ("asks", None)


class Cells(NamedTuple):
    """Values, or one for all rows; which of them there are (None: all); the rows that a column cannot tell (None: no).

    A row is left to be asked alone where `odd` holds.
    """

    values: Any
    there: Any = None
    odd: Any = None


def parted(leaf: Leaf, targets: Sequence[str], numbers: Iterable[tuple[Any, Any]]) -> dict[str, Parts]:
    """The numbers of a leaf, each a numerator and a denominator, by its targets."""
    given = iter(numbers)
    return {
        target: (shape, list(islice(given, _COUNTS[shape])) if shape in _COUNTS else known)
        for target, (shape, known) in zip(targets, leaf.shapes, strict=True)
    }


def needed(one: Wanted, parts: Mapping[str, Parts]) -> list[tuple[Any, Any]]:
    """The numbers that a column is made of."""
    shape, value = parts.get(one.quantity, _NOTHING)
    if shape not in _COUNTS:
        return []
    return [value[one.end == "high"]] if shape == "range" and one.end else value


def cells(one: Wanted, parts: Mapping[str, Parts], count: int) -> Cells | None:
    """A column of so many rows; None where it says nothing."""
    shape, value = parts.get(one.quantity, _NOTHING)
    if shape == "one" or (shape == "range" and one.end):
        found = _numbers(needed(one, parts)[0], one)
        return Cells(found, None, None if isinstance(found, np.ndarray) or LEAST <= found <= MOST else True)
    match shape:
        case "range":
            low, high = (_numbers(end, one) for end in value)
            same = np.broadcast_to(low == high, count)
            return Cells(low, same, None if same.all() else ~same)
        case "verdict":
            certain, possible = (flags(part, count) for part, _ in value)
            return Cells(certain, certain | ~possible)
        case "known":
            held = public(value)
            return Cells(held) if isinstance(held, bool | str) else None
    return None


def sound(leaf: Leaf, found: Outcome, count: int) -> tuple[Outcome, Column | None]:
    """The outcome without rows that are refused, or have a fraction where there must be none; which rows those are."""
    wrong = found.refused
    for whole, over, under in zip(leaf.whole, found.overs, found.unders, strict=True):
        if whole and not _one(under):
            with np.errstate(all="ignore"):
                here = np.not_equal(row_by_row(over) % row_by_row(under), 0)
            wrong = here if wrong is None else wrong | here
    if wrong is None or not wrong.any():
        return found, None
    wrong = np.broadcast_to(wrong, count)
    return found.taken(~wrong), wrong


def flags(part: Any, count: int) -> Column:
    """Flags of so many rows, which may all share one."""
    part = row_by_row(part)
    return part.astype(bool, copy=False) if isinstance(part, np.ndarray) else np.full(count, bool(part))


def _one(under: Any) -> bool:
    """Whether a denominator is 1 in all rows."""
    return bool((under.values == 1).all()) if isinstance(under, Each) else isinstance(under, int) and under == 1


def _numbers(part: tuple[Any, Any], one: Wanted) -> Any:
    """Numerators and denominators as the column's own type."""
    over, under = map(row_by_row, part)
    whole = one.type == "int64"
    if not isinstance(over, np.ndarray) and not isinstance(under, np.ndarray):
        return over // under if whole else over / under
    if isinstance(under, int) and under == 1:
        return over.astype(np.int64 if whole else np.float64, copy=False)
    exact: Column = over // under if whole else _quotient(over, under)
    return exact


def _quotient(over: Any, under: Any) -> Any:
    """Quotients as floats, the same however a kernel writes them: in lowest terms where a float cannot hold both."""
    if max(np.max(np.abs(part), initial=0) for part in (over, under)) > _WHOLE_IN_FLOAT:
        shared = np.gcd(over, under)
        over, under = over // shared, under // shared
    return over / under
