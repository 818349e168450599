"""How a value came, step by step, from the original formulas on one scenario; made on demand.

A step is a quantity, a row's column, or the rows that an aggregate ran over. What a formula did not touch (the other
branch, a row whose test failed) is not in it. A value that was shown before is named and not shown again.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vramledger.evaluation.brief import brief
from vramledger.evaluation.derivation import Derivation, Step
from vramledger.evaluation.evaluate import Evaluation, is_byte_formula
from vramledger.evaluation.frame import Fault, Frame, Resolution
from vramledger.evaluation.interpret import evaluate, kept_rows
from vramledger.evaluation.references import references
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.values import NotApplicable, Range, exact, public
from vramledger.language.printing import numeral, to_latex, to_text
from vramledger.language.syntax import Aggregate, Expr, Field, Index, Name
from vramledger.problems import problem
from vramledger.rules.model import Declaration, Scope

if TYPE_CHECKING:
    from vramledger.evaluation.ledger import Ledger

DEEPEST = 150


def derive(ledger: Ledger, name: str, rows: str = "") -> Derivation:
    """How a quantity's value came; of tables, only the rows whose name holds the text `rows`."""
    maker = _Maker(ledger.evaluation, rows)
    return Derivation(maker.quantity(name), ledger.stamp)


def _why(resolution: Resolution) -> str:
    """Why this value: who brings the rule, the test that lets it apply, the case that held."""
    rule, case = resolution.rule, resolution.case
    if resolution.why or rule is None:
        return resolution.why
    since = f", since {to_text(rule.when.tree)}" if rule.when is not None else ""
    held = case.says or (to_text(case.when.tree) if case.when is not None else "") if case is not None else ""
    return f"the rule of {rule.origin}{since}" + (f"; case: {held}" if held else "")


def _kept(row: Row) -> str:
    """The tests under which a row exists."""
    each, when = row.fill.each, row.fill.when
    tests = [each.tree.condition] if each is not None and isinstance(each.tree, Aggregate) else []
    tests += [when.tree] if when is not None else []
    said = " and ".join(to_text(test) for test in tests if test is not None)
    return f"the row of {row.fill.origin}, since {said}" if said else ""


def _cited(resolution: Resolution, declared: Declaration | None) -> dict[str, Any] | None:
    """The source of what gave a value: the rule's, or the default's own."""
    giver = resolution.rule if resolution.kind != "default" else declared
    return dict(giver.source) if giver is not None and giver.source else None


