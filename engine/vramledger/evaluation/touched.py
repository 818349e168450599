"""What an evaluation read of the rules: the nodes and links of the network that stand behind its values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.frame import Fault, Resolution
from vramledger.evaluation.ledger import COMPONENTS, HEADLINES, PHASES
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.problems import Problem, Problems, problem
from vramledger.rules.model import Formula, Rule, Scope
from vramledger.rules.network import CELL, DEFAULT, Link, Network
from vramledger.rules.overlay import Program
from vramledger.rules.weave import Reading, Weaver


def touched(ev: Evaluation, also: Iterable[str] = ()) -> Network:
    """The rules in force behind everything that was evaluated so far.

    Of a rule these are its cases up to the one that held, of an entry what it gave. A link may stand for a part of a
    formula that was passed over, where another formula read what it names. Nodes of `also` are there in any case.
    """
    program = ev.program
    weaver = Weaver(program.ruleset, program.entries.values())
    names = {*ev.resolutions, *ev.tables, *_columns(ev)}
    readings = {(one.node, one.why, one.formula.place(), one.row): one for one in _readings(ev, weaver)}
    links = [link for one in readings.values() for link in weaver.links(one) if link.needs in names]
    links += _choices(ev, weaver)
    return weaver.network([*names, *also, *(link.needs for link in links)], links)


def _columns(ev: Evaluation) -> Iterator[str]:
    for table, rows in ev.tables.items():
        yield from (f"{table}[{column}]" for row in rows for column in _known(ev, row))
    for (kind, _), entry in ev.catalogs.items():
        catalog = ev.program.ruleset.kinds[kind].catalog
        yield catalog
        yield from (f"{catalog}[{field}]" for field in entry.values)


def _known(ev: Evaluation, row: Row) -> Iterator[str]:
    """The columns of a row that were read; what it does not stand on, though rows beside it do, is no column."""
    table = row.table
    yield from (
        name for name in row.values if name in table.columns or f"{table.name}.{name}" in ev.program.declarations
    )


def _readings(ev: Evaluation, weaver: Weaver) -> Iterator[Reading]:
    for name, resolution in ev.resolutions.items():
        yield from _of_quantity(ev, weaver, name, resolution)
    for table, rows in ev.tables.items():
        for fill in ev.program.tables[table].fills:
            yield from weaver.of_rows(table, fill)
        for row in rows:
            for column in _known(ev, row):
                yield from _of_cell(ev, weaver, row, column)
    for (kind, name), entry in ev.catalogs.items():
        made = ev.program.ruleset.kinds[kind]
        fields = ev.program.ruleset.entry(kind, name).fields
        scope = Scope(made.namespace, made.catalog)
        for field in entry.values:
            node = f"{made.catalog}[{field}]"
            if field in fields:
                yield Reading(node, CELL, fields[field], f"{kind} {name}", scope=scope, row=name)
            else:
                yield from weaver.of_default(node, made.fields[field], scope)


def _of_quantity(ev: Evaluation, weaver: Weaver, name: str, resolution: Resolution) -> Iterator[Reading]:
    if resolution.kind in ("fact", "selection"):
        return
    for rule in ev.program.candidates.get(name, ()):
        if rule.per is None:
            yield from _up_to(weaver, rule, resolution.formula, resolution.rule is rule)
    if resolution.kind == "default" and resolution.formula is not None:
        yield Reading(name, DEFAULT, resolution.formula, "the default", scope=resolution.scope)


def _of_cell(ev: Evaluation, weaver: Weaver, row: Row, column: str) -> Iterator[Reading]:
    table, fill = row.table.name, row.fill
    node, cell = f"{table}[{column}]", row.formulas.get(column)
    if column in fill.cells:
        bound, layer = weaver.reader.rows(fill), weaver.layer(fill.origin)
        yield Reading(node, CELL, fill.cells[column], fill.origin, layer, fill.scope, bound, fill.name)
        return
    rules = [rule for rule in ev.program.candidates.get(f"{table}.{column}", ()) if rule.per is not None]
    for rule in rules:
        yield from _up_to(weaver, rule, cell.formula if cell is not None else None, cell is None)
    if not rules and column in row.table.columns:
        yield from weaver.of_default(node, row.table.columns[column], row.table.columns[column].scope)


def _up_to(weaver: Weaver, rule: Rule, held: Formula | None, in_force: bool) -> Iterator[Reading]:
    """A rule's test, its cases' tests up to the one that held, and the formula of that one; all of them where ranges
    leave open which one it is.
    """
    formulas = [case.formula for case in rule.cases]
    open_ = held is not None and any(held.scalar is one.scalar for one in formulas) and held not in formulas
    last = formulas.index(held) if held in formulas else len(formulas) if in_force or open_ else -1
    asked = {id(rule.when), id(held), *(id(case.when) for case in rule.cases[: last + 1])}
    for reading in weaver.of_rule(rule):
        if open_ or id(reading.formula) in asked:
            yield reading


def _choices(ev: Evaluation, weaver: Weaver) -> Iterator[Link]:
    """Which chosen entry gave what."""
    for name, resolution in ev.resolutions.items():
        if resolution.rule is not None:
            yield from weaver.choice(name, resolution.rule.origin, resolution.rule.place)
        elif resolution.kind == "selection":
            record = ev.program.record(name)
            for entry in ev.program.entries.values():
                if (record or name) in entry.records and record not in ev.facts.records:
                    yield from weaver.choice(name, f"{entry.kind} {entry.name}", entry.place)
    for table, rows in ev.tables.items():
        for fill in dict.fromkeys(row.fill.place for row in rows):
            origin = next(row.fill.origin for row in rows if row.fill.place == fill)
            yield from weaver.choice(table, origin, fill)


def evaluated(program: Program, facts: Facts, nodes: Iterable[str], besides: Iterable[str] = ()) -> Evaluation:
    """The evaluation of some nodes, and of others as far as it goes. Raises Problems for a fault in one of `nodes`."""
    ev = Evaluation(program, facts)
    for node in nodes:
        try:
            ask(ev, node)
        except Fault as fault:
            raise Problems([fault.problem]) from None
        except RecursionError:
            raise Problems([Problem("too-deep", f"{node} is nested too deep")]) from None
    for node in besides:
        with suppress(Fault, RecursionError):
            ask(ev, node)
    return ev


def answer(program: Program) -> list[str]:
    """The nodes that make the answer to a scenario: the main quantities, the components, the phases."""
    found = [name for name in HEADLINES if name in program.declarations]
    return found + [f"{table}[bytes]" for table in (COMPONENTS, PHASES) if table in program.tables]


def ask(ev: Evaluation, node: str) -> None:
    """Evaluates a node: a quantity, the rows of a table, a column in each of its rows. Raises Fault."""
    ev.allow()
    table, bracket, column = node.removesuffix("]").partition("[")
    kind = ev.program.catalogs.get(table)
    if kind is not None:
        for name in ev.program.ruleset.names(kind.name):
            entry = ev.catalogs.setdefault((kind.name, name), CatalogRow(kind.name, name))
            if bracket:
                ev.catalog_column(entry, column)
    elif table in ev.program.tables:
        for row in ev.rows(table):
            if bracket:
                ev.cell(row, column)
    elif node in ev.program.declarations or ev.program.record(node) is not None:
        ev.quantity(node)
    else:
        message = f"nothing gives {node} in this scenario; an entry does that it does not choose"
        raise Fault(problem("unknown-name", message, None, f"see which one: vramledger show {node}"))
