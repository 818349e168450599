"""JSON Schemas of spec files: two written by hand, the rest made from the kinds' declarations; shapes checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from vramledger.locate import folder
from vramledger.problems import MOST, Place, Problem, nearest, problem
from vramledger.rules.build import build_kind
from vramledger.rules.formulas import FormulaReader
from vramledger.rules.load import RESERVED, Document
from vramledger.rules.model import Kind
from vramledger.rules.said import pairs
from vramledger.rules.shapes import Test, shape
from vramledger.rules.tree import Mapping, Scalar, find, to_data

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMMON: dict[str, Any] = {
    "says": {"type": "string", "description": "What it is, in a sentence."},
    "extends": {"type": "string", "description": "The entry of the same kind that this one builds on."},
    "aliases": {"type": "array", "items": {"$ref": "#/$defs/text"}, "description": "Other names that users type."},
    "implements": {
        "type": "array",
        "items": {"type": "string"},
        "description": "The implementations that it describes.",
    },
    "overrides": {"type": "boolean", "description": "true where it replaces another entry of the same name."},
    "facts": {
        "type": "object",
        "description": "Quantities that a scenario can give.",
        "additionalProperties": {"$ref": "#/$defs/declaration"},
    },
    "tables": {
        "type": "object",
        "description": "Tables, their columns, and rows for them.",
        "additionalProperties": {"$ref": "#/$defs/table"},
    },
    "rules": {
        "type": "object",
        "description": "Ways to quantities, by the quantity's name.",
        "additionalProperties": {"$ref": "#/$defs/rule"},
    },
    "warnings": {
        "type": "object",
        "description": "Warnings that an answer carries, by name.",
        "additionalProperties": {"$ref": "#/$defs/warning"},
    },
    "examples": {
        "type": "array",
        "description": "Tests that stand beside the rules.",
        "items": {"$ref": "#/$defs/example"},
    },
    "source": {"$ref": "#/$defs/source"},
    "assumed": {"type": "boolean", "description": "true where no source gives it; then with a reason."},
    "reason": {"type": "string", "description": "Why it is assumed."},
    "silence": {"$ref": "#/$defs/silence"},
}
_SHAPES = {"list": {"type": "array"}, "record": {"type": "object"}}
_TYPE_NAMES = {
    "object": "fields",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
}


@cache
def definitions() -> dict[str, Any]:
    """The parts that all schemas share."""
    found: dict[str, Any] = json.loads((folder("schemas") / "definitions.json").read_text(encoding="utf-8"))
    return found


def fixed_schema(head: str) -> dict[str, Any]:
    """The schema of a stage or a kind."""
    return {"$schema": DIALECT, "title": head, "$ref": f"#/$defs/{head}", "$defs": definitions()}


def entry_schema(kind: Kind) -> dict[str, Any]:
    """The schema of a kind's entries, from the kind's declaration."""
    properties: dict[str, Any] = {kind.name: {"$ref": "#/$defs/text", "description": f"The {kind.name}'s name."}}
    for name, field in kind.fields.items():
        shape: dict[str, Any] = dict(_SHAPES.get(field.type.kind, {"$ref": "#/$defs/value"}))
        properties[name] = {**shape, "description": " ".join(filter(None, (field.says, _unit(field.unit))))}
    for name, block in kind.blocks.items():
        says = {"description": block.says} if block.says else {}
        if block.record:
            properties[name] = {"type": "object", **says}
        elif block.fields:
            properties[name] = {"type": "object", **says, "additionalProperties": {"$ref": "#/$defs/value"}}
        else:
            properties[name] = {"$ref": "#/$defs/rows", "description": f"Rows of {block.table}."}
    return {
        "$schema": DIALECT,
        "title": kind.name,
        "description": kind.says,
        "type": "object",
        "properties": {**properties, **_COMMON},
        "required": [kind.name],
        "additionalProperties": False,
        "$defs": definitions(),
    }


def _unit(unit: str) -> str:
    return f"Unit: {unit}." if unit else ""


def check_shapes(documents: Iterable[Document], known: MappingOf[str, Kind]) -> list[Problem]:
    """What is wrong with the shape of documents, each fault at its place; some kinds are `known` already."""
    listed = list(documents)
    shapes = _Shapes(known)
    problems: list[Problem] = []
    for document in (document for document in listed if document.head == "kind"):
        found = shapes.faults(document)
        problems += found
        if not found:
            kind = build_kind(FormulaReader(), document.tree())
            shapes.kinds.setdefault(kind.name, kind)
    return problems + [fault for one in listed if one.head != "kind" for fault in shapes.faults(one)]


class _Shapes:
    """The schemas of documents and their tests, each made when the first of its documents is met."""

    def __init__(self, known: MappingOf[str, Kind]) -> None:
        self.kinds = dict(known)
        self._made: dict[str, tuple[Test, dict[str, Any]]] = {}

    def faults(self, document: Document) -> list[Problem]:
        head, tree = document.head, document.tree()
        if head not in (*RESERVED, *self.kinds):
            return []  # it is told that there is no such kind
        if head not in self._made:
            schema = fixed_schema(head) if head in RESERVED else entry_schema(self.kinds[head])
            self._made[head] = shape(schema), schema
        fits, schema = self._made[head]
        if fits(to_data(tree)):
            return []
        from jsonschema import Draft202012Validator

        return list(_faults(Draft202012Validator(schema), tree))


def _faults(validator: Validator, tree: Mapping) -> Iterator[Problem]:
    errors = islice(validator.iter_errors(to_data(tree)), MOST)
    for error in sorted(errors, key=lambda e: [str(p) for p in e.absolute_path]):
        yield _fault(_deepest(error), tree)


def _deepest(error: Any) -> Any:
    """The part of an `anyOf` fault that got furthest, which is the one that was meant."""
    while error.context:
        error = max(error.context, key=lambda e: (len(e.absolute_path), e.validator != "type"))
    return error


def _fault(error: Any, tree: Mapping) -> Problem:
    path = list(error.absolute_path)
    node = find(tree, path)
    place: Place = node.place
    where = ".".join(str(part) for part in path) or "the document"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        strange = next((key for key, _ in pairs(node) if key.text not in known), None)
        name = strange.text if strange else "a key"
        hint = nearest(name, known) or f"there are: {', '.join(known)}"
        return problem("unknown-key", f"unknown key {name!r} in {where}", strange.place if strange else place, hint)
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in (error.instance or {}))
        return problem("missing-key", f"{where} has no {missing}", place)
    if error.validator == "type":
        wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        expected = " or ".join(dict.fromkeys(_TYPE_NAMES[name] for name in wanted))
        return problem("wrong-shape", f"{where}: expected {expected}, found {_found(node)}", place)
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        hint = nearest(str(error.instance), map(str, error.validator_value))
        return problem("wrong-shape", f"{where}: expected one of {allowed}, found {_found(node)}", place, hint)
    if error.validator == "not":
        return problem("wrong-shape", f"{where}: gives both formula and cases", place, "keep one of them")
    if error.validator == "pattern":
        expected = error.schema.get("description", "a word of letters, digits and _")
        return problem("wrong-shape", f"{where}: found {error.instance!r}, expected {expected}", place)
    return problem("wrong-shape", f"{where}: {error.message[:200]}", place)


def _found(node: Any) -> str:
    if isinstance(node, Scalar):
        return "nothing" if node.null else repr(node.text[:60])
    return "fields" if isinstance(node, Mapping) else "a list"
