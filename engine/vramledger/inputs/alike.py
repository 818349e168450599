"""Scenarios that differ in numbers alone: the first is read, of the others only their numbers and places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from vramledger.evaluation.brief import frozen
from vramledger.evaluation.facts import Facts, Given
from vramledger.inputs.records import Noted
from vramledger.inputs.typed import typed
from vramledger.problems import Place, Problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration
from vramledger.rules.overlay import Program
from vramledger.rules.tree import Mapping, Node, Scalar, to_data

if TYPE_CHECKING:
    from vramledger.inputs.raw import Raw

_NUMERAL = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,15})?")
_ANY = "<number>"


class Form(NamedTuple):
    """What a scenario says, whatever its numbers: `key` is equal for scenarios alike, `nodes` lie in one order."""

    key: tuple[Any, ...]
    nodes: list[Node]


def form_of(tree: Mapping, passed: tuple[str, ...]) -> Form:
    """The form of a scenario; of the keys `passed` over it matters only whether fields stand there."""
    key: list[Any] = []
    nodes: list[Node] = []
    for name, value in tree.items:
        if name.text in passed:
            key += [name.text, isinstance(value, Mapping)]
        else:
            nodes.append(name)
            key.append(name.text)
            _walk(value, key, nodes)
    return Form(tuple(key), nodes)


def _walk(node: Node, key: list[Any], nodes: list[Node]) -> None:
    nodes.append(node)
    if isinstance(node, Scalar):
        key.append(_ANY if _is_numeral(node) else node[:2])
        return
    key.append((type(node).__name__, len(node.items)))
    if isinstance(node, Mapping):
        for name, value in node.items:
            nodes.append(name)
            key.append(name.text)
            _walk(value, key, nodes)
    else:
        for value in node.items:
            _walk(value, key, nodes)


def _is_numeral(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.style and _NUMERAL.fullmatch(node.text) is not None


class _Number(NamedTuple):
    """A fact that is a number of the scenario: which node gives it, and which one is its place."""

    name: str
    declared: Declaration | None  # None for a field of a record
    value: int
    place: int


class Known(NamedTuple):
    """What the first scenario of a form came to, and which of its nodes gave what."""

    program: Program
    facts: Facts
    numbers: tuple[_Number, ...]
    places: tuple[tuple[str, int], ...]
    asked: tuple[tuple[str, int], ...]

    def again(self, ruleset: RuleSet, raw: Raw, nodes: list[Node], digest: Callable[[], str]) -> Facts | None:
        """The facts of another scenario of the form; None where one of its numbers is not what it may be."""
        values = dict(self.facts.values)
        for name, at in self.places:
            value, _, varies, why = values[name]
            values[name] = Given(value, nodes[at].place, varies, why)
        for name, declared, at, place in self.numbers:
            number = nodes[at]
            assert isinstance(number, Scalar)
            if declared is None:
                values[name] = Given(frozen(to_data(number)), nodes[place].place)
                continue
            found = typed(ruleset, declared, number)
            if isinstance(found, Problem):
                return None
            values[name] = found
        asked = {**self.facts.asked, **{name: nodes[at] for name, at in self.asked}}
        return self.facts._replace(values=values, origin=raw.origin, digest=digest, asked=asked)


def learned(program: Program, facts: Facts, given: Noted, nodes: list[Node]) -> Known | None:
    """What to remember of a scenario that was read; None where another of its form may be read otherwise."""
    number_of = {id(node): number for number, node in enumerate(nodes)}
    numbers = tuple(_numbers(program, facts, given, number_of))
    if {number.value for number in numbers} != {at for at, node in enumerate(nodes) if _is_numeral(node)}:
        return None
    if facts.records or not _deciding(program.ruleset).isdisjoint(number.name for number in numbers):
        return None
    at = {node.place: number for number, node in enumerate(nodes) if isinstance(node, Scalar)}
    counted = {number.name for number in numbers}
    told = {name: one.place for name, one in facts.values.items() if name not in counted and _stands(one.place, facts)}
    if not at.keys() >= {*told.values()}:
        return None
    asked = tuple((name, number_of[id(node)]) for name, node in facts.asked.items() if id(node) in number_of)
    return Known(program, facts, numbers, tuple((name, at[place]) for name, place in told.items()), asked)


def _stands(place: Place, facts: Facts) -> bool:
    """Whether a place is one in the scenario's own file."""
    return place.path == facts.origin and place.line > 0


def _numbers(program: Program, facts: Facts, given: Noted, number_of: dict[int, int]) -> Iterator[_Number]:
    for name, (key, value) in given.items():
        found, at = facts.values.get(name), number_of.get(id(value))
        if found is not None and found.varies and at is not None and _is_numeral(value):
            declared = program.declarations.get(name)
            place = at if declared is not None else number_of.get(id(key))
            if place is not None:
                yield _Number(name, declared, at, place)


def _deciding(ruleset: RuleSet) -> set[str]:
    """The facts by which entries are chosen."""
    kinds = ruleset.kinds.values()
    return {name for kind in kinds for name in (kind.chosen_by, *(kind.matches or ()), *(kind.when or ()))}
