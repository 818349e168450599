"""A tree back to text, such that parsing the text gives the tree again, and to LaTeX."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from vramledger.language.syntax import (
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
    Text,
    Truth,
    Unary,
)

# How tightly each operator binds, as in the grammar; a conditional binds least, a primary most.
_BINDS = {
    "or": 1,
    "and": 2,
    "==": 4,
    "!=": 4,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "in": 4,
    "not in": 4,
    "..": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "//": 7,
    "%": 7,
    "**": 9,
}
_NOT, _NEGATE, _PRIMARY = 3, 8, 10
# Operators that do not chain take a tighter operand on both sides; ** takes its loosest on the right.
_FLAT = {"==", "!=", "<", "<=", ">", ">=", "in", "not in", ".."}

_PLACES, _FAR = 24, 60  # more decimals than these are written with this exponent, the largest that is read

Substitute = Callable[[Expr], str | None]


def numeral(value: Numeral) -> str:
    """A number with a finite decimal expansion as text; others as a quotient."""
    if isinstance(value, int):
        text = str(value)
        zeros = min(_FAR, len(text) - len(text.rstrip("0"))) if abs(value) >= 10 ** (_FAR - 1) else 0
        return f"{text[:-zeros]}e{zeros}" if zeros else text
    places = _places(value)
    if places is None:
        return f"{value.numerator}/{value.denominator}"
    shift = min(places, _FAR) if places > _PLACES else 0
    return _decimal(value * 10**shift, places - shift) + (f"e-{shift}" if shift else "")


def _places(value: Fraction) -> int | None:
    """How many decimals a number has, None where they never end."""
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def _decimal(value: Fraction, places: int) -> str:
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def to_text(tree: Expr, substitute: Substitute = lambda _: None) -> str:
    """The tree as formula text; `substitute` may give another text for a part (a value for a name)."""
    return _text(tree, 0, substitute)


def _text(tree: Expr, outer: int, substitute: Substitute) -> str:
    instead = substitute(tree)
    if instead is not None:
        return instead
    text, binds = _plain(tree, substitute)
    return f"({text})" if binds < outer else text


def _plain(tree: Expr, substitute: Substitute) -> tuple[str, int]:
    def sub(part: Expr, outer: int) -> str:
        return _text(part, outer, substitute)

    match tree:
        case Number(value, unit):
            text = f"{numeral(value)} {unit}" if unit else numeral(value)
            return text, _PRIMARY if not isinstance(value, Fraction) or "/" not in text else 7
        case Text(value):
            return (f'"{value}"' if '"' not in value else f"'{value}'"), _PRIMARY
        case Truth(value):
            return ("true" if value else "false"), _PRIMARY
        case Name(name):
            return name, _PRIMARY
        case Field(of, name):
            return f"{sub(of, _PRIMARY)}.{name}", _PRIMARY
        case Index(of, key):
            return f"{sub(of, _PRIMARY)}[{sub(key, 0)}]", _PRIMARY
        case Unary("not", operand):
            return f"not {sub(operand, _NOT)}", _NOT
        case Unary(op, operand):
            return f"{op}{sub(operand, _NEGATE)}", _NEGATE
        case Binary("**", left, right):
            return f"{sub(left, _PRIMARY)} ** {sub(right, _NEGATE)}", 9
        case Binary(op, left, right):
            binds = _BINDS[op]
            return f"{sub(left, binds + (op in _FLAT))} {op} {sub(right, binds + 1)}", binds
        case Conditional(then, test, otherwise):
            return f"{sub(then, 1)} if {sub(test, 1)} else {sub(otherwise, 0)}", 0
        case Call(function, arguments):
            return f"{function}({', '.join(sub(part, 0) for part in arguments)})", _PRIMARY
        case Aggregate(function, body, variable, over, condition):
            tail = "" if condition is None else f" if {sub(condition, 1)}"
            return f"{function}({sub(body, 0)} for {variable} in {sub(over, 1)}{tail})", _PRIMARY
    raise TypeError(tree)


_LATEX = {
    "*": r" \cdot ",
    "==": " = ",
    "!=": r" \ne ",
    "<=": r" \le ",
    ">=": r" \ge ",
    "<": " < ",
    ">": " > ",
    "and": r" \land ",
    "or": r" \lor ",
    "in": r" \in ",
    "not in": r" \notin ",
    "..": r" \ldots ",
    "%": r" \bmod ",
    "+": " + ",
    "-": " - ",
}
_LATEX_AGGREGATES = {
    "sum": r"\sum",
    "product": r"\prod",
    "max": r"\max",
    "min": r"\min",
    "count": r"\#",
    "any": r"\exists",
    "all": r"\forall",
    "first": r"\mathrm{first}",
    "list": r"\mathrm{list}",
}
_LATEX_ROUND = {"ceil": (r"\lceil", r"\rceil"), "floor": (r"\lfloor", r"\rfloor")}


def to_latex(tree: Expr) -> str:
    """The tree as LaTeX for a maths environment."""
    return _latex(tree, 0)


def _latex(tree: Expr, outer: int) -> str:
    text, binds = _latex_plain(tree)
    return rf"\left({text}\right)" if binds < outer else text


def _latex_plain(tree: Expr) -> tuple[str, int]:
    match tree:
        case Number(value, unit):
            return numeral(value) + (rf"\,\mathrm{{{unit}}}" if unit else ""), _PRIMARY
        case Text(value):
            return rf"\text{{{_escape(value)}}}", _PRIMARY
        case Truth(value):
            return rf"\mathrm{{{str(value).lower()}}}", _PRIMARY
        case Name(name):
            return rf"\mathrm{{{_escape(name)}}}", _PRIMARY
        case Field(of, name):
            return rf"{_latex(of, _PRIMARY)}.\mathrm{{{_escape(name)}}}", _PRIMARY
        case Index(of, key):
            return rf"{_latex(of, _PRIMARY)}_{{{_latex(key, 0)}}}", _PRIMARY
        case Unary("not", operand):
            return rf"\lnot {_latex(operand, _NOT)}", _NOT
        case Unary(_, operand):
            return f"-{_latex(operand, _NEGATE)}", _NEGATE
        case Binary("/", left, right):
            return rf"\frac{{{_latex(left, 0)}}}{{{_latex(right, 0)}}}", _PRIMARY
        case Binary("//", left, right):
            return rf"\left\lfloor\frac{{{_latex(left, 0)}}}{{{_latex(right, 0)}}}\right\rfloor", _PRIMARY
        case Binary("**", left, right):
            return rf"{_latex(left, _PRIMARY)}^{{{_latex(right, 0)}}}", 9
        case Binary(op, left, right):
            binds = _BINDS[op]
            return f"{_latex(left, binds + (op in _FLAT))}{_LATEX[op]}{_latex(right, binds + 1)}", binds
        case Conditional(then, test, otherwise):
            cases = (
                rf"{_latex(then, 0)} & \text{{if }} {_latex(test, 0)} \\ {_latex(otherwise, 0)} & \text{{otherwise}}"
            )
            return rf"\begin{{cases}} {cases} \end{{cases}}", _PRIMARY
        case Call(function, arguments):
            return _latex_call(function, [_latex(part, 0) for part in arguments]), _PRIMARY
        case Aggregate(function, body, variable, over, condition):
            where = rf"\mathrm{{{variable}}} \in {_latex(over, 0)}"
            if condition is not None:
                where += rf",\ {_latex(condition, 0)}"
            return rf"{_LATEX_AGGREGATES[function]}_{{{where}}} {_latex(body, 7)}", 6
    raise TypeError(tree)


def _latex_call(function: str, parts: list[str]) -> str:
    if function in _LATEX_ROUND:
        left, right = _LATEX_ROUND[function]
        return rf"\left{left} {', '.join(parts)} \right{right}"
    if function == "ceil_div" and len(parts) == 2:
        return rf"\left\lceil \frac{{{parts[0]}}}{{{parts[1]}}} \right\rceil"
    if function == "sqrt" and parts:
        return rf"\sqrt{{{parts[0]}}}"
    return rf"\mathrm{{{_escape(function)}}}\left({', '.join(parts)}\right)"


_ESCAPES = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(c, rf"\{c}" if c in "_#$%&{}" else c) for c in text)
