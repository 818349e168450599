"""The JSON Schema of scenarios: the kinds' keys, every fact, nested or dotted, what may be expected."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from vramledger.language.syntax import UNITS
from vramledger.language.units import Type
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration, Kind
from vramledger.rules.overlay import base_declarations
from vramledger.rules.tree import Scalar, to_data

_SIZES = "|".join(unit for unit in UNITS if unit != "percent")
_NUMBER = r"^[-+(]*[0-9][-+*/%0-9eE_.() ]*(percent)?$"  # digits and signs; the engine reads it in full
_BYTES = rf"^[-+(]*[0-9].*\b({_SIZES})\b"
_ANY: dict[str, Any] = {}
_SHAPES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "list": {"type": "array"},
    "record": {"type": "object"},
    "text": {"type": ["string", "number"]},
    "any": _ANY,
}


def scenario_schema(ruleset: RuleSet, dialect: str) -> dict[str, Any]:
    """The schema of a scenario under a rule set. What it does not know, the engine does not know either."""
    facts = known_facts(ruleset)
    records = [name for name, fact in facts.items() if fact.type.kind == "record"]
    others = {rf"^{_plain(name)}\.": _ANY for name in records}
    about: dict[str, Any] = {
        "says": {"type": "string", "description": "What the scenario is."},
        "source": {"description": "Where its figures were read."},
        "expect": {
            "type": "object",
            "description": "Quantities and their values as printed: 73.6 GB.",
            "properties": {name: {**_EXPECTED, "description": described(fact)} for name, fact in facts.items()},
            "patternProperties": others,
            "additionalProperties": False,
        },
        "sweep": {
            "type": "object",
            "description": "Facts with a list of values each.",
            "properties": {name: {"description": described(fact)} for name, fact in facts.items()},
        },
        "examples": {"description": "Not read by the engine."},
    }
    kinds = {kind.key: _choice(ruleset, kind, facts) for kind in ruleset.kinds.values() if not kind.reads}
    spaces = {name.partition(".")[0] for name in facts if "." in name}
    groups = {space: _group(space, facts) for space in spaces - {*kinds} - {*facts}}
    given = {space for space in groups if any(_is_given(facts[name]) for name in facts if name.startswith(f"{space}."))}
    single = {name: _ref(name) for name, fact in facts.items() if "." not in name and _is_given(fact)}
    shown = {**single, **{space: groups[space] for space in given}, **kinds, **about}
    hidden = {**{name: _ref(name) for name in facts}, **groups}
    return {
        "$schema": dialect,
        "title": "scenario",
        "description": "What is run: model, task, precision, batch and so on; all but `model` may be left out.",
        "type": "object",
        **_keys(shown, hidden, others),
        "$defs": {name: fact_schema(ruleset, fact) for name, fact in facts.items()},
    }


_EXPECTED = {"type": ["string", "number", "boolean", "null"]}


def known_facts(ruleset: RuleSet) -> dict[str, Declaration]:
    """Every quantity that a scenario can give: what stages, kinds and entries say, and no column of a table."""
    found = base_declarations(ruleset)
    rules = list(ruleset.rules)
    for kind in ruleset.kinds:
        for entry in (ruleset.entry(kind, name) for name in ruleset.names(kind)):
            rules += entry.rules
            for declared in entry.declarations:
                found.setdefault(declared.name, declared)
    for rule in rules:
        found.setdefault(rule.name, Declaration(rule.name, rule.says, Type("any"), "", rule.place, by_rule=True))
    left = {rule.name for rule in rules if rule.per}
    read = tuple(f"{kind.namespace}." for kind in ruleset.kinds.values() if kind.reads)
    return {name: one for name, one in sorted(found.items()) if name not in left and not name.startswith(read)}


def fact_schema(ruleset: RuleSet, declared: Declaration) -> dict[str, Any]:
    """The shape of a fact: words that are allowed or known, a number, a number of bytes with its unit."""
    kind = declared.type.kind
    shape: dict[str, Any]
    if declared.one_of:
        shape = {"enum": words(declared.one_of)}
    elif declared.entry in ruleset.kinds:
        shape = {"anyOf": [{"enum": ruleset.names(declared.entry)}, {"type": ["string", "number"]}]}
    elif kind == "number" and declared.type.bytes:
        shape = {"type": "string", "pattern": _BYTES, "examples": ["80 GB"]}
    elif kind == "number":
        bounds = {"minimum": declared.minimum, "maximum": declared.below}
        number = {name: bound for name, bound in bounds.items() if bound is not None}
        one = {"type": "integer" if declared.integer else "number", **number}
        shape = {"anyOf": [one, {"type": "string", "pattern": _NUMBER}]}
    else:
        shape = _SHAPES[kind]
    return {"description": described(declared), **shape}


def described(declared: Declaration) -> str:
    """What a quantity is, its unit and its default, in a line."""
    unit = f"Unit: {declared.unit}." if declared.unit else ""
    default = f"Default: {' '.join(declared.default.text.split())}" if declared.default is not None else ""
    return " ".join(filter(None, (declared.says, unit, default)))


def words(listed: Iterable[str]) -> list[Any]:
    """Words as a YAML reader may give them: a number's too."""
    return list(dict.fromkeys(one for word in listed for one in (word, to_data(Scalar(word, "", ((0, 0, 0),), "")))))


