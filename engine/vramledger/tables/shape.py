"""Rows that differ in numbers alone: read and specialised once, computed as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.chunks import Column
from vramledger.evaluation.columns import Kernel, Outcome
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.residual import TooLarge
from vramledger.evaluation.specialise import Fork, Leaf, Plan, Test
from vramledger.evaluation.steps import Bounds, NotInSteps
from vramledger.inputs.scenario import Scenario
from vramledger.rules.model import Declaration, Formula
from vramledger.tables.cells import Parts, cells, flags, parted, sound
from vramledger.tables.wanted import KEPT, Wanted

Put = Callable[[int, Any, Any, Any], None]  # a column's number, rows, values, which of them are there (None: all)


_ALONE = 16  # rows that are not parted any more
_MANY = 2**18  # rows that are worth narrowing a kernel


class Left(NamedTuple):
    """Rows that columns do not answer; `alike` where that is for a reason that all of them share."""

    rows: Column
    alike: bool = False


class Way(NamedTuple):
    """Rows that have come to a node of a shape's plan; the bounds of their whole table, where they are of use."""

    shape: Shape
    node: Leaf | Fork
    columns: Mapping[str, Column]
    rows: Any  # a range, or their numbers
    ends: Mapping[str, Bounds] | None

    def some(self, node: Leaf | Fork, kept: Any) -> Way:
        """Some of the rows at another node."""
        rows = self.rows[kept] if isinstance(kept, slice) else np.asarray(self.rows)[kept]
        return self._replace(node=node, columns={name: part[kept] for name, part in self.columns.items()}, rows=rows)


def follow(ways: Iterable[Way], put: Put) -> list[Left]:
    """Puts the answers of rows where they belong; rows that must be answered one by one come back."""
    left: list[Left] = []
    while ways := [way for way in ways if len(way.rows)]:
        ways = [more for way in ways for more in way.shape.step(way, put, left)]
    return left


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
        if self._allows(name, ends):
            return None
        low, high = self.allowed[name]
        wrong = np.zeros(len(values), bool)
        if low is not None:
            wrong |= values < low
        if high is not None:
            wrong |= values > high
        return wrong if wrong.any() else None

    def _allows(self, name: str, ends: Bounds) -> bool:
        """Whether a declaration allows all numbers between two ends."""
        low, high = self.allowed[name]
        return (low is None or ends[0] >= low) and (high is None or ends[1] <= high)

    @cached_property
    def allowed(self) -> dict[str, tuple[Any, Any]]:
        """The least and the most that each column may hold; None where there is no bound."""
        return {column: self._declared(fact) for column, fact in self.names.items()}

    def _declared(self, fact: str) -> tuple[Any, Any]:
        declared: Declaration | None = self.read.program.declarations.get(fact)
        if declared is None:
            return None, None
        least = declared.minimum if declared.minimum is not None else 0 if declared.type.bytes == 1 else None
        low, high = (None if end is None else end * self.scales[fact] for end in (least, declared.below))
        return low, high

    def way(
        self,
        columns: Mapping[str, Column],
        rows: Any,
        ends: Mapping[str, Bounds] | None = None,
        node: Leaf | Fork | None = None,
    ) -> Way:
        """Rows at a node of the plan, or before it; `ends` are the bounds of their whole table."""
        bounds = None if ends is None else {self.names[name]: ends[name] for name in columns}
        facts = {self.names[name]: column for name, column in columns.items()}
        return Way(self, node or self.plan.root, facts, rows, bounds)

    def step(self, way: Way, put: Put, left: list[Left]) -> list[Way]:
        """Puts the answers of rows where they belong, or says where they go on."""
        node, rows = way.node, way.rows
        form = node.form if isinstance(node, Leaf) else ()
        asks, large = ("asks", True) in form, ("large", True) in form
        self.saw(node, len(rows))
        kernel = None if asks or large else self.kernel(node, way.ends)
        if kernel is None:  # a fault, or too much to compile: the interpreter says which
            left.append(Left(rows, alike=asks and not large))
            return []
        found = kernel.run(way.columns, len(rows), way.ends)
        if found is None and len(rows) > _ALONE:  # the few numbers beyond 64 bits shall not hold up the others
            middle = len(rows) // 2
            halves = (slice(0, middle), slice(middle, None))
            return [way.some(node, half)._replace(ends=None) for half in halves]
        if found is None:
            left.append(Left(rows))
            return []
        if isinstance(node, Leaf):
            self._answer(node, rows, found, put, left)
            return []
        if found.refused is not None:
            left.append(Left(np.asarray(rows)[found.refused]))
            way, found = way.some(node, ~found.refused), found.taken(~found.refused)
        held = flags(found.overs[0], len(way.rows))
        if held.all() or not held.any():
            return [way._replace(node=self.plan.after(node, bool(len(held) and held[0])))]
        return [way.some(self.plan.after(node, answer), held if answer else ~held) for answer in (True, False)]

    def _answer(self, leaf: Leaf, rows: Any, found: Outcome, put: Put, left: list[Left]) -> None:
        found, wrong = sound(leaf, found, len(rows))
        if wrong is not None:
            left.append(Left(np.asarray(rows)[wrong]))
            rows = np.asarray(rows)[~wrong]
        parts = self.parts(leaf, zip(found.overs, found.unders, strict=True))
        for number, one in enumerate(self.columns):
            said = cells(one, parts, len(rows))
            if said is None:
                continue
            if said.odd is True:
                left.append(Left(rows, alike=True))
                continue
            if said.odd is not None:
                left.append(Left(np.asarray(rows)[said.odd]))
            put(number, rows, said.values, said.there)

    def parts(self, leaf: Leaf, numbers: Iterable[tuple[Any, Any]]) -> dict[str, Parts]:
        """The numbers of a leaf by what they say."""
        return parted(leaf, (*self.plan.targets, *(KEPT for _ in self.plan.tests)), numbers)

    def given(self, kernel: Kernel) -> tuple[str, ...]:
        """The columns that are the facts of a kernel."""
        columns = {fact: column for column, fact in self.names.items()}
        return tuple(columns[fact] for fact in kernel.facts)

    def ready(self, node: Leaf | Fork, ends: Mapping[str, Bounds]) -> Kernel | None:
        """The code of a node that answers all rows between these bounds of the columns; None where it may not."""
        form = node.form if isinstance(node, Leaf) else ()
        if ("asks", True) in form or ("large", True) in form or not all(self._allows(n, ends[n]) for n in self.names):
            return None
        between = {fact: ends[column] for column, fact in self.names.items()}
        kernel = self.kernel(node, between)
        return kernel if kernel is not None and True not in kernel.guards and kernel.within(between) else None

    def kernel(self, node: Leaf | Fork, ends: Mapping[str, Bounds] | None = None) -> Kernel | None:
        """The code of a leaf or of a fork's question; None where columns cannot take it.

        After many rows it is written anew for what lies between `ends`.
        """
        key = id(node)
        if key not in self._kernels:
            self._kernels[key] = self._compiled(node)
        kernel = self._kernels[key]
        if kernel is None or ends is None or self._seen.get(key, 0) < _MANY:
            return kernel
        held = self._narrow.get(key)
        if held is None or not held.covers(ends):
            between = ends if held is None else _around(held.ends or {}, ends)
            held = self._narrow[key] = self._compiled(node, between) or kernel
        return held

    def saw(self, node: Leaf | Fork, count: int) -> bool:
        """Counts rows of a node; whether these make them so many that its code is to be written anew."""
        before = self._seen.get(id(node), 0)
        self._seen[id(node)] = before + count
        return before < _MANY <= before + count

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
