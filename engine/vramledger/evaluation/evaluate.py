"""Quantities by need: which rule applies, what its formula gives, remembered once a quantity.

The same walk interprets (every fact a number) and specialises (facts that vary are residual nodes); what is left
open then stays in the nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from vramledger.evaluation import arithmetic as number
from vramledger.evaluation.arithmetic import Overflow, Undecided
from vramledger.evaluation.facts import Facts, Given
from vramledger.evaluation.residual import Graph, Node
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.values import NotApplicable, Range, Verdict, exact
from vramledger.language.printing import to_text
from vramledger.language.syntax import (
    UNITS,
    Aggregate,
    Binary,
    Call,
    Conditional,
    Expr,
    Field,
    Index,
    Name,
    Number,
    Text,
    Truth,
    Unary,
    walk,
)
from vramledger.language.units import ANY, Type, check
from vramledger.problems import Label, Place, Problem, nearest, problem
from vramledger.rules.model import Case, Declaration, Formula, Rule, Scope
from vramledger.rules.overlay import Program

MOST_WORK = 3_000_000
MOST_ROWS = 50_000
DEEPEST = 60


class Fault(Exception):
    """A user's fault met while evaluating; it ends the quantity asked for, not the process."""

    def __init__(self, found: Problem) -> None:
        super().__init__(found.message)
        self.problem = found


class Frame(NamedTuple):
    """What a formula sees beside the quantities: the rows bound to variables, its scope, its own row."""

    formula: Formula
    scope: Scope = Scope()
    rows: tuple[tuple[str, Any], ...] = ()
    own: Row | CatalogRow | None = None

    def row(self, variable: str) -> Any:
        for name, value in reversed(self.rows):
            if name == variable:
                return value
        return None


class Resolution(NamedTuple):
    """Where a quantity's value came from: a fact, a rule's case, a default, or nothing."""

    kind: str  # fact | rule | default | selection | nothing
    place: Place | None
    rule: Rule | None = None
    case: Case | None = None
    formula: Formula | None = None
    scope: Scope = Scope()
    why: str = ""
    beaten: tuple[Rule, ...] = ()