class _Maker:
    def __init__(self, evaluation: Evaluation, only: str) -> None:
        self.ev = evaluation
        self.only = only
        self.program = evaluation.program
        self.seen: set[tuple[Any, str]] = set()
        self.depth = 0

    def quantity(self, name: str) -> Step:
        value = public(self.ev.quantity(name))
        declared = self.program.declarations.get(name)
        unit = declared.unit if declared is not None else ""
        if ("", name) in self.seen:
            return Step("quantity", name, value, unit, again=True)
        self.seen.add(("", name))
        resolution = self.ev.resolutions[name]
        rule, formula = resolution.rule, resolution.formula
        place = formula.place() if formula is not None else resolution.place
        frame = Frame(formula, resolution.scope) if formula is not None else None
        return Step(
            kind="quantity",
            name=name,
            value=value,
            unit=unit,
            formula=formula.text if formula is not None else "",
            latex=to_latex(formula.tree) if formula is not None else "",
            substituted=self.substituted(formula.tree, frame) if formula is not None and frame else "",
            why=_why(resolution) or (value.reason if isinstance(value, NotApplicable) else ""),
            overrode=tuple(f"{beaten.origin} ({beaten.place})" for beaten in resolution.beaten),
            says=(rule.says if rule is not None else "") or (declared.says if declared is not None else ""),
            source=_cited(resolution, declared),
            place=str(place) if place is not None else "",
            steps=tuple(self.below(formula.tree, frame)) if formula is not None and frame else (),
        )

    def column(self, row: Row, name: str) -> Step | None:
        value = public(self.ev.cell(row, name))
        if isinstance(row.bound(name), Row):
            return None
        label = f"{row.label}.{name}"
        unit = self.unit_of_column(row, name)
        if (row, name) in self.seen:
            return Step("column", label, value, unit, again=True)
        self.seen.add((row, name))
        found = row.formulas.get(name)
        if found is None:
            return Step("column", label, value, unit)
        formula, scope, variables = found.formula, row.fill.scope, row.variables
        if found.variable:
            scope, variables = Scope(), {found.variable: row}
        elif found.origin == "the default":
            scope = row.table.columns[name].scope
        frame = Frame(formula, scope, variables, row)
        return Step(
            kind="column",
            name=label,
            value=value,
            unit=unit,
            formula=formula.text,
            latex=to_latex(formula.tree),
            substituted=self.substituted(formula.tree, frame),
            why=found.origin,
            source=dict(found.source) if found.source else None,
            place=str(formula.place()),
            steps=tuple(self.below(formula.tree, frame)),
        )

    def unit_of_column(self, row: Row, name: str) -> str:
        declared = row.table.columns.get(name) or self.program.declarations.get(f"{row.table.name}.{name}")
        return declared.unit if declared is not None else ""

    def catalog(self, row: CatalogRow, name: str) -> Step:
        kind = self.program.ruleset.kinds[row.kind]
        entry = self.program.ruleset.entry(row.kind, row.name)
        declared = kind.fields.get(name)
        formula = entry.fields.get(name) or (declared.default if declared is not None else None)
        return Step(
            kind="column",
            name=f"{row.label}.{name}",
            value=public(self.ev.catalog_column(row, name)),
            unit=declared.unit if declared is not None else "",
            why=f"{row.kind} {row.name}",
            says=declared.says if declared is not None else "",
            source=dict(entry.source) if entry.source else None,
            place=str(formula.place()) if formula is not None else "",
        )

    def below(self, tree: Expr, frame: Frame) -> Iterator[Step]:
        """The steps of what a formula touched, each once."""
        if self.depth == DEEPEST:
            message = f"a derivation of more than {DEEPEST} steps, one below the other"
            raise Fault(problem("too-deep", message, frame.formula.place(tree.span)))
        self.depth += 1
        yield from self._below(tree, frame)
        self.depth -= 1

    def _below(self, tree: Expr, frame: Frame) -> Iterator[Step]:
        met: set[Any] = set()
        for kind, what, which in references(self.ev, tree, frame):
            key = (kind, what if kind != "rows" else id(what), which)
            if key in met:
                continue
            met.add(key)
            if kind == "quantity":
                yield self.quantity(which)
            elif kind == "column":
                step = self.column(what, which)
                if step is not None:
                    yield step
            elif kind == "catalog":
                yield self.catalog(what, which)
            else:
                yield self.rows(what, frame)

    def rows(self, tree: Aggregate, frame: Frame) -> Step:
        """The rows that an aggregate ran over, each with what it gave."""
        steps = []
        for inner, _ in kept_rows(self.ev, tree, frame):
            item = inner.rows[tree.variable]
            label = item.label if isinstance(item, Row | CatalogRow) else brief(item)
            if self.only not in label:
                continue
            value = public(evaluate(self.ev, tree.body, inner, tolerant=True))
            if isinstance(value, NotApplicable):
                continue
            below = tuple(self.below(tree.body, inner))
            unit = "B" if self._in_bytes(tree.body, inner) else ""
            formula, text = to_text(tree.body), self.substituted(tree.body, inner)
            why = _kept(item) if isinstance(item, Row) else ""
            steps.append(Step("row", label, value, unit, formula, substituted=text, why=why, steps=below))
        over = to_text(tree.over)
        value = public(evaluate(self.ev, tree, frame, tolerant=True))
        unit = "B" if self._in_bytes(tree, frame) else ""
        return Step("rows", f"{tree.function} over {over}", value, unit, to_text(tree), steps=tuple(steps))

    def substituted(self, tree: Expr, frame: Frame) -> str:
        """The formula with the values that its names had."""

        def value_of(part: Expr) -> str | None:
            if not isinstance(part, Name | Aggregate | Index | Field):
                return None
            try:
                value = evaluate(self.ev, part, frame, tolerant=True)
            except Fault:
                return None
            return self._literal(value, "B" if self._in_bytes(part, frame) else "")

        return to_text(tree, value_of)

    def _literal(self, value: Any, unit: str) -> str:
        """A value as it may stand in a formula, whatever binds around it."""
        if isinstance(value, NotApplicable):
            return "n/a"
        if isinstance(value, Range):
            return f"({self._literal(value.low, unit)} .. {self._literal(value.high, unit)})"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | Fraction):
            text = numeral(exact(value))
            text = f"({text})" if value < 0 or "/" in text else text
            return f"{text} * 1 {unit}" if unit and text.startswith("(") else f"{text} {unit}".rstrip()
        return f'"{value}"' if isinstance(value, str) else brief(value)

    def _in_bytes(self, part: Expr, frame: Frame) -> bool:
        return is_byte_formula(part, self.program, frame)
