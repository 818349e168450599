"""What formulas of further files can see of the entries of checked rules, which need not be built for that."""

from __future__ import annotations

from typing import Any, NamedTuple

from vramledger.language.units import Type


class Outline(NamedTuple):
    """The names that entries bring, with their types, and what leans on what."""

    types: dict[str, Type]  # of the quantities that only entries declare
    given: set[str]  # the quantities to which entries bring a rule or a default
    columns: dict[str, dict[str, Type]]  # of each table, the variables of its rows included
    cells: dict[str, dict[str, Type]]  # the columns that rows may give
    computed: dict[str, list[str]]  # the columns in the order in which they are declared
    bound: dict[tuple[str, str], tuple[str, ...]]  # the tables whose row a variable of a table's rows is
    leaning: dict[str, list[str]]  # the nodes of the graph that a node leans on under the one entry or the other


NOTHING = Outline({}, set(), {}, {}, {}, {}, {})


def encode(found: Outline) -> list[Any]:
    """The outline as JSON; `decode` reads it back."""
    bound = [[*key, *tables] for key, tables in found.bound.items()]
    return list(found._replace(given=sorted(found.given), bound=bound))  # type: ignore[arg-type]


def decode(data: list[Any]) -> Outline:
    """The outline that `encode` wrote."""
    types, given, columns, cells, computed, bound, leaning = data
    return Outline(
        types={name: Type(*found) for name, found in types.items()},
        given=set(given),
        columns={table: _types(found) for table, found in columns.items()},
        cells={table: _types(found) for table, found in cells.items()},
        computed=computed,
        bound={(table, variable): tuple(tables) for table, variable, *tables in bound},
        leaning=leaning,
    )


def _types(found: dict[str, list[Any]]) -> dict[str, Type]:
    return {name: Type(*one) for name, one in found.items()}
