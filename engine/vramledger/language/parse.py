"""Formula text to tree, with lark; every fault names the characters it is about."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vramledger.language.syntax import (
    AGGREGATES,
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
    Numeral,
    Span,
    Text,
    Truth,
    Unary,
    children,
)

if TYPE_CHECKING:
    from lark import Lark, Token

LONGEST = 4000
DEEPEST = 60
MOST_DIGITS = 60
_WRITE = {
    "=": ("compare with ==",),
    "^": ("powers are written **",),
    **dict.fromkeys("&|!", ("write and, or, not",)),
}
_LITERAL = re.compile(rf"([0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?)\s*({'|'.join(UNITS)})?")


class FormulaError(Exception):
    """A formula that cannot be read: a message, the span it is about, and hints."""

    def __init__(self, message: str, span: Span, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hints = hints


def parse(text: str) -> Expr:
    """The tree of a formula. Raises FormulaError."""
    from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
    from lark.exceptions import VisitError

    if len(text) > LONGEST:
        raise FormulaError(f"a formula of {len(text)} characters; at most {LONGEST} are read", (0, 1))
    if not text.strip():
        raise FormulaError("an empty formula", (0, 1))
    try:
        tree = _parser().parse(text)
    except UnexpectedToken as fault:
        if fault.token.type == "$END":
            end = len(text.rstrip())
            raise FormulaError("the formula ends too early", (end - 1, 1), *_hints(text, end, "")) from None
        found = str(fault.token)
        at = (fault.token.start_pos or 0, len(found))
        raise FormulaError(f"unexpected {found!r}", at, *_hints(text, at[0], found)) from None
    except UnexpectedCharacters as fault:
        position = fault.pos_in_stream or 0
        found = text[position]
        at = (position, 1)
        raise FormulaError(f"unexpected {found!r}", at, *_hints(text, at[0], found)) from None
    except VisitError as fault:
        if isinstance(fault.orig_exc, FormulaError):
            raise fault.orig_exc from None
        raise
    except UnexpectedInput as fault:  # pragma: no cover - lark's remaining kinds
        raise FormulaError(str(fault).splitlines()[0], (0, 1)) from None
    _limit_depth(tree)  # type: ignore[arg-type]
    return tree  # type: ignore[return-value]


def literal(text: str) -> Number | None:
    """The tree of a text that is a number and perhaps a unit; None for any other. It spares the grammar's start."""
    match = _LITERAL.fullmatch(text)
    return _number(match[1], match[2], (0, len(text))) if match else None


def _number(digits: str, unit: str | None, span: Span) -> Number:
    mantissa, _, exponent = digits.lower().replace("_", "").partition("e")
    whole, _, part = mantissa.partition(".")
    if len(exponent) > 4 or abs(int(exponent or 0)) > MOST_DIGITS or len(mantissa) > MOST_DIGITS:
        raise FormulaError(f"a number outside 1e-{MOST_DIGITS} .. 1e{MOST_DIGITS}", span)
    if len(whole) > 1 and whole[0] == "0":
        plain = f"{whole.lstrip('0') or '0'}{digits[digits.find('.') :] if part else ''}"
        hint = f"some YAML readers take it for an octal number: write {plain}"
        raise FormulaError(f"{digits} begins with a zero", span, hint)
    return Number(numeral(digits), unit, span)


def numeral(text: str) -> Numeral:
    """The exact value of a number literal."""
    value = Fraction(text.replace("_", ""))
    return value.numerator if value.denominator == 1 else value


@cache
def _parser() -> Lark:
    from lark import Lark

    grammar = Path(__file__).with_name("formula.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=_builder(), maybe_placeholders=True)


def _limit_depth(tree: Expr) -> None:
    level = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in children(node)]
        if not level:
            return
    raise FormulaError(f"nested more than {DEEPEST} deep", level[0].span, "split it into several rules")


def _cut_hint(text: str) -> tuple[str, ...]:
    if text.count("(") > text.count(")"):
        return ("a comma inside a flow mapping {...} cuts a formula: write it in block style",)
    return ()


def _hints(text: str, at: int, found: str) -> tuple[str, ...]:
    before = text[:at].rstrip()
    if found == ":" and before.isdigit():
        return ("times such as 12:30:45 are not numbers",)
    if found == ">" and before.endswith("<"):
        return ("unequal is written !=",)
    if found in ("<", ">", "<=", ">=", "==", "!="):
        return ("comparisons do not chain: join them with `and`",)
    if found == "%" or before.endswith("%"):
        return ("write percent: 20 percent",)
    return _WRITE.get(found, ()) or _cut_hint(text)


def _builder() -> Any:
    from lark import Transformer, v_args

    def over(first: Any, last: Any) -> Span:
        start = first.start_pos if hasattr(first, "start_pos") else first.span[0]
        end = last.end_pos if hasattr(last, "end_pos") else last.span[0] + last.span[1]
        return (start, end - start)

    @v_args(inline=True)
    class Builder(Transformer):  # type: ignore[type-arg]
        def number(self, digits: Token, unit: Token | None = None) -> Number:
            unit_text = None if unit is None else str(unit)
            return _number(str(digits), unit_text, over(digits, unit if unit is not None else digits))

        def text(self, token: Token) -> Text:
            return Text(str(token)[1:-1], over(token, token))

        def truth(self, token: Token) -> Truth:
            return Truth(str(token) == "true", over(token, token))

        def name(self, token: Token) -> Name:
            return Name(str(token), over(token, token))

        def field(self, of: Expr, token: Token) -> Field | Name:
            if isinstance(of, Number | Text | Truth):
                raise FormulaError("only a row has columns", over(of, token))
            if isinstance(of, Name):
                return Name(f"{of.name}{token}", over(of, token))
            return Field(of, str(token)[1:], over(of, token))

        def index(self, of: Expr, key: Expr) -> Index:
            return Index(of, key, over(of, key))

        def unary(self, op: Token, operand: Expr) -> Expr:
            return Unary(str(op), operand, over(op, operand))

        def binary(self, left: Expr, op: Token, right: Expr) -> Binary:
            return Binary(" ".join(str(op).split()), left, right, over(left, right))

        def conditional(self, then: Expr, test: Expr, otherwise: Expr) -> Conditional:
            return Conditional(then, test, otherwise, over(then, otherwise))

        def call(self, function: Token, *arguments: Expr | None) -> Call:
            given = tuple(argument for argument in arguments if argument is not None)
            return Call(str(function), given, over(function, given[-1] if given else function))

        def aggregate(
            self, function: Token, body: Expr, variable: Token, table: Expr, condition: Expr | None
        ) -> Aggregate:
            if str(function) not in AGGREGATES:
                known = ", ".join(AGGREGATES)
                raise FormulaError(f"{function} does not run over rows", over(function, function), f"these do: {known}")
            if "." in variable:
                raise FormulaError(f"{variable} cannot name a row", over(variable, variable), "use a plain name")
            last = table if condition is None else condition
            return Aggregate(str(function), body, str(variable), table, condition, over(function, last))

    return Builder()
