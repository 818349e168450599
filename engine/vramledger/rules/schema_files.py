"""The JSON Schemas that editors use: one a kind of spec file, and one of scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration, Kind
from vramledger.rules.scenario_schema import described, scenario_schema, words
from vramledger.rules.schema import DIALECT, entry_schema, fixed_schema


def schemas(ruleset: RuleSet) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema that is made from the specs, with its file's name."""
    for head in ("stage", "kind"):
        yield f"{head}.schema.json", fixed_schema(head)
    for kind in ruleset.kinds.values():
        yield f"{kind.name}.schema.json", _suggesting(ruleset, kind)
    yield "scenario.schema.json", scenario_schema(ruleset, DIALECT)


def _suggesting(ruleset: RuleSet, kind: Kind) -> dict[str, Any]:
    """The schema that the engine checks entries with, and what an editor can suggest; it allows the same."""
    schema = entry_schema(kind)
    fields = dict(schema["properties"])
    fields["extends"] = _either(ruleset.names(kind.name), fields["extends"])
    for name, field in kind.fields.items():
        fields[name] = {**_either(_words(ruleset, field), fields[name]), "description": described(field)}
    for name, block in kind.blocks.items():
        if block.record:
            inside: dict[str, Any] = {field: {} for field in _recorded(ruleset, kind, block.record)}
        elif block.fields:
            value = fields[name]["additionalProperties"]
            inside = {field: {**value, "description": described(own)} for field, own in kind.fields.items()}
        else:
            columns = {"properties": _columns(ruleset, block.table)}
            rows = [{"type": "object", "additionalProperties": columns}, {"type": "array", "items": columns}]
            says = {key: value for key, value in fields[name].items() if key != "$ref"}
            # some editors read nothing of a $ref but what its neighbours leave out, hence allOf
            fields[name] = {**says, "allOf": [{"$ref": fields[name]["$ref"]}, {"anyOf": rows}]}
            continue
        fields[name] = {**fields[name], "properties": inside}
    return {**schema, "properties": fields}


def _either(names: list[Any], shape: dict[str, Any]) -> dict[str, Any]:
    """A shape, with names that are among what it allows to be suggested."""
    inner = {key: value for key, value in shape.items() if key != "description"}
    kept = {key: value for key, value in shape.items() if key == "description"}
    return {**kept, "anyOf": [{"enum": names}, inner]} if names else shape


def _words(ruleset: RuleSet, field: Declaration) -> list[Any]:
    if field.type.kind == "boolean":
        return [True, False]
    return words(field.one_of) or (ruleset.names(field.entry) if field.entry in ruleset.kinds else [])


def _recorded(ruleset: RuleSet, kind: Kind, record: str) -> list[str]:
    """The fields of a record that the kind's entries give."""
    entries = (ruleset.entry(kind.name, name) for name in ruleset.names(kind.name))
    return list(dict.fromkeys(field for entry in entries for field in entry.records.get(record, ())))


def _columns(ruleset: RuleSet, table: str) -> dict[str, Any]:
    """What is said of a table's columns, and of those that rules compute."""
    found = {
        column: described(declared)
        for one in ruleset.tables
        if one.name == table
        for column, declared in one.columns.items()
    }
    for rule in ruleset.rules:
        if rule.per and rule.per[1] == table:
            found.setdefault(rule.name.rpartition(".")[2], rule.says)
    return {column: {"description": says} for column, says in found.items()}
