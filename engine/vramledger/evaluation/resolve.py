"""Where a quantity's value comes from: a fact, the one rule in force, a default, or nothing, each with its why."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vramledger.evaluation.blame import blame, blamed
from vramledger.evaluation.brief import brief, frozen, unlike
from vramledger.evaluation.choice import choose
from vramledger.evaluation.facts import Given
from vramledger.evaluation.frame import NO_ROWS, Fault, Frame, Resolution, framed
from vramledger.evaluation.interpret import attempt, decided, evaluate, truth
from vramledger.evaluation.logic import compare
from vramledger.evaluation.residual import Node
from vramledger.evaluation.values import NotApplicable, Range, high, low
from vramledger.language.printing import to_text
from vramledger.language.syntax import Conditional, Name, walk
from vramledger.problems import Label, nearest, problem
from vramledger.rules.model import Case, Declaration, Formula, Rule

if TYPE_CHECKING:
    from vramledger.evaluation.evaluate import Evaluation
    from vramledger.evaluation.tables import Row


def resolve(ev: Evaluation, name: str) -> tuple[Any, Resolution]:
    given = ev.facts.values.get(name)
    if given is not None:
        beaten = tuple(ev.program.candidates.get(name, ()))
        return fact(ev, name, given), Resolution("fact", given.place, why=given.why, beaten=beaten)
    if name in ev.program.values:
        found = frozen(ev.program.values[name])
        return found, Resolution("selection", ev.place(name), why="the selected entry gives it")
    record = ev.program.record(name)
    if record is not None:
        return read_record(ev, record, name)
    declared = ev.program.declarations.get(name)
    rules = tuple(rule for rule in ev.program.candidates.get(name, ()) if rule.per is None)
    reason = None
    if rules:
        found = in_force(ev, name, rules)
        if not isinstance(found, NotApplicable):
            return value_by(ev, *found)
        reason = found
    if declared is not None and declared.default is not None:
        frame = Frame(declared.default, declared.scope)
        why = "the default"
        value = blamed(ev, frame)
        place = declared.default.place()
        return value, Resolution("default", place, formula=declared.default, scope=declared.scope, why=why)
    return nothing(ev, name, declared, reason)


def fact(ev: Evaluation, name: str, given: Given) -> Any:
    if ev.graph is None or not given.varies:
        return given.value
    if type(given.value) is Range:
        ends = ((":low", given.value.low), (":high", given.value.high))
        return Range(*(ev.graph.fact(name + end, isinstance(value, int), value >= 0) for end, value in ends))
    return ev.graph.fact(name, isinstance(given.value, int), given.value >= 0)


def read_record(ev: Evaluation, record: str, name: str) -> tuple[Any, Resolution]:
    """A field of a record: what it holds, or not applicable where it is absent or null."""
    ev.reads.add(record)
    place, why = ev.facts.record_places.get(record), f"read from {record}"
    value: Any = ev.facts.records.get(record)
    if value is None:
        value = ev.program.values.get(record)
        giver = next((entry for entry in ev.program.entries.values() if record in entry.records), None)
        place, why = (giver.place, f"{giver.kind} {giver.name} gives it") if giver is not None else (None, why)
    known: Any = value
    for part in name.split(".")[1:]:
        known = known.get(part) if isinstance(known, dict) else None
    resolution = Resolution("selection", place, why=why)
    if known is None:
        given = [*(value or {}), *(key.removeprefix(f"{record}.") for key in ev.facts.values)]
        return NotApplicable(lambda: absent(record, name.partition(".")[2], given)), resolution
    return frozen(known), resolution


def absent(record: str, field: str, given: list[str]) -> str:
    """Why a field of a record is not applicable, with what is near it."""
    near = nearest(field, given)
    return f"{record} gives no {field}" + (f" ({near})" if near else "")


def nothing(
    ev: Evaluation, name: str, declared: Declaration | None, reason: NotApplicable | None
) -> tuple[Any, Resolution]:
    """What a quantity is that nothing gives: not applicable, or missing where it is needed."""
    nowhere = Resolution("nothing", declared.place if declared is not None else None)
    if reason is not None:
        return reason, nowhere
    if declared is not None:
        kind = ev.program.kind_of(name)
        if kind is not None:
            ev.reads.add(kind.selector)
        if kind is not None and kind.name not in ev.program.entries:
            missing = bool(kind.missing) and not declared.optional
            return NotApplicable(f"no {kind.name} is chosen", missing), nowhere
        if any(kind.selector == name for kind in ev.program.ruleset.kinds.values()):
            return NotApplicable(f"no {declared.entry} is chosen", bool(declared.missing)), nowhere
        return NotApplicable(f"nothing gives {name}", not declared.optional, declared.missing), nowhere
    return NotApplicable(f"nothing gives {name}", missing=True), nowhere


def in_force(
    ev: Evaluation, name: str, rules: tuple[Rule, ...], row: Row | None = None
) -> tuple[Rule, tuple[Rule, ...]] | NotApplicable:
    """The one rule in force and those it beat, or why none applies. Two that apply without an override are a fault."""
    applicable = [rule for rule in rules if applies(ev, rule, rows_for(rule, row))]
    if not applicable:
        return NotApplicable(lambda: "; ".join(dict.fromkeys(why_not(ev, rule, rows_for(rule, row)) for rule in rules)))
    first, *others = applicable
    if others and (not first.overrides or others[0].layer == first.layer):
        also = tuple(Label(rule.place, f"and this rule of {rule.origin}") for rule in others)
        hint = "let their `when` exclude each other, or say `overrides: true` in the one that shall win"
        raise Fault(problem("conflict", f"two rules give {name}", first.place, hint, also=also))
    return first, tuple(others)


def rows_for(rule: Rule, row: Row | None) -> Mapping[str, Any]:
    """What the rule's variable stands for, where it computes a column."""
    return {rule.per[0]: row} if rule.per is not None and row is not None else NO_ROWS


