"""How a value came, step by step, from the original formulas on one scenario; made on demand.

A step is a quantity, a row's column, or the rows that an aggregate ran over. What a formula did not touch (the other
branch, a row whose test failed) is not in it. A value that was shown before is named and not shown again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vramledger.evaluation.brief import brief
from vramledger.evaluation.evaluate import Evaluation, is_byte_formula
from vramledger.evaluation.frame import Fault, Frame, Resolution
from vramledger.evaluation.interpret import evaluate, kept_rows, truth
from vramledger.evaluation.names import full_name, has_column
from vramledger.evaluation.show import both, is_bytes, show
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.values import NotApplicable, Range, as_json, exact, public
from vramledger.language.printing import numeral, to_latex, to_text
from vramledger.language.syntax import Aggregate, Binary, Call, Conditional, Expr, Field, Index, Name, children
from vramledger.problems import problem
from vramledger.rules.model import Declaration, Scope

if TYPE_CHECKING:
    from vramledger.evaluation.ledger import Ledger

DEEPEST = 150
Reference = tuple[str, Any, str]  # quantity | column | catalog | rows, what, which


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a derivation. `kind` is quantity, column, rows or row."""

    kind: str
    name: str
    value: Any
    unit: str = ""
    formula: str = ""
    latex: str = ""
    substituted: str = ""
    why: str = ""
    overrode: tuple[str, ...] = ()
    says: str = ""
    source: dict[str, Any] | None = None
    place: str = ""
    again: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def shown(self) -> str:
        """The value for people: bytes in decimal and binary units."""
        value = self.value
        if is_bytes(self.unit) and isinstance(value, int | Fraction | tuple) and not isinstance(value, bool):
            return both(value)
        return f'"{value}"' if isinstance(value, str) else show(value, self.unit)

    def to_dict(self) -> dict[str, Any]:
        """The step and those below it as JSON; its schema is derivation.schema.json."""
        found: dict[str, Any] = {"kind": self.kind, "name": self.name, "value": as_json(self.value)}
        given = {
            "unit": self.unit,
            "formula": self.formula,
            "substituted": self.substituted,
            "why": self.why,
            "overrode": list(self.overrode),
            "says": self.says,
            "source": self.source,
            "place": self.place,
            "again": self.again,
        }
        found.update({name: value for name, value in given.items() if value})
        if self.steps:
            found["steps"] = [step.to_dict() for step in self.steps]
        return found


@dataclass(frozen=True, slots=True)
class Derivation:
    """The tree of steps of one quantity, with the stamp of the answer that it explains."""

    step: Step
    stamp: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The derivation as JSON; its schema is derivation.schema.json."""
        return {"stamp": self.stamp, "step": self.step.to_dict()}

    def _repr_html_(self) -> str:
        from vramledger.reports.html import of_derivation

        return of_derivation(self)

    def __str__(self) -> str:
        """The derivation as an indented tree."""
        return "\n".join(lines(self.step))


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
        for kind, what, which in self.references(tree, frame):
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

    def references(self, tree: Expr, frame: Frame) -> Iterator[Reference]:
        """What a formula touched, in its order."""
        match tree:
            case Name():
                yield from self._name(tree, frame)
            case Field(of, name):
                yield from self.references(of, frame)
                row = evaluate(self.ev, of, frame, tolerant=True)
                if isinstance(row, CatalogRow):
                    yield ("catalog", row, name)
                elif isinstance(row, Row):
                    yield ("column", row, name)
            case Index(of, key):
                if not (isinstance(of, Name) and of.name in self.program.catalogs):
                    yield from self.references(of, frame)
                yield from self.references(key, frame)
            case Conditional(then, test, otherwise):
                yield from self.references(test, frame)
                answer = truth(self.ev, test, frame)
                if answer is not False:
                    yield from self.references(then, frame)
                if answer is not True:
                    yield from self.references(otherwise, frame)
            case Binary("and" | "or" as op, left, right):
                yield from self.references(left, frame)
                if truth(self.ev, left, frame) is not (op == "or"):
                    yield from self.references(right, frame)
            case Call("value", arguments):
                for argument in arguments:
                    yield from self.references(argument, frame)
                    if not isinstance(evaluate(self.ev, argument, frame, tolerant=True), NotApplicable):
                        return
            case Aggregate():
                yield ("rows", tree, "")
            case _:
                for child in children(tree):
                    yield from self.references(child, frame)

    def _name(self, tree: Name, frame: Frame) -> Iterator[Reference]:
        first, *rest = tree.name.split(".")
        row = frame.rows.get(first)
        if row is None and isinstance(frame.own, Row) and frame.scope.table:
            if has_column(self.ev, frame.own, first):
                row, rest = frame.own, [first, *rest]
            elif frame.own.bound(first) is not None:
                row = frame.own.bound(first)
        if row is not None:
            for part in rest[:-1]:
                row = self.ev.column(row, part, frame, tree)
            if rest and isinstance(row, Row):
                yield ("column", row, rest[-1])
            elif rest and isinstance(row, CatalogRow):
                yield ("catalog", row, rest[-1])
            return
        name = full_name(self.ev, tree.name, frame.scope)
        if name not in self.program.tables and name not in self.program.catalogs:
            yield ("quantity", "", name)

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


def lines(step: Step, prefix: str = "", depth: int = 60) -> Iterator[str]:
    """A step and those below it as the lines of a tree."""
    yield from head(step)
    for number, below in enumerate(step.steps if depth else ()):
        last = number == len(step.steps) - 1
        first, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
        for count, line in enumerate(lines(below, prefix, depth - 1)):
            yield f"{rest if count else first}{line}"


def head(step: Step) -> Iterator[str]:
    """A step's own lines: name and value; formula; the same with values; why, whence."""
    if step.again:
        yield f"{step.name} = {step.shown} (above)"
        return
    yield f"{step.name} = {step.shown}"
    inner = "│    " if step.steps else "     "
    if step.formula and step.kind != "rows":
        yield f"{inner}= {' '.join(step.formula.split())}"
    if step.substituted and step.substituted != step.formula:
        yield f"{inner}= {step.substituted}"
    if step.why:
        yield f"{inner}{step.why}"
    for beaten in step.overrode:
        yield f"{inner}overrides {beaten}"
    if step.source:
        yield f"{inner}source: {cite(step.source)}"
    if step.place:
        yield f"{inner}at {step.place}"


def cite(source: dict[str, Any]) -> str:
    """A citation in a line."""
    if source.get("assumed"):
        return f"assumed: {source.get('reason', '')}"
    if "sources" in source:
        return "; ".join(cite(one) for one in source["sources"])
    parts = [source.get("title", ""), str(source.get("section", "")), source.get("url", "")]
    return ", ".join(part for part in parts if part)
