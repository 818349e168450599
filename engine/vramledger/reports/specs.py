"""What the specs hold: lists of entries, one entry or quantity with what it beats, who uses it, its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.evaluation.derivation import cite
from vramledger.language.syntax import Aggregate
from vramledger.problems import Problem, Problems, nearest, problem
from vramledger.reports.blocks import Block, Lines, Table
from vramledger.rules.graph import uses
from vramledger.rules.load import RuleSet
from vramledger.rules.model import LAYERS, Entry, Fill, Formula, Rule
from vramledger.rules.overlay import base_declarations, field_rules


def kinds(ruleset: RuleSet) -> Iterator[Block]:
    """The kinds, and how many entries each has."""
    rows = [(kind.name, str(len(ruleset.names(kind.name))), kind.says) for kind in ruleset.kinds.values()]
    yield Table(("kind", "entries", "says"), rows, frozenset({1}))


def kind_named(ruleset: RuleSet, name: str) -> str:
    """The kind that a word means, singular or plural. Raises Problems."""
    known = {key: kind for kind in ruleset.kinds for key in (kind, f"{kind}s", f"{kind[:-1]}ies", f"{kind}es")}
    if name not in known:
        hint = nearest(name, known) or f"there are: {', '.join(ruleset.kinds)}"
        raise Problems([problem("unknown-kind", f"no kind is called {name}", None, hint)])
    return known[name]


def entries(ruleset: RuleSet, kind: str, like: str) -> list[dict[str, Any]]:
    """The entries of a kind whose name, alias or description holds a text."""
    found = []
    aliases = ruleset.aliases(kind)
    for name in ruleset.names(kind):
        entry = ruleset.entry(kind, name)
        own = sorted(
            {alias for alias, target in aliases.items() if target == name and alias != alias.lower()}
            | {alias for alias, target in aliases.items() if target == name and alias == alias.lower()}
        )
        if like.lower() in " ".join((name, entry.says, *own)).lower():
            found.append({"name": name, "says": entry.says, "aliases": own, "source": entry.source})
    return found


def entry_table(listed: list[dict[str, Any]]) -> Iterator[Block]:
    """Entries as a table."""
    yield Table(("name", "says"), [(row["name"], row["says"]) for row in listed])


def show(ruleset: RuleSet, name: str) -> Iterator[Block]:
    """A quantity or an entry. Raises Problems where nothing has that name."""
    found = False
    if name in base_declarations(ruleset) or _rules(ruleset, name):
        found = True
        yield from _quantity(ruleset, name)
    for kind in ruleset.kinds:
        entry = ruleset.resolve(kind, name)
        if entry is not None:
            found = True
            yield from _entry(ruleset, kind, entry)
    if not found:
        raise Problems([_unknown(ruleset, name)])


def _unknown(ruleset: RuleSet, name: str) -> Problem:
    names = [*base_declarations(ruleset), *(rule.name for rule in _all_rules(ruleset))]
    names += [entry for kind in ruleset.kinds for entry in ruleset.names(kind)]
    return problem("unknown-name", f"nothing is called {name}", None, nearest(name, names))


def _all_entries(ruleset: RuleSet) -> Iterator[Entry]:
    for kind in ruleset.kinds:
        for name in ruleset.names(kind):
            yield ruleset.entry(kind, name)


def _all_rules(ruleset: RuleSet) -> Iterator[Rule]:
    yield from ruleset.rules
    for entry in _all_entries(ruleset):
        yield from entry.rules
        yield from field_rules(ruleset.kinds[entry.kind], entry)


def _rules(ruleset: RuleSet, name: str) -> list[Rule]:
    return sorted((rule for rule in _all_rules(ruleset) if rule.name == name), key=lambda rule: -rule.layer)


def _quantity(ruleset: RuleSet, name: str) -> Iterator[Block]:
    declared = base_declarations(ruleset).get(name)
    lines = [name]
    if declared is not None:
        lines += [declared.says] if declared.says else []
        lines.append(f"{declared.type}{f', in {declared.unit}' if declared.unit else ''}; declared at {declared.place}")
        if declared.default is not None:
            lines.append(f"default: {declared.default.text}")
        if declared.one_of:
            lines.append(f"one of: {', '.join(declared.one_of)}")
    yield Lines(lines)
    rules = _rules(ruleset, name)
    if rules:
        yield Lines(["A fact in the scenario beats every rule; then, the strongest first:"])
    for rule in rules:
        yield Lines(list(_rule(rule)))
    users = sorted({user for user, used in _uses(ruleset) if used == name})
    yield Lines([f"used by: {', '.join(users)}"] if users else [])


def _rule(rule: Rule) -> Iterator[str]:
    beats = ", overrides the weaker ones" if rule.overrides else ""
    yield f"{LAYERS[rule.layer]}: {rule.origin}{beats} ({rule.place})"
    if rule.says:
        yield f"  {rule.says}"
    if rule.when is not None:
        yield f"  when {_text(rule.when)}"
    for case in rule.cases:
        yield f"  = {_text(case.formula)}" + (f"   when {_text(case.when)}" if case.when is not None else "")
    if rule.source:
        yield f"  source: {cite(dict(rule.source))}"


def _text(formula: Formula) -> str:
    return " ".join(formula.text.split())


def _uses(ruleset: RuleSet) -> Iterator[tuple[str, str]]:
    for rule in _all_rules(ruleset):
        rows = dict([rule.per]) if rule.per else {}
        for case in rule.cases:
            for formula in (rule.when, case.when, case.formula):
                if formula is not None:
                    for name in uses(formula.tree, rows):
                        yield rule.name, name
                        yield rule.name, f"{rule.scope.namespace}.{name}"
    for table in ruleset.tables:
        for fill in table.fills:
            yield from _fill_uses(table.name, fill)
    for entry in _all_entries(ruleset):
        for name, fill in entry.fills:
            yield from _fill_uses(name, fill)


def _fill_uses(table: str, fill: Fill) -> Iterator[tuple[str, str]]:
    tree = fill.each.tree if fill.each is not None else None
    rows = {tree.variable: ""} if isinstance(tree, Aggregate) else {}
    for column, formula in fill.cells.items():
        for name in uses(formula.tree, rows):
            yield f"{table}.{column} of {fill.name}", name
            yield f"{table}.{column} of {fill.name}", f"{fill.scope.namespace}.{name}"


def _entry(ruleset: RuleSet, kind: str, name: str) -> Iterator[Block]:
    entry = ruleset.entry(kind, name)
    lines = [f"{kind} {name}", entry.says, f"at {entry.place}"]
    if entry.extends:
        lines.append(f"extends {' -> '.join(entry.extends)}")
    if entry.source:
        lines.append(f"source: {cite(dict(entry.source))}")
    yield Lines(lines)
    fields = [(field, _text(formula)) for field, formula in entry.fields.items()]
    yield Table(("field", "value"), fields)
    records = [(f"{record}.{key}", str(value)) for record, data in entry.records.items() for key, value in _pairs(data)]
    yield Table(("given", "value"), records)
    rows = []
    for table, fill in entry.fills:
        cells = "; ".join(f"{column}: {_text(formula)}" for column, formula in fill.cells.items())
        when = f" when {_text(fill.when)}" if fill.when is not None else ""
        rows.append((table, fill.name, f"{cells}{when}"))
    yield Table(("table", "row", "columns"), rows)
    for rule in entry.rules:
        yield Lines([rule.name, *_rule(rule)])


def _pairs(data: Any) -> list[tuple[str, Any]]:
    return list(data.items()) if isinstance(data, dict) else [("", data)]
