"""Answers to many scenarios as a table, as CSV and as JSON Lines; in files, numbers are exact."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from vramledger.evaluation.show import in_bytes, is_bytes, show
from vramledger.evaluation.values import NotApplicable, as_json
from vramledger.inputs.many import Answer
from vramledger.problems import Problem
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


def write_csv(answers: Iterable[Answer], names: Sequence[str], declared: Declared, stream: IO[str]) -> list[Answer]:
    """Rows as they come; a number has two columns, its low and high end, which are the same where it is exact."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["scenario", "status", *(head for name in names for head in _heads(name, declared)), "problem"])
    done = []
    for answer in answers:
        cells = [cell for name in names for cell in _cells(answer, name, declared)]
        writer.writerow([answer.scenario, answer.status, *cells, "; ".join(map(_line, answer.problems))])
        done.append(answer)
    return done


def _heads(name: str, declared: Declared) -> tuple[str, ...]:
    return (f"{name}.low", f"{name}.high") if _is_number(name, declared) else (name,)


def _is_number(name: str, declared: Declared) -> bool:
    return name not in declared or declared[name].type.kind == "number"


def _cells(answer: Answer, name: str, declared: Declared) -> tuple[str, ...]:
    value = answer.values.get(name, NOTHING)
    empty = isinstance(value, NotApplicable)
    if _is_number(name, declared):
        low, high = ("", "") if empty else value if isinstance(value, tuple) else (value, value)
        return (str(low), str(high))
    return ("" if empty else show(value),)


def _line(found: Problem) -> str:
    place = f"{found.labels[0].place}: " if found.labels else ""
    return f"{place}{found.code}: {found.message}"


def write_json_lines(answers: Iterable[Answer], stream: IO[str]) -> list[Answer]:
    """A JSON object a line: scenario, status, quantities, warnings, problems."""
    done = []
    for answer in answers:
        stream.write(json.dumps(to_dict(answer), ensure_ascii=False) + "\n")
        done.append(answer)
    return done


def to_dict(answer: Answer) -> dict[str, Any]:
    """An answer as JSON."""
    return {
        "scenario": answer.scenario,
        "status": answer.status,
        "quantities": {name: as_json(value) for name, value in answer.values.items()},
        "warnings": list(answer.warnings),
        "problems": [found.to_dict() for found in answer.problems],
    }
