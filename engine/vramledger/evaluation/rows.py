"""Rows of tables and entries of catalogs: which there are, and what stands in their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vramledger.evaluation.blame import blame, blamed
from vramledger.evaluation.brief import brief, frozen, unlike, width
from vramledger.evaluation.frame import NO_ROWS, Fault, Frame, framed
from vramledger.evaluation.interpret import evaluate, held_under, items
from vramledger.evaluation.resolve import cases, in_force, refuse, rows_for
from vramledger.evaluation.tables import CatalogRow, Cell, Row
from vramledger.evaluation.values import NotApplicable
from vramledger.language.syntax import Expr
from vramledger.problems import problem
from vramledger.rules.model import Declaration, Rule, Scope

if TYPE_CHECKING:
    from vramledger.evaluation.evaluate import Evaluation

MOST_ROWS = 50_000
DEEPEST = 60
_A_ROW, _A_CELL = 10, 4  # steps that the room which each takes is worth


def rows_of(ev: Evaluation, name: str) -> tuple[Row, ...]:
    """The rows of a table, each once its guard is not known to be false."""
    ev.reads.add(name)
    if name not in ev.tables:
        table = ev.program.tables[name]
        ev.enter(name, table.place)
        outer = ev.begin(name)
        try:
            found: list[Row] = []
            for fill in table.fills:
                listed = sources(ev, fill)
                if len(found) + len(listed) > MOST_ROWS:
                    message = f"{name} has more than {MOST_ROWS} rows"
                    raise Fault(problem("too-many-rows", message, fill.place))
                found += [Row(table, fill, variables, guard, source) for variables, guard, source in listed]
                ev.work += _A_ROW * len(listed)
            ev.tables[name] = tuple(found)
        finally:
            ev.running.pop(name, None)
            ev.follow(outer)
    return ev.tables[name]


def sources(ev: Evaluation, fill: Any) -> list[tuple[Mapping[str, Any], Any, Any]]:
    """What a fill's rows are made for: variables, guard, and the row or item they stand on."""
    found: list[tuple[Mapping[str, Any], Any, Any]] = []
    if fill.each is None:
        starts: list[tuple[Mapping[str, Any], Any, Any]] = [(NO_ROWS, True, None)]
    else:
        tree = fill.each.tree
        frame = Frame(fill.each, fill.scope)
        starts = []
        for item, guard in items(ev, tree.over, frame):
            bound = {tree.variable: item}
            kept = held_under(ev, tree.condition, framed((fill.each, fill.scope, bound, None)), guard)
            if kept is not False:
                starts.append((bound, kept, item))
    for variables, guard, source in starts:
        kept = (
            held_under(ev, fill.when.tree, framed((fill.when, fill.scope, variables, None)), guard)
            if fill.when
            else guard
        )
        if kept is not False:
            found.append((variables, kept, source))
    return found


def column_of(ev: Evaluation, row: Any, name: str, frame: Frame, tree: Expr) -> Any:
    """A column of a row, a field of a record."""
    if isinstance(row, Row):
        return row_column(ev, row, name)
    if isinstance(row, NotApplicable):
        return row
    if isinstance(row, CatalogRow):
        return catalog_column(ev, row, name)
    if isinstance(row, dict):
        found = row.get(name)
        ev.spend(width(found), lambda: frame.formula.place(tree.span))
        return NotApplicable(f"the item has no {name}") if found is None else frozen(found)
    message = f"{brief(row)} has no column {name}"
    raise Fault(problem("not-a-row", message, frame.formula.place(tree.span)))


def row_column(ev: Evaluation, row: Row, name: str) -> Any:
    part = (row.table.name, name)
    ev.reads.add(part)
    if name in row.values:
        return row.values[name]
    bound = row.variables.get(name)
    if bound is not None:
        return bound
    if name == "name":
        return row.fill.name
    key = f"{row.table.name}.{name}"
    if (row, name) in ev.running_rows:
        raise Fault(problem("cycle", f"{key} needs itself in row {row.label}", row.fill.place))
    if len(ev.running_rows) >= DEEPEST:
        raise Fault(problem("too-deep", f"{key} is reached through more than {DEEPEST} columns", row.fill.place))
    ev.work += _A_CELL
    ev.running_rows.add((row, name))
    outer = ev.begin(part)
    try:
        value = compute_cell(ev, row, name, key)
        declared = row.table.columns.get(name) or ev.program.declarations.get(key)
        if declared is not None and not isinstance(value, NotApplicable):
            keep_bounds(ev, declared, value, row, name)
    except RecursionError:
        raise Fault(problem("too-deep", f"{key} of row {row.label} is nested too deep", row.fill.place)) from None
    finally:
        ev.running_rows.discard((row, name))
        ev.follow(outer)
    row.values[name] = value
    return value


