"""What a name means in a formula: a row's column, an own field, a table, a catalog, a quantity, or nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.values import NotApplicable
from vramledger.language.syntax import Expr, Name
from vramledger.problems import Label, problem
from vramledger.rules.model import Scope

if TYPE_CHECKING:
    from vramledger.evaluation.evaluate import Evaluation


def lookup(ev: Evaluation, tree: Name, frame: Frame) -> Any:
    """What a name means here: a row's column, an own field, a table, a quantity."""
    name = tree.name
    _, scope, rows, own = frame
    if rows or own is not None:
        first, below = _split(name)
        found = rows.get(first)
        if found is None and type(own) is Row:
            if scope.table and (has_column(ev, own, first) or own.bound(first) is not None):
                found = ev.cell(own, first)
        elif found is None and type(own) is CatalogRow:
            kind = ev.program.ruleset.kinds[own.kind]
            if first in kind.fields or first == "name":
                found = ev.catalog_column(own, first)
        if found is not None:
            for part in below:
                if type(found) is Row and (known := found.values.get(part)) is not None:
                    ev.reads.add((found.table.name, part))
                    found = known
                else:
                    found = ev.column(found, part, frame, tree)
            return found
    if not scope.namespace and name in ev.values:
        ev.reads.add(name)
        return ev.values[name]
    return global_value(ev, full_name(ev, name, scope))


@lru_cache(4096)
def _split(name: str) -> tuple[str, tuple[str, ...]]:
    """A name's first part, and those below it."""
    first, *below = name.split(".")
    return first, tuple(below)


def has_column(ev: Evaluation, row: Row, name: str) -> bool:
    """Whether a row's table declares a column, or a rule computes it."""
    return name in row.table.columns or f"{row.table.name}.{name}" in ev.program.candidates


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
            return Fault(problem("missing-fact", f"{needs} needs {tree.name}, and {value.reason}", place, value.hint))
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
    from vramledger.evaluation.blame import givers

    absent = [label for label in givers(ev, tree, frame.scope, frame.rows) if label.text.endswith("is absent")]
    if absent:
        also = (*absent[1:], Label(place, "needed here"))
        return Fault(problem("missing-fact", message, absent[0].place, hint, also=also))
    return Fault(problem("missing-fact", message, place, hint))


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
