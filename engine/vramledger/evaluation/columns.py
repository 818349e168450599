"""A residual graph compiled to NumPy over columns of facts, in chunks that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.chunks import Column, compiled
from vramledger.evaluation.lines import Line, lines
from vramledger.evaluation.narrowed import Narrowed
from vramledger.evaluation.residual import Graph
from vramledger.evaluation.steps import Bounds, Ref, Steps, fits
from vramledger.evaluation.threads import in_threads

_ZERO = np.zeros(1, np.intp)


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
        written = self.lines()
        self.code = compiled(written, self.wanted)
        self.constants = [value for line in written for value in line.constants]
        places = {part: place for place, part in enumerate(self.wanted)}
        # which output of the code each number is; those of kernels of the same code may differ in it
        self.layout = (tuple(places.get(part, -1) for part in parts), *(places.get(one, one) for one in self.guards))
        self.scalars = [np.array(value) for value in self.constants]  # NumPy takes them faster than ints

    def lines(self) -> list[Line]:
        """What its code is written from."""
        return lines(self.steps.list, self.wanted)

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
        return self._said(found, count, lambda known: Each(known, counts))

    def of_each(self, given: Sequence[Column], which: Column) -> Outcome:
        """The outputs of rows in any order: `which` says of what kernel each is. All their numbers must fit."""

        def constants(start: int, end: int) -> Callable[[int], Column]:
            here = which[start:end]

            def constant(number: int) -> Column:
                one = self._shared[number]
                return self._values[number].take(here) if one is None else one

            return constant

        found = self.first.code.outputs(len(which))
        in_threads(lambda start, end: self.first.code.fill(found, given, constants, start, end), len(which))
        return self._said(found, len(which), lambda known: known.take(which))

    def _said(self, found: Sequence[Column], count: int, spread: Callable[[Column], Any]) -> Outcome:
        """What the code's outputs of so many rows say, with what each kernel knows of its own."""
        said = self.first.outcome(found, count)
        overs, unders = (
            [spread(known) if isinstance(known, np.ndarray) else part for part, known in zip(*both, strict=True)]
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


def _in_order(nodes: set[Any]) -> list[Any]:
    return sorted(nodes, key=lambda node: node.key)


def _unscaled(ends: Bounds, scale: int) -> tuple[Any, Any]:
    return ends if scale == 1 else (Fraction(ends[0], scale), Fraction(ends[1], scale))


def _ends(column: Column) -> Bounds:
    return (int(column.min()), int(column.max())) if len(column) else (0, 0)
