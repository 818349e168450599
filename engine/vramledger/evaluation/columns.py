"""A residual graph compiled to NumPy over columns of facts, in chunks that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from threading import local
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vramledger.cores import cores
from vramledger.evaluation.narrowed import Narrowed
from vramledger.evaluation.residual import Graph
from vramledger.evaluation.steps import FLAGS, Bounds, Ref, Step, Steps, fits

Column = NDArray[Any]
CHUNK = 32768
_ZERO = np.zeros(1, np.intp)
ENOUGH = 4 * CHUNK  # rows that are worth a thread
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


class _Threads:
    """How many threads a kernel may use: the cores that are there, or one where processes share them."""

    most = cores()


threads = _Threads()


class Each(NamedTuple):
    """A number for each of several stretches of rows, whose lengths are `counts`."""

    values: Column
    counts: Column


def row_by_row(number: Any) -> Any:
    """A part of an output as a column, or as the integer that all rows share."""
    return np.repeat(*number) if isinstance(number, Each) else number


class Outcome(NamedTuple):
    """Each output's numerators and denominators, and the rows to be left out.

    A number that all rows share is an integer, one that those of each kernel share an Each.
    """

    overs: list[Any]
    unders: list[Any]
    refused: Column | None

    def taken(self, kept: Column) -> Outcome:
        """That of some of the rows."""
        unders, overs = ([row_by_row(one) for one in some] for some in (self.unders, self.overs))
        unders = [under[kept] if isinstance(under, np.ndarray) else under for under in unders]
        return Outcome([over[kept] if isinstance(over, np.ndarray) else over for over in overs], unders, None)


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


class Kernel:
    """The code of one graph and its outputs for facts of given scales. Raises NotInSteps where there can be none.

    Under `ends`, bounds of the facts as they are scaled, it is shorter, and for facts inside of them alone.
    """

    def __init__(
        self,
        graph: Graph,
        outputs: Sequence[Any],
        facts: list[str],
        scales: Mapping[str, int],
        ends: Mapping[str, Bounds] | None = None,
    ) -> None:
        tests, divisors = ([*_in_order(nodes)] for nodes in (graph.refused, graph.divisors))
        self.ends = ends
        if ends is not None:
            narrowed = Narrowed(graph, {name: _unscaled(ends[name], scales.get(name, 1)) for name in facts})
            outputs, tests, divisors = ([narrowed.node(one) for one in some] for some in (outputs, tests, divisors))
            graph = narrowed.graph
        self.steps = Steps(graph, facts, scales)
        self.facts = facts
        self._fitting: dict[str, Bounds] | None = None  # bounds that were found to fit
        tests = [self.steps.number(test) for test in tests]
        zeros = [self.steps.operation("zero", [self.steps.number(one)]) for one in divisors]
        self.guards = [test.over for test in (*tests, *zeros)]
        self.results = [self.steps.number(output) for output in outputs]
        parts = [part for result in self.results for part in result]
        self.wanted = list(dict.fromkeys(part for part in (*self.guards, *parts) if isinstance(part, Ref)))
        self.code, self.constants = _compiled(self.steps.list, self.wanted)
        places = {part: place for place, part in enumerate(self.wanted)}
        # which output of the code each number is; those of kernels of the same code may differ in it
        self.layout = (tuple(places.get(part, -1) for part in parts), *(places.get(one, one) for one in self.guards))
        self.scalars = [np.array(value) for value in self.constants]  # NumPy takes them faster than ints

    def covers(self, ends: Mapping[str, Bounds]) -> bool:
        """Whether it is for facts between these ends."""
        known = self.ends
        return known is None or all(known[n][0] <= ends[n][0] and ends[n][1] <= known[n][1] for n in known)

    def run(
        self, columns: Mapping[str, Column], count: int, ends: Mapping[str, Bounds] | None = None
    ) -> Outcome | None:
        """The outputs of `count` rows; None where a number may not fit 64 bits. `ends` are bounds of the columns."""
        if not self.fits(columns, ends):
            return None
        given = [columns[name] for name in self.facts]
        found = self.code.outputs(count)
        in_threads(lambda start, end: self.code.fill(found, given, self._constants, start, end), count)
        return self.outcome(found, count)

    def _constants(self, _start: int, _end: int) -> Callable[[int], Column]:
        return self.scalars.__getitem__

    def outcome(self, found: Sequence[Column], count: int) -> Outcome:
        """What the code's outputs of so many rows say."""
        values = dict(zip(self.wanted, found, strict=True))
        refused = None
        for guard in self.guards:
            said = values[guard] if isinstance(guard, Ref) else np.full(count, bool(guard))
            refused = said if refused is None else refused | said
        overs = [values[part] if isinstance(part, Ref) else part for part, _ in self.results]
        return Outcome(
            overs,
            [values[part] if isinstance(part, Ref) else part for _, part in self.results],
            refused if refused is not None and refused.any() else None,
        )

    def fits(self, columns: Mapping[str, Column], ends: Mapping[str, Bounds] | None) -> bool:
        """Whether 64 bits hold every step; the bounds of a whole table are tried before those of these rows."""
        if ends is not None and self.within(ends):
            return True
        return fits(self.steps.bounds({name: _ends(columns[name]) for name in self.facts}))

    def within(self, ends: Mapping[str, Bounds]) -> bool:
        """Whether 64 bits hold every step for all facts between these ends."""
        known = self._fitting or ends
        wider = {name: (min(known[name][0], ends[name][0]), max(known[name][1], ends[name][1])) for name in ends}
        if self._fitting == wider:  # what lies inside of bounds that fit does so as well
            return True
        for tried in (wider, ends):
            if fits(self.steps.bounds(tried)):
                self._fitting = dict(tried)
                return True
        return False


