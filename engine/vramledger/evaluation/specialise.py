"""A scenario's shape to code: everything known folded in once, what varies left as a small function.

A shape is all that decides which rules apply: the entries, the texts and flags, and which facts are given. Where a
number decides too, the plan forks on that test and follows each way when it is first met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from vramledger.evaluation.again import near
from vramledger.evaluation.arithmetic import Undecided
from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.residual import MOST_ROOM, Graph, Node, TooLarge
from vramledger.evaluation.scalar import compile_scalar
from vramledger.evaluation.trail import guarded
from vramledger.evaluation.values import NotApplicable, Range, Verdict, exact, public
from vramledger.rules.model import Formula, Scope
from vramledger.rules.overlay import Program

Assumed = dict[tuple[Any, ...], bool]


@dataclass(frozen=True)
class Leaf:
    """A function of the varying facts; `shapes` say how its numbers make up the targets' values."""

    graph: Graph
    outputs: tuple[Any, ...]
    run: Callable[..., tuple[Any, ...]]
    shapes: tuple[tuple[str, Any], ...]  # (one | range | verdict | known | asks | large, the known value)
    whole: tuple[bool, ...]  # which outputs must be whole

    @cached_property
    def form(self) -> tuple[Any, ...]:
        """What leaves share whose numbers make up the targets' values in the same way."""
        return self.whole, *(
            (shape, repr(value) if shape == "known" else value is None) for shape, value in self.shapes
        )


@dataclass(frozen=True, slots=True)
class Fork:
    """A test on which the shape depends, and the plans after it."""

    graph: Graph
    question: Node
    test: Callable[..., tuple[Any, ...]]
    assumed: Assumed  # on the way here
    after: dict[bool, Leaf | Fork] = field(default_factory=dict)


class Test(NamedTuple):
    """A formula that is true or false, and where its bare names are looked up."""

    formula: Formula
    scope: Scope = Scope()


class Plan:
    """The compiled form of one shape for some targets."""

    def __init__(self, program: Program, facts: Facts, targets: Sequence[str], tests: Sequence[Test] = ()) -> None:
        self.program = program
        self.facts = facts
        self.targets = tuple(targets)
        self.tests = tuple(tests)  # evaluated after the targets
        self.varying = varying(facts)
        self._room = MOST_ROOM
        self.numbers: dict[tuple[Any, ...], int] = {}
        self.root = self._specialise({})

    def leaf(self, vector: Sequence[Any]) -> Leaf:
        """The leaf that a vector of facts leads to."""
        node = self.root
        while isinstance(node, Fork):
            node = self.after(node, bool(node.test(*vector)[0]))
        return node

    def after(self, fork: Fork, answer: bool) -> Leaf | Fork:
        """What follows an answer, specialised when it is first given."""
        if answer not in fork.after:
            fork.after[answer] = self._specialise({**fork.assumed, fork.question.key: answer})
        return fork.after[answer]

    def run(self, facts: Facts) -> dict[str, Any]:
        """The targets' values, those left out that must be interpreted: they raise, or their number is not whole.

        What is not applicable is so for the reason of the scenario that was specialised.
        """
        return self.answer(facts)[0]

    def answer(self, facts: Facts) -> tuple[dict[str, Any], dict[int, Any]]:
        """The targets' values and, by number, the tests'; what must be interpreted is left out."""
        vector = vector_of(facts)
        try:
            leaf = self.leaf(vector)
            numbers = leaf.run(*vector)
        except (ArithmeticError, ValueError, Fault):
            return {}, {}
        if any(whole and not isinstance(exact(n), int) for whole, n in zip(leaf.whole, numbers, strict=True)):
            return {}, {}
        found = _assemble((*self.targets, *range(len(self.tests))), leaf.shapes, numbers)
        tests = {at: found.pop(at) for at in range(len(self.tests)) if at in found}
        return found, tests

    def _specialise(self, assumed: Assumed) -> Leaf | Fork:
        """The code for one way through what varies; where that takes too much, it is left to the interpreter."""
        evaluation = near(self.program, self.facts, Graph(dict(assumed), self._room, self.numbers))
        graph = evaluation.graph
        assert graph is not None
        graph.room, self.numbers = self._room, graph.numbers
        try:
            return self._compiled(graph, evaluation)
        except (TooLarge, RecursionError):
            return Leaf(graph, (), lambda *_: (), (("large", None),) * len((*self.targets, *self.tests)), ())
        finally:
            self._room = max(0, graph.room - evaluation.work)

    def _compiled(self, grown: Graph, evaluation: Evaluation) -> Leaf | Fork:
        shapes: list[tuple[str, Any]] = []
        outputs: list[Any] = []
        whole: list[bool] = []
        try:
            wanted: list[str | Test] = [*self.targets, *self.tests]
            for target in wanted:
                value = _target(evaluation, target)
                shape, parts = _parts(value)
                shapes.append((shape, None if parts else value))
                outputs += parts
                declared = self.program.declarations.get(target) if isinstance(target, str) else None
                whole += [declared is not None and declared.unit == "B"] * len(parts)
        except Undecided as open_test:
            graph = guarded(grown, evaluation.all_trails())
            test = compile_scalar(graph, [open_test.test], self.varying)
            return Fork(graph, open_test.test, test, graph.assumed)
        graph = guarded(grown, evaluation.all_trails())
        run = compile_scalar(graph, outputs, self.varying)
        return Leaf(graph, tuple(outputs), run, tuple(shapes), tuple(whole))


def _target(evaluation: Evaluation, target: str | Test) -> Any:
    try:
        if isinstance(target, Test):
            found = evaluation.evaluate(target.formula.tree, Frame(*target))
            return False if isinstance(found, NotApplicable) else found  # it does not hold
        return evaluation.quantity(target)
    except Fault:
        return None


def _parts(value: Any) -> tuple[str, list[Any]]:
    if isinstance(value, Range):
        return "range", [value.low, value.high]
    if isinstance(value, Verdict):
        return "verdict", [value.certain, value.possible]
    if isinstance(value, Node) or (isinstance(value, int | Fraction) and not isinstance(value, bool)):
        return "one", [value]
    return ("asks" if value is None or isinstance(value, NotApplicable) else "known"), []


def _assemble(targets: Sequence[Any], shapes: Sequence[tuple[str, Any]], numbers: Sequence[Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    position = 0
    for target, (shape, known) in zip(targets, shapes, strict=True):
        if shape == "one":
            found[target] = exact(numbers[position])
            position += 1
        elif shape == "range":
            low, high = map(exact, numbers[position : position + 2])
            found[target] = low if low == high else (low, high)
            position += 2
        elif shape == "verdict":
            certain, possible = numbers[position : position + 2]
            found[target] = True if certain else None if possible else False
            position += 2
        elif shape == "known":
            found[target] = public(known)
        elif known is not None:
            found[target] = known  # a reason speaks of one scenario's numbers, so the ledger finds its own
    return found


def varying(facts: Facts) -> list[str]:
    """The numbers that a plan is a function of, by name; a range is two."""
    names = []
    for name, given in facts.values.items():
        if given.varies:
            names += [f"{name}:low", f"{name}:high"] if isinstance(given.value, Range) else [name]
    return names


def vector_of(facts: Facts) -> list[Any]:
    """The values of `varying`, in its order."""
    vector: list[Any] = []
    for given in facts.values.values():
        if given.varies:
            vector += [given.value.low, given.value.high] if isinstance(given.value, Range) else [given.value]
    return vector
