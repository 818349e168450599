"""What all specs of a rule set know together: every name with its type, every rule, table, row and formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vramledger.language.syntax import Aggregate
from vramledger.language.units import ANY, TEXT, Type
from vramledger.problems import Place, nearest
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration, Entry, Fill, Formula, Notice, Rule, Scope, Table
from vramledger.rules.outline import NOTHING, Outline
from vramledger.rules.overlay import base_declarations, field_rules

_ELSEWHERE = Place("")


class World:
    """Every name that any spec of a rule set gives, with its type: what formulas are checked against."""

    def __init__(self, ruleset: RuleSet, entries: Iterable[Entry], outline: Outline = NOTHING) -> None:
        self.ruleset = ruleset
        self.entries = tuple(entries)
        self.outline = outline  # of entries that are not among these
        brought = {name: Declaration(name, "", found, "", _ELSEWHERE) for name, found in outline.types.items()}
        self.declarations: dict[str, Declaration] = {**brought, **base_declarations(ruleset)}
        self.columns = {table: dict(found) for table, found in outline.columns.items()}
        self.rules: list[Rule] = [*ruleset.rules]
        self.tables: list[Table] = [*ruleset.tables]
        self.fills: list[tuple[str, Fill]] = []
        self.notices: list[Notice] = [*ruleset.notices]
        self.clashes: list[tuple[Declaration, Declaration]] = []
        for entry in self.entries:
            self.rules += [*entry.rules, *field_rules(ruleset.kinds[entry.kind], entry)]
            self.tables += entry.tables
            self.fills += entry.fills
            self.notices += entry.notices
            for declared in entry.declarations:
                first = self.declarations.setdefault(declared.name, declared)
                if first.type != declared.type and first.type.kind != "any":
                    self.clashes.append((declared, first))
        self.rules_of: dict[str, list[Rule]] = {}
        # the columns that rows may give, by table
        self.cells = {table: dict(found) for table, found in outline.cells.items()}
        for rule in self.rules:
            self.rules_of.setdefault(rule.name, []).append(rule)
            if rule.name not in self.declarations:
                self.declarations[rule.name] = Declaration(rule.name, rule.says, Type("number"), "", rule.place)
        for table in self.tables:
            self.fills += [(table.name, fill) for fill in table.fills]
            types = {name: declared.type for name, declared in table.columns.items()}
            self.columns.setdefault(table.name, {"name": TEXT}).update(types)
            self.cells.setdefault(table.name, {}).update(types)
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

    def formulas(self) -> Iterator[tuple[Formula, Scope]]:
        """Every formula, and where its bare names are looked up."""
        for rule in self.rules:
            parts = (rule.when, *(part for case in rule.cases for part in (case.when, case.formula)))
            yield from ((part, rule.scope) for part in parts if part is not None)
        for _, fill in self.fills:
            parts = (fill.each, fill.when, *fill.cells.values())
            yield from ((part, fill.scope) for part in parts if part is not None)
        for table in self.tables:
            yield from _defaults(table.columns)
        yield from _defaults(self.declarations)
        for notice in self.notices:
            tests = (notice.when, *(part for part in notice.parts if isinstance(part, Formula)))
            yield from ((part, notice.scope) for part in tests if part is not None)

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


def _defaults(declared: Mapping[str, Declaration]) -> Iterator[tuple[Formula, Scope]]:
    for one in declared.values():
        if one.default is not None:
            yield one.default, one.scope


class Names:
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