class Family:
    """Kernels of the same code and layout, whose constants differ: their rows are computed as one."""

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        self.kernels = kernels
        self.first = kernels[0]
        self._values = np.array([kernel.constants for kernel in kernels], np.int64).T.copy()
        alike = (self._values == self._values[:, :1]).all(axis=1)  # most are the same in all of them
        self._shared = [one if same else None for one, same in zip(self.first.scalars, alike, strict=True)]
        places = range(len(self.first.results))
        self._known = [
            [_each([kernel.results[place][side] for kernel in kernels]) for place in places] for side in (0, 1)
        ]

    def run(
        self, given: Sequence[Column], counts: Column, held: Mapping[int, Column] = MappingProxyType({})
    ) -> Outcome:
        """The outputs of so many rows of each, side by side in the columns; all their numbers must fit.

        Outputs of the code that `held` has room for are put there.
        """
        ends = np.concatenate([_ZERO, counts.cumsum()])
        count = int(ends[-1])

        def constants(start: int, end: int) -> Callable[[int], Column]:
            if end - start == count:
                return self._spread(slice(None), counts)
            first, last = ends.searchsorted((start, end - 1), "right") - 1
            if first == last:
                alone: list[Column] = self.kernels[first].scalars
                return alone.__getitem__
            return self._spread(slice(first, last + 1), np.diff(ends[first : last + 2].clip(start, end)))

        found = self.first.code.outputs(count, held)
        self.first.code.fill(found, given, constants, 0, count)
        said = self.first.outcome(found, count)
        overs, unders = (
            [Each(known, counts) if isinstance(known, np.ndarray) else part for part, known in zip(*both, strict=True)]
            for both in zip(said[:2], self._known, strict=True)
        )
        return Outcome(overs, unders, said.refused)

    def _spread(self, some: slice, counts: Column) -> Callable[[int], Column]:
        """The constants of some kernels over rows of each, laid out when one is used: all at once fill the cache."""
        shared, values = self._shared, self._values

        def constant(number: int) -> Column:
            one = shared[number]
            return values[number, some].repeat(counts) if one is None else one

        return constant


def _each(known: list[Any]) -> Any:
    """A number for each of several kernels, where they do not share it, nor compute it."""
    return None if isinstance(known[0], Ref) or all(value == known[0] for value in known) else np.array(known)


