"""What stands in the specs under a name, as data: a quantity, a table, a stage, a kind, an entry, a problem's page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, get_args

from vramledger.codes import Code
from vramledger.language.syntax import Text, walk
from vramledger.locate import folder
from vramledger.problems import Problem, Problems, nearest, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import LAYERS, Declaration, Fill, Formula, Rule
from vramledger.rules.network import OF_TABLE, Link, written
from vramledger.rules.weave import network
from vramledger.rules.world import World

Described = dict[str, Any]


class Book:
    """What all descriptions look things up in: the rules with those of every entry, who reads what, the examples."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset

    @cached_property
    def world(self) -> World:
        kinds = self.ruleset.kinds
        return World(
            self.ruleset, [self.ruleset.entry(kind, one) for kind in kinds for one in self.ruleset.names(kind)]
        )

    @cached_property
    def readers(self) -> dict[str, set[str]]:
        """By node, whose formulas name it: rules, rows, defaults."""
        found: dict[str, set[str]] = {}
        for (needed, _), links in network(self.ruleset).edges.items():
            found.setdefault(needed, set()).update(_user(link) for link in links if link.why != OF_TABLE)
        return found

    def users(self, name: str) -> list[str]:
        """Whose formulas name a quantity, a table or a column."""
        table, _, column = name.rpartition(".")
        return sorted(self.readers.get(name, set()) | self.readers.get(f"{table}[{column}]", set()))

    @cached_property
    def examples(self) -> list[tuple[str, set[str], set[str]]]:
        """Each example's place, the texts that are given in it, and the quantities that it expects."""
        return [
            (
                str(example.place),
                {word for _, value in example.given.items for word in _words(value)},
                {key.text for key, _ in example.expect.items},
            )
            for example in self.ruleset.examples()
        ]


def describe(book: Book, name: str) -> list[Described]:
    """Everything that has a name. Raises Problems where nothing has."""
    ruleset, world = book.ruleset, book.world
    found: list[Described] = []
    if name in world.declarations and name not in world.columns:
        found.append(_quantity(book, name))
    if any(table.name == name for table in world.tables):
        found.append(_table(book, name))
    if name in ruleset.stages:
        found.append(_stage(world, name))
    if name in ruleset.kinds:
        found.append(_kind(ruleset, name))
    for kind in ruleset.kinds:
        entry = ruleset.resolve(kind, name)
        if entry is not None:
            found.append(_entry(book, kind, entry))
    if name in get_args(Code):
        found.append({"what": "problem", "name": name, "page": _page(name)})
    if not found:
        raise Problems([_unknown(world, name)])
    return found


def _unknown(world: World, name: str) -> Problem:
    names = [*world.declarations, *world.columns, *world.ruleset.stages, *world.ruleset.kinds, *get_args(Code)]
    names += [entry for kind in world.ruleset.kinds for entry in world.ruleset.names(kind)]
    return problem("unknown-name", f"nothing is called {name}", None, nearest(name, names))


def _page(code: str) -> str:
    return (folder("docs") / "problems" / f"{code}.md").read_text(encoding="utf-8").rstrip()


def _quantity(book: Book, name: str) -> Described:
    world = book.world
    rules = sorted((rule for rule in world.rules if rule.name == name), key=lambda rule: -rule.layer)
    return {
        "what": "quantity",
        **_declared(world.declarations[name]),
        "rules": [_rule(rule, rules) for rule in rules],
        "used by": book.users(name),
        "examples": [place for place, _, expected in book.examples if name in expected],
    }


def _declared(declared: Declaration) -> Described:
    found: Described = {"name": declared.name, "says": declared.says, "type": str(declared.type)}
    found["unit"] = declared.unit
    found["place"] = str(declared.place)
    found["default"] = declared.default.text if declared.default is not None else None
    found["one of"] = list(declared.one_of)
    return found


