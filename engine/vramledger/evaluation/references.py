"""What a formula touched where it was evaluated: of an `if` the branch that was taken, of a name what it stood for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.frame import Frame
from vramledger.evaluation.interpret import evaluate, truth
from vramledger.evaluation.names import full_name, has_column
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.values import NotApplicable
from vramledger.language.syntax import Aggregate, Binary, Call, Conditional, Expr, Field, Index, Name, children

Reference = tuple[str, Any, str]  # quantity | column | catalog | rows, what, which


def references(ev: Evaluation, tree: Expr, frame: Frame) -> Iterator[Reference]:
    """What a formula touched, in its order."""
    match tree:
        case Name():
            yield from _named(ev, tree, frame)
        case Field(of, name):
            yield from references(ev, of, frame)
            row = evaluate(ev, of, frame, tolerant=True)
            if isinstance(row, CatalogRow):
                yield ("catalog", row, name)
            elif isinstance(row, Row):
                yield ("column", row, name)
        case Index(of, key):
            if not (isinstance(of, Name) and of.name in ev.program.catalogs):
                yield from references(ev, of, frame)
            yield from references(ev, key, frame)
        case Conditional(then, test, otherwise):
            yield from references(ev, test, frame)
            answer = truth(ev, test, frame)
            if answer is not False:
                yield from references(ev, then, frame)
            if answer is not True:
                yield from references(ev, otherwise, frame)
        case Binary("and" | "or" as op, left, right):
            yield from references(ev, left, frame)
            if truth(ev, left, frame) is not (op == "or"):
                yield from references(ev, right, frame)
        case Call("value", arguments):
            for argument in arguments:
                yield from references(ev, argument, frame)
                if not isinstance(evaluate(ev, argument, frame, tolerant=True), NotApplicable):
                    return
        case Aggregate():
            yield ("rows", tree, "")
        case _:
            for child in children(tree):
                yield from references(ev, child, frame)


def _named(ev: Evaluation, tree: Name, frame: Frame) -> Iterator[Reference]:
    first, *rest = tree.name.split(".")
    row = frame.rows.get(first)
    if row is None and isinstance(frame.own, Row) and frame.scope.table:
        if has_column(ev, frame.own, first):
            row, rest = frame.own, [first, *rest]
        elif frame.own.bound(first) is not None:
            row = frame.own.bound(first)
    if row is not None:
        for part in rest[:-1]:
            row = ev.column(row, part, frame, tree)
        if rest and isinstance(row, Row):
            yield ("column", row, rest[-1])
        elif rest and isinstance(row, CatalogRow):
            yield ("catalog", row, rest[-1])
        return
    name = full_name(ev, tree.name, frame.scope)
    if name not in ev.program.tables and name not in ev.program.catalogs:
        yield ("quantity", "", name)
