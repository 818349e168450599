"""Formulas to values: one small function a kind of node, dispatched by class."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import TYPE_CHECKING, Any

from vramledger.evaluation import arithmetic as number
from vramledger.evaluation.arithmetic import Overflow, Undecided
from vramledger.evaluation.brief import brief, frozen
from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.residual import Node
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
)
from vramledger.problems import problem
from vramledger.rules.model import Scope

if TYPE_CHECKING:
    from vramledger.evaluation.evaluate import Evaluation

MOST_WORK = 3_000_000
_NUMERIC = (int, Fraction, Range, Node)
_LARGEST = 2**number.MOST_BITS
_SIMPLE = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge, "+": add, "-": sub, "*": mul}
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">=", "in", "not in"}


def evaluate(ev: Evaluation, tree: Expr, frame: Frame, tolerant: bool = False) -> Any:
    """The value of a tree. A value that nothing gives is a fault unless `tolerant`."""
    ev.work += 1
    if ev.work > MOST_WORK:
        message = f"more than {MOST_WORK} steps of work"
        raise Fault(problem("too-much-work", message, frame.formula.place(tree.span)))
    return _DISPATCH[type(tree)](ev, tree, frame, tolerant)


def literal_number(ev: Evaluation, tree: Number, frame: Frame, tolerant: bool) -> Any:
    return tree.value if tree.unit is None else exact(tree.value * UNITS[tree.unit])


def literal(ev: Evaluation, tree: Text | Truth, frame: Frame, tolerant: bool) -> Any:
    return tree.value


def name(ev: Evaluation, tree: Name, frame: Frame, tolerant: bool) -> Any:
    value = lookup(ev, tree, frame)
    if isinstance(value, NotApplicable) and value.missing and not tolerant:
        raise missing(ev, tree, frame, value)
    return value


def lookup(ev: Evaluation, tree: Name, frame: Frame) -> Any:
    """What a name means here: a row's column, an own field, a table, a quantity."""
    name = tree.name
    if frame.rows or frame.own is not None:
        first, dot, below = name.partition(".")
        found = frame.rows.get(first)
        if found is None and isinstance(frame.own, Row):
            if frame.scope.table and (first in frame.own.table.columns or frame.own.bound(first) is not None):
                found = ev.cell(frame.own, first)
        elif found is None and isinstance(frame.own, CatalogRow):
            kind = ev.program.ruleset.kinds[frame.own.kind]
            if first in kind.fields or first == "name":
                found = ev.catalog_column(frame.own, first)
        if found is not None:
            for part in below.split(".") if dot else ():
                found = ev.column(found, part, frame, tree)
            return found
    if not frame.scope.namespace and name in ev.values:
        return ev.values[name]
    return global_value(ev, full_name(ev, name, frame.scope))


def missing(ev: Evaluation, tree: Expr, frame: Frame, value: NotApplicable) -> Fault:
    """The problem of a name that nothing gives, with what to do about it."""
    place = frame.formula.place(tree.span)
    if not isinstance(tree, Name):
        return Fault(problem("missing-fact", value.reason, place))
    name = full_name(ev, tree.name, frame.scope)
    needs = next(reversed(ev.running), "") if ev.running else ""
    declared = ev.program.declarations.get(name)
    if declared is None and name not in ev.program.candidates:
        first = tree.name.partition(".")[0]
        if frame.rows.get(first) is not None:
            return Fault(problem("missing-fact", f"{needs} needs {tree.name}, and {value.reason}", place))
    subject = f"{needs} needs {name}" if needs and needs != name else name
    message = f"{subject}, which nothing gives" if subject != name else f"nothing gives {name}"
    if value.reason not in (f"nothing gives {name}", ""):
        message += f": {value.reason}"
    kind = ev.program.kind_of(name)
    hint = f"set it in the scenario under {name}"
    if declared is not None and declared.missing:
        hint = declared.missing
    elif kind is not None:
        hint += f", or choose a {kind.key}"
    return Fault(problem("missing-fact", message, place, hint))


def field(ev: Evaluation, tree: Field, frame: Frame, tolerant: bool) -> Any:
    value = ev.column(evaluate(ev, tree.of, frame), tree.name, frame, tree)
    if isinstance(value, NotApplicable) and value.missing and not tolerant:
        raise missing(ev, tree, frame, value)
    return value