def applies(ev: Evaluation, rule: Rule, rows: Mapping[str, Any]) -> bool:
    """Whether the rule's `when` holds."""
    return rule.when is None or decided(ev, rule.when.tree, framed((rule.when, rule.scope, rows, None)))


def why_not(ev: Evaluation, rule: Rule, rows: Mapping[str, Any]) -> str:
    """Why a rule does not apply: its `when`, and what its names are."""
    assert rule.when is not None
    return f"{to_text(rule.when.tree)} does not hold ({facts_of(ev, rule.when, Frame(rule.when, rule.scope, rows))})"


def facts_of(ev: Evaluation, formula: Formula, frame: Frame) -> str:
    """The names of a test with their values, for a reason."""
    shown = []
    for part in walk(formula.tree):
        if isinstance(part, Name):
            try:
                value = evaluate(ev, part, frame, tolerant=True)
                text = f'"{value}"' if isinstance(value, str) else brief(value)
            except (Fault, RecursionError):
                continue  # a test may have passed it over
            shown.append(f"{part.name} is {text}")
    return ", ".join(dict.fromkeys(shown)) or "never"


def value_by(ev: Evaluation, rule: Rule, beaten: tuple[Rule, ...]) -> tuple[Any, Resolution]:
    """The value that a rule gives, and which of its cases."""
    value, case = cases(ev, rule)
    if case is None:
        return value, Resolution("nothing", rule.place, rule, beaten=beaten)
    return value, Resolution("rule", rule.place, rule, case, case.formula, rule.scope, "", beaten)


def cases(ev: Evaluation, rule: Rule, rows: Mapping[str, Any] = NO_ROWS, start: int = 0) -> tuple[Any, Case | None]:
    """The value of a rule's first case that holds, and that case."""
    for position in range(start, len(rule.cases)):
        case = rule.cases[position]
        frame = framed((case.formula, rule.scope, rows, None))
        if case.when is None:
            return blamed(ev, frame), case
        test = truth(ev, case.when.tree, framed((case.when, rule.scope, rows, None)))
        if test is True:
            return evaluate(ev, case.formula.tree, frame), case
        if test is False:
            continue
        then = attempt(ev, case.formula.tree, frame, test)
        otherwise, last = cases(ev, rule, rows, position + 1)
        return choose(test, then, otherwise), case if last is None else _open(case, last)
    return NotApplicable(f"no case of {rule.name} holds"), None


def _open(case: Case, last: Case) -> Case:
    """Two cases between which a test does not decide, as one formula."""
    assert case.when is not None
    tree = Conditional(case.formula.tree, case.when.tree, last.formula.tree)
    return Case(None, Formula(case.formula.scalar, tree, text=to_text(tree)), case.says)


def refuse(ev: Evaluation, declared: Declaration, value: Any) -> None:
    """Has compiled code leave to the interpreter what breaks a declaration's bounds."""
    for end in (low(value), high(value)) if ev.graph is not None else ():
        if not isinstance(end, Node):
            continue
        tests = [compare("<", end, declared.minimum)] if declared.minimum is not None else []
        tests += [compare(">", end, declared.below)] if declared.below is not None else []
        tests += [end.graph.test("fraction", end)] if declared.integer and not end.whole else []
        end.graph.refused.update(test for test in tests if isinstance(test, Node))


def checked(ev: Evaluation, declared: Declaration, value: Any, resolution: Resolution) -> Any:
    """The value, once it keeps what its declaration promises; a needed field that nothing gives is missing."""
    place = resolution.place or declared.place
    if isinstance(value, NotApplicable):
        needed = not declared.optional and declared.scope.namespace and resolution.kind in ("default", "rule")
        return NotApplicable(value.reason, missing=True) if needed else value
    if declared.unit == "B" and resolution.kind != "fact":
        for end in (low(value), high(value)):
            if isinstance(end, Fraction) and end.denominator != 1:
                message = f"{declared.name} comes to {brief(end)} B, which is not whole"
                raise Fault(problem("fraction-of-a-byte", message, place, "round it where it arises: ceil(...)"))
    if resolution.kind != "fact":
        refuse(ev, declared, value)
        code, found = unlike(declared, value)
        if found:
            formula = resolution.formula
            message = f"{declared.name} {found}"
            if formula is None:
                raise Fault(problem(code, message, place))
            raise Fault(blame(ev, code, message, formula, place, resolution.scope, NO_ROWS))
    return value
