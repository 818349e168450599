"""Formulas to values: one small function a kind of node, dispatched by class."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import TYPE_CHECKING, Any

from vramledger.evaluation import arithmetic as number
from vramledger.evaluation.arithmetic import Undecided
from vramledger.evaluation.blame import blame
from vramledger.evaluation.brief import brief, frozen, width
from vramledger.evaluation.choice import choose
from vramledger.evaluation.frame import Fault, Frame, framed
from vramledger.evaluation.logic import both, either, is_test, negated
from vramledger.evaluation.names import lookup, missing
from vramledger.evaluation.operators import ARITHMETIC, FUNCTIONS, TEXT_FUNCTIONS, comparison, compute
from vramledger.evaluation.residual import Node, TooLarge
from vramledger.evaluation.tables import Row
from vramledger.evaluation.values import NotApplicable, Range, Verdict, exact, high, low
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
from vramledger.problems import Place, problem
from vramledger.rules.model import Formula

if TYPE_CHECKING:
    from vramledger.evaluation.evaluate import Evaluation

_BITS, _SIGNS = 64, 1000  # of a quotient and of a text that are worth a step
_LARGEST = 2**number.MOST_BITS
_SIMPLE = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge, "+": add, "-": sub, "*": mul}
_SAME = {"==": eq, "!=": ne}
_LOGIC = ("and", "or")
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">=", "in", "not in"}


def evaluate(ev: Evaluation, tree: Expr, frame: Frame, tolerant: bool = False) -> Any:
    """The value of a tree. A value that nothing gives is a fault unless `tolerant`."""
    ev.work += 1
    if ev.work > ev.most:
        ev.spend(0, lambda: _place(tree, frame))
    return _DISPATCH[type(tree)](ev, tree, frame, tolerant)


def _place(tree: Expr, frame: Frame) -> Place:
    found: Place = frame.formula.place(tree.span)
    return found


def literal_number(ev: Evaluation, tree: Number, frame: Frame, tolerant: bool) -> Any:
    return tree.value if tree.unit is None else exact(tree.value * UNITS[tree.unit])


def literal(ev: Evaluation, tree: Text | Truth, frame: Frame, tolerant: bool) -> Any:
    return tree.value


def name(ev: Evaluation, tree: Name, frame: Frame, tolerant: bool) -> Any:
    value = lookup(ev, tree, frame)
    if type(value) is NotApplicable and value.missing and not tolerant:
        raise missing(ev, tree, frame, value)
    return value


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
        ev.spend(width(found), lambda: _place(tree, frame))
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
    if tree.op == "not":
        return negated(truth(ev, tree.operand, frame))
    value = evaluate(ev, tree.operand, frame)
    if isinstance(value, NotApplicable):
        return value
    return compute(tree, frame, number.negate, value)


def binary(ev: Evaluation, tree: Binary, frame: Frame, tolerant: bool) -> Any:
    op, one, two, _ = tree
    if op in _LOGIC:
        return logic(ev, tree, frame)
    ev.work += 2  # what evaluate() would note, at a third of the time
    left = _DISPATCH[type(one)](ev, one, frame, False)
    right = two.value if type(two) is Text else _DISPATCH[type(two)](ev, two, frame, False)
    # the common cases, without the care that ranges and nodes need
    if type(left) is int and type(right) is int and op in _SIMPLE:
        found = _SIMPLE[op](left, right)
        if type(found) is bool or -_LARGEST < found < _LARGEST:
            return found
    elif type(left) is str and type(right) is str and op in _SAME:
        return _SAME[op](left, right)
    if op in _COMPARISONS:
        if isinstance(right, tuple | str):
            ev.spend(len(right) // (_SIGNS if isinstance(right, str) else 1), lambda: _place(tree, frame))
        return comparison(tree, left, right, frame)
    if isinstance(left, NotApplicable):
        return left
    if isinstance(right, NotApplicable):
        return right
    found = compute(tree, frame, ARITHMETIC[op], left, right)
    return weighed(ev, tree, frame, found)


def weighed(ev: Evaluation, tree: Expr, frame: Frame, value: Any) -> Any:
    """A number, once its size is noted as work: long quotients cost many times what short ones do."""
    end = low(value)
    if type(end) is Fraction:
        ev.spend(end.denominator.bit_length() // _BITS, lambda: _place(tree, frame))
    return value


def logic(ev: Evaluation, tree: Binary, frame: Frame) -> Any:
    left = truth(ev, tree.left, frame)
    if left is (tree.op == "or"):
        return left
    right = truth(ev, tree.right, frame)
    if left is True or left is False:
        return right  # which decides
    return both(left, right) if tree.op == "and" else either(left, right)


def truth(ev: Evaluation, tree: Expr, frame: Frame) -> Any:
    """The value of a test: true, false or open; what is not applicable is false, anything else a fault."""
    ev.work += 1
    value = _DISPATCH[type(tree)](ev, tree, frame, False)
    if value is True or value is False:
        return value
    if isinstance(value, NotApplicable):
        return False
    if isinstance(value, Verdict) or (isinstance(value, Node) and is_test(value)):
        return value
    message = f"expected true or false, found {brief(value)}"
    where = Formula(frame.formula.scalar, tree)
    raise Fault(blame(ev, "type-clash", message, where, frame.formula.place(tree.span), frame.scope, frame.rows))


def conditional(ev: Evaluation, tree: Conditional, frame: Frame, tolerant: bool) -> Any:
    test = truth(ev, tree.test, frame)
    if ev.branches is not None:
        ev.branches.update((frame.formula.scalar, tree.span, way) for way in (True, False) if test is not (not way))
    if test is True:
        return evaluate(ev, tree.then, frame, tolerant)
    if test is False:
        return evaluate(ev, tree.otherwise, frame, tolerant)
    then = attempt(ev, tree.then, frame, test)
    otherwise = attempt(ev, tree.otherwise, frame, test)
    value = choose(test, then, otherwise)
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
        if isinstance(values[0], tuple | str | dict):
            return len(values[0])
        message = f"expected a list, found {brief(values[0])}"
        raise Fault(problem("type-clash", message, frame.formula.place(tree.span)))
    if tree.function == "items":
        return values[0] if isinstance(values[0], tuple) else (values[0],)
    if tree.function == "not_applicable":
        return NotApplicable(values[0])
    if tree.function in TEXT_FUNCTIONS:
        return text_call(ev, tree, frame, values)
    function = FUNCTIONS[tree.function]
    if tree.function in ("min", "max"):
        return compute(tree, frame, lambda *given: function(list(given)), *values)
    return weighed(ev, tree, frame, compute(tree, frame, function, *values))


def text_call(ev: Evaluation, tree: Call, frame: Frame, values: list[Any]) -> Any:
    if tree.function == "joined":
        values = [str(value) if type(value) is int else value for value in values]
    for part, value in zip(tree.arguments, values, strict=True):
        if not isinstance(value, str):
            raise Fault(problem("type-clash", f"expected a text, found {brief(value)}", frame.formula.place(part.span)))
    ev.spend(sum(map(len, values)) // _SIGNS, lambda: _place(tree, frame))
    try:
        return TEXT_FUNCTIONS[tree.function](*values)
    except ValueError as fault:
        return NotApplicable(f"{brief(values[1])} is no expression that is understood; {fault}")


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
    over = evaluate(ev, tree.over, frame)
    if isinstance(over, NotApplicable):
        return over
    return _AGGREGATES[tree.function](ev, tree, kept_rows(ev, tree, frame))


def kept_rows(ev: Evaluation, tree: Aggregate, frame: Frame) -> list[tuple[Frame, Any]]:
    kept = []
    formula, scope, outer, own = frame
    for item, guard in items(ev, tree.over, frame):
        inner = framed((formula, scope, {**outer, tree.variable: item}, own))
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
        part = value if held is True else choose(held, value, start)
        total = compute(tree, frame, function, total, part)
    return total


def sum_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    return fold(ev, tree, kept, 0, number.add)


def product_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    return fold(ev, tree, kept, 1, number.multiply)


def extreme_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    """The least or largest over rows; one that may or may not exist widens the answer."""
    pick = number.maximum if tree.function == "max" else number.minimum
    firm: Any = None
    loose: list[Any] = []
    for frame, held, value in bodies(ev, tree, kept):
        exists = settled(held) if firm is None or isinstance(held, Verdict) else held
        if isinstance(exists, Verdict):
            loose.append(value)
        elif exists is not False:
            wider = value if firm is None else compute(tree, frame, lambda a, b: pick([a, b]), firm, value)
            firm = wider if exists is True else choose(exists, wider, firm)
    if not loose:
        return NotApplicable(f"{to_text(tree.over)} has no rows here") if firm is None else firm
    if firm is None:
        return Range(low(number.minimum(loose)), high(number.maximum(loose)))
    widest = pick([firm, *loose])
    return Range(low(widest), high(firm)) if pick is number.minimum else Range(low(firm), high(widest))


def count_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    total: Any = 0
    for _, held in kept:
        total = number.add(total, 1 if held is True else choose(held, 1, 0))
    return total


def any_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    found: Any = False
    for frame, held in kept:
        found = either(found, both(held, truth(ev, tree.body, frame)))
    return found


def all_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    found: Any = True
    for frame, held in kept:
        test = truth(ev, tree.body, frame)
        found = both(found, either(negated(held), test))
    return found


def first_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    for frame, held in kept:
        exists = settled(held)
        if isinstance(exists, Verdict):
            return NotApplicable(f"ranges leave open which row of {to_text(tree.over)} is the first")
        if exists:
            return evaluate(ev, tree.body, frame)
    return NotApplicable(f"{to_text(tree.over)} has no such row")


def list_of(ev: Evaluation, tree: Aggregate, kept: list[tuple[Frame, Any]]) -> Any:
    found = []
    for frame, held, value in bodies(ev, tree, kept):
        exists = settled(held)
        if isinstance(exists, Verdict):
            return NotApplicable(f"ranges leave open which rows of {to_text(tree.over)} there are")
        if exists:
            found.append(evaluate(ev, tree.body, frame) if held is not True else value)
    return tuple(found)


def items(ev: Evaluation, over: Expr, frame: Frame) -> list[tuple[Any, Any]]:
    """What an `in` runs over: rows or list items, each with its guard."""
    found = evaluate(ev, over, frame)
    if isinstance(found, NotApplicable):
        return []
    if isinstance(found, Range):
        return [(item, True) for item in counted(ev, over, frame, found)]
    if isinstance(found, dict):
        found = tuple(found)  # its names
    if not isinstance(found, tuple):
        message = f"{to_text(over)} is {brief(found)}, no table and no list"
        raise Fault(problem("not-a-table", message, frame.formula.place(over.span)))
    ev.spend(len(found), lambda: _place(over, frame))
    return [(item, item.guard if isinstance(item, Row) else True) for item in found]


def counted(ev: Evaluation, over: Expr, frame: Frame, found: Range) -> range:
    """The whole numbers of a range."""
    bottom, top = found.low, found.high
    if isinstance(bottom, Node) or isinstance(top, Node):
        raise TooLarge  # how many there are decides the shape
    first, last = int(number.ceil(bottom)), int(number.floor(top))
    ev.spend(max(0, last - first + 1), lambda: _place(over, frame))
    return range(first, last + 1)


def held_under(ev: Evaluation, condition: Expr | None, frame: Frame, guard: Any) -> Any:
    if condition is None:
        return guard
    test = truth(ev, condition, frame)
    return test if guard is True else both(guard, test)


def decided(ev: Evaluation, tree: Expr, frame: Frame) -> bool:
    """A test that must fall one way; ranges that leave it open are a problem."""
    value = settled(truth(ev, tree, frame))
    if isinstance(value, Verdict):
        message = f"ranges leave open whether {to_text(tree)}"
        raise Fault(problem("undecided", message, frame.formula.place(tree.span), "narrow the range"))
    return value


def settled(test: Any) -> bool | Verdict:
    """A test as it is on one way through what varies; only ranges may leave it open."""
    if not isinstance(test, Verdict):
        return number.decide(test)
    if number.decide(test.certain):
        return True
    return Verdict(certain=False, possible=True) if number.decide(test.possible) else False


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
    "list": list_of,
}
