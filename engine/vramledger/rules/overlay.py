"""The rules in force once entries are selected: one list of candidates a quantity, the strongest layer first."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Any, NamedTuple

from vramledger.language.units import TEXT, Type
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Case, Declaration, Entry, Fill, Kind, Notice, Rule, Scope, Table

Selection = tuple[tuple[str, str], ...]


class Program(NamedTuple):
    """What holds for one selection of entries: candidates by quantity, tables, declarations."""

    selection: Selection
    candidates: MappingOf[str, tuple[Rule, ...]]
    declarations: MappingOf[str, Declaration]
    tables: MappingOf[str, Table]
    catalogs: MappingOf[str, Kind]
    entries: MappingOf[str, Entry]
    notices: tuple[Notice, ...]
    values: MappingOf[str, Any]  # lists that entries give, by quantity
    ruleset: RuleSet

    def record(self, name: str) -> str | None:
        """The record that a dotted name reads, if it reads one."""
        first = name.partition(".")[0]
        declared = self.declarations.get(first)
        return first if declared is not None and declared.type.kind == "record" else None

    def kind_of(self, name: str) -> Kind | None:
        """The kind whose entries give a quantity."""
        space, _, field = name.rpartition(".")
        kinds = self.ruleset.kinds.values()
        return next((k for k in kinds if k.namespace == space and (field in k.fields or name == k.selector)), None)


def compose(ruleset: RuleSet, selection: Selection) -> Program:
    """The rules of the stages with those of the selected entries laid over them."""
    entries = {kind: ruleset.entry(kind, name) for kind, name in selection}
    declarations = base_declarations(ruleset)
    rules = list(ruleset.rules)
    tables = list(ruleset.tables)
    notices = list(ruleset.notices)
    extra: dict[str, list[Fill]] = {}
    values: dict[str, Any] = {}
    for kind, entry in entries.items():
        rules += field_rules(ruleset.kinds[kind], entry)
        rules += entry.rules
        tables += entry.tables
        notices += entry.notices
        for table, fill in entry.fills:
            extra.setdefault(table, []).append(fill)
        for declaration in entry.declarations:
            declarations.setdefault(declaration.name, declaration)
        values.update(entry.records)
    candidates: dict[str, list[Rule]] = {}
    for rule in rules:
        candidates.setdefault(rule.name, []).append(rule)
        if rule.name not in declarations:
            declarations[rule.name] = Declaration(rule.name, rule.says, Type("number"), "", rule.place, optional=True)
    return Program(
        selection=selection,
        candidates={name: tuple(sorted(found, key=lambda r: -r.layer)) for name, found in candidates.items()},
        declarations=declarations,
        tables=_tables(tables, extra),
        catalogs={kind.catalog: kind for kind in ruleset.kinds.values() if kind.catalog},
        entries=entries,
        notices=tuple({notice.name: notice for notice in sorted(notices, key=lambda n: n.layer)}.values()),
        values=values,
        ruleset=ruleset,
    )


def program_of(ruleset: RuleSet, selection: Selection) -> Program:
    """The program of a selection, composed once a rule set."""
    found: Program | None = ruleset.programs.get(selection)
    if found is None:
        found = ruleset.programs[selection] = compose(ruleset, selection)
    return found


def base_declarations(ruleset: RuleSet) -> dict[str, Declaration]:
    """What the stages and kinds declare, and each kind's selector."""
    declarations = dict(ruleset.declarations)
    for kind in ruleset.kinds.values():
        says = f"The {kind.name} in force."
        declarations[kind.selector] = Declaration(
            kind.selector, says, TEXT, "", kind.place, entry=kind.name, optional=True, missing=kind.missing
        )
        if kind.rest and kind.rest not in declarations:
            declarations[kind.rest] = Declaration(kind.rest, "", Type("record"), "", kind.place, optional=True)
        for record in (kind.beside, *(name for block in kind.blocks.values() for name in (block.record, block.around))):
            if record and record not in declarations:
                declarations[record] = Declaration(record, "", Type("record"), "", kind.place, optional=True)
    return declarations


def field_rules(kind: Kind, entry: Entry) -> list[Rule]:
    """An entry's fields as rules of the quantities that they give; the field NAME_source cites for NAME."""
    return [
        Rule(
            name=f"{kind.namespace}.{name}",
            says=kind.fields[name].says if name in kind.fields else "",
            cases=(Case(None, formula),),
            place=formula.place(),
            layer=kind.layer,
            origin=f"{kind.name} {entry.name}",
            scope=Scope(kind.namespace),
            source=entry.records.get(f"{kind.namespace}.{name}_source") or entry.source,
        )
        for name, formula in entry.fields.items()
    ]


def _tables(tables: list[Table], extra: MappingOf[str, list[Fill]]) -> dict[str, Table]:
    merged: dict[str, Table] = {}
    for table in sorted(tables, key=lambda t: t.layer):
        before = merged.get(table.name)
        if before is None:
            merged[table.name] = table
            continue
        fills = table.fills if table.overrides else (*before.fills, *table.fills)
        columns = {**before.columns, **table.columns}
        merged[table.name] = Table(table.name, before.says or table.says, columns, fills, before.place, before.layer)
    replaced = {table.name for table in tables if table.overrides}  # their rows alone are left, entries' are not added
    for name, own in extra.items():
        if name in merged and name not in replaced:
            merged[name] = merged[name]._replace(fills=(*merged[name].fills, *own))
    return merged
