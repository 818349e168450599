"""Steps as straight-line NumPy code over chunks of columns, which stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from threading import local
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vramledger.evaluation.lines import Line
from vramledger.evaluation.steps import Ref

Column = NDArray[Any]
CHUNK = 32768
_UFUNCS = {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "floordiv": "floor_divide",
    "shift": "right_shift",
    "mask": "bitwise_and",
    "min": "minimum",
    "max": "maximum",
    "below": "less",
    "above": "greater",
    "same": "equal",
    "and": "logical_and",
}


class _Room(local):
    """Scratch columns of a thread, kept from code to code: memory that is new each time is slow to come."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, type], Column] = {}

    def columns(self, kinds: Sequence[type], count: int) -> list[Column]:
        """A column of so many rows, no more than a chunk, for each type."""
        for key in enumerate(kinds):
            if key not in self._held:
                self._held[key] = np.empty(CHUNK, key[1])
        return [self._held[key][:count] for key in enumerate(kinds)]


_room = _Room()


class Code(NamedTuple):
    """Straight-line code that kernels share which differ in their constants alone; what it fills, and what it needs."""

    run: Callable[[Any, Any, Any, Any], None]  # facts, outputs, scratch columns, constants
    types: tuple[type, ...]
    room: tuple[type, ...]

    def outputs(self, count: int, held: Mapping[int, Column] = MappingProxyType({})) -> list[Column]:
        """Room for what it fills; for some outputs there is room already."""
        return [held[at] if at in held else blank(count, kind) for at, kind in enumerate(self.types)]

    def fill(self, found: Sequence[Column], given: Sequence[Column], constants: Any, first: int, last: int) -> None:
        """Fills the outputs of some rows, chunk by chunk; `constants` gives those of the rows from one on to another.

        NumPy lets other threads run meanwhile.
        """
        room = _room.columns(self.room, min(last - first, CHUNK))
        with np.errstate(all="ignore"):
            for start in range(first, last, CHUNK):
                end = min(start + CHUNK, last)
                here = [part[: end - start] for part in room] if end - start < CHUNK else room
                inside, outside = ([part[start:end] for part in parts] for parts in (given, found))
                self.run(inside, outside, here, constants(start, end))


def compiled(lines: Sequence[Line], wanted: Sequence[Ref]) -> Code:
    """The code of some lines; their constants are given when it runs."""
    flags = {line.ref for line in lines if line.flag}
    last = {part: line.ref for line in lines for part in line.parts if isinstance(part, Ref)}
    place = {ref: f"o{position}" for position, ref in enumerate(wanted)}
    room: list[type] = []
    free: dict[type, list[str]] = {bool: [], np.int64: []}
    written: list[str] = []
    constants = count()
    for line in lines:
        ref, op, parts = line
        if op == "fact":
            if ref in place:
                written.append(f"copyto({place[ref]}, f{parts[0]})")
            else:
                place[ref] = f"f{parts[0]}"
            continue
        known = str if op == "shift" else lambda _: f"constant({next(constants)})"
        texts = [place[part] if isinstance(part, Ref) else known(part) for part in parts]
        kind = bool if line.flag else np.int64
        ended = [part for part in dict.fromkeys(parts) if isinstance(part, Ref) and last[part] == ref]
        spare = [place[part] for part in ended if place[part][0] in "ib"]
        if op != "if":  # its target must be none of its operands
            _release(spare, free)
        if ref not in place:
            if not free[kind]:
                room.append(kind)
                free[kind].append(f"{'b' if kind is bool else 'i'}{len(room) - 1}")
            place[ref] = free[kind].pop()
        if op == "if":
            _release(spare, free)
        counted = not line.flag and not flags.isdisjoint(part for part in parts if isinstance(part, Ref))
        written += _written(op, texts, place[ref], ", dtype=int64" if counted else "")
    facts = sorted({line.parts[0] for line in lines if line.op == "fact"})
    heads = [f"f{number} = facts[{number}]" for number in facts]
    heads += [f"o{number} = found[{number}]" for number in range(len(wanted))]
    heads += [f"{'b' if kind is bool else 'i'}{number} = room[{number}]" for number, kind in enumerate(room)]
    text = "def run(facts, found, room, constant):\n    " + "\n    ".join([*heads, *written, "return"])
    return _code(text, tuple(bool if ref in flags else np.int64 for ref in wanted), tuple(room))


def _release(names: list[str], free: dict[type, list[str]]) -> None:
    for name in names:
        free[bool if name[0] == "b" else np.int64].append(name)


def _written(op: str, texts: list[str], out: str, kind: str) -> list[str]:
    match op:
        case "if":  # faster than copies under a mask; where the difference wraps, the sum wraps back
            test, then, otherwise = texts
            lines = [f"subtract({then}, {otherwise}, out={out}, dtype=int64)", f"multiply({out}, {test}, out={out})"]
            return [*lines, f"add({out}, {otherwise}, out={out})"]
        case "not":
            return [f"logical_not({texts[0]}, out={out})"]
    return [f"{_UFUNCS[op]}({texts[0]}, {texts[1]}, out={out}{kind})"]  # sums of flags are no flags


@lru_cache(maxsize=4096)
def _code(text: str, types: tuple[type, ...], room: tuple[type, ...]) -> Code:
    names = (*_UFUNCS.values(), "logical_not", "copyto", "int64")
    space: dict[str, Any] = {name: getattr(np, name) for name in names}
    exec(compile(text, "<columns>", "exec"), space)  # noqa: S102 - the text holds generated names and numbers only
    return Code(space["run"], types, room)


def taken(column: Column, places: Column) -> Column:
    """The values of a column at some places. Arrow looks them up several times faster than NumPy."""
    if column.dtype == np.bool_:
        return taken(column.view(np.uint8), places).view(np.bool_)
    if column.dtype == np.object_:
        return column.take(places)
    found = pc.take(pa.array(column), pa.array(places), boundscheck=False)
    return np.frombuffer(found.buffers()[1], column.dtype, len(found))  # this one may be written to


def blank(count: int, kind: type) -> Column:
    """Memory for a column from Arrow's pool, which keeps what was freed; what is in it means nothing."""
    return np.frombuffer(pa.allocate_buffer(max(1, count) * np.dtype(kind).itemsize), kind)[:count]
