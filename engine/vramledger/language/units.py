"""Static types of formulas, with one base dimension: B, the byte. Everything else is a plain number.

`+`, comparisons and branches must agree; a clash names both operands. A literal 0 agrees with every unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from vramledger.codes import Code
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
    Span,
    Text,
    Truth,
    Unary,
)


class Type(NamedTuple):
    """What a value is: kind number | zero | text | boolean | row | table | list | record | any; `bytes` is the power
    of B of a number, `table` the table of a row.
    """

    kind: str
    bytes: int = 0
    table: str = ""

    def __str__(self) -> str:
        if self.kind in ("number", "zero"):
            return {0: "a plain number", 1: "bytes (B)"}.get(self.bytes, f"B^{self.bytes}")
        if self.kind == "row":
            return f"a row of {self.table}"
        return {"boolean": "true or false", "text": "text"}.get(self.kind, f"a {self.kind}")


PLAIN, BYTES, TEXT, BOOLEAN, ANY = Type("number"), Type("number", 1), Type("text"), Type("boolean"), Type("any")
ZERO = Type("zero")
_NUMERIC = ("number", "zero", "any")


class Fault(NamedTuple):
    """A clash or an unknown name: code, message, the spans with what each is, hints."""

    code: Code
    message: str
    spans: tuple[tuple[Span, str], ...]
    hints: tuple[str, ...] = ()


class Names(Protocol):
    """What a formula can refer to."""

    def quantity(self, name: str) -> Type | None:
        """The type of a quantity, table or catalog."""

    def column(self, table: str, name: str) -> Type | None:
        """The type of a column."""

    def near(self, name: str, table: str = "") -> str:
        """A hint that names what is near."""


class Function(NamedTuple):
    """How many arguments a function takes, and its result's type from theirs."""

    least: int
    most: int
    result: Callable[[list[Type]], Type | None]


def _agree(types: Iterable[Type]) -> Type | None:
    """The common type, or None where two differ."""
    common = ANY
    for found in types:
        if found.kind == "any" or found == common:
            continue
        if common.kind == "any" or (common.kind == "zero" and found.kind == "number"):
            common = found
        elif not (found.kind == "zero" and common.kind == "number"):
            return None
    return common


def _same_number(types: list[Type]) -> Type | None:
    common = _agree(types)
    return common if common is not None and common.kind in _NUMERIC else None


