"""Rows that differ in numbers alone: read and specialised once, computed as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.columns import CHUNK, Column, Each, Kernel, Outcome, row_by_row, together
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.residual import TooLarge
from vramledger.evaluation.specialise import Fork, Leaf, Plan, Test
from vramledger.evaluation.steps import LEAST, MOST, Bounds, NotInSteps
from vramledger.evaluation.values import public
from vramledger.inputs.scenario import Scenario
from vramledger.rules.model import Declaration, Formula
from vramledger.tables.wanted import KEPT, Wanted

Put = Callable[[int, Any, Any, Any], None]  # a column's number, rows, values, which of them are there (None: all)


_ALONE = 16  # rows that are not parted any more
_WHOLE_IN_FLOAT = 2**53  # the largest up to which floats hold every whole number
_MANY = 2**18  # rows that are worth narrowing a kernel


class Left(NamedTuple):
    """Rows that columns do not answer; `alike` where that is for a reason that all of them share."""

    rows: Column
    alike: bool = False


class Several:
    """The rows of several ways, one after the other."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts
        self.counts = [len(part) for part in parts]

    def __len__(self) -> int:
        return sum(self.counts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Column:
        return np.concatenate([np.asarray(part, dtype) for part in self.parts])


class Way(NamedTuple):
    """Rows that have come to a node of a shape's plan; the bounds of their whole table, where they are of use."""

    shape: Shape
    node: Leaf | Fork
    columns: Mapping[str, Column]
    rows: Any  # a range, their numbers, or Several
    ends: Mapping[str, Bounds] | None

    def some(self, node: Leaf | Fork, kept: Any) -> Way:
        """Some of the rows at another node."""
        rows = self.rows[kept] if isinstance(kept, slice) else np.asarray(self.rows)[kept]
        return self._replace(node=node, columns={name: part[kept] for name, part in self.columns.items()}, rows=rows)


def follow(ways: Iterable[Way], put: Put) -> list[Left]:
    """Puts the answers of rows where they belong; rows that must be answered one by one come back."""
    left: list[Left] = []
    while ways := [way for way in ways if len(way.rows)]:
        ways = [more for way, found in _computed(ways, left) for more in way.shape.step(way, found, put, left)]
    return left


def _computed(ways: list[Way], left: list[Left]) -> Iterator[tuple[Way, Outcome | None]]:
    """What the code says of rows; those of several shapes that share it are computed together."""
    shared: dict[Any, list[tuple[Way, Kernel]]] = {}  # by their code and by what is made of its outputs
    for way in ways:
        form = way.node.form if isinstance(way.node, Leaf) else (id(way.node),)
        large = ("large", True) in form
        asks = large or ("asks", True) in form
        kernel = None if asks else way.shape.kernel(way.node, way.ends, len(way.rows))
        if kernel is None:  # a fault, or too much to compile: the interpreter says which
            left.append(Left(way.rows, alike=asks and not large))
        elif len(way.rows) >= CHUNK or not kernel.facts or not kernel.fits(way.columns, way.ends):
            yield way, kernel.run(way.columns, len(way.rows), way.ends)
        else:
            shared.setdefault((kernel.code, kernel.layout, form, len(kernel.facts)), []).append((way, kernel))
    for some in shared.values():
        given = [[way.columns[name] for name in kernel.facts] for way, kernel in some]
        found = together([kernel for _, kernel in some], given)
        alone = [way for way, _ in some]
        if found.refused is None and isinstance(alone[0].node, Leaf):
            yield alone[0]._replace(rows=Several([way.rows for way in alone])), found
        else:
            yield from zip(alone, found.parts([len(way.rows) for way in alone]), strict=True)


class Shape:
    """The code for the rows of one shape: `names` are the facts that columns vary, `scales` what they are times."""

    def __init__(
        self,
        read: Scenario,
        names: Mapping[str, str],
        scales: Mapping[str, int],
        columns: Sequence[Wanted],
        where: Formula | None = None,
    ) -> None:
        self.read = read
        self.columns = columns
        self.names = dict(names)
        self.scales = {names[column]: scale for column, scale in scales.items()}
        varies = {*names.values()}
        values = {name: given._replace(varies=name in varies) for name, given in read.facts.values.items()}
        self.facts: Facts = read.facts._replace(values=values)
        known = dict.fromkeys(one.quantity for one in columns if one.quantity in read.program.declarations)
        self.plan = Plan(read.program, self.facts, list(known), [Test(where)] if where else [])
        self._kernels: dict[int, Kernel | None] = {}
        self._narrow: dict[int, Kernel] = {}  # the same for facts between bounds
        self._seen: dict[int, int] = {}  # how many rows each was asked for

    def bad(self, name: str, values: Column, ends: Bounds) -> Column | None:
        """The rows whose fact breaks what its declaration allows; None where no row does."""
        name = self.names[name]
        declared: Declaration | None = self.read.program.declarations.get(name)
        if declared is None:
            return None
        scale = self.scales[name]
        least = declared.minimum if declared.minimum is not None else 0 if declared.type.bytes == 1 else None
        if (least is None or ends[0] >= least * scale) and (
            declared.below is None or ends[1] <= declared.below * scale
        ):
            return None
        wrong = np.zeros(len(values), bool)
        if least is not None:
            wrong |= values < least * scale
        if declared.below is not None:
            wrong |= values > declared.below * scale
        return wrong if wrong.any() else None

    def way(self, columns: Mapping[str, Column], rows: Column, ends: Mapping[str, Bounds] | None = None) -> Way:
        """Rows before the plan; `ends` are the bounds of their whole table."""
        bounds = None if ends is None else {self.names[name]: ends[name] for name in columns}
        return Way(self, self.plan.root, {self.names[name]: column for name, column in columns.items()}, rows, bounds)

    def step(self, way: Way, found: Outcome | None, put: Put, left: list[Left]) -> list[Way]:
        """Puts the answers of rows where they belong, or says where they go on."""
        node, rows = way.node, way.rows
        if found is None and len(rows) > _ALONE:  # the few numbers beyond 64 bits shall not hold up the others
            middle = len(rows) // 2
            halves = (slice(0, middle), slice(middle, None))
            return [way.some(node, half)._replace(ends=None) for half in halves]
        if found is None:
            left.append(Left(rows))
            return []
        if found.refused is not None:
            kept = ~found.refused
            left.append(Left(np.asarray(rows)[found.refused]))
            way, found = way.some(node, kept), found.taken(kept)
        if isinstance(node, Leaf):
            self._answer(node, way.rows, found, put, left)
            return []
        held = _flags(found.overs[0], len(way.rows))
        if held.all() or not held.any():
            return [way._replace(node=self.plan.after(node, bool(len(held) and held[0])))]
        return [way.some(self.plan.after(node, answer), held if answer else ~held) for answer in (True, False)]

    def _answer(self, leaf: Leaf, rows: Any, found: Outcome, put: Put, left: list[Left]) -> None:
        broken = _broken(leaf, found)
        if broken is not None:
            broken = np.broadcast_to(broken, len(rows))
            left.append(Left(np.asarray(rows)[broken]))
            rows, found = np.asarray(rows)[~broken], found.taken(~broken)
        targets = (*self.plan.targets, *(KEPT for _ in self.plan.tests))
        position = 0
        parts: dict[str, tuple[str, Any]] = {}
        for target, (shape, known) in zip(targets, leaf.shapes, strict=True):
            count = {"one": 1, "range": 2, "verdict": 2}.get(shape, 0)
            numbers = [(found.overs[n], found.unders[n]) for n in range(position, position + count)]
            parts[target] = (shape, numbers or known)
            position += count
        for number, one in enumerate(self.columns):
            shape, value = parts.get(one.quantity, ("asks", None))
            self._put(number, one, shape, value, rows, put, left)

    def _put(self, number: int, one: Wanted, shape: str, value: Any, rows: Any, put: Put, left: list[Left]) -> None:
        if shape == "one" or (shape == "range" and one.end):
            found = _numbers(value[shape == "range" and one.end == "high"], one)
            if isinstance(found, Each) and not all(LEAST <= each <= MOST for each in found.values):
                for each, part in zip(found.values, rows.parts, strict=True):
                    self._put_known(number, each, part, put, left)
            elif isinstance(found, int):
                self._put_known(number, found, rows, put, left)
            else:
                put(number, rows, found, None)
            return
        match shape:
            case "range":
                low, high = (row_by_row(_numbers(end, one)) for end in value)
                same = np.broadcast_to(low == high, len(rows))
                put(number, rows, low, same)
                if not same.all():
                    left.append(Left(np.asarray(rows)[~same]))
            case "verdict":
                certain, possible = (_flags(part, len(rows)) for part, _ in value)
                put(number, rows, certain, certain | ~possible)
            case "known":
                held = public(value)
                if isinstance(held, bool | str):
                    put(number, rows, held, None)

    @staticmethod
    def _put_known(number: int, value: int, rows: Any, put: Put, left: list[Left]) -> None:
        """Puts what all rows share, where the column can hold it."""
        if LEAST <= value <= MOST:
            put(number, rows, value, None)
        else:
            left += [Left(part, alike=True) for part in (rows.parts if isinstance(rows, Several) else [rows])]

    def kernel(self, node: Leaf | Fork, ends: Mapping[str, Bounds] | None = None, count: int = 0) -> Kernel | None:
        """The code of a leaf or of a fork's question; None where columns cannot take it.

        After many rows, `count` of them now, it is written anew for what lies between `ends`.
        """
        key = id(node)
        if key not in self._kernels:
            self._kernels[key] = self._compiled(node)
        kernel = self._kernels[key]
        if kernel is None or ends is None:
            return kernel
        self._seen[key] = self._seen.get(key, 0) + count
        if self._seen[key] < _MANY:
            return kernel
        held = self._narrow.get(key)
        if held is None or not held.covers(ends):
            between = ends if held is None else _around(held.ends or {}, ends)
            held = self._narrow[key] = self._compiled(node, between) or kernel
        return held

    def _compiled(self, node: Leaf | Fork, ends: Mapping[str, Bounds] | None = None) -> Kernel | None:
        outputs = node.outputs if isinstance(node, Leaf) else [node.question]
        try:
            return Kernel(node.graph, outputs, self.plan.varying, self.scales, ends)
        except (NotInSteps, TooLarge):
            return None


def _around(one: Mapping[str, Bounds], other: Mapping[str, Bounds]) -> dict[str, Bounds]:
    """Bounds that hold both, with room to the next powers of two: the parts of a table differ a little."""
    return {
        name: (_down(min(one[name][0], other[name][0])), -_down(-max(one[name][1], other[name][1]))) for name in one
    }


def _down(number: int) -> int:
    """The power of two below a number, or that above its size where it is negative."""
    if number > 0:
        return 1 << number.bit_length() - 1
    return -(1 << (-number - 1).bit_length()) if number else 0


def _broken(leaf: Leaf, found: Outcome) -> Column | None:
    """The rows with a fraction where there must be none."""
    broken: Column | None = None
    for whole, over, under in zip(leaf.whole, found.overs, found.unders, strict=True):
        if whole and not _one(under):
            here = np.not_equal(row_by_row(over) % row_by_row(under), 0)
            broken = here if broken is None else broken | here
    return broken if broken is not None and broken.any() else None


def _one(under: Any) -> bool:
    """Whether a denominator is 1 in all rows."""
    return (
        all(value == 1 for value in under.values) if isinstance(under, Each) else isinstance(under, int) and under == 1
    )


def _flags(part: Any, count: int) -> Column:
    """Flags of so many rows, which may all share one."""
    part = row_by_row(part)
    return part.astype(bool, copy=False) if isinstance(part, np.ndarray) else np.full(count, bool(part))


def _numbers(part: tuple[Any, Any], one: Wanted) -> Any:
    """Numerators and denominators as the column's own type."""
    over, under = part
    whole = one.type == "int64"
    each = next((number for number in part if isinstance(number, Each)), None)
    if each is not None and not any(isinstance(number, np.ndarray) for number in part):
        overs, unders = (n.values if isinstance(n, Each) else repeat(n) for n in part)
        return Each([a // b if whole else a / b for a, b in zip(overs, unders, strict=False)], each.counts)
    if not isinstance(over, np.ndarray) and not isinstance(under, np.ndarray):
        return over // under if whole else over / under
    if _one(under):
        return row_by_row(over).astype(np.int64 if whole else np.float64, copy=False)
    over, under = row_by_row(over), row_by_row(under)
    exact: Column = over // under if whole else _quotient(over, under)
    return exact


def _quotient(over: Any, under: Any) -> Any:
    """Quotients as floats, the same however a kernel writes them: in lowest terms where a float cannot hold both."""
    if max(np.max(np.abs(part), initial=0) for part in (over, under)) > _WHOLE_IN_FLOAT:
        shared = np.gcd(over, under)
        over, under = over // shared, under // shared
    return over / under
