"""Measured figures, JSON Lines: each a scenario, a quantity, the figure that was read and where; ours beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.expect import printed
from vramledger.evaluation.show import is_bytes
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import Raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Label, Place, Problem, Problems, nearest, problem
from vramledger.rules.bytes import decode_text, read_bytes
from vramledger.rules.load import RuleSet
from vramledger.rules.read import read_yaml
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

NEEDED = ("id", "scenario", "quantity", "value")
SUFFIXES = (".jsonl", ".ndjson")
# what else a record may say, and whether it is text, fields or a list
_FIELDS = {
    "id": Scalar,
    "scenario": Mapping,
    "quantity": Scalar,
    "value": Scalar,
    "group": Scalar,
    "grade": Scalar,
    "says": Scalar,
    "source": Mapping,
    "assumes": Sequence,
}
_SHAPES = {Scalar: "a text", Mapping: "fields", Sequence: "a list"}


class Record(NamedTuple):
    """One measured figure: of which scenario and quantity, by whom (`group`), how well it is known (`grade`)."""

    id: str
    group: str
    grade: str
    quantity: str
    value: Fraction
    scenario: Mapping
    path: Path
    place: Place
    quantity_place: Place
    unit: str


class Compared(NamedTuple):
    """A measured figure and ours, which may be a range: `low` and `high` are the same where it is none."""

    record: Record
    low: Fraction
    high: Fraction

    @property
    def ranged(self) -> bool:
        return self.low != self.high

    @property
    def inside(self) -> bool:
        return self.low <= self.record.value <= self.high

    @property
    def error(self) -> Fraction:
        """How far ours is from the measured figure, as a share of it; of a range its nearer end, 0 inside."""
        value = self.record.value
        nearer = min(max(value, self.low), self.high)
        return (nearer - value) / value


def find(given: Iterable[str]) -> list[Path]:
    """The files that names mean; a folder stands for the files in it. Raises Problems."""
    found: dict[Path, None] = {}
    problems = []
    for text in given:
        path = Path(text)
        paths = sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES) if path.is_dir() else [path]
        if not paths:
            message = f"no file of measured figures is in {text[:200]}"
            problems.append(problem("unreadable-file", message, Place(text[:200]), "their names end with .jsonl"))
        found.update(dict.fromkeys(paths))
    if problems:
        raise Problems(problems)
    return list(found)


def read(paths: Iterable[Path]) -> tuple[list[Record], list[Problem]]:
    """The records of some files, and what is wrong with others."""
    records: dict[str, Record] = {}
    problems: list[Problem] = []
    for path in paths:
        for found in _records(path):
            if isinstance(found, Problem):
                problems.append(found)
            elif found.id in records:
                also = [Label(records[found.id].place, "first here")]
                problems.append(problem("duplicate-key", f"two records are called {found.id}", found.place, also=also))
            else:
                records[found.id] = found
    return list(records.values()), problems


def _records(path: Path) -> Iterator[Record | Problem]:
    content, fault = read_bytes(path)
    text, fault = ("", fault) if fault is not None else decode_text(content, str(path))
    if fault is not None:
        yield fault
        return
    count = 0
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        count += 1
        trees, faults = read_yaml(line, str(path), before=number)
        if faults:
            yield from faults
        elif len(trees) != 1 or not isinstance(trees[0], Mapping):
            place = Place(str(path), number + 1, 1)
            yield problem("not-a-mapping", "expected a measured figure", place, f"fields: {', '.join(NEEDED)}")
        else:
            yield from _record(trees[0], path)
    if not count:
        yield problem("empty-file", "a file without measured figures", Place(str(path), 1, 1))


def _record(tree: Mapping, path: Path) -> Iterator[Record | Problem]:
    faults = list(_misshapen(tree))
    said = {key.text: value for key, value in tree.items}
    quantity, scenario, value = said.get("quantity"), said.get("scenario"), said.get("value")
    figure = printed(value.text) if isinstance(value, Scalar) else None
    if isinstance(value, Scalar) and (figure is None or figure.value <= 0):
        hint = "write it as it was read, with its unit: 73.6 GB"
        faults.append(problem("type-clash", f"{value.text[:60]} is no measured figure", value.place, hint))
    if faults or figure is None or not isinstance(quantity, Scalar) or not isinstance(scenario, Mapping):
        yield from faults
        return
    source = said.get("source")
    title = source.get("title") if isinstance(source, Mapping) else None
    yield Record(
        _text(said.get("id")),
        _text(said.get("group")) or _text(title) or path.stem,
        _text(said.get("grade")),
        quantity.text,
        figure.value,
        scenario,
        path,
        tree.place,
        quantity.place,
        figure.unit,
    )


def _misshapen(tree: Mapping) -> Iterator[Problem]:
    """The fields that are missing, that nobody knows, and that are of another shape."""
    for name in NEEDED:
        if tree.get(name) is None:
            message = f"a measured figure has no {name}"
            yield problem("missing-key", message, tree.place, f"it needs {', '.join(NEEDED)}")
    for key, value in tree.items:
        shape = _FIELDS.get(key.text)
        if shape is None:
            hint = nearest(key.text, _FIELDS) or f"there are: {', '.join(_FIELDS)}"
            yield problem("unknown-key", f"a measured figure has no field called {key.text}", key.place, hint)
        elif not isinstance(value, shape):
            yield problem("wrong-shape", f"{key.text}: expected {_SHAPES[shape]}", value.place)


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def compare(ruleset: RuleSet, record: Record) -> Compared:
    """Ours beside a measured figure. Raises Problems where the scenario, or what was measured of it, is at fault."""
    asked = read_scenario(ruleset, Raw(record.scenario, str(record.path), record.path.parent))
    declared = asked.program.declarations.get(record.quantity)
    if declared is None:
        hint = nearest(record.quantity, asked.program.declarations)
        raise Problems([problem("unknown-name", f"nothing is called {record.quantity}", record.quantity_place, hint)])
    if is_bytes(declared.unit) != bool(record.unit):
        message = f"{record.quantity} is measured in {declared.unit or 'plain numbers'}"
        hint = "GB is 10^9 bytes, GiB is 2^30" if is_bytes(declared.unit) else "write the number without a unit"
        raise Problems([problem("unit-clash", message, record.quantity_place, hint)])
    found = ledger_of(asked.program, asked.facts)[record.quantity]
    low, high = found if isinstance(found, tuple) else (found, found)
    if not isinstance(low, int | Fraction) or isinstance(low, bool) or not isinstance(high, int | Fraction):
        why = f"does not apply here: {found.reason}" if isinstance(found, NotApplicable) else "is no number here"
        raise Problems([problem("missing-fact", f"{record.quantity} {why}", record.quantity_place)])
    return Compared(record, Fraction(low), Fraction(high))