def _choice(ruleset: RuleSet, kind: Kind, facts: dict[str, Declaration]) -> dict[str, Any]:
    """An entry by name, or fields with its name among them."""
    name = {"anyOf": [{"enum": ruleset.names(kind.name)}, {"type": ["string", "number", "null"]}]}
    inside = _fields(kind.namespace, facts)
    shown = {**inside["properties"], "name": {"description": f"The {kind.name}'s name.", **name}}
    for entry in ruleset.names(kind.name) if kind.rest else ():
        for field in ruleset.entry(kind.name, entry).records.get(kind.rest, ()):
            shown.setdefault(field, _ANY)
    inside = {**inside, "properties": shown, "additionalProperties": bool(kind.rest)}
    return {"description": kind.says, "anyOf": [*name["anyOf"], inside]}


def _group(space: str, facts: dict[str, Declaration]) -> dict[str, Any]:
    """The facts whose names begin alike as fields of one; a word alone is its name."""
    name, inside = f"{space}.name", _fields(space, facts)
    return {"anyOf": [_ref(name), inside]} if name in facts else inside


def _fields(space: str, facts: dict[str, Declaration]) -> dict[str, Any]:
    inside = {name.removeprefix(f"{space}."): fact for name, fact in facts.items() if name.startswith(f"{space}.")}
    found = {name: _ref(f"{space}.{name}") for name in inside}
    firsts = {name.partition(".")[0] for name in inside if "." in name}
    groups = {first: _group(f"{space}.{first}", facts) for first in sorted(firsts - {*inside})}
    shown = {name: found[name] for name in found if _is_given(inside[name])}
    return {"type": "object", **_keys(shown, {**found, **groups})}


def _is_given(fact: Declaration) -> bool:
    """Whether scenarios commonly give it; what a rule computes they can give too."""
    return not fact.by_rule


def _keys(shown: dict[str, Any], hidden: dict[str, Any], others: dict[str, Any] | None = None) -> dict[str, Any]:
    """Keys that editors suggest, keys that are allowed, and no others."""
    patterns = {f"^{_plain(name)}$": shape for name, shape in sorted(hidden.items()) if name not in shown}
    return {
        "properties": dict(sorted(shown.items())),
        "patternProperties": {**patterns, **(others or {})},
        "additionalProperties": False,
    }


def _plain(name: str) -> str:
    """A name as a pattern; editors refuse escapes that are not needed."""
    return re.sub(r"[.*+?^${}()|\[\]\\/]", r"\\\g<0>", name)


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{quote(name.replace('~', '~0').replace('/', '~1'))}"}
