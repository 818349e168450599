"""A scenario (a file or a dict) to facts: names checked, values typed, entries selected, all faults at once."""

from __future__ import annotations

import json
from collections.abc import Mapping as MappingOf
from typing import Any, NamedTuple

from vramledger.evaluation.facts import Facts
from vramledger.inputs.alike import form_of, learned
from vramledger.inputs.raw import Raw, tree_of
from vramledger.inputs.records import Noted, Records
from vramledger.inputs.selected import Selected
from vramledger.inputs.values import Values
from vramledger.inputs.written import ABOUT, Written
from vramledger.language.syntax import Name, walk
from vramledger.problems import MOST, Problems
from vramledger.rules.load import RuleSet
from vramledger.rules.overlay import Program, program_of
from vramledger.rules.tree import Mapping, Node, Scalar, encode

_NO_SWEEP = "the scenario's sweep is not run here; this is the answer to the scenario itself"


class Scenario(NamedTuple):
    """A scenario that was read: the rules in force, the facts, and what it expects of the answer."""

    program: Program
    facts: Facts
    expect: Mapping | None
    sweep: Mapping | None


def read_scenario(ruleset: RuleSet, raw: Raw, overrides: MappingOf[str, Any] | None = None) -> Scenario:
    """A scenario's facts under a rule set; `overrides` beat what it says. Raises Problems, all at once."""
    if overrides:
        return _read(ruleset, raw, overrides)[0]
    key, nodes = form_of(raw.tree, ABOUT)
    known = ruleset.readings.get(key)
    if known is not None:
        facts = known.again(ruleset, raw, nodes, lambda: _digest(ruleset, raw))
        if facts is not None:
            return Scenario(known.program, facts, *_aside(raw.tree))
    found, given = _read(ruleset, raw)
    if key not in ruleset.readings:
        ruleset.readings[key] = learned(found.program, found.facts, given, nodes)
    return found


def _digest(ruleset: RuleSet, raw: Raw) -> str:
    return _read(ruleset, raw)[0].facts.digest()


def _read(ruleset: RuleSet, raw: Raw, overrides: MappingOf[str, Any] | None = None) -> tuple[Scenario, Noted]:
    """A scenario that was read word by word, and what gave its facts."""
    written = Written(ruleset)
    written.take(raw.tree)
    if overrides:
        tree = tree_of(overrides)
        assert isinstance(tree, Mapping)
        written.beat(tree)
    said = written.given
    records = Records(ruleset, raw.base, raw.closed)
    written.given = records.read(said)
    own = said.keys() - records.files.keys()  # a file that is named chooses what it brings
    written.lay_under(records.brought, own)
    written.problems += records.problems
    selected = Selected(written, records, raw.origin)
    selected.select()
    selection = selected.selection()
    program = program_of(ruleset, selection)
    if ruleset.reader.problems:
        raise Problems(ruleset.reader.problems)
    asked = {**{name: value for name, (_, value) in said.items()}, **records.asked}
    _take_fields(written, program, asked)
    values = Values(written, program)
    for name, (key, value) in written.given.items():
        values.take(name, key, value)
        if len(written.problems) > MOST:
            break
    if written.problems:
        raise Problems(written.problems)
    records.lay(values.parts)
    facts = Facts(
        values={**values.facts, **selected.facts()},
        records=records.data,
        selection=selection,
        origin=raw.origin,
        records_digest=records.digest() if records.data else "",
        digest=lambda: records.digest(_said(said)),
        record_places=records.places,
        asked=asked,
        notes=(
            *ruleset.announcements,
            *selected.notes,
            *records.notes,
            *((_NO_SWEEP,) if raw.tree.get("sweep") is not None else ()),
        ),
    )
    return Scenario(program, facts, *_aside(raw.tree)), written.given


def _take_fields(written: Written, program: Program, asked: dict[str, Node]) -> None:
    """What is called as a fact and stands in a configuration is the field, where the fact's rules read that one."""
    for name, field in written.of_files.items():
        if name in written.given and _reads(program, name, field):
            written.given[field] = written.given.pop(name)
            if name in asked:
                asked[field] = asked.pop(name)


def _reads(program: Program, name: str, field: str) -> bool:
    """Whether a rule of a quantity, or what stands for it where none is in force, names a record's field."""
    declared = program.declarations[name].default if name in program.declarations else None
    formulas = [case.formula for rule in program.candidates.get(name, ()) for case in rule.cases]
    found = (part for formula in (*formulas, *((declared,) if declared else ())) for part in walk(formula.tree))
    return any(isinstance(part, Name) and part.name == field for part in found)


def _aside(tree: Mapping) -> tuple[Mapping | None, Mapping | None]:
    """What a scenario expects of its answer, and what it sweeps."""
    expect, sweep = tree.get("expect"), tree.get("sweep")
    return expect if isinstance(expect, Mapping) else None, sweep if isinstance(sweep, Mapping) else None


def _said(written: MappingOf[str, tuple[Scalar, Node]]) -> str:
    """What a scenario says, wherever it stands in its file."""
    said = {name: _without_places(encode(value)) for name, (_, value) in sorted(written.items())}
    return json.dumps(said, sort_keys=True)


def _without_places(data: Any) -> Any:
    if isinstance(data[0], str):
        return data[:2]
    kind, _, _, items = data
    if kind == 0:
        return [_without_places(item) for item in items]
    return [[key[0], _without_places(value)] for key, value in items]
