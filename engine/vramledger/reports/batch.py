"""Answers to many scenarios as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vramledger.evaluation.show import in_bytes, is_bytes, show
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.many import Answer
from vramledger.reports.blocks import Block, Lines, Table
from vramledger.rules.model import Declaration

Declared = dict[str, Declaration]
NOTHING = NotApplicable("the scenario's rules do not know it")


def blocks(answers: Iterable[Answer], names: Sequence[str], declared: Declared) -> Iterator[Block]:
    """A row a scenario, values rounded for people."""
    listed = list(answers)
    rows = [(a.scenario, a.status, *(_shown(a, name, declared) for name in names)) for a in listed]
    yield Table(("scenario", "", *names), rows, frozenset(range(2, len(names) + 2)))
    yield Lines([summary(listed)])


def summary(answers: Sequence[Answer]) -> str:
    """How many scenarios came to what."""
    counts: dict[str, int] = {}
    for answer in answers:
        counts[answer.status] = counts.get(answer.status, 0) + 1
    return f"{len(answers)} scenarios: {', '.join(f'{count} {status}' for status, count in counts.items())}"


def _shown(answer: Answer, name: str, declared: Declared) -> str:
    value = answer.values.get(name, NOTHING)
    if isinstance(value, NotApplicable):
        return ""
    unit = declared[name].unit if name in declared else ""
    if is_bytes(unit) and isinstance(value, tuple):
        return f"{in_bytes(value[0])} .. {in_bytes(value[1])}"
    return show(value, unit if is_bytes(unit) else "")
