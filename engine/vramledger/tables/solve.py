"""The largest or smallest whole number for which a formula holds, exactly, whether or not it holds for all between.

Blocks of numbers in which the bounds of the compiled steps rule it out are passed over whole; of the others, every
number is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.ledger import Ledger
from vramledger.evaluation.specialise import Fork, Leaf
from vramledger.evaluation.steps import Ref
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import Raw
from vramledger.inputs.scenario import Scenario, read_scenario
from vramledger.problems import Place, Problems, problem
from vramledger.rules.load import RuleSet
from vramledger.tables.evaluate import Evaluator
from vramledger.tables.lines import lines
from vramledger.tables.shape import Shape, follow
from vramledger.tables.sheet import Sheet
from vramledger.tables.wanted import KEPT, Wanted
from vramledger.tables.where import formula

MOST = 2**40  # up to here numbers are looked at
_BLOCK = 1 << 14
_MOST_BLOCKS = 500
_FEW = 256  # of numbers that shape the rules, so that each is a scenario apart
_MOST_ALONE = 1000  # numbers that are asked one by one
_KEPT = (Wanted(KEPT, KEPT, "", pa.bool_()),)


def high(value: Any) -> Any:
    """The upper end of a range, or the number itself."""
    return value[1] if isinstance(value, tuple) else value


class Solution:
    """What was found: `value` of the fact, None where no number will do; `ledger` there, `beyond` at the next number.

    Where nothing fits, `ledger` is that of the number that comes closest to it: of the least where the largest was
    looked for, and else of the doubling of the least after which the total falls no more. `bound` says that the last
    number that was asked still fits.
    """

    def __init__(self, search: _Search, value: int | None, first: int, last: int) -> None:
        self.fact = search.fact
        self.where = search.solver.where
        self.value = value
        self.first = first
        self.last = last
        self.bound = value == last
        self._search = search

    @cached_property
    def number(self) -> int:
        """The value, or the number that comes closest where there is none."""
        if self.value is not None:
            return self.value
        return self.first if self.last >= self.first else self._search.lowest(self.last, self.first)

    @cached_property
    def ledger(self) -> Ledger:
        """The answer at that number."""
        return self._search.ledger(self.number)

    @cached_property
    def beyond(self) -> Ledger | None:
        """The answer at the next number, which does not do; None where there is no next one."""
        if self.value is None or self.bound:
            return None
        return self._search.ledger(self.value + (1 if self.last >= self.first else -1))

    @cached_property
    def changes(self) -> list[Change]:
        """Single changes of the scenario that lower its total, the one that lowers it most first."""
        return self._search.solver.at(self.fact, self.number).changes()

    def __int__(self) -> int:
        if self.value is None:
            raise ValueError(f"no {self.fact} will do")
        return self.value

    __index__ = __int__

    def __repr__(self) -> str:
        return f"Solution({self.fact}={self.value}, where={self.where!r})"


class Change(NamedTuple):
    """A fact said otherwise, what it is then, what the total comes to, and whether that is enough."""

    fact: str
    value: Any
    total: Any
    enough: bool


class Solver:
    """Asks one scenario. Raises Problems for a fact that is no number, and for a formula that is none."""

    def __init__(self, ruleset: RuleSet, raw: Raw, overrides: Mapping[str, Any], where: str) -> None:
        self.ruleset = ruleset
        self.raw = raw
        self.overrides = dict(overrides)
        self.where = where
        self.formula = formula(ruleset, where)

    def solve(self, fact: str, largest: bool = True) -> Solution:
        """The largest number of a fact, or the smallest, for which the formula holds."""
        return self._solved(fact, largest, None)

    def _solved(self, fact: str, largest: bool, top: int | None) -> Solution:
        low, last = self._bounds(fact)
        first = max(low, 1)
        search = _Search(self, fact, first)
        last = min(last, search.last, MOST if top is None else top)
        self._applies(search.read)
        value = search.find(first, last, largest)
        return Solution(search, value, *((first, last) if largest else (last, first)))

    def at(self, fact: str, number: int) -> Solver:
        """The same scenario with a number given."""
        return Solver(self.ruleset, self.raw, {**self.overrides, fact: number}, self.where)

    def _bounds(self, fact: str) -> tuple[int, int]:
        """The least and the largest number that a fact may be."""
        read = read_scenario(self.ruleset, self.raw, self.overrides)
        declarations = read.program.declarations
        declared = declarations.get(fact) or declarations.get(f"{fact}.name")
        if declared is None:
            return 0, MOST
        if declared.type.kind != "number":
            raise Problems([problem("type-clash", f"{fact} is {declared.type}, and only numbers have a largest one")])
        low = declared.minimum if declared.minimum is not None else 0
        return low, declared.below if declared.below is not None else MOST

    def _applies(self, read: Scenario) -> None:
        """Raises Problems where the formula says nothing about the scenario, such as where no hardware is chosen."""
        ledger = ledger_of(read.program, read.facts)
        found = ledger.value_of(self.formula)
        if isinstance(found, NotApplicable):
            message = f"{self.where} is not applicable, because {found.reason}"
            hint = "choose one, or say what shall hold: --where 'total.bytes < 80 GB'"
            raise Problems([problem("missing-fact", message, Place("--where"), hint)])

    # --- changes ---------------------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """Single changes that lower the total, the one that lowers it most first."""
        ledger = self._ledger({})
        now = high(ledger.total)
        found = []
        for fact, value in (*self._choices(ledger), *self._numbers(ledger)):
            try:
                other = self._ledger({fact: value})
                total = other.total
                if not isinstance(total, NotApplicable) and high(total) < now:
                    found.append(Change(fact, value, total, other.value_of(self.formula) is True))
            except Problems:
                continue  # this scenario cannot have it
        return sorted(found, key=lambda change: (high(change.total), change.fact, str(change.value)))

    def _ledger(self, said: Mapping[str, Any]) -> Ledger:
        read = read_scenario(self.ruleset, self.raw, {**self.overrides, **said})
        return ledger_of(read.program, read.facts)

    def _choices(self, ledger: Ledger) -> Iterator[tuple[str, Any]]:
        """Every other entry, text and flag that the specs offer as a way to save memory."""
        for kind in self.ruleset.kinds.values():
            if not kind.lever or (kind.when is not None and ledger[kind.when[0]] != kind.when[1]):
                continue
            now = ledger.program.entries.get(kind.name)
            for name in self.ruleset.names(kind.name):
                if now is None or name != now.name:
                    yield kind.key, name
        for fact, declared in ledger.program.declarations.items():
            if not declared.lever or (not declared.one_of and declared.type.kind != "boolean"):
                continue
            now_ = ledger[fact]
            others = declared.one_of or (True, False)
            yield from ((fact, other) for other in others if other != now_)

    def _numbers(self, ledger: Ledger) -> Iterator[tuple[str, Any]]:
        """The largest smaller number that is enough, or the smallest that there is."""
        for fact, declared in ledger.program.declarations.items():
            if not declared.lever or declared.type.kind != "number":
                continue
            now = ledger[fact]
            least = max(declared.minimum or 0, 1)
            if not isinstance(now, int) or now <= least:
                continue
            try:
                found = self._solved(fact, True, now - 1)
            except Problems:
                continue
            yield fact, least if found.value is None else found.value


class _Search:
    """The answers of one scenario as a function of one fact."""

    def __init__(self, solver: Solver, fact: str, start: int) -> None:
        self.solver = solver
        self.fact = fact
        self.read = self._read(start)
        self.evaluator = Evaluator(solver.ruleset, solver.raw, (), solver.overrides, solver.formula)
        name = self.evaluator.fact_of(fact, self.read.facts)
        given = self.read.facts.values.get(name)
        shape = None
        if given is not None and given.varies and given.value == start:
            shape = Shape(self.read, {fact: name}, {fact: 1}, _KEPT, solver.formula)
            root = shape.plan.root
            shape = None if isinstance(root, Leaf) and root.shapes[-1] in (("asks", None), ("large", None)) else shape
        self.shape = shape
        self.last = _FEW if shape is None else MOST
        self.alone = 0

    def _read(self, value: int) -> Scenario:
        return read_scenario(self.solver.ruleset, self.solver.raw, {**self.solver.overrides, self.fact: value})

    def ledger(self, value: int) -> Ledger:
        read = self._read(value)
        return ledger_of(read.program, read.facts)

    def lowest(self, first: int, last: int) -> int:
        """The doubling of the first number after which the total falls no more."""
        number, total = first, self.ledger(first).total
        while number * 2 <= last:
            other = self.ledger(number * 2).total
            if isinstance(total, NotApplicable) or isinstance(other, NotApplicable) or high(other) >= high(total):
                break
            number, total = number * 2, other
        return number

    def find(self, first: int, last: int, largest: bool) -> int | None:
        """The largest or smallest number from first to last that will do. Raises Problems where that takes too long."""
        if self.shape is None:
            numbers = range(first, last + 1)
            return next(filter(self._holds_alone, reversed(numbers) if largest else numbers), None)
        waiting = [(first, last)]
        asked = 0
        while waiting:
            low, top = waiting.pop()
            if low > top or not self.possible(low, top):
                continue
            if top - low < _BLOCK:
                asked += 1
                if asked > _MOST_BLOCKS:
                    message = f"more than {_MOST_BLOCKS * _BLOCK} numbers of {self.fact} were asked one by one"
                    raise Problems([problem("too-much-work", message, None, "say where to look with a smaller range")])
                found = self._found(low, top, largest)
                if found is not None:
                    return found
                continue
            middle = (low + top) // 2
            halves = [(low, middle), (middle + 1, top)]
            waiting += halves if largest else halves[::-1]
        return None

    def _found(self, low: int, top: int, largest: bool) -> int | None:
        """The largest or smallest number of a block for which the formula holds."""
        assert self.shape is not None
        count = top - low + 1
        sheet = Sheet(_KEPT, count)
        left = follow([self.shape.way({self.fact: np.arange(low, top + 1)}, np.arange(count))], sheet.put)
        (held,), _ = sheet.arrays()
        rows = np.flatnonzero(held.fill_null(False).to_numpy(zero_copy_only=False))
        best = None if not len(rows) else int(rows[-1 if largest else 0])
        alone = sorted({int(row) for one in left for row in one.rows}, reverse=largest)
        if best is not None:
            alone = [row for row in alone if (row > best) == largest]  # only what would be better is asked
        for row in alone:
            self.alone += 1
            if self.alone > _MOST_ALONE:
                message = f"more than {_MOST_ALONE} numbers of {self.fact} cannot be asked together"
                hint = f"bound it: --where '{self.solver.where} and {self.fact} < 1000'"
                raise Problems([problem("too-much-work", message, None, hint)])
            if self._holds_alone(low + row):
                return low + row
        return None if best is None else low + best

    def _holds_alone(self, value: int) -> bool:
        said, fault = self.evaluator.answer({self.fact: value})
        return fault is None and said[-1] is True

    def possible(self, low: int, top: int) -> bool:
        """Whether the bounds of the steps leave it open that the formula holds somewhere from low to top.

        A row at fault does not hold, so what refuses rows is not looked at.
        """
        node: Leaf | Fork | None = self.shape.plan.root if self.shape is not None else None
        while isinstance(node, Fork):
            answer = self._certain(node, low, top, 0)
            if answer is None or self.shape is None:
                return True
            node = self.shape.plan.after(node, answer)
        if node is None:
            return True
        shape, known = node.shapes[-1]
        if shape in ("asks", "large"):
            return known is None
        if shape == "known":
            return known is True
        at = len(node.outputs) - (2 if shape == "verdict" else 1)
        return self._certain(node, low, top, at) is not False

    def _certain(self, node: Leaf | Fork, low: int, top: int, at: int) -> bool | None:
        """What an output is for all numbers from low to top, None where that is not known."""
        assert self.shape is not None
        kernel = self.shape.kernel(node)
        if kernel is None:
            return None
        over = kernel.results[at].over
        known = lines(kernel.steps, low, top)[over.number].known if isinstance(over, Ref) else over
        return None if known is None else bool(known)
