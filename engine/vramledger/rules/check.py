"""Checks of a whole rule set: names, units, overrides, conflicts, cycles, stages; all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vramledger.language.syntax import Aggregate
from vramledger.language.units import ANY, BOOLEAN, Fault, Type, check
from vramledger.problems import Label, Problem, nearest, problem, some
from vramledger.rules.formulas import BROKEN
from vramledger.rules.graph import cycles, may_close
from vramledger.rules.load import RuleSet
from vramledger.rules.model import (
    CONVENTION,
    ENTRY,
    STANDARD,
    USER,
    Entry,
    Fill,
    Formula,
    Kind,
    Notice,
    Rule,
    Scope,
    Table,
)
from vramledger.rules.outline import NOTHING, Outline
from vramledger.rules.outlined import apart
from vramledger.rules.reads import Reader
from vramledger.rules.tree import scalars
from vramledger.rules.world import Names, World

# What a file that could not be read may explain, unless a name is near that is there.
_OF_ABSENCE = ("unknown-name", "unknown-column", "unknown-table", "unknown-entry", "unknown-kind", "override-nothing")


def check_rules(ruleset: RuleSet, whole: bool = True, outline: Outline | None = None) -> list[Problem]:
    """What is wrong with a rule set; where it is not `whole`, only what no missing file can explain.

    Where it began with rules that were checked before, their `outline` spares looking at them again.
    """
    found = _faults(ruleset, outline if outline is not None and apart(ruleset, outline) else None)
    return some(one for one in found if whole or one.code not in _OF_ABSENCE or "did you mean" in str(one.hints))


def _faults(ruleset: RuleSet, outline: Outline | None) -> Iterator[Problem]:
    sound = _paths(ruleset.base) if ruleset.base is not None and outline is not None else set()
    everything = [(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
    entries = [ruleset.entry(*key) for key in everything if ruleset.place(*key).path not in sound]
    _read_imports(ruleset, entries)
    yield from (*ruleset.problems, *ruleset.reader.problems)
    world = World(ruleset, entries, outline or NOTHING)
    for rule in (rule for rule in world.rules if rule.place.path not in sound):
        yield from _check_rule(world, rule)
    for table in (table for table in world.tables if table.place.path not in sound):
        yield from _check_table(world, table)
    for name, fill in ((name, fill) for name, fill in world.fills if fill.place.path not in sound):
        yield from _check_fill(world, name, fill)
    for notice in (notice for notice in world.notices if notice.place.path not in sound):
        yield from _check_notice(world, notice)
    of_entries = [declared for entry in entries for declared in entry.declarations]
    for declared in {id(one): one for one in (*world.declarations.values(), *of_entries)}.values():
        if declared.default is not None and declared.place.path not in sound:
            yield from _expect(world, declared.default, declared.scope, {}, declared.type)
    for declared, first in world.clashes:
        also = (Label(first.place, f"{first.type} here"),)
        message = f"{declared.name} is {declared.type} here"
        yield problem("unit-clash", message, declared.place, also=also)
    yield from _check_kinds(ruleset, entries)
    yield from _conflicts(world)
    reader = Reader(world)
    if ruleset.base is None or outline is None:
        yield from cycles(ruleset, reader, entries)
    elif may_close(ruleset, reader, entries, ruleset.base, outline.leaning):
        yield from cycles(ruleset, reader, [ruleset.entry(*key) for key in everything])


def _read_imports(ruleset: RuleSet, entries: Iterable[Entry]) -> None:
    """Reads the formulas of imports, which are else read when a record is mapped; the reader notes what is wrong."""
    for entry in (entry for entry in entries if ruleset.kinds[entry.kind].reads):
        for scalar in scalars(ruleset.tree(entry.kind, entry.name).get("scenario")):
            ruleset.reader.formula(scalar)


def _paths(ruleset: RuleSet) -> set[str]:
    return {document.path for document in ruleset.documents()}


def _check_rule(world: World, rule: Rule) -> Iterator[Problem]:
    rows: dict[str, Type] = {}
    if rule.per is not None:
        if rule.per[1] not in world.columns:
            hint = nearest(rule.per[1], world.columns)
            yield problem("unknown-table", f"there is no table {rule.per[1]}", rule.place, hint)
            return
        rows = {rule.per[0]: Type("row", 0, rule.per[1])}
    declared = world.declarations[rule.name]
    if not rule.cases:
        yield problem("no-formula", f"the rule for {rule.name} gives nothing", rule.place, "add formula: or cases:")
    if rule.when is not None:
        yield from _expect(world, rule.when, rule.scope, rows, BOOLEAN)
    for case in rule.cases:
        if case.when is not None:
            yield from _expect(world, case.when, rule.scope, rows, BOOLEAN)
        yield from _expect(world, case.formula, rule.scope, rows, declared.type)
    if rule.overrides and not _beats_something(world, rule):
        names = [*(other.name for other in world.rules if other is not rule), *sorted(world.outline.given)]
        message = f"nothing else gives {rule.name}, so there is nothing to override"
        yield problem("override-nothing", message, rule.place, nearest(rule.name, names))


def _beats_something(world: World, rule: Rule) -> bool:
    declared = world.declarations[rule.name]
    if declared.default is not None or len(world.rules_of[rule.name]) > 1 or rule.name in world.outline.given:
        return True
    kinds = world.ruleset.kinds.values()
    return any(declared is kind.fields.get(rule.name.removeprefix(f"{kind.namespace}.")) for kind in kinds)


def _check_table(world: World, table: Table) -> Iterator[Problem]:
    for declared in table.columns.values():
        if declared.default is not None:
            yield from _expect(world, declared.default, declared.scope, {}, declared.type)
    for name in table.columns:
        key = f"{table.name}.{name}"
        computed = next((rule for rule in world.rules_of.get(key, ()) if rule.per is not None), None)
        if computed is not None:
            also = (Label(computed.place, "computed here"),)
            message = f"the column {key} is both given and computed"
            yield problem("declared-twice", message, table.columns[name].place, also=also)


def _check_fill(world: World, table: str, fill: Fill) -> Iterator[Problem]:
    columns = world.columns.get(table)
    if columns is None:
        hint = nearest(table, world.columns)
        yield problem("unknown-table", f"there is no table {table}", fill.place, hint)
        return
    rows: dict[str, Type] = {}
    if fill.each is not None:
        tree = fill.each.tree
        if isinstance(tree, Aggregate):
            faults: list[Fault] = []
            check(tree, Names(world, fill.scope), {}, faults)
            yield from _placed(faults, fill.each)
            rows = {tree.variable: columns.get(tree.variable, ANY)}
    if fill.when is not None:
        yield from _expect(world, fill.when, fill.scope, rows, BOOLEAN)
    declared = world.cells.get(table, {})
    for name, formula in fill.cells.items():
        if name not in declared:
            hint = nearest(name, declared) or f"{table} has: {', '.join(declared)}"
            yield problem("unknown-column", f"{table} has no column {name}", formula.place(), hint)
            continue
        scope = Scope(fill.scope.namespace)
        yield from _expect(world, formula, scope, rows, declared[name])


def _check_notice(world: World, notice: Notice) -> Iterator[Problem]:
    if notice.when is not None:
        yield from _expect(world, notice.when, notice.scope, {}, BOOLEAN)
    for part in notice.parts:
        if isinstance(part, Formula):
            yield from _expect(world, part, notice.scope, {}, ANY)


def _expect(world: World, formula: Formula, scope: Scope, rows: dict[str, Type], wanted: Type) -> Iterator[Problem]:
    """The faults of a formula, or the clash of what it gives with what is wanted."""
    if formula.tree is BROKEN:
        return
    faults: list[Fault] = []
    found = check(formula.tree, Names(world, scope), rows, faults)
    if faults:
        yield from _placed(faults, formula)
        return
    agrees = found == wanted or "any" in (found.kind, wanted.kind) or (found.kind == "zero" and wanted.kind == "number")
    if not agrees:
        hint = "give it its unit: 4 B" if wanted.bytes == 1 and found == Type("number") else ""
        message = f"expected {wanted}, and the formula gives {found}"
        yield problem("unit-clash" if wanted.kind == "number" else "type-clash", message, formula.place(), hint)


def _placed(faults: list[Fault], formula: Formula) -> Iterator[Problem]:
    for fault in faults:
        labels = tuple(Label(formula.place(span), text) for span, text in fault.spans)
        yield Problem(fault.code, fault.message, labels, fault.hints)


def _check_kinds(ruleset: RuleSet, entries: Iterable[Entry]) -> Iterator[Problem]:
    """What kinds promise: their default exists, what they read is told whole, nobody shares their key or selector."""
    taken: dict[str, Kind] = {}
    for kind in ruleset.kinds.values():
        if kind.default and ruleset.resolve(kind.name, kind.default) is None:
            hint = ruleset.near(kind.name, kind.default)
            yield problem("unknown-entry", f"no {kind.name} is called {kind.default}", kind.place, hint)
        for word in {f"key {kind.key}", f"selector {kind.selector}"}:
            other = taken.setdefault(word, kind)
            if other is not kind:
                also = (Label(other.place, "taken here"),)
                yield problem("declared-twice", f"the {word} of {kind.name} is taken", kind.place, also=also)
    for entry in (entry for entry in entries if ruleset.kinds[entry.kind].reads):
        maps = ruleset.tree(entry.kind, entry.name).get("scenario") is not None
        for field in ("into",) if maps else ("given", "file", "into"):
            if field not in entry.fields:
                message = f"{entry.kind} {entry.name} has no {field}"
                yield problem("missing-key", message, ruleset.place(entry.kind, entry.name))


def _conflicts(world: World) -> Iterator[Problem]:
    """Two rules without a condition, neither of which overrides: no scenario can choose between them."""
    firm: dict[tuple[int, str], Rule] = {}
    for rule in world.rules:
        if rule.when is not None or rule.overrides or rule.layer not in (STANDARD, USER):
            continue
        before = firm.get((rule.layer, rule.name)) or (firm.get((STANDARD, rule.name)) if rule.layer else None)
        if before is not None:
            also = (Label(before.place, "and here"),)
            hint = "give one of them a `when`, or say `overrides: true` in the one that shall win"
            yield problem("conflict", f"two rules give {rule.name}", rule.place, hint, also=also)
        firm[rule.layer, rule.name] = rule
    for rule in world.rules:
        before = firm.get((STANDARD, rule.name))
        if before is not None and rule.layer in (ENTRY, CONVENTION) and rule.when is None and not rule.overrides:
            also = (Label(before.place, "this one always applies"),)
            hint = "say `overrides: true`"
            yield problem("conflict", f"two rules give {rule.name}", rule.place, hint, also=also)
