"""Rows that differ in numbers alone: read and specialised once, computed as columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.columns import Column, Kernel, Outcome
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.residual import Graph
from vramledger.evaluation.specialise import Fork, Leaf, Plan, Test
from vramledger.evaluation.steps import Bounds, NotInSteps
from vramledger.evaluation.values import public
from vramledger.inputs.scenario import Scenario
from vramledger.rules.model import Declaration, Formula
from vramledger.tables.wanted import KEPT, Wanted

Put = Callable[[int, Any, Any, Any], None]  # a column's number, rows, values, which of them are there (None: all)


_ALONE = 16  # rows that are not parted any more


class Left(NamedTuple):
    """Rows that columns do not answer; `alike` where that is for a reason that all of them share."""

    rows: Column
    alike: bool = False


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
        self._ends: dict[str, Bounds] | None = None  # of the table that is being answered

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

    def run(
        self, columns: Mapping[str, Column], rows: Column, put: Put, ends: Mapping[str, Bounds] | None = None
    ) -> list[Left]:
        """Puts the answers of rows where they belong; rows that must be answered one by one come back."""
        left: list[Left] = []
        facts = {self.names[name]: column for name, column in columns.items()}
        self._ends = None if ends is None else {self.names[name]: bounds for name, bounds in ends.items()}
        self._follow(self.plan.root, facts, rows, put, left)
        return left

    def _follow(
        self, node: Leaf | Fork, columns: Mapping[str, Column], rows: Column, put: Put, left: list[Left]
    ) -> None:
        if not len(rows):
            return
        shapes = node.shapes if isinstance(node, Leaf) else ()
        large = any(shape == "large" for shape, _ in shapes)
        asks = large or any(shape == "asks" and value is None for shape, value in shapes)
        outputs = node.outputs if isinstance(node, Leaf) else [node.question]
        kernel = None if asks else self.kernel(node, node.graph, outputs)
        if kernel is None:  # a fault, or too much to compile: the interpreter says which
            left.append(Left(rows, alike=asks and not large))
            return
        found = kernel.run(columns, len(rows), self._ends)
        if found is None and len(rows) > _ALONE:  # the few numbers beyond 64 bits shall not hold up the others
            self._ends = None
            middle = len(rows) // 2
            for half in (slice(0, middle), slice(middle, None)):
                inside = {name: column[half] for name, column in columns.items()}
                self._follow(node, inside, rows[half], put, left)
            return
        if found is None:
            left.append(Left(rows))
            return
        columns, rows, found = _without_refused(columns, rows, found, left)
        if isinstance(node, Leaf):
            self._answer(node, rows, found, put, left)
            return
        held = np.broadcast_to(found.overs[0], len(rows)).astype(bool)
        if held.all() or not held.any():
            self._follow(self.plan.after(node, bool(len(held) and held[0])), columns, rows, put, left)
            return
        for answer in (True, False):
            some = held if answer else ~held
            inside = {name: column[some] for name, column in columns.items()}
            self._follow(self.plan.after(node, answer), inside, np.asarray(rows)[some], put, left)

    def _answer(self, leaf: Leaf, rows: Column, found: Outcome, put: Put, left: list[Left]) -> None:
        broken = _broken(leaf, found, len(rows))
        if broken is not None:
            left.append(Left(np.asarray(rows)[broken]))
            rows, found = np.asarray(rows)[~broken], _taken(found, ~broken)
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

    def _put(self, number: int, one: Wanted, shape: str, value: Any, rows: Column, put: Put, left: list[Left]) -> None:
        match shape:
            case "one":
                put(number, rows, _numbers(value[0], one), None)
            case "range":
                if one.end:
                    put(number, rows, _numbers(value[one.end == "high"], one), None)
                    return
                low, high = (_numbers(end, one) for end in value)
                same = np.broadcast_to(low == high, len(rows))
                put(number, rows, low, same)
                if not same.all():
                    left.append(Left(np.asarray(rows)[~same]))
            case "verdict":
                certain, possible = (np.broadcast_to(part[0], len(rows)).astype(bool, copy=False) for part in value)
                put(number, rows, certain, certain | ~possible)
            case "known":
                held = public(value)
                if isinstance(held, bool | str):
                    put(number, rows, held, None)

    def kernel(self, owner: Leaf | Fork, graph: Graph, outputs: Sequence[Any]) -> Kernel | None:
        """The code of a leaf or of a fork's question; None where columns cannot take it."""
        key = id(owner)
        if key not in self._kernels:
            try:
                self._kernels[key] = Kernel(graph, outputs, self.plan.varying, self.scales)
            except NotInSteps:
                self._kernels[key] = None
        return self._kernels[key]


def _without_refused(
    columns: Mapping[str, Column], rows: Column, found: Outcome, left: list[Left]
) -> tuple[Mapping[str, Column], Column, Outcome]:
    if found.refused is None:
        return columns, rows, found
    kept = ~found.refused
    left.append(Left(np.asarray(rows)[found.refused]))
    return {name: column[kept] for name, column in columns.items()}, np.asarray(rows)[kept], _taken(found, kept)


def _taken(found: Outcome, kept: Column) -> Outcome:
    unders = [under[kept] if isinstance(under, np.ndarray) else under for under in found.unders]
    overs = [over[kept] if isinstance(over, np.ndarray) else over for over in found.overs]
    return Outcome(overs, unders, None)


def _broken(leaf: Leaf, found: Outcome, count: int) -> Column | None:
    """The rows with a fraction where there must be none."""
    broken = np.zeros(count, bool)
    for whole, over, under in zip(leaf.whole, found.overs, found.unders, strict=True):
        if whole and not (isinstance(under, int) and under == 1):
            broken |= over % under != 0
    return broken if broken.any() else None


def _numbers(part: tuple[Column, Any], one: Wanted) -> Column:
    """Numerators and denominators as the column's own type."""
    over, under = part
    if not isinstance(over, np.ndarray) and not isinstance(under, np.ndarray):
        return over // under if one.type == "int64" else over / under
    whole = one.type == "int64"
    if isinstance(under, int) and under == 1:
        return over if whole else over.astype(np.float64)
    exact: Column = over // under if whole else over / under
    return exact