def _root(types: list[Type]) -> Type | None:
    (found,) = types
    if found.kind == "any":
        return PLAIN
    if found.kind not in _NUMERIC or found.bytes % 2:
        return None
    return Type("number", found.bytes // 2)


FUNCTIONS: dict[str, Function] = {
    "min": Function(1, 20, _same_number),
    "max": Function(1, 20, _same_number),
    "ceil": Function(1, 1, _same_number),
    "floor": Function(1, 1, _same_number),
    "round_up": Function(2, 2, _same_number),
    "ceil_div": Function(
        2, 2, lambda t: _divided(t[0], t[1]) if t[0].kind in _NUMERIC and t[1].kind in _NUMERIC else None
    ),
    "sqrt": Function(1, 1, _root),
    "value": Function(1, 20, _agree),
    "applies": Function(1, 1, lambda _: BOOLEAN),
    "not_applicable": Function(1, 1, lambda t: ANY if t[0].kind in ("text", "any") else None),
    "length": Function(1, 1, lambda t: PLAIN if t[0].kind in ("list", "any", "table", "text") else None),
    "items": Function(1, 1, lambda _: Type("list")),
    "ends_with": Function(2, 3, lambda t: BOOLEAN if all(part.kind in ("text", "any") for part in t) else None),
    "starts_with": Function(2, 3, lambda t: BOOLEAN if all(part.kind in ("text", "any") for part in t) else None),
    "split": Function(2, 2, lambda t: Type("list") if all(part.kind in ("text", "any") for part in t) else None),
    "matches": Function(2, 3, lambda t: BOOLEAN if all(part.kind in ("text", "any") for part in t) else None),
    "joined": Function(2, 20, lambda t: TEXT if all(part in (TEXT, PLAIN, ANY) for part in t) else None),
}


def _divided(left: Type, right: Type) -> Type:
    return Type("number", left.bytes - right.bytes)


def check(tree: Expr, names: Names, rows: dict[str, Type], faults: list[Fault]) -> Type:
    """The type of a formula; what is wrong is added to `faults`. `rows` gives the variables' types."""
    return _Checker(names, faults).type_of(tree, rows)


class _Checker:
    def __init__(self, names: Names, faults: list[Fault]) -> None:
        self.names = names
        self.faults = faults

    def _fault(self, code: Code, message: str, *spans: tuple[Span, str], hints: tuple[str, ...] = ()) -> Type:
        self.faults.append(Fault(code, message, spans, tuple(hint for hint in hints if hint)))
        return ANY

    def type_of(self, tree: Expr, rows: dict[str, Type]) -> Type:
        match tree:
            case Number(value, unit):
                if unit is None or unit == "percent":
                    return ZERO if value == 0 and unit is None else PLAIN
                return BYTES if unit in UNITS else PLAIN
            case Text():
                return TEXT
            case Truth():
                return BOOLEAN
            case Name(name, span):
                return self._name(name, span, rows)
            case Field(of, name, span):
                return self._column(self.type_of(of, rows), name, span)
            case Index(of, key, span):
                return self._index(of, key, span, rows)
            case Unary(op, operand):
                found = self.type_of(operand, rows)
                if op == "not":
                    return self._boolean(found, operand)
                return self._number(found, operand)
            case Binary():
                return self._binary(tree, rows)
            case Conditional(then, test, otherwise):
                self._boolean(self.type_of(test, rows), test)
                first, second = self.type_of(then, rows), self.type_of(otherwise, rows)
                common = _agree([first, second])
                if common is None:
                    return self._clash("the two branches differ", (then, first), (otherwise, second))
                return common
            case Call():
                return self._call(tree, rows)
            case Aggregate():
                return self._aggregate(tree, rows)
        raise TypeError(tree)

    def _clash(self, message: str, *parts: tuple[Expr, Type]) -> Type:
        numeric = all(found.kind in _NUMERIC for _, found in parts)
        plain = numeric and any(isinstance(part, Number) and part.unit is None for part, _ in parts)
        hint = "a number of bytes is written with its unit: 4 B" if plain else ""
        return self._fault("unit-clash", message, *((part.span, str(found)) for part, found in parts), hints=(hint,))

    def _boolean(self, found: Type, part: Expr) -> Type:
        if found.kind not in ("boolean", "any"):
            self._fault("type-clash", f"expected true or false, found {found}", (part.span, str(found)))
        return BOOLEAN

    def _number(self, found: Type, part: Expr) -> Type:
        if found.kind not in _NUMERIC:
            return self._fault("type-clash", f"expected a number, found {found}", (part.span, str(found)))
        return found

    def _name(self, name: str, span: Span, rows: dict[str, Type]) -> Type:
        first, *rest = name.split(".")
        if first in rows:
            found = rows[first]
            for part in rest:
                found = self._column(found, part, span)
            return found
        known = self.names.quantity(name)
        if known is None:
            hint = "write true or false" if name in ("yes", "no", "on", "off") else self.names.near(name)
            return self._fault("unknown-name", f"nothing is called {name}", (span, ""), hints=(hint,))
        return known

    def _column(self, row: Type, name: str, span: Span) -> Type:
        if row.kind in ("any", "record"):
            return ANY
        if row.kind != "row":
            return self._fault("type-clash", f"{row} has no columns", (span, str(row)))
        found = self.names.column(row.table, name)
        if found is None:
            message = f"{row.table} has no column {name}"
            return self._fault("unknown-column", message, (span, ""), hints=(self.names.near(name, row.table),))
        return found

    def _index(self, of: Expr, key: Expr, span: Span, rows: dict[str, Type]) -> Type:
        table = self.type_of(of, rows)
        self.type_of(key, rows)
        if table.kind == "table":
            return Type("row", 0, table.table)
        if table.kind not in ("list", "any", "record"):
            self._fault("type-clash", f"{table} has no items", (span, str(table)))
        return ANY

    def _binary(self, tree: Binary, rows: dict[str, Type]) -> Type:
        left, right = self.type_of(tree.left, rows), self.type_of(tree.right, rows)
        op = tree.op
        if op in ("and", "or"):
            self._boolean(left, tree.left)
            return self._boolean(right, tree.right)
        if op in ("in", "not in"):
            if right.kind not in ("list", "any", "text", "table"):
                self._fault("type-clash", f"expected a list, found {right}", (tree.right.span, str(right)))
            return BOOLEAN
        if op in ("==", "!="):
            if _agree([left, right]) is None:
                self._clash("these two cannot be equal", (tree.left, left), (tree.right, right))
            return BOOLEAN
        self._number(left, tree.left)
        self._number(right, tree.right)
        if left.kind not in _NUMERIC or right.kind not in _NUMERIC:
            return ANY
        return self._arithmetic(tree, left, right)

    def _arithmetic(self, tree: Binary, left: Type, right: Type) -> Type:
        op = tree.op
        unknown = left.kind == "any" or right.kind == "any"
        if op == "*":
            return ANY if unknown else Type("number", left.bytes + right.bytes)
        if op in ("/", "//"):
            return ANY if unknown else _divided(left, right)
        if op == "**":
            if right.bytes:
                return self._clash("an exponent is a plain number", (tree.right, right))
            if left.bytes and isinstance(tree.right, Number) and isinstance(tree.right.value, int):
                return Type("number", left.bytes * tree.right.value)
            return ANY if left.kind == "any" else PLAIN if not left.bytes else ANY
        common = _agree([left, right])
        if common is None:
            word = {"+": "added", "-": "subtracted", "..": "joined to a range", "%": "divided"}.get(op, "compared")
            self._clash(f"different units are {word}", (tree.left, left), (tree.right, right))
            common = ANY
        return BOOLEAN if op in ("<", "<=", ">", ">=") else common

    def _call(self, tree: Call, rows: dict[str, Type]) -> Type:
        types = [self.type_of(part, rows) for part in tree.arguments]
        function = FUNCTIONS.get(tree.function)
        if function is None:
            from vramledger.problems import nearest

            hint = nearest(tree.function, FUNCTIONS) or f"there are: {', '.join(FUNCTIONS)}"
            return self._fault("unknown-function", f"no function {tree.function}", (tree.span, ""), hints=(hint,))
        if not function.least <= len(types) <= function.most:
            wanted = f"{function.least}"
            if function.least != function.most:
                wanted = f"at least {wanted}" if len(types) < function.least else f"at most {function.most}"
            message = f"{tree.function} takes {wanted}, found {len(types)}"
            return self._fault("wrong-arguments", message, (tree.span, ""))
        result = function.result(types)
        if result is None:
            parts = tuple(zip(tree.arguments, types, strict=True))
            return self._clash(f"{tree.function} cannot take these together", *parts)
        return result

    def _aggregate(self, tree: Aggregate, rows: dict[str, Type]) -> Type:
        table = self.type_of(tree.over, rows)
        if table.kind == "table":
            inner = {**rows, tree.variable: Type("row", 0, table.table)}
        elif table.kind in ("list", "any"):
            inner = {**rows, tree.variable: ANY}
        elif table == PLAIN and isinstance(tree.over, Binary) and tree.over.op == "..":
            inner = {**rows, tree.variable: PLAIN}  # the whole numbers of a range
        else:
            self._fault("type-clash", f"{table} has no rows", (tree.over.span, str(table)))
            inner = {**rows, tree.variable: ANY}
        body = self.type_of(tree.body, inner)
        if tree.condition is not None:
            self._boolean(self.type_of(tree.condition, inner), tree.condition)
        if tree.function == "count":
            return PLAIN
        if tree.function in ("any", "all"):
            return self._boolean(body, tree.body)
        if tree.function == "first":
            return body
        if tree.function == "list":
            return Type("list")
        body = self._number(body, tree.body)
        if tree.function == "product" and body.bytes:
            return self._clash("a product over rows takes plain numbers", (tree.body, body))
        return body
