"""Writes the JSON Schemas that editors use: one a kind of spec file, and one of scenarios."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration
from vramledger.rules.open import open_rules
from vramledger.rules.overlay import base_declarations
from vramledger.rules.schema import DIALECT, entry_schema, fixed_schema

_TYPES: dict[str, Any] = {
    "boolean": {"type": "boolean"},
    "list": {"type": "array"},
    "record": {"type": "object"},
    "any": {},
}


def schemas(ruleset: RuleSet) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema that is made from the specs, with its file's name."""
    for head in ("stage", "kind"):
        yield f"{head}.schema.json", fixed_schema(head)
    for kind in ruleset.kinds.values():
        yield f"{kind.name}.schema.json", entry_schema(kind)
    yield "scenario.schema.json", scenario_schema(ruleset)


def scenario_schema(ruleset: RuleSet) -> dict[str, Any]:
    """The schema of a scenario: the kinds' keys, the facts, nested or dotted, and any quantity."""
    declared = base_declarations(ruleset)
    properties: dict[str, Any] = {
        "says": {"type": "string", "description": "What the scenario is."},
        "source": {"description": "Where its figures were read."},
        "expect": {"type": "object", "description": "Quantities and their values as printed: 73.6 GB."},
        "sweep": {"type": "object", "description": "Facts with a list of values each."},
    }
    for kind in ruleset.kinds.values():
        if kind.reads:
            continue
        inside = {name: _fact(field) for name, field in kind.fields.items()}
        inside["name"] = {"type": ["string", "number"], "description": f"The {kind.name}'s name."}
        choices = [{"type": ["string", "number", "null"]}, {"type": "object", "properties": inside}]
        properties[kind.key] = {"description": kind.says, "anyOf": choices}
    for name, fact in declared.items():
        first, dot, rest = name.partition(".")
        if not dot:
            properties.setdefault(name, _fact(fact))
        elif first not in {kind.key for kind in ruleset.kinds.values()} and name in ruleset.declarations:
            group = properties.setdefault(
                first, {"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "object"}]}
            )
            if "anyOf" in group:
                group["anyOf"][1].setdefault("properties", {})[rest] = _fact(fact)
        properties.setdefault(name, _fact(fact))
    return {
        "$schema": DIALECT,
        "title": "scenario",
        "description": "What is run: model, task, precision, batch and so on; all but `model` may be left out.",
        "type": "object",
        "properties": dict(sorted(properties.items())),
    }


def _fact(declared: Declaration) -> dict[str, Any]:
    shape = dict(_TYPES.get(declared.type.kind, {"type": ["string", "number"]}))
    if declared.one_of:
        shape = {"enum": list(declared.one_of)}
    unit = f"Unit: {declared.unit}." if declared.unit else ""
    return {**shape, "description": " ".join(filter(None, (declared.says, unit)))}


def main(base: Path) -> None:
    """Writes the schemas into a folder."""
    for name, schema in schemas(open_rules()):
        (base / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