def index(ev: Evaluation, tree: Index, frame: Frame, tolerant: bool) -> Any:
    key = evaluate(ev, tree.key, frame)
    if isinstance(key, NotApplicable):
        return key
    if isinstance(tree.of, Name) and tree.of.name in ev.program.catalogs:
        return ev.catalog(ev.program.catalogs[tree.of.name].name, key, frame, tree)
    of = evaluate(ev, tree.of, frame, tolerant)
    if isinstance(of, NotApplicable):
        return of
    if isinstance(of, dict):
        found = of.get(key)
        return NotApplicable(f"{to_text(tree.of)} has no {key}") if found is None else frozen(found)
    if isinstance(of, tuple) and type(key) is int:
        if -len(of) <= key < len(of):
            return of[key]
        return NotApplicable(f"{to_text(tree.of)} has {len(of)} items, none at {key}")
    if isinstance(of, tuple) and isinstance(key, str):
        for row in of:
            if isinstance(row, Row) and row.fill.name == key:
                return row
        return NotApplicable(f"{to_text(tree.of)} has no row {key}")
    message = f"{to_text(tree.of)} has no item {brief(key)}"
    raise Fault(problem("not-a-table", message, frame.formula.place(tree.span)))


def unary(ev: Evaluation, tree: Unary, frame: Frame, tolerant: bool) -> Any:
    value = evaluate(ev, tree.operand, frame)
    if tree.op == "not":
        return number.negated(as_test(value))
    if isinstance(value, NotApplicable):
        return value
    return compute(ev, tree, frame, number.negate, value)


def binary(ev: Evaluation, tree: Binary, frame: Frame, tolerant: bool) -> Any:
    if tree.op in ("and", "or"):
        return logic(ev, tree, frame)
    left, right = evaluate(ev, tree.left, frame), evaluate(ev, tree.right, frame)
    if type(left) is int and type(right) is int and tree.op in _SIMPLE:
        found = _SIMPLE[tree.op](left, right)  # the common case, without the care that ranges and nodes need
        if type(found) is bool or -_LARGEST < found < _LARGEST:
            return found
    if tree.op in _COMPARISONS:
        return comparison(ev, tree, left, right, frame)
    if isinstance(left, NotApplicable):
        return left
    if isinstance(right, NotApplicable):
        return right
    return compute(ev, tree, frame, ARITHMETIC[tree.op], left, right)


def compute(ev: Evaluation, tree: Expr, frame: Frame, function: Callable[..., Any], *operands: Any) -> Any:
    for operand in operands:
        if not isinstance(operand, _NUMERIC) or isinstance(operand, bool):
            message = f"expected a number, found {brief(operand)}"
            raise Fault(problem("type-clash", message, frame.formula.place(tree.span)))
    try:
        return function(*operands)
    except ZeroDivisionError:
        raise arithmetic_fault(ev, "division-by-zero", "division by zero", tree, frame) from None
    except Overflow:
        raise arithmetic_fault(ev, "overflow", "a number beyond all memory", tree, frame) from None
    except ValueError as fault:
        raise arithmetic_fault(ev, "arithmetic", str(fault), tree, frame) from None


def arithmetic_fault(ev: Evaluation, code: str, message: str, tree: Expr, frame: Frame) -> Fault:
    rows = ", ".join(f"{name} = {brief(row)}" for name, row in frame.rows.items())
    where = f" in {to_text(tree)}" + (f" for {rows}" if rows else "")
    return Fault(problem(code, message + where, frame.formula.place(tree.span)))


def logic(ev: Evaluation, tree: Binary, frame: Frame) -> Any:
    left = as_test(evaluate(ev, tree.left, frame))
    if left is (tree.op == "or"):
        return left
    right = as_test(evaluate(ev, tree.right, frame))
    return number.both(left, right) if tree.op == "and" else number.either(left, right)


def as_test(value: Any) -> Any:
    return False if isinstance(value, NotApplicable) else value


def comparison(ev: Evaluation, tree: Binary, left: Any, right: Any, frame: Frame) -> Any:
    if isinstance(left, NotApplicable) or isinstance(right, NotApplicable):
        return False
    op = tree.op
    if op in ("in", "not in"):
        found = contains(left, right)
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
    message = f"cannot compare {brief(left)} with {brief(right)}"
    raise Fault(problem("type-clash", message, frame.formula.place(tree.span)))


