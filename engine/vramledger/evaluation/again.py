"""The same scenario under other entries: what nothing that differs stands behind is not worked out anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts
from vramledger.rules.overlay import Program
from vramledger.rules.weave import Weaver


class Again:
    """Evaluations that start from what a first one has found; both read the same records."""

    def __init__(self, first: Evaluation) -> None:
        self.first = first
        self._users = _users(first.program)

    def evaluation(self, program: Program, facts: Facts) -> Evaluation:
        """An evaluation under another program, with the first one's values where nothing behind them differs."""
        first, found = self.first, Evaluation(program, facts)
        if facts.records_digest != first.facts.records_digest:
            return found
        changed = self._behind(_differing(first.program, program, first.facts, facts))
        found.values = {name: value for name, value in first.values.items() if name not in changed}
        found.resolutions = {name: how for name, how in first.resolutions.items() if name not in changed}
        found.tables = {name: rows for name, rows in first.tables.items() if name not in changed}
        return found

    def _behind(self, names: Iterable[str]) -> set[str]:
        """Names, and all that lean on them; a table leans on what any of its columns leans on."""
        found: set[str] = set()
        left = [*names]
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self._users.get(name, ())
        return found


def _users(program: Program) -> dict[str, set[str]]:
    """Which quantities and tables name which others in their formulas."""
    weaver = Weaver(program.ruleset, program.entries.values())
    found: dict[str, set[str]] = {}
    for reading in weaver.readings():
        for link in weaver.links(reading):
            found.setdefault(_whole(link.needs), set()).add(_whole(link.node))
    return found


def _whole(node: str) -> str:
    """A column as its table."""
    return node.partition("[")[0]


def _differing(first: Program, other: Program, known: Facts, given: Facts) -> Iterator[str]:
    """The quantities and tables of which two programs, or what two scenarios give, say different things."""
    sides: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
        (first.candidates, other.candidates),
        (first.declarations, other.declarations),
        (first.tables, other.tables),
        (first.values, other.values),
        (known.values, given.values),
    )
    for one, two in sides:
        for name in {**one, **two}:
            if one.get(name) is not two.get(name) and one.get(name) != two.get(name):
                table = name.rpartition(".")[0]
                yield name
                yield from (table,) if table in first.tables else ()