def _rule(rule: Rule, others: list[Rule]) -> Described:
    beaten = [other for other in others if other.layer < rule.layer] if rule.overrides else []
    return {
        "quantity": rule.name,
        "layer": LAYERS[rule.layer],
        "origin": rule.origin,
        "place": str(rule.place),
        "says": rule.says,
        "when": _text(rule.when),
        "cases": [{"when": _text(case.when), "formula": _text(case.formula)} for case in rule.cases],
        "overrides": [f"{other.origin} ({other.place})" for other in beaten],
        "source": dict(rule.source) if rule.source else None,
    }


def _text(formula: Formula | None) -> str:
    return " ".join(formula.text.split()) if formula is not None else ""


def _table(book: Book, name: str) -> Described:
    world = book.world
    tables = [table for table in world.tables if table.name == name]
    columns = {column: declared for table in tables for column, declared in table.columns.items()}
    computed = [rule for rule in world.rules if rule.per is not None and rule.per[1] == name]
    return {
        "what": "table",
        "name": name,
        "says": next((table.says for table in tables if table.says), ""),
        "place": str(tables[0].place),
        "columns": [_declared(declared) for declared in columns.values()],
        "computed": [_rule(rule, computed) for rule in computed],
        "rows": [_row(fill) for table, fill in world.fills if table == name],
        "used by": book.users(name),
    }


def _row(fill: Fill) -> Described:
    return {
        "name": fill.name,
        "origin": fill.origin,
        "place": str(fill.place),
        "each": _text(fill.each),
        "when": _text(fill.when),
        "cells": {column: _text(formula) for column, formula in fill.cells.items()},
        "source": dict(fill.source) if fill.source else None,
    }


def _stage(world: World, name: str) -> Described:
    rules = [rule for rule in world.ruleset.rules if rule.stage == name]
    return {"what": "stage", "name": name, "rules": [_rule(rule, rules) for rule in rules]}


def _kind(ruleset: RuleSet, name: str) -> Described:
    kind = ruleset.kinds[name]
    return {
        "what": "kind",
        "name": name,
        "says": kind.says,
        "place": str(kind.place),
        "key": kind.key,
        "default": kind.default,
        "fields": [_declared(declared) for declared in kind.fields.values()],
        "blocks": {block.name: block.table or block.record or "fields" for block in kind.blocks.values()},
        "entries": ruleset.names(name),
    }


def _entry(book: Book, kind: str, name: str) -> Described:
    world = book.world
    entry = world.ruleset.entry(kind, name)
    own = [*entry.rules]
    return {
        "what": kind,
        "name": name,
        "says": entry.says,
        "place": str(entry.place),
        "aliases": sorted(alias for alias, target in world.ruleset.aliases(kind).items() if target == name),
        "extends": list(entry.extends),
        "source": dict(entry.source) if entry.source else None,
        "fields": {field: _text(formula) for field, formula in entry.fields.items()},
        "given": dict(entry.records),
        "rows": [{"table": table, **_row(fill)} for table, fill in entry.fills],
        "rules": [_rule(rule, [other for other in world.rules if other.name == rule.name]) for rule in own],
        "used by": sorted(set(_users(world, kind, name))),
        "examples": [place for place, given, _ in book.examples if name in given],
    }


def _users(world: World, kind: str, name: str) -> Iterator[str]:
    """Who names an entry: kinds by default, entries that extend it, formulas and fields."""
    if world.ruleset.kinds[kind].default == name:
        yield f"kind {kind}, by default"
    for other in world.ruleset.names(kind):
        if name in world.ruleset.entry(kind, other).extends:
            yield f"{kind} {other} extends it"
    for rule in world.rules:
        declared = world.declarations[rule.name]
        texts = [part.value for case in rule.cases for part in walk(case.formula.tree) if isinstance(part, Text)]
        if declared.entry == kind and name in texts:
            yield f"{rule.name} of {rule.origin}"


def _words(node: Any) -> Iterator[str]:
    if hasattr(node, "text"):
        yield node.text
        return
    for item in node.items:
        yield from _words(item[1] if isinstance(item, tuple) and len(item) == 2 and hasattr(item[0], "marks") else item)


def _user(link: Link) -> str:
    return f"{written(link.node)} of {link.row}" if link.row else written(link.node)