def in_threads(work: Callable[[int, int], None], count: int) -> None:
    """Does the work for rows from one on to another, in threads where they are many."""
    workers = max(1, min(threads.most, count // ENOUGH))
    parts = list(pairwise(count * number // workers for number in range(workers + 1)))
    at_once(lambda part: work(*part), parts, count)


def at_once(work: Callable[[Any], Any], parts: Sequence[Any], count: int) -> list[Any]:
    """What the work gives for each part, in threads where the rows are many."""
    if count < 2 * ENOUGH or threads.most == 1 or len(parts) == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(min(threads.most, len(parts))) as pool:
        return list(pool.map(work, parts))


def blank(count: int, kind: type) -> Column:
    """Memory for a column from Arrow's pool, which keeps what was freed; what is in it means nothing."""
    return np.frombuffer(pa.allocate_buffer(max(1, count) * np.dtype(kind).itemsize), kind)[:count]


def _in_order(nodes: set[Any]) -> list[Any]:
    return sorted(nodes, key=lambda node: node.key)


def _unscaled(ends: Bounds, scale: int) -> tuple[Any, Any]:
    return ends if scale == 1 else (Fraction(ends[0], scale), Fraction(ends[1], scale))


def _ends(column: Column) -> Bounds:
    return (int(column.min()), int(column.max())) if len(column) else (0, 0)


def _compiled(steps: list[Step], wanted: list[Ref]) -> tuple[Code, list[int]]:
    """The code of steps, and the constants that it takes."""
    needed = _needed(steps, wanted)
    last = {part: ref for ref in needed for part in steps[ref.number].arguments if isinstance(part, Ref)}
    place = {ref: f"o{position}" for position, ref in enumerate(wanted)}
    room: list[type] = []
    free: dict[type, list[str]] = {bool: [], np.int64: []}
    lines: list[str] = []
    constants: list[int] = []

    def constant(value: int) -> str:
        constants.append(int(value))
        return f"constant({len(constants) - 1})"

    for ref in needed:
        op, arguments = steps[ref.number]
        if op == "fact":
            if ref in place:
                lines.append(f"copyto({place[ref]}, f{arguments[0]})")
            else:
                place[ref] = f"f{arguments[0]}"
            continue
        shift = op == "floordiv" and not isinstance(arguments[1], Ref) and _shift(arguments[1])
        texts = [
            place[part] if isinstance(part, Ref) else str(shift) if shift else constant(part) for part in arguments
        ]
        kind = _type(steps[ref.number])
        ended = [part for part in dict.fromkeys(arguments) if isinstance(part, Ref) and last[part] == ref]
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
        flags = kind is not bool and any(
            isinstance(part, Ref) and _type(steps[part.number]) is bool for part in arguments
        )
        lines += _written("shift" if shift else op, texts, place[ref], ", dtype=int64" if flags else "")
    facts = sorted({step.arguments[0] for step in steps if step.op == "fact"})
    heads = [f"f{number} = facts[{number}]" for number in facts]
    heads += [f"o{number} = found[{number}]" for number in range(len(wanted))]
    heads += [f"{'b' if kind is bool else 'i'}{number} = room[{number}]" for number, kind in enumerate(room)]
    text = "def run(facts, found, room, constant):\n    " + "\n    ".join([*heads, *lines, "return"])
    return _code(text, tuple(_type(steps[ref.number]) for ref in wanted), tuple(room)), constants


def _release(names: list[str], free: dict[type, list[str]]) -> None:
    for name in names:
        free[bool if name[0] == "b" else np.int64].append(name)


def _needed(steps: list[Step], wanted: list[Ref]) -> list[Ref]:
    """The steps behind those that are wanted, in order."""
    found: set[Ref] = set()
    waiting = list(wanted)
    while waiting:
        ref = waiting.pop()
        if ref not in found:
            found.add(ref)
            waiting += [part for part in steps[ref.number].arguments if isinstance(part, Ref)]
    return sorted(found)


def _type(step: Step) -> type:
    return bool if step.op in FLAGS else np.int64


def _written(op: str, texts: list[str], out: str, kind: str) -> list[str]:
    match op:
        case "if":  # faster than copies under a mask; where the difference wraps, the sum wraps back
            test, then, otherwise = texts
            lines = [f"subtract({then}, {otherwise}, out={out}, dtype=int64)", f"multiply({out}, {test}, out={out})"]
            return [*lines, f"add({out}, {otherwise}, out={out})"]
        case "not":
            return [f"logical_not({texts[0]}, out={out})"]
    return [f"{_UFUNCS[op]}({texts[0]}, {texts[1]}, out={out}{kind})"]  # sums of flags are no flags


def _shift(divisor: int) -> int:
    """By how many bits a power of two divides; 0 for any other number."""
    return divisor.bit_length() - 1 if divisor > 1 and divisor & (divisor - 1) == 0 else 0


@lru_cache(maxsize=4096)
def _code(text: str, types: tuple[type, ...], room: tuple[type, ...]) -> Code:
    names = (*_UFUNCS.values(), "logical_not", "copyto", "int64")
    space: dict[str, Any] = {name: getattr(np, name) for name in names}
    exec(compile(text, "<columns>", "exec"), space)  # noqa: S102 - the text holds generated names and numbers only
    return Code(space["run"], types, room)