def contains(item: Any, group: Any) -> Any:
    if isinstance(group, str):
        return isinstance(item, str) and item in group
    if not isinstance(group, tuple):
        return False
    found: Any = False
    for part in group:
        other = part.name if isinstance(part, Row | CatalogRow) else part
        same = (
            number.compare("==", item, other)
            if isinstance(item, _NUMERIC) and isinstance(other, _NUMERIC)
            else (type(item) is type(other) and item == other)
        )
        found = number.either(found, same)
    return found


def conditional(ev: Evaluation, tree: Conditional, frame: Frame, tolerant: bool) -> Any:
    test = as_test(evaluate(ev, tree.test, frame))
    if test is True:
        return evaluate(ev, tree.then, frame, tolerant)
    if test is False:
        return evaluate(ev, tree.otherwise, frame, tolerant)
    then = attempt(ev, tree.then, frame, test)
    otherwise = attempt(ev, tree.otherwise, frame, test)
    value = number.choose(test, then, otherwise)
    if isinstance(value, NotApplicable) and value.missing:
        message = f"{value.reason}: {to_text(tree.test)}"
        raise Fault(problem("undecided", message, frame.formula.place(tree.span), "narrow the range"))
    return value


def attempt(ev: Evaluation, tree: Expr, frame: Frame, test: Any) -> Any:
    """A branch that may not be taken: a fault in it counts only once it is."""
    try:
        return evaluate(ev, tree, frame)
    except Fault:
        if isinstance(test, Node):
            raise Undecided(test) from None
        raise


def call(ev: Evaluation, tree: Call, frame: Frame, tolerant: bool) -> Any:
    if tree.function == "applies":
        return not isinstance(evaluate(ev, tree.arguments[0], frame, tolerant=True), NotApplicable)
    if tree.function == "value":
        return value_call(ev, tree, frame, tolerant)
    values = [evaluate(ev, part, frame) for part in tree.arguments]
    for value in values:
        if isinstance(value, NotApplicable):
            return value
    if tree.function == "length":
        return len(values[0])
    if tree.function == "not_applicable":
        return NotApplicable(values[0])
    function = _FUNCTIONS[tree.function]
    if tree.function in ("min", "max"):
        return compute(ev, tree, frame, lambda *given: function(list(given)), *values)
    return compute(ev, tree, frame, function, *values)


def value_call(ev: Evaluation, tree: Call, frame: Frame, tolerant: bool) -> Any:
    value: Any = NotApplicable("nothing was given")
    last = len(tree.arguments) - 1
    for position, part in enumerate(tree.arguments):
        value = evaluate(ev, part, frame, tolerant=tolerant or position < last)
        if not isinstance(value, NotApplicable):
            return value
    return value


def aggregate(ev: Evaluation, tree: Aggregate, frame: Frame, tolerant: bool) -> Any:
    """Over the rows that hold; a row whose guard is open contributes under it."""
    return _AGGREGATES[tree.function](ev, tree, kept_rows(ev, tree, frame))


def kept_rows(ev: Evaluation, tree: Aggregate, frame: Frame) -> list[tuple[Frame, Any]]:
    kept = []
    for item, guard in items(ev, tree.over, frame):
        inner = Frame(frame.formula, frame.scope, {**frame.rows, tree.variable: item}, frame.own)
        held = held_under(ev, tree.condition, inner, guard)
        if held is not False:
            kept.append((inner, held))
    return kept


def bodies(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> list[tuple[Frame, Any, Any]]:
    found = []
    for frame, held in kept:
        value = evaluate(ev, tree.body, frame) if held is True else attempt(ev, tree.body, frame, held)
        if not isinstance(value, NotApplicable):
            found.append((frame, held, value))
    return found


def fold(
    ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]], start: Any, function: Callable[..., Any]
) -> Any:
    total = start
    for frame, held, value in bodies(ev, tree, kept):
        part = value if held is True else number.choose(held, value, start)
        total = compute(ev, tree, frame, function, total, part)
    return total


def sum_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    return fold(ev, tree, kept, 0, number.add)


def product_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    return fold(ev, tree, kept, 1, number.multiply)