def keep_bounds(ev: Evaluation, declared: Declaration, value: Any, row: Row, name: str) -> None:
    """Raises Fault where a column's value is not what its declaration allows."""
    refuse(ev, declared, value)
    code, found = unlike(declared, value)
    if found:
        cell = row.formulas.get(name)
        message = f"{name} of row {row.label} of {row.table.name} {found}"
        if cell is None:
            raise Fault(problem(code, message, row.fill.place))
        rows = {cell.variable: row} if cell.variable else row.variables
        raise Fault(blame(ev, code, message, cell.formula, cell.formula.place(), row.fill.scope, rows))


def compute_cell(ev: Evaluation, row: Row, name: str, key: str) -> Any:
    formula = row.fill.cells.get(name)
    declared = row.table.columns.get(name)
    if formula is not None:
        value = blamed(ev, framed((formula, row.fill.scope, row.variables, row)))
        row.formulas[name] = Cell(formula, row.fill.origin, row.fill.source)
        if isinstance(value, NotApplicable) and declared is not None and not declared.optional:
            message = f"{key} is needed in row {row.label}, and {value.reason}"
            found = blame(ev, "missing-fact", message, formula, formula.place(), row.fill.scope, row.variables)
            hint = value.hint or declared.missing
            raise Fault(found._replace(hints=(hint,) if hint else ()))
        return value
    rules = tuple(rule for rule in ev.program.candidates.get(key, ()) if rule.per is not None)
    if rules:
        return computed(ev, row, name, key, rules)
    if declared is not None and declared.default is not None:
        row.formulas[name] = Cell(declared.default, "the default")
        return evaluate(ev, declared.default.tree, framed((declared.default, declared.scope, row.variables, row)))
    if declared is not None and not declared.optional:
        reason = f"row {row.label} of {row.table.name} has no {name}"
        return NotApplicable(reason, missing=True, hint=declared.missing)
    return NotApplicable(f"row {row.label} of {row.table.name} has no {name}")


def computed(ev: Evaluation, row: Row, name: str, key: str, rules: tuple[Rule, ...]) -> Any:
    """A column that a rule computes."""
    found = in_force(ev, key, rules, row)
    if isinstance(found, NotApplicable):
        return found
    rule, _ = found
    value, case = cases(ev, rule, rows_for(rule, row))
    if case is not None:
        row.formulas[name] = Cell(case.formula, rule.origin, rule.source, rule.per[0] if rule.per else "")
    return value


def catalog_row(ev: Evaluation, kind: str, name: Any, frame: Frame, tree: Expr) -> CatalogRow:
    """The entry of a catalog that a text names."""
    known = ev.program.ruleset.resolve(kind, name) if isinstance(name, str) else None
    if known is None:
        hint = ev.program.ruleset.near(kind, str(name))
        message = f"no {kind} is called {brief(name)}"
        raise Fault(problem("unknown-entry", message, frame.formula.place(tree.span), hint))
    if (kind, known) not in ev.catalogs:
        ev.catalogs[kind, known] = CatalogRow(kind, known)
    return ev.catalogs[kind, known]


def catalog_column(ev: Evaluation, row: CatalogRow, name: str) -> Any:
    if name == "name":
        return row.name
    part = (row.kind, name)
    ev.reads.add(part)
    if name not in row.values:
        kind = ev.program.ruleset.kinds[row.kind]
        entry = ev.program.ruleset.entry(row.kind, row.name)
        declared = kind.fields.get(name)
        formula = entry.fields.get(name) or (declared.default if declared is not None else None)
        if formula is None:
            return NotApplicable(f"{row.kind} {row.name} gives no {name}")
        scope = Scope(kind.namespace)
        outer = ev.begin(part)
        try:
            row.values[name] = evaluate(ev, formula.tree, Frame(formula, scope, NO_ROWS, row))
        finally:
            ev.follow(outer)
    return row.values[name]
