"""Inputs that no formula reads: facts, fields, tables and columns."""

from __future__ import annotations

from collections.abc import Iterator

from vramledger.problems import Problem
from vramledger.rules.lint.finding import finding
from vramledger.rules.model import Declaration, Formula
from vramledger.rules.weave import Weaver
from vramledger.rules.world import World


def unused(world: World, paths: frozenset[str]) -> Iterator[Problem]:
    """Facts, fields of kinds, tables and columns of some files that nothing in these reads; the other files are sound
    without them, and so read none.
    """
    read = _read(world, paths)
    kinds = world.ruleset.kinds.values()
    for kind in kinds:
        read.update(fact for fact, _ in filter(None, (kind.when,)))
        if kind.matches:
            read.update((f"{kind.namespace}.{kind.matches[0]}", kind.matches[1]))
        read.update(filter(None, (kind.chosen_by,)))
        fields = [world.ruleset.entry(kind.name, name).fields for name in world.ruleset.names(kind.name) if kind.reads]
        read.update(one["given"].text for one in fields if "given" in one)
    given = {rule.name for rule in world.rules if not rule.scope.namespace}
    for name, declared in world.declarations.items():
        if declared.place.path not in paths:
            continue
        if name not in read and name not in given and not declared.by_rule and _is_input(world, name, declared):
            yield finding("unused", f"no formula reads {name}", declared.place, "remove it, or say who reads it")
    for table in world.tables:
        if table.place.path not in paths:
            continue
        if table.columns and table.name not in read:
            yield finding("unused", f"no formula reads the table {table.name}", table.place, "remove it")
        for name, declared in table.columns.items():
            if f"{table.name}[{name}]" not in read:
                message = f"no formula reads the column {name} of {table.name}"
                yield finding("unused", message, declared.place, "remove it, or say who reads it")


def _read(world: World, paths: frozenset[str]) -> set[str]:
    """What some formula of the files names: quantities and tables by name, columns as table[column]."""
    weaver = Weaver(world.ruleset, world.entries)
    found = {
        read.node
        for reading in weaver.readings()
        if reading.formula.scalar.place.path in paths
        for read in weaver.reader.reads(reading.formula.tree, reading.scope, reading.rows)
    }
    for notice in world.notices:
        for part in (notice.when, *notice.parts):
            if isinstance(part, Formula):
                found.update(read.node for read in weaver.reader.reads(part.tree, notice.scope, {}))
    for kind in world.ruleset.kinds.values():
        found.update(f"{kind.namespace}.{name}" for name in kind.fields if f"{kind.catalog}[{name}]" in found)
    return found


def _is_input(world: World, name: str, declared: Declaration) -> bool:
    """Whether a formula should read it: selectors, records and what says how files are read are the engine's."""
    kinds = world.ruleset.kinds.values()
    of_engine = {kind.selector for kind in kinds}
    of_engine |= {f"{kind.namespace}.{field}" for kind in kinds if kind.reads for field in kind.fields}
    return name not in of_engine and declared.type.kind != "record"