def extreme_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    pick = number.maximum if tree.function == "max" else number.minimum
    found: Any = None
    for frame, held, value in bodies(ev, tree, kept):
        if found is None:
            found = value if held is True or must_hold(ev, held, tree, frame) else None
            continue
        both = compute(ev, tree, frame, lambda a, b: pick([a, b]), found, value)
        found = both if held is True else number.choose(held, both, found)
    return NotApplicable(f"{to_text(tree.over)} has no rows here") if found is None else found


def must_hold(ev: Evaluation, held: Any, tree: Expr, frame: Frame) -> bool:
    if isinstance(held, Verdict):
        message = "ranges leave open whether the row exists"
        raise Fault(problem("undecided", message, frame.formula.place(tree.span)))
    return number.decide(held)


def count_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    total: Any = 0
    for _, held in kept:
        total = number.add(total, 1 if held is True else number.choose(held, 1, 0))
    return total


def any_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    found: Any = False
    for frame, held in kept:
        found = number.either(found, number.both(held, as_test(evaluate(ev, tree.body, frame))))
    return found


def all_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    found: Any = True
    for frame, held in kept:
        test = as_test(evaluate(ev, tree.body, frame))
        found = number.both(found, number.either(number.negated(held), test))
    return found


def first_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    for frame, held in kept:
        if held is True or must_hold(ev, held, tree, frame):
            return evaluate(ev, tree.body, frame)
    return NotApplicable(f"{to_text(tree.over)} has no such row")


def items(ev: Evaluation, over: Expr, frame: Frame) -> list[tuple[Any, Any]]:
    """What an `in` runs over: rows or list items, each with its guard."""
    found = evaluate(ev, over, frame)
    if isinstance(found, NotApplicable):
        return []
    if not isinstance(found, tuple):
        message = f"{to_text(over)} is {brief(found)}, no table and no list"
        raise Fault(problem("not-a-table", message, frame.formula.place(over.span)))
    return [(item, item.guard if isinstance(item, Row) else True) for item in found]


def held_under(ev: Evaluation, condition: Expr | None, frame: Frame, guard: Any) -> Any:
    if condition is None:
        return guard
    test = as_test(evaluate(ev, condition, frame))
    return test if guard is True else number.both(guard, test)


def full_name(ev: Evaluation, name: str, scope: Scope) -> str:
    """A bare name of an entry's formula as the quantity that it means."""
    if scope.namespace:
        own = f"{scope.namespace}.{name}"
        if own in ev.program.declarations:
            return own
    return name


def global_value(ev: Evaluation, name: str) -> Any:
    if name in ev.program.tables:
        return ev.rows(name)
    if name in ev.program.catalogs:
        kind = ev.program.catalogs[name].name
        return tuple(
            ev.catalogs.setdefault((kind, entry), CatalogRow(kind, entry)) for entry in ev.program.ruleset.names(kind)
        )
    return ev.quantity(name)


def decided(ev: Evaluation, tree: Expr, frame: Frame) -> bool:
    """A test that must fall one way; ranges that leave it open are a problem."""
    value = evaluate(ev, tree, frame)
    if isinstance(value, Verdict):
        if isinstance(value.certain, Node) or isinstance(value.possible, Node):
            if number.decide(value.certain):
                return True
            if not number.decide(value.possible):
                return False
        message = f"ranges leave open whether {to_text(tree)}"
        raise Fault(problem("undecided", message, frame.formula.place(tree.span), "narrow the range"))
    return False if isinstance(value, NotApplicable) else number.decide(value)


def _interval(a: Any, b: Any) -> Any:
    bottom, top = number.low(a), number.high(b)
    backwards = number.compare(">", bottom, top)
    if not isinstance(backwards, Node) and backwards:
        raise ValueError(f"a range that ends ({brief(top)}) before it begins ({brief(bottom)})")
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
    "sqrt": number.decided_root,
}
_DISPATCH: dict[type, Callable[..., Any]] = {
    Number: literal_number,
    Text: literal,
    Truth: literal,
    Name: name,
    Field: field,
    Index: index,
    Unary: unary,
    Binary: binary,
    Conditional: conditional,
    Call: call,
    Aggregate: aggregate,
}
_AGGREGATES: dict[str, Callable[..., Any]] = {
    "sum": sum_of,
    "product": product_of,
    "max": extreme_of,
    "min": extreme_of,
    "count": count_of,
    "any": any_of,
    "all": all_of,
    "first": first_of,
}