class Evaluation:
    """The values of one scenario under one program. With a graph, facts that vary become its atoms."""

    def __init__(self, program: Program, facts: Facts, graph: Graph | None = None) -> None:
        self.program = program
        self.facts = facts
        self.graph = graph
        self.values: dict[str, Any] = {}
        self.resolutions: dict[str, Resolution] = {}
        self.tables: dict[str, tuple[Row, ...]] = {}
        self.work = 0
        self._catalogs: dict[tuple[str, str], CatalogRow] = {}
        self._running: dict[str, Place] = {}

    # --- quantities ---------------------------------------------------------------------------

    def quantity(self, name: str) -> Any:
        """The value of a quantity. Raises Fault, and Undecided where a graph leaves the shape open."""
        if name in self.values:
            return self.values[name]
        place = self._place(name)
        self._enter(name, place)
        try:
            value, resolution = self._resolve(name)
            declared = self.program.declarations.get(name)
            if declared is not None:
                value = self._checked(declared, value, resolution)
        finally:
            self._running.pop(name, None)
        self.values[name] = value
        self.resolutions[name] = resolution
        return value

    def _enter(self, name: str, place: Place | None) -> None:
        if name in self._running:
            names = list(self._running)
            chain = [*names[names.index(name) :], name]
            also = tuple(
                Label(self._running[part], f"{part} needs {after}")
                for part, after in zip(chain, chain[1:], strict=False)
            )
            raise Fault(problem("cycle", f"{name} needs itself: {' -> '.join(chain)}", None, also=also))
        if len(self._running) >= DEEPEST:
            raise Fault(problem("too-deep", f"{name} is reached through more than {DEEPEST} quantities", place))
        self._running[name] = place or Place(name)

    def _place(self, name: str) -> Place | None:
        rules = self.program.candidates.get(name)
        if rules:
            return rules[0].place
        declared = self.program.declarations.get(name)
        return declared.place if declared is not None else None

    def _resolve(self, name: str) -> tuple[Any, Resolution]:
        given = self.facts.values.get(name)
        if given is not None:
            why = "the scenario gives it"
            beaten = tuple(self.program.candidates.get(name, ()))
            return self._fact(name, given), Resolution("fact", given.place, why=why, beaten=beaten)
        if name in self.program.values:
            found = _frozen(self.program.values[name])
            return found, Resolution("selection", self._place(name), why="the selected entry gives it")
        record = self.program.record(name)
        if record is not None:
            return self._record(record, name)
        declared = self.program.declarations.get(name)
        rules = tuple(rule for rule in self.program.candidates.get(name, ()) if rule.per is None)
        reason = ""
        if rules:
            found = self._choose(name, rules)
            if not isinstance(found, str):
                rule, why, beaten = found
                return self._case(rule, why, beaten)
            reason = found
        if declared is not None and declared.default is not None:
            frame = Frame(declared.default, declared.scope)
            why = "the default"
            value = self.evaluate(declared.default.tree, frame)
            place = declared.default.place()
            return value, Resolution("default", place, formula=declared.default, scope=declared.scope, why=why)
        return self._nothing(name, declared, reason)

    def _fact(self, name: str, given: Given) -> Any:
        if self.graph is None or not given.varies:
            return given.value
        if type(given.value) is Range:
            ends = ((":low", given.value.low), (":high", given.value.high))
            return Range(*(self.graph.fact(name + end, isinstance(value, int), value >= 0) for end, value in ends))
        return self.graph.fact(name, isinstance(given.value, int), given.value >= 0)

    def _record(self, record: str, name: str) -> tuple[Any, Resolution]:
        """A field of a record: what it holds, or not applicable where it is absent or null."""
        place = self.facts.record_places.get(record)
        value: Any = self.facts.records.get(record)
        if value is None:
            value = self.program.values.get(record)
            place = None
        known: Any = value
        for part in name.split(".")[1:]:
            known = known.get(part) if isinstance(known, dict) else None
        resolution = Resolution("selection", place, why=f"read from {record}")
        if known is None:
            field = name.partition(".")[2]
            inline = [key.removeprefix(f"{record}.") for key in self.facts.values if key.startswith(f"{record}.")]
            near = nearest(field, [*(value or {}), *inline])
            hint = f" ({near})" if near else ""
            return NotApplicable(f"{record} gives no {field}{hint}"), resolution
        return _frozen(known), resolution

    def _nothing(self, name: str, declared: Declaration | None, reason: str) -> tuple[Any, Resolution]:
        nothing = Resolution("nothing", declared.place if declared is not None else None)
        if reason:
            return NotApplicable(reason), nothing
        if declared is not None:
            kind = next((k for k in self.program.ruleset.kinds.values() if self._belongs(name, k)), None)
            if kind is not None and kind.name not in self.program.entries:
                missing = bool(kind.missing) and not declared.optional
                return NotApplicable(f"no {kind.name} is chosen", missing), nothing
            if declared.entry:
                return NotApplicable(f"no {declared.entry} is chosen", bool(declared.missing)), nothing
            return NotApplicable(f"nothing gives {name}", missing=not declared.optional), nothing
        return NotApplicable(f"nothing gives {name}", missing=True), nothing

    @staticmethod
    def _belongs(name: str, kind: Any) -> bool:
        space, _, field = name.rpartition(".")
        return space == kind.namespace and (field in kind.fields or name == kind.selector)

    # --- which rule -----------------------------------------------------------------------------

    def _choose(self, name: str, rules: tuple[Rule, ...]) -> tuple[Rule, str, tuple[Rule, ...]] | str:
        """The rule in force, why, and what it beat; or the reason why none applies."""
        applicable: list[tuple[Rule, str]] = []
        reasons = []
        for rule in rules:
            holds, why = self._applies(rule)
            if holds:
                applicable.append((rule, why))
            else:
                reasons.append(why)
        if not applicable:
            return "; ".join(dict.fromkeys(reasons))
        (first, why), *others = applicable
        if others and (not first.overrides or others[0][0].layer == first.layer):
            also = tuple(Label(rule.place, f"and this rule of {rule.origin}") for rule, _ in others)
            hint = "let their `when` exclude each other, or say `overrides: true` in the one that shall win"
            raise Fault(problem("conflict", f"two rules give {name}", first.place, hint, also=also))
        return first, why, tuple(rule for rule, _ in others)

    def _applies(self, rule: Rule, rows: tuple[tuple[str, Any], ...] = ()) -> tuple[bool, str]:
        if rule.when is None:
            return True, f"the rule of {rule.origin}"
        frame = Frame(rule.when, rule.scope, rows)
        holds = self.decided(rule.when.tree, frame)
        text = to_text(rule.when.tree)
        if holds:
            return True, f"the rule of {rule.origin}, since {text}"
        return False, f"{text} does not hold ({self._facts_of(rule.when, frame)})"

    def _facts_of(self, formula: Formula, frame: Frame) -> str:
        """The names of a test with their values, for a reason."""
        shown = []
        for part in walk(formula.tree):
            if isinstance(part, Name):
                value = self.evaluate(part, frame, tolerant=True)
                text = f'"{value}"' if isinstance(value, str) else _brief(value)
                shown.append(f"{part.name} is {text}")
        return ", ".join(dict.fromkeys(shown)) or "never"

    def decided(self, tree: Expr, frame: Frame) -> bool:
        """A test that must fall one way; ranges that leave it open are a problem."""
        value = self.evaluate(tree, frame)
        if isinstance(value, Verdict):
            if isinstance(value.certain, Node) or isinstance(value.possible, Node):
                if number.decide(value.certain):
                    return True
                if not number.decide(value.possible):
                    return False
            message = f"ranges leave open whether {to_text(tree)}"
            raise Fault(problem("undecided", message, frame.formula.place(tree.span), "narrow the range"))
        return False if isinstance(value, NotApplicable) else number.decide(value)

    def _case(self, rule: Rule, why: str, beaten: tuple[Rule, ...]) -> tuple[Any, Resolution]:
        value, case = self.cases(rule)
        if case is None:
            return value, Resolution("nothing", rule.place, rule, why=why, beaten=beaten)
        if case.says or (case.when is not None):
            why = f"{why}; case: {case.says or to_text(case.when.tree) if case.when else case.says}"
        return value, Resolution("rule", rule.place, rule, case, case.formula, rule.scope, why, beaten)

    def cases(self, rule: Rule, rows: tuple[tuple[str, Any], ...] = (), start: int = 0) -> tuple[Any, Case | None]:
        """The value of a rule's first case that holds, and that case."""
        for position in range(start, len(rule.cases)):
            case = rule.cases[position]
            frame = Frame(case.formula, rule.scope, rows)
            if case.when is None:
                return self.evaluate(case.formula.tree, frame), case
            test = self._test(self.evaluate(case.when.tree, Frame(case.when, rule.scope, rows)))
            if test is True:
                return self.evaluate(case.formula.tree, frame), case
            if test is False:
                continue
            then = self._attempt(case.formula.tree, frame, test)
            otherwise, _ = self.cases(rule, rows, position + 1)
            return number.choose(test, then, otherwise), case
        return NotApplicable(f"no case of {rule.name} holds"), None

    @staticmethod
    def _test(value: Any) -> Any:
        return False if isinstance(value, NotApplicable) else value

    def _attempt(self, tree: Expr, frame: Frame, test: Any) -> Any:
        """A branch that may not be taken: a fault in it counts only once it is."""
        try:
            return self.evaluate(tree, frame)
        except Fault:
            if isinstance(test, Node):
                raise Undecided(test) from None
            raise

    # --- checks on values ------------------------------------------------------------------------

    def _checked(self, declared: Declaration, value: Any, resolution: Resolution) -> Any:
        """The value, once it keeps what its declaration promises. A needed field of an entry that nothing gives is missing."""
        place = resolution.place or declared.place
        if isinstance(value, NotApplicable):
            needed = not declared.optional and declared.scope.namespace and resolution.kind in ("default", "rule")
            return NotApplicable(value.reason, missing=True) if needed else value
        if declared.type.bytes == 1 and resolution.kind != "fact":
            for end in (number.low(value), number.high(value)):
                if isinstance(end, Fraction) and end.denominator != 1:
                    message = f"{declared.name} comes to {_brief(end)} B, which is not whole"
                    raise Fault(problem("fraction-of-a-byte", message, place, "round it where it arises: ceil(...)"))
        if resolution.kind != "fact":
            found = out_of_bounds(declared, value)
            if found:
                raise Fault(problem("out-of-bounds", f"{declared.name} {found}", place))
        return value

    # --- rows -----------------------------------------------------------------------------------

    def rows(self, name: str, asked: Place | None = None) -> tuple[Row, ...]:
        """The rows of a table, each once its guard is not known to be false."""
        if name not in self.tables:
            table = self.program.tables[name]
            self._enter(name, table.place)
            try:
                found: list[Row] = []
                for fill in table.fills:
                    for variables, guard, source in self._sources(fill):
                        found.append(Row(table, fill, variables, guard, source))
                        if len(found) > MOST_ROWS:
                            message = f"{name} has more than {MOST_ROWS} rows"
                            raise Fault(problem("too-many-rows", message, fill.place))
                self.tables[name] = tuple(found)
            finally:
                self._running.pop(name, None)
        return self.tables[name]

    def _sources(self, fill: Any) -> list[tuple[tuple[tuple[str, Any], ...], Any, Any]]:
        """What a fill's rows are made for: variables, guard, and the row or item they stand on."""
        found: list[tuple[tuple[tuple[str, Any], ...], Any, Any]] = []
        if fill.each is None:
            starts: list[tuple[tuple[tuple[str, Any], ...], Any, Any]] = [((), True, None)]
        else:
            tree = fill.each.tree
            frame = Frame(fill.each, fill.scope)
            starts = []
            for item, guard in self.items(tree.over, frame):
                variables = ((tree.variable, item),)
                kept = self._guard(tree.condition, Frame(fill.each, fill.scope, variables), guard)
                if kept is not False:
                    starts.append((variables, kept, item))
        for variables, guard, source in starts:
            kept = self._guard(fill.when.tree, Frame(fill.when, fill.scope, variables), guard) if fill.when else guard
            if kept is not False:
                found.append((variables, kept, source))
        return found

    def _guard(self, condition: Expr | None, frame: Frame, guard: Any) -> Any:
        if condition is None:
            return guard
        return number.both(guard, self._test(self.evaluate(condition, frame)))

    def items(self, over: Expr, frame: Frame) -> list[tuple[Any, Any]]:
        """What an `in` runs over: rows or list items, each with its guard."""
        found = self.evaluate(over, frame)
        if isinstance(found, NotApplicable):
            return []
        if not isinstance(found, tuple):
            message = f"{to_text(over)} is {_brief(found)}, no table and no list"
            raise Fault(problem("not-a-table", message, frame.formula.place(over.span)))
        return [(item, item.guard if isinstance(item, Row) else True) for item in found]

    def cell(self, row: Row, name: str) -> Any:
        """A column of a row."""
        return self._row_column(row, name)

    def unit_of(self, tree: Expr, scope: Scope) -> str:
        """The unit that a formula's value is shown in, as far as its names tell."""
        if isinstance(tree, Name):
            declared = self.program.declarations.get(self.full_name(tree.name, scope))
            return declared.unit if declared is not None else ""
        return "B" if is_byte_formula(tree, self.program, scope) else ""

    def column(self, row: Any, name: str, frame: Frame, tree: Expr) -> Any:
        """A column of a row, a field of a record."""
        if isinstance(row, NotApplicable):
            return row
        if isinstance(row, Row):
            return self._row_column(row, name)
        if isinstance(row, CatalogRow):
            return self._catalog_column(row, name)
        if isinstance(row, dict):
            found = row.get(name)
            return NotApplicable(f"the item has no {name}") if found is None else _frozen(found)
        message = f"{_brief(row)} has no column {name}"
        raise Fault(problem("not-a-row", message, frame.formula.place(tree.span)))

    def _row_column(self, row: Row, name: str) -> Any:
        if name in row.values:
            return row.values[name]
        bound = next((value for variable, value in row.variables if variable == name), None)
        if bound is not None:
            return bound
        if name == "name":
            return row.fill.name
        key = f"{row.table.name}.{name}"
        if (row, name) in self._running_rows:
            raise Fault(problem("cycle", f"{key} needs itself in row {row.label}", row.fill.place))
        self._running_rows.add((row, name))
        try:
            value = self._cell(row, name, key)
        finally:
            self._running_rows.discard((row, name))
        row.values[name] = value
        return value

    @property
    def _running_rows(self) -> set[tuple[Row, str]]:
        running: set[tuple[Row, str]] = self.__dict__.setdefault("running_rows", set())
        return running

    def _cell(self, row: Row, name: str, key: str) -> Any:
        formula = row.fill.cells.get(name)
        declared = row.table.columns.get(name)
        if formula is not None:
            value = self.evaluate(formula.tree, Frame(formula, row.fill.scope, row.variables, row))
            row.formulas[name] = (formula, row.fill.origin)
            if isinstance(value, NotApplicable) and declared is not None and not declared.optional:
                message = f"{key} is needed in row {row.label}, and {value.reason}"
                raise Fault(problem("missing-fact", message, formula.place(), declared.missing))
            return value
        rules = tuple(rule for rule in self.program.candidates.get(key, ()) if rule.per is not None)
        if rules:
            return self._computed(row, name, key, rules)
        if declared is not None and declared.default is not None:
            row.formulas[name] = (declared.default, "default")
            return self.evaluate(declared.default.tree, Frame(declared.default, declared.scope, row.variables, row))
        if declared is not None and not declared.optional:
            reason = f"row {row.label} of {row.table.name} has no {name}"
            return NotApplicable(f"{reason}: {declared.missing}" if declared.missing else reason, missing=True)
        return NotApplicable(f"row {row.label} of {row.table.name} has no {name}")

    def _computed(self, row: Row, name: str, key: str, rules: tuple[Rule, ...]) -> Any:
        applicable = []
        reasons = []
        for rule in rules:
            variables = ((rule.per[0], row),) if rule.per else ()
            holds, why = self._applies(rule, variables)
            (applicable if holds else reasons).append((rule, why))
        if not applicable:
            return NotApplicable("; ".join(why for _, why in reasons))
        first = applicable[0][0]
        if len(applicable) > 1 and (not first.overrides or applicable[1][0].layer == first.layer):
            also = tuple(Label(rule.place, f"and this rule of {rule.origin}") for rule, _ in applicable[1:])
            raise Fault(problem("conflict", f"two rules give {key}", first.place, also=also))
        value, case = self.cases(first, ((first.per[0], row),) if first.per else ())
        if case is not None:
            row.formulas[name] = (case.formula, first.origin)
            row.variables_of[name] = first.per[0] if first.per else ""
        return value

    def catalog(self, kind: str, name: Any, frame: Frame, tree: Expr) -> CatalogRow:
        """The entry of a catalog that a text names."""
        known = self.program.ruleset.resolve(kind, name) if isinstance(name, str) else None
        if known is None:
            hint = self.program.ruleset.near(kind, str(name))
            message = f"no {kind} is called {_brief(name)}"
            raise Fault(problem("unknown-entry", message, frame.formula.place(tree.span), hint))
        if (kind, known) not in self._catalogs:
            self._catalogs[kind, known] = CatalogRow(kind, known)
        return self._catalogs[kind, known]

    def _catalog_column(self, row: CatalogRow, name: str) -> Any:
        if name == "name":
            return row.name
        if name not in row.values:
            kind = self.program.ruleset.kinds[row.kind]
            entry = self.program.ruleset.entry(row.kind, row.name)
            declared = kind.fields.get(name)
            formula = entry.fields.get(name) or (declared.default if declared is not None else None)
            if formula is None:
                return NotApplicable(f"{row.kind} {row.name} gives no {name}")
            scope = Scope(kind.namespace)
            row.values[name] = self.evaluate(formula.tree, Frame(formula, scope, (), row))
        return row.values[name]

    # --- formulas ---------------------------------------------------------------------------------

    def evaluate(self, tree: Expr, frame: Frame, tolerant: bool = False) -> Any:
        """The value of a tree. A value that nothing gives is a fault unless `tolerant`."""
        self.work += 1
        if self.work > MOST_WORK:
            message = f"more than {MOST_WORK} steps of work"
            raise Fault(problem("too-much-work", message, frame.formula.place(tree.span)))
        return _DISPATCH[type(tree)](self, tree, frame, tolerant)

    def _number(self, tree: Number, frame: Frame, tolerant: bool) -> Any:
        return tree.value if tree.unit is None else exact(tree.value * UNITS[tree.unit])

    def _literal(self, tree: Text | Truth, frame: Frame, tolerant: bool) -> Any:
        return tree.value

    def _name(self, tree: Name, frame: Frame, tolerant: bool) -> Any:
        value = self.lookup(tree, frame)
        if isinstance(value, NotApplicable) and value.missing and not tolerant:
            raise self.missing(tree, frame, value)
        return value

    def lookup(self, tree: Name, frame: Frame) -> Any:
        """What a name means here: a row's column, an own field, a table, a quantity."""
        name = tree.name
        if frame.rows or frame.own is not None:
            first, *rest = name.split(".")
            found = frame.row(first)
            if found is None and isinstance(frame.own, Row):
                if frame.scope.table and (first in frame.own.table.columns or frame.own.bound(first) is not None):
                    found = self._row_column(frame.own, first)
            elif found is None and isinstance(frame.own, CatalogRow):
                kind = self.program.ruleset.kinds[frame.own.kind]
                if first in kind.fields or first == "name":
                    found = self._catalog_column(frame.own, first)
            if found is not None:
                for part in rest:
                    found = self.column(found, part, frame, tree)
                return found
        return self._global(self.full_name(name, frame.scope))

    def full_name(self, name: str, scope: Scope) -> str:
        """A bare name of an entry's formula as the quantity that it means."""
        if scope.namespace:
            own = f"{scope.namespace}.{name}"
            if own in self.program.declarations:
                return own
        return name

    def _global(self, name: str) -> Any:
        if name in self.program.tables:
            return self.rows(name)
        if name in self.program.catalogs:
            kind = self.program.catalogs[name].name
            return tuple(
                self._catalogs.setdefault((kind, entry), CatalogRow(kind, entry))
                for entry in self.program.ruleset.names(kind)
            )
        return self.quantity(name)

    def missing(self, tree: Expr, frame: Frame, value: NotApplicable) -> Fault:
        """The problem of a name that nothing gives, with what to do about it."""
        place = frame.formula.place(tree.span)
        if not isinstance(tree, Name):
            return Fault(problem("missing-fact", value.reason, place))
        name = self.full_name(tree.name, frame.scope)
        needs = next(reversed(self._running), "") if self._running else ""
        declared = self.program.declarations.get(name)
        if declared is None and name not in self.program.candidates:
            first = tree.name.partition(".")[0]
            if frame.row(first) is not None:
                return Fault(problem("missing-fact", f"{needs} needs {tree.name}, and {value.reason}", place))
        subject = f"{needs} needs {name}" if needs and needs != name else name
        message = f"{subject}, which nothing gives" if subject != name else f"nothing gives {name}"
        if value.reason not in (f"nothing gives {name}", ""):
            message += f": {value.reason}"
        kind = next((k for k in self.program.ruleset.kinds.values() if self._belongs(name, k)), None)
        hint = f"set it in the scenario under {name}"
        if declared is not None and declared.missing:
            hint = declared.missing
        elif kind is not None:
            hint += f", or choose a {kind.key}"
        return Fault(problem("missing-fact", message, place, hint))

    def _field(self, tree: Field, frame: Frame, tolerant: bool) -> Any:
        value = self.column(self.evaluate(tree.of, frame), tree.name, frame, tree)
        if isinstance(value, NotApplicable) and value.missing and not tolerant:
            raise self.missing(tree, frame, value)
        return value

    def _index(self, tree: Index, frame: Frame, tolerant: bool) -> Any:
        key = self.evaluate(tree.key, frame)
        if isinstance(key, NotApplicable):
            return key
        if isinstance(tree.of, Name) and tree.of.name in self.program.catalogs:
            return self.catalog(self.program.catalogs[tree.of.name].name, key, frame, tree)
        of = self.evaluate(tree.of, frame, tolerant)
        if isinstance(of, NotApplicable):
            return of
        if isinstance(of, dict):
            found = of.get(key)
            return NotApplicable(f"{to_text(tree.of)} has no {key}") if found is None else _frozen(found)
        if isinstance(of, tuple) and type(key) is int:
            if -len(of) <= key < len(of):
                return of[key]
            return NotApplicable(f"{to_text(tree.of)} has {len(of)} items, none at {key}")
        if isinstance(of, tuple) and isinstance(key, str):
            for row in of:
                if isinstance(row, Row) and row.fill.name == key:
                    return row
            return NotApplicable(f"{to_text(tree.of)} has no row {key}")
        message = f"{to_text(tree.of)} has no item {_brief(key)}"
        raise Fault(problem("not-a-table", message, frame.formula.place(tree.span)))

    def _unary(self, tree: Unary, frame: Frame, tolerant: bool) -> Any:
        value = self.evaluate(tree.operand, frame)
        if tree.op == "not":
            return number.negated(self._test(value))
        if isinstance(value, NotApplicable):
            return value
        return self._compute(tree, frame, number.negate, value)

    def _binary(self, tree: Binary, frame: Frame, tolerant: bool) -> Any:
        if tree.op in ("and", "or"):
            return self._logic(tree, frame)
        left, right = self.evaluate(tree.left, frame), self.evaluate(tree.right, frame)
        if tree.op in _COMPARISONS:
            return self._compare(tree, left, right, frame)
        if isinstance(left, NotApplicable):
            return left
        if isinstance(right, NotApplicable):
            return right
        return self._compute(tree, frame, ARITHMETIC[tree.op], left, right)

    def _compute(self, tree: Expr, frame: Frame, function: Callable[..., Any], *operands: Any) -> Any:
        for operand in operands:
            if not isinstance(operand, _NUMERIC) or isinstance(operand, bool):
                message = f"expected a number, found {_brief(operand)}"
                raise Fault(problem("type-clash", message, frame.formula.place(tree.span)))
        try:
            return function(*operands)
        except ZeroDivisionError:
            raise self._arithmetic_fault("division-by-zero", "division by zero", tree, frame) from None
        except Overflow:
            raise self._arithmetic_fault("overflow", "a number beyond all memory", tree, frame) from None
        except ValueError as fault:
            raise self._arithmetic_fault("arithmetic", str(fault), tree, frame) from None

    def _arithmetic_fault(self, code: str, message: str, tree: Expr, frame: Frame) -> Fault:
        rows = ", ".join(f"{name} = {_brief(row)}" for name, row in frame.rows)
        where = f" in {to_text(tree)}" + (f" for {rows}" if rows else "")
        return Fault(problem(code, message + where, frame.formula.place(tree.span)))

    def _logic(self, tree: Binary, frame: Frame) -> Any:
        left = self._test(self.evaluate(tree.left, frame))
        if left is (tree.op == "or"):
            return left
        right = self._test(self.evaluate(tree.right, frame))
        return number.both(left, right) if tree.op == "and" else number.either(left, right)

    def _compare(self, tree: Binary, left: Any, right: Any, frame: Frame) -> Any:
        if isinstance(left, NotApplicable) or isinstance(right, NotApplicable):
            return False
        op = tree.op
        if op in ("in", "not in"):
            found = self._contains(left, right)
            return found if op == "in" else number.negated(found)
        numeric = [isinstance(part, _NUMERIC) and not isinstance(part, bool) for part in (left, right)]
        if all(numeric):
            return number.compare(op, left, right)
        if op in ("==", "!="):
            truths = (bool, Node)
            if isinstance(left, truths) and isinstance(right, truths):
                return number.compare(op, left, right)
            if isinstance(left, Verdict) or isinstance(right, Verdict):
                same = left if right is True else number.negated(left)
                return same if op == "==" else number.negated(same)
            same = type(left) is type(right) and left == right
            return same if op == "==" else not same
        message = f"cannot compare {_brief(left)} with {_brief(right)}"
        raise Fault(problem("type-clash", message, frame.formula.place(tree.span)))

    @staticmethod
    def _contains(item: Any, group: Any) -> Any:
        if isinstance(group, str):
            return isinstance(item, str) and item in group
        if not isinstance(group, tuple):
            return False
        found: Any = False
        for other in group:
            if isinstance(other, Row | CatalogRow):
                other = other.name
            same = number.compare("==", item, other) if isinstance(item, _NUMERIC) and isinstance(other, _NUMERIC) else (
                type(item) is type(other) and item == other
            )
            found = number.either(found, same)
        return found

    def _conditional(self, tree: Conditional, frame: Frame, tolerant: bool) -> Any:
        test = self._test(self.evaluate(tree.test, frame))
        if test is True:
            return self.evaluate(tree.then, frame, tolerant)
        if test is False:
            return self.evaluate(tree.otherwise, frame, tolerant)
        then = self._attempt(tree.then, frame, test)
        otherwise = self._attempt(tree.otherwise, frame, test)
        value = number.choose(test, then, otherwise)
        if isinstance(value, NotApplicable) and value.missing:
            message = f"{value.reason}: {to_text(tree.test)}"
            raise Fault(problem("undecided", message, frame.formula.place(tree.span), "narrow the range"))
        return value

    def _call(self, tree: Call, frame: Frame, tolerant: bool) -> Any:
        if tree.function == "applies":
            return not isinstance(self.evaluate(tree.arguments[0], frame, tolerant=True), NotApplicable)
        if tree.function == "value":
            return self._value(tree, frame, tolerant)
        values = [self.evaluate(part, frame) for part in tree.arguments]
        for value in values:
            if isinstance(value, NotApplicable):
                return value
        if tree.function == "length":
            return len(values[0])
        function = _FUNCTIONS[tree.function]
        if tree.function in ("min", "max"):
            return self._compute(tree, frame, lambda *given: function(list(given)), *values)
        return self._compute(tree, frame, function, *values)

    def _value(self, tree: Call, frame: Frame, tolerant: bool) -> Any:
        value: Any = NotApplicable("nothing was given")
        last = len(tree.arguments) - 1
        for position, part in enumerate(tree.arguments):
            value = self.evaluate(part, frame, tolerant=tolerant or position < last)
            if not isinstance(value, NotApplicable):
                return value
        return value

    def _aggregate(self, tree: Aggregate, frame: Frame, tolerant: bool) -> Any:
        """Over the rows that hold; a row whose guard is open contributes under it."""
        return _AGGREGATES[tree.function](self, tree, self._kept(tree, frame))

    def _kept(self, tree: Aggregate, frame: Frame) -> list[tuple[Frame, Any]]:
        kept = []
        for item, guard in self.items(tree.over, frame):
            inner = frame._replace(rows=(*frame.rows, (tree.variable, item)))
            held = self._guard(tree.condition, inner, guard)
            if held is not False:
                kept.append((inner, held))
        return kept

    def _bodies(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> list[tuple[Frame, Any, Any]]:
        found = []
        for frame, held in kept:
            value = self.evaluate(tree.body, frame) if held is True else self._attempt(tree.body, frame, held)
            if not isinstance(value, NotApplicable):
                found.append((frame, held, value))
        return found

    def _fold(self, tree: Aggregate, kept: list[tuple[Frame, Any]], start: Any, function: Callable[..., Any]) -> Any:
        total = start
        for frame, held, value in self._bodies(tree, kept):
            part = value if held is True else number.choose(held, value, start)
            total = self._compute(tree, frame, function, total, part)
        return total

    def _sum(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
        return self._fold(tree, kept, 0, number.add)

    def _product(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
        return self._fold(tree, kept, 1, number.multiply)

    def _extreme(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
        pick = number.maximum if tree.function == "max" else number.minimum
        found: Any = None
        for frame, held, value in self._bodies(tree, kept):
            if found is None and held is not True:
                if not self._hold(held, tree, frame):
                    continue
                held = True
            both = value if found is None else self._compute(tree, frame, lambda a, b: pick([a, b]), found, value)
            found = both if held is True else number.choose(held, both, found)
        return NotApplicable(f"{to_text(tree.over)} has no rows here") if found is None else found

    def _hold(self, held: Any, tree: Expr, frame: Frame) -> bool:
        if isinstance(held, Verdict):
            message = "ranges leave open whether the row exists"
            raise Fault(problem("undecided", message, frame.formula.place(tree.span)))
        return number.decide(held)

    def _count(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
        total: Any = 0
        for _, held in kept:
            total = number.add(total, 1 if held is True else number.choose(held, 1, 0))
        return total

    def _any(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
        found: Any = False
        for frame, held in kept:
            found = number.either(found, number.both(held, self._test(self.evaluate(tree.body, frame))))
        return found

    def _all(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
        found: Any = True
        for frame, held in kept:
            test = self._test(self.evaluate(tree.body, frame))
            found = number.both(found, number.either(number.negated(held), test))
        return found

    def _first(self, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
        for frame, held in kept:
            if held is True or self._hold(held, tree, frame):
                return self.evaluate(tree.body, frame)
        return NotApplicable(f"{to_text(tree.over)} has no such row")


def is_byte_formula(tree: Expr, program: Program, scope: Scope) -> bool:
    """Whether the static type of a formula of quantities is bytes."""
    faults: list[Any] = []
    return check(tree, _Types(program, scope), {}, faults).bytes == 1


class _Types:
    """The types of a program's quantities, for the units of what is shown."""

    def __init__(self, program: Program, scope: Scope) -> None:
        self.program = program
        self.scope = scope

    def quantity(self, name: str) -> Type | None:
        for full in (f"{self.scope.namespace}.{name}", name):
            declared = self.program.declarations.get(full)
            if declared is not None:
                return declared.type
        return ANY

    def column(self, table: str, name: str) -> Type | None:
        return ANY

    def near(self, name: str, table: str = "") -> str:
        return ""


def out_of_bounds(declared: Declaration, value: Any) -> str:
    """How a value breaks what its declaration allows, or ""."""
    if declared.one_of and isinstance(value, str) and value not in declared.one_of:
        return f'is "{value}", expected one of {", ".join(declared.one_of)}'
    for end in (number.low(value), number.high(value)):
        if isinstance(end, bool | str | Node | tuple | dict) or not isinstance(end, int | Fraction):
            continue
        if declared.integer and not isinstance(end, int):
            return f"is {_brief(end)}, expected a whole number"
        if declared.minimum is not None and end < declared.minimum:
            return f"is {_brief(end)}, expected at least {declared.minimum}"
        if declared.below is not None and end > declared.below:
            return f"is {_brief(end)}, expected at most {declared.below}"
    return ""


def _frozen(value: Any) -> Any:
    """A value of a record as formulas hold it: exact numbers, lists as tuples."""
    if isinstance(value, float):
        return exact(Fraction(repr(value)))
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value


def _brief(value: Any) -> str:
    if isinstance(value, Row | CatalogRow):
        return value.label
    if isinstance(value, Fraction):
        return str(value) if value.denominator < 10**6 else f"{float(value):.6g}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Range):
        return f"{_brief(value.low)} .. {_brief(value.high)}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_brief(item) for item in value[:6]) + (", ...]" if len(value) > 6 else "]")
    return str(value)


brief = _brief
frozen = _frozen
_NUMERIC = (int, Fraction, Range, Node)
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">=", "in", "not in"}


def _interval(a: Any, b: Any) -> Any:
    bottom, top = number.low(a), number.high(b)
    backwards = number.compare(">", bottom, top)
    if not isinstance(backwards, Node) and backwards:
        raise ValueError(f"a range that ends ({_brief(top)}) before it begins ({_brief(bottom)})")
    return Range(bottom, top)


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": number.add,
    "-": number.subtract,
    "*": number.multiply,
    "/": number.divide,
    "//": number.floor_divide,
    "%": number.modulo,
    "**": number.power,
    "..": _interval,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": number.minimum,
    "max": number.maximum,
    "ceil": number.ceil,
    "floor": number.floor,
    "round_up": number.round_up,
    "ceil_div": number.ceil_divide,
    "sqrt": number.square_root,
}
_DISPATCH: dict[type, Callable[..., Any]] = {
    Number: Evaluation._number,
    Text: Evaluation._literal,
    Truth: Evaluation._literal,
    Name: Evaluation._name,
    Field: Evaluation._field,
    Index: Evaluation._index,
    Unary: Evaluation._unary,
    Binary: Evaluation._binary,
    Conditional: Evaluation._conditional,
    Call: Evaluation._call,
    Aggregate: Evaluation._aggregate,
}
_AGGREGATES: dict[str, Callable[..., Any]] = {
    "sum": Evaluation._sum,
    "product": Evaluation._product,
    "max": Evaluation._extreme,
    "min": Evaluation._extreme,
    "count": Evaluation._count,
    "any": Evaluation._any,
    "all": Evaluation._all,
    "first": Evaluation._first,
}
