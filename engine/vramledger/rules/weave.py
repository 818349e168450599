"""The network of a rule set: its nodes from what files declare, its links from what formulas name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import NamedTuple

from vramledger.problems import Place
from vramledger.rules.graph import node_of
from vramledger.rules.load import RuleSet
from vramledger.rules.model import STANDARD, Declaration, Entry, Fill, Formula, Kind, Rule, Scope, Table
from vramledger.rules.network import (
    CELL,
    CHOICE,
    CHOSEN,
    COLUMN,
    DEFAULT,
    FACT,
    FIELD,
    KINDS,
    OF_CHOICE,
    OF_TABLE,
    OPTIONAL,
    QUANTITY,
    READ,
    REQUIRED,
    ROWS,
    TABLE,
    VALUE,
    WHEN,
    Link,
    Network,
    Node,
    made_of,
)
from vramledger.rules.reads import Reader, Rows
from vramledger.rules.world import World

FACTS = "facts"
_WORDS = {"boolean": "true or false", "any": "any value"}


class Reading(NamedTuple):
    """A formula of a node, who says it, and how its names are looked up."""

    node: str
    why: str
    formula: Formula
    origin: str
    layer: int = STANDARD
    scope: Scope = Scope()
    rows: Rows = MappingProxyType({})
    row: str = ""


def network(ruleset: RuleSet, entries: Iterable[Entry] | None = None) -> Network:
    """The stages and kinds with the rules of some entries; by default of all."""
    if entries is None:
        entries = [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
    weaver = Weaver(ruleset, entries)
    links = [link for reading in weaver.readings() for link in weaver.links(reading)]
    links += weaver.choices(link.needs for link in links)
    return weaver.network([*weaver.declared(), *(name for link in links for name in (link.needs, link.node))], links)


class Weaver:
    """The names of some entries over the stages, and what becomes of them in a network."""

    def __init__(self, ruleset: RuleSet, entries: Iterable[Entry]) -> None:
        self.ruleset = ruleset
        self.entries = list(entries)
        self.world = World(ruleset, self.entries)
        self.reader = Reader(self.world)
        self.kinds = [kind for kind in ruleset.kinds.values() if not kind.reads]
        self.origins = {f"{entry.kind} {entry.name}": ruleset.kinds[entry.kind] for entry in self.entries}
        self.selectors = {kind.selector: kind for kind in self.kinds}
        self.words = {word: kind.selector for kind in self.kinds for word in (kind.name, kind.key)}
        self.catalogs = {kind.catalog: kind for kind in self.kinds if kind.catalog}
        self.fields = {declared.name: kind for kind in self.kinds for declared in kind.fields.values()}
        for entry in self.entries:
            kind = ruleset.kinds[entry.kind]
            self.fields.update({f"{kind.namespace}.{field}": kind for field in entry.fields if not kind.reads})
        self.tables: dict[str, Table] = {}
        for table in self.world.tables:
            self.tables.setdefault(table.name, table)
        self.rules: dict[str, list[Rule]] = {}
        for rule in self.world.rules:
            self.rules.setdefault(node_of(rule), []).append(rule)
        self.facts = {name for name, found in ruleset.declarations.items() if not found.by_rule}
        self.stages = sorted(
            (document.path, document.place.line, f"stage {document.name}")
            for document in ruleset.documents()
            if document.head == "stage"
        )

    def network(self, names: Iterable[str], links: Iterable[Link]) -> Network:
        """Some of the names as nodes, with the links between them; a column hangs on its table."""
        order = [FACTS, *(f"kind {name}" for name in self.ruleset.kinds)]
        order += [f"stage {name}" for name in self.ruleset.stages]
        order += [f"{name} entries" for name in self.ruleset.kinds]
        nodes = [self.node(name) for name in dict.fromkeys(names)]
        nodes.sort(key=lambda node: (order.index(node.group), KINDS.index(node.kind), node.name))
        of_tables = [
            Link(node.name, node.table, OF_TABLE, "", node.place, node.group)
            for node in nodes
            if node.kind == COLUMN and node.place is not None
        ]
        return made_of(nodes, [*links, *of_tables], self.words)

    # --- links -------------------------------------------------------------------------------------------

    def readings(self) -> Iterator[Reading]:
        """Every formula that gives a node its value, its rows, or the test under which it has them."""
        for rule in self.world.rules:
            yield from self.of_rule(rule)
        for table, fill in self.world.fills:
            rows, layer = self.reader.rows(fill), self.layer(fill.origin)
            yield from self.of_rows(table, fill)
            for column, formula in fill.cells.items():
                yield Reading(f"{table}[{column}]", CELL, formula, fill.origin, layer, fill.scope, rows, fill.name)
        for made in self.world.tables:
            for column, declared in made.columns.items():
                yield from self.of_default(f"{made.name}[{column}]", declared, declared.scope)
        for name, declared in self.world.declarations.items():
            yield from self.of_default(name, declared, declared.scope)
        for declared in (declared for entry in self.world.entries for declared in entry.declarations):
            if declared is not self.world.declarations[declared.name]:  # several entries declare a name of their own
                yield from self.of_default(declared.name, declared, declared.scope)
        for kind in self.kinds:
            yield from self._of_kind(kind)

    def of_rule(self, rule: Rule) -> Iterator[Reading]:
        """The formulas of a rule: its test, its cases with theirs."""
        rows: Rows = {rule.per[0]: (rule.per[1],)} if rule.per is not None else {}
        parts = [(WHEN, rule.when)]
        parts += [part for case in rule.cases for part in ((WHEN, case.when), (VALUE, case.formula))]
        for why, formula in parts:
            if formula is not None:
                yield Reading(node_of(rule), why, formula, rule.origin, rule.layer, rule.scope, rows)

    def of_rows(self, table: str, fill: Fill) -> Iterator[Reading]:
        """What a row is made for, and its test."""
        rows, layer = self.reader.rows(fill), self.layer(fill.origin)
        for why, formula in ((ROWS, fill.each), (WHEN, fill.when)):
            if formula is not None:
                yield Reading(table, why, formula, fill.origin, layer, fill.scope, rows, fill.name)

    def of_default(self, node: str, declared: Declaration, scope: Scope) -> Iterator[Reading]:
        """The formula of a default."""
        if declared.default is not None:
            yield Reading(node, DEFAULT, declared.default, "the default", STANDARD, scope)

    def _of_kind(self, kind: Kind) -> Iterator[Reading]:
        """What a kind's blocks run over; in its catalog, the fields of entries as columns."""
        origin, own = f"kind {kind.name}", Scope(kind.namespace)
        for block in kind.blocks.values():
            if block.each is not None and block.table:
                yield Reading(block.table, ROWS, self.ruleset.reader.each(block.each), origin, scope=own)
            if block.when is not None and block.table:
                yield Reading(block.table, WHEN, self.ruleset.reader.formula(block.when), origin, scope=own)
        if kind.catalog:
            scope = Scope(kind.namespace, kind.catalog)
            for field, declared in kind.fields.items():
                yield from self.of_default(f"{kind.catalog}[{field}]", declared, scope)
            for entry in self.entries:
                for field, formula in entry.fields.items() if entry.kind == kind.name else ():
                    node, giver = f"{kind.catalog}[{field}]", f"{kind.name} {entry.name}"
                    yield Reading(node, CELL, formula, giver, scope=scope, row=entry.name)

    def links(self, reading: Reading) -> Iterator[Link]:
        """A link for each node that a formula names, at the place of the name."""
        formula = reading.formula
        text = " ".join(formula.text.split())
        for read in self.reader.reads(formula.tree, reading.scope, reading.rows):
            place = formula.place(read.span)
            yield Link(reading.node, read.node, reading.why, text, place, reading.origin, reading.layer, reading.row)

    def choices(self, named: Iterable[str]) -> Iterator[Link]:
        """What the choice of an entry gives, what the engine reads to choose it, and what files give."""
        records = [name for name in dict.fromkeys(named) if self.record(name)]
        for kind in self.ruleset.kinds.values():
            if kind.reads:
                yield from self._files(kind, records)
                continue
            origin = f"kind {kind.name}"
            facts = [kind.when[0]] if kind.when else []
            facts += [kind.matches[1]] if kind.matches else []
            facts += [kind.chosen_by] if kind.chosen_by else []
            yield from (Link(kind.selector, fact, CHOSEN, "", kind.place, origin) for fact in facts)
            given = [(declared.name, declared.place) for declared in kind.fields.values()]
            given += [(block.table, kind.place) for block in kind.blocks.values() if block.table]
            filled = {kind.rest, *(name for b in kind.blocks.values() for name in (b.record, b.around))} - {""}
            given += [(name, kind.place) for name in records if self.record(name) in filled]
            yield from (Link(node, kind.selector, CHOSEN, "", place, origin) for node, place in given)
        for rule in self.world.rules:
            yield from self.choice(node_of(rule), rule.origin, rule.place)
        for table, fill in self.world.fills:
            yield from self.choice(table, fill.origin, fill.place)

    def choice(self, node: str, origin: str, place: Place) -> Iterator[Link]:
        """The link from an entry's rule or row to the choice of that entry; none for those of a stage."""
        kind = self.origins.get(origin)
        if kind is not None and not kind.reads:
            yield Link(node, kind.selector, CHOSEN, "", place, origin, kind.layer)

    def _files(self, kind: Kind, records: Iterable[str]) -> Iterator[Link]:
        for name in self.ruleset.names(kind.name):
            made = self.ruleset.entry(kind.name, name)
            if "given" not in made.fields:
                continue  # it maps records, which no scenario names
            given, into = made.fields["given"].text, made.fields["into"].text
            blocks = (block for one in self.ruleset.kinds.values() for block in one.blocks.values())
            filled = {into, *(block.around for block in blocks if block.record == into)}
            for field in records:
                if self.record(field) in filled:
                    yield Link(field, given, READ, "", made.place, f"{kind.name} {name}")

    def layer(self, origin: str) -> int:
        """The layer of what says something: a stage is standard, an entry of its kind's."""
        kind = self.origins.get(origin)
        return kind.layer if kind is not None else STANDARD

    # --- nodes -------------------------------------------------------------------------------------------

    def declared(self) -> Iterator[str]:
        """Every name that the files declare, whether a formula names it or not."""
        read_in = [kind for kind in self.ruleset.kinds.values() if kind.reads]
        unread = {declared.name for kind in read_in for declared in kind.fields.values()}
        unread |= {kind.selector for kind in read_in}
        for name, declared in self.world.declarations.items():
            table, _, column = name.rpartition(".")
            computed = f"{table}[{column}]" in self.rules and name not in self.rules
            if name not in unread and not computed and declared.type.kind != "record":
                yield name
        for table, names in self.reader.columns.items():
            yield table
            yield from (f"{table}[{column}]" for column in names)

    def record(self, name: str) -> str:
        """The record whose field a name is, or ""."""
        first = name.partition(".")[0]
        found = self.world.declarations.get(first)
        return first if found is not None and found.type.kind == "record" and name not in self.fields else ""

    def node(self, name: str) -> Node:
        """What a name is, with what the files say of it."""
        if name.endswith("]"):
            return self._column(name)
        if name in self.selectors:
            kind = self.selectors[name]
            found = Node(name, CHOICE, f"kind {kind.name}", kind.says, kind.name, "", kind.place)
            return found._replace(default=_unchosen(kind))
        if name in self.catalogs:
            kind = self.catalogs[name]
            return Node(name, TABLE, f"kind {kind.name}", f"All of them: {kind.says}", "table", "", kind.place)
        if name in self.tables:
            table = self.tables[name]
            return Node(name, TABLE, self._stage_at(table.place), table.says, "table", "", table.place)
        rules = self.rules.get(name, [])
        of_stage = next((rule for rule in rules if rule.stage), None)
        rule = of_stage or (rules[0] if rules else None)
        declared = self.world.declarations.get(name)
        if of_stage is not None:
            return _node(name, QUANTITY, f"stage {of_stage.stage}", declared, rule)
        if name in self.fields:
            found = _node(name, FIELD, f"kind {self.fields[name].name}", declared, None)
            return found._replace(default=self._silent(name, declared))
        if rule is not None and name not in self.facts:
            return _node(name, QUANTITY, f"{self.origins[rule.origin].name} entries", declared, rule)
        if self.record(name) and declared is None:
            return Node(name, FACT, FACTS, f"A field of {self.record(name)}.", _WORDS["any"], default=OPTIONAL)
        return _node(name, FACT, FACTS, declared, None)._replace(default=self._silent(name, declared))

    def _silent(self, name: str, declared: Declaration | None) -> str:
        """What a fact is where the scenario does not give it."""
        if declared is None or declared.optional:
            return OPTIONAL
        if declared.default is not None:
            return " ".join(declared.default.text.split())
        kind = self.fields.get(name)
        field = name.rpartition(".")[2]
        givers = [entry for entry in self.entries if kind is not None and entry.kind == kind.name]
        return OF_CHOICE if kind and not declared.missing and all(field in one.fields for one in givers) else REQUIRED

    def _column(self, name: str) -> Node:
        table, _, column = name.removesuffix("]").partition("[")
        rules = self.rules.get(name, [])
        rule = next((one for one in rules if one.stage), rules[0] if rules else None)
        declared: Declaration | None
        if table in self.catalogs:
            kind = self.catalogs[table]
            declared, group = kind.fields.get(column), f"kind {kind.name}"
        else:
            made = [one for one in self.world.tables if one.name == table]
            declared = next((one.columns[column] for one in made if column in one.columns), None)
            group = self._stage_at(self.tables[table].place)
        declared = declared or self.world.declarations.get(f"{table}.{column}")
        group = f"stage {rule.stage}" if rule is not None and rule.stage else group
        return _node(name, COLUMN, group, declared, rule)._replace(table=table)

    def _stage_at(self, place: Place) -> str:
        """The stage that declares what stands at a place, or the entries of a kind that do."""
        above = [group for path, line, group in self.stages if path == place.path and line <= place.line]
        if above:
            return above[-1]
        entry = next(entry for entry in self.entries if any(table.place == place for table in entry.tables))
        return f"{entry.kind} entries"


def _unchosen(kind: Kind) -> str:
    """What becomes of a choice that the scenario does not make."""
    by = kind.matches[1] if kind.matches else kind.chosen_by
    if kind.default or not by:
        return kind.default or (REQUIRED if kind.missing else OPTIONAL)
    return f"by {by}"


def _node(name: str, kind: str, group: str, declared: Declaration | None, rule: Rule | None) -> Node:
    says = (declared.says if declared is not None else "") or (rule.says if rule is not None else "")
    place = rule.place if rule is not None else declared.place if declared is not None else None
    if declared is None:
        return Node(name, kind, group, says, _WORDS["any"], "", place)
    return Node(name, kind, group, says, _WORDS.get(declared.type.kind, declared.type.kind), declared.unit, place)
