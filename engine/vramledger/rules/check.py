"""Checks of a whole rule set: names, units, overrides, conflicts, cycles, stages; all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vramledger.language.syntax import Aggregate
from vramledger.language.units import ANY, BOOLEAN, TEXT, Fault, Type, check
from vramledger.problems import Label, Problem, nearest, problem
from vramledger.rules.graph import cycles, later_stages
from vramledger.rules.load import RuleSet
from vramledger.rules.model import (
    CONVENTION,
    ENTRY,
    STANDARD,
    USER,
    Declaration,
    Entry,
    Fill,
    Formula,
    Kind,
    Notice,
    Rule,
    Scope,
    Table,
)
from vramledger.rules.overlay import base_declarations, field_rules


class World:
    """Every name that any spec of a rule set gives, with its type: what formulas are checked against."""

    def __init__(self, ruleset: RuleSet, entries: Iterable[Entry]) -> None:
        self.ruleset = ruleset
        self.declarations: dict[str, Declaration] = base_declarations(ruleset)
        self.columns: dict[str, dict[str, Type]] = {}
        self.rules: list[Rule] = [*ruleset.rules]
        self.tables: list[Table] = [*ruleset.tables]
        self.fills: list[tuple[str, Fill]] = []
        self.notices: list[Notice] = [*ruleset.notices]
        self.clashes: list[tuple[Declaration, Declaration]] = []
        for entry in entries:
            self.rules += [*entry.rules, *field_rules(ruleset.kinds[entry.kind], entry)]
            self.tables += entry.tables
            self.fills += entry.fills
            self.notices += entry.notices
            for declared in entry.declarations:
                first = self.declarations.setdefault(declared.name, declared)
                if first.type != declared.type and first.type.kind != "any":
                    self.clashes.append((declared, first))
        for rule in self.rules:
            if rule.name not in self.declarations:
                self.declarations[rule.name] = Declaration(rule.name, rule.says, Type("number"), "", rule.place)
        for table in self.tables:
            self.fills += [(table.name, fill) for fill in table.fills]
            found = self.columns.setdefault(table.name, {"name": TEXT})
            found.update({name: declared.type for name, declared in table.columns.items()})
        for kind in ruleset.kinds.values():
            if kind.catalog:
                fields = {name: declared.type for name, declared in kind.fields.items()}
                self.columns[kind.catalog] = {"name": TEXT, **fields}
        for name, fill in self.fills:
            if fill.each is not None and isinstance(fill.each.tree, Aggregate):
                over = fill.each.tree.over
                source = getattr(over, "name", "")
                row = Type("row", 0, source) if source in self.columns else ANY
                self.columns.setdefault(name, {}).setdefault(fill.each.tree.variable, row)

    def type_of(self, name: str) -> Type | None:
        if name in self.columns:
            return Type("table", 0, name)
        declared = self.declarations.get(name)
        if declared is not None:
            return declared.type
        record = self.declarations.get(name.partition(".")[0])
        return ANY if record is not None and record.type.kind == "record" else None

    def column(self, table: str, name: str) -> Type | None:
        found = self.columns.get(table, {}).get(name)
        if found is not None:
            return found
        declared = self.declarations.get(f"{table}.{name}")
        return declared.type if declared is not None else None

    def near(self, name: str, table: str = "") -> str:
        if table:
            own = [key.partition(".")[2] for key in self.declarations if key.startswith(f"{table}.")]
            names = [*self.columns.get(table, {}), *own]
            return nearest(name, names) or f"{table} has: {', '.join(sorted(names))}"
        return nearest(name, [*self.declarations, *self.columns])


class _Names:
    """The world as one formula sees it: own names first."""

    def __init__(self, world: World, scope: Scope) -> None:
        self.world = world
        self.scope = scope

    def quantity(self, name: str) -> Type | None:
        first, _, rest = name.partition(".")
        if self.scope.table:
            own = self.world.column(self.scope.table, first)
            if own is not None:
                return self._column(own, rest)
        if self.scope.namespace:
            found = self.world.type_of(f"{self.scope.namespace}.{name}")
            if found is not None:
                return found
        return self.world.type_of(name)

    def _column(self, found: Type, rest: str) -> Type | None:
        for part in rest.split(".") if rest else ():
            if found.kind != "row":
                return ANY if found.kind == "any" else None
            below = self.world.column(found.table, part)
            if below is None:
                return None
            found = below
        return found

    def column(self, table: str, name: str) -> Type | None:
        return self.world.column(table, name)

    def near(self, name: str, table: str = "") -> str:
        if not table and self.scope.namespace:
            inside = [
                key.removeprefix(f"{self.scope.namespace}.")
                for key in self.world.declarations
                if key.startswith(f"{self.scope.namespace}.")
            ]
            return nearest(name, [*inside, *self.world.declarations, *self.world.columns])
        return self.world.near(name, table)


def check_rules(ruleset: RuleSet) -> list[Problem]:
    """What is wrong with a rule set, errors and warnings, in the order of the files."""
    entries = [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
    problems = [*ruleset.problems, *ruleset.reader.problems]
    if any(found.code in ("formula-syntax", "folded-formula") for found in problems):
        return problems
    world = World(ruleset, entries)
    for rule in world.rules:
        problems += _check_rule(world, rule)
    for table in world.tables:
        problems += _check_table(world, table)
    for name, fill in world.fills:
        problems += _check_fill(world, name, fill)
    for notice in world.notices:
        problems += _check_notice(world, notice)
    for declared in world.declarations.values():
        if declared.default is not None:
            problems += _expect(world, declared.default, declared.scope, {}, declared.type)
    for declared, first in world.clashes:
        also = (Label(first.place, f"{first.type} here"),)
        message = f"{declared.name} is {declared.type} here"
        problems.append(problem("unit-clash", message, declared.place, also=also))
    problems += _check_kinds(ruleset)
    problems += _conflicts(world)
    problems += cycles(ruleset, world.type_of, entries)
    problems += later_stages(ruleset)
    return problems


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
        names = [other.name for other in world.rules if other is not rule]
        message = f"nothing else gives {rule.name}, so there is nothing to override"
        yield problem("override-nothing", message, rule.place, nearest(rule.name, names))


def _beats_something(world: World, rule: Rule) -> bool:
    declared = world.declarations[rule.name]
    of_kind = any(declared is field for kind in world.ruleset.kinds.values() for field in kind.fields.values())
    if declared.default is not None or of_kind:
        return True
    return any(other.name == rule.name and other is not rule for other in world.rules)


def _check_table(world: World, table: Table) -> Iterator[Problem]:
    for declared in table.columns.values():
        if declared.default is not None:
            yield from _expect(world, declared.default, declared.scope, {}, declared.type)
    for name in table.columns:
        key = f"{table.name}.{name}"
        computed = next((rule for rule in world.rules if rule.name == key and rule.per is not None), None)
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
            check(tree, _Names(world, fill.scope), {}, faults)
            yield from _placed(faults, fill.each)
            rows = {tree.variable: columns.get(tree.variable, ANY)}
    if fill.when is not None:
        yield from _expect(world, fill.when, fill.scope, rows, BOOLEAN)
    declared = {name: found for one in world.tables if one.name == table for name, found in one.columns.items()}
    for name, formula in fill.cells.items():
        if name not in declared:
            hint = nearest(name, declared) or f"{table} has: {', '.join(declared)}"
            yield problem("unknown-column", f"{table} has no column {name}", formula.place(), hint)
            continue
        scope = Scope(fill.scope.namespace)
        yield from _expect(world, formula, scope, rows, declared[name].type)


def _check_notice(world: World, notice: Notice) -> Iterator[Problem]:
    if notice.when is not None:
        yield from _expect(world, notice.when, notice.scope, {}, BOOLEAN)
    for part in notice.parts:
        if isinstance(part, Formula):
            yield from _expect(world, part, notice.scope, {}, ANY)


def _expect(world: World, formula: Formula, scope: Scope, rows: dict[str, Type], wanted: Type) -> Iterator[Problem]:
    """The faults of a formula, or the clash of what it gives with what is wanted."""
    faults: list[Fault] = []
    found = check(formula.tree, _Names(world, scope), rows, faults)
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


def _check_kinds(ruleset: RuleSet) -> Iterator[Problem]:
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
        for name in ruleset.names(kind.name) if kind.reads else ():
            given = ruleset.entry(kind.name, name).fields
            for field in ("given", "file", "into"):
                if field not in given:
                    yield problem("missing-key", f"{kind.name} {name} has no {field}", ruleset.place(kind.name, name))


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
