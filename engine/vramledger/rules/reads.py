"""What a formula reads, as nodes of the graph: quantities and tables by name, columns as table[column]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from vramledger.language.syntax import Aggregate, Call, Conditional, Expr, Field, Index, Name, Span, children
from vramledger.rules.model import Fill, Formula, Scope
from vramledger.rules.world import World

Tables = tuple[str, ...]  # those whose row a value may be; none for a number, a text, an item of a list
Rows = Mapping[str, Tables]  # what variables stand for


class Read(NamedTuple):
    """A node that a formula names, and where in its text."""

    node: str
    span: Span


class Reader:
    """Reads formulas as the evaluation looks their names up: variables, own columns, own fields, the rest."""

    def __init__(self, world: World) -> None:
        self.world = world
        # in the order in which they are declared
        self.columns: dict[str, dict[str, None]] = {
            table: dict.fromkeys(names) for table, names in world.outline.computed.items()
        }
        self.bound: dict[tuple[str, str], Tables] = dict(world.outline.bound)  # the rows that a row's own variables are
        for table in world.tables:
            self.columns.setdefault(table.name, {}).update(dict.fromkeys(table.columns))
        for kind in world.ruleset.kinds.values():
            if kind.catalog:
                self.columns[kind.catalog] = dict.fromkeys(kind.fields)
        for rule in world.rules:
            if rule.per is not None:
                self.columns.setdefault(rule.per[1], {})[rule.name.rpartition(".")[2]] = None
        for table_name, fill in world.fills:
            self._bind(table_name, self.rows(fill))
        for kind in world.ruleset.kinds.values():
            for block in kind.blocks.values():
                if block.each is not None:
                    self._bind(block.table, self.run(world.ruleset.reader.each(block.each), Scope(kind.namespace)))

    def _bind(self, table: str, rows: Rows) -> None:
        for variable, tables in rows.items():
            known = self.bound.get((table, variable), ())
            self.bound[table, variable] = tuple(dict.fromkeys((*known, *tables)))

    def rows(self, fill: Fill) -> Rows:
        """What the variable of a row's `each` stands for."""
        return self.run(fill.each, fill.scope) if fill.each is not None else {}

    def run(self, each: Formula, scope: Scope) -> Rows:
        """What the variable of an `each` stands for."""
        tree = each.tree
        return {tree.variable: _Walk(self, scope).of(tree.over, {})} if isinstance(tree, Aggregate) else {}

    def reads(self, tree: Expr, scope: Scope, rows: Rows) -> Iterator[Read]:
        """The nodes that a formula names, each once, in its order."""
        walk = _Walk(self, scope)
        walk.of(tree, rows)
        first = {read.node: read for read in reversed(walk.found)}
        yield from sorted(first.values(), key=lambda read: read.span)


class _Walk:
    def __init__(self, reader: Reader, scope: Scope) -> None:
        self.reader = reader
        self.scope = scope
        self.found: list[Read] = []

    def of(self, tree: Expr, rows: Rows) -> Tables:
        """The tables whose row, or whose rows, a part of a formula gives."""
        match tree:
            case Name(name, span):
                return self._name(name.split("."), span, rows)
            case Field(of, name, span):
                return self._column(self.of(of, rows), name, span)
            case Index(of, key):
                found = self.of(of, rows)
                self.of(key, rows)
                return found
            case Conditional(then, test, otherwise):
                self.of(test, rows)
                return _joined([self.of(then, rows), self.of(otherwise, rows)])
            case Call("value", arguments):
                return _joined([self.of(part, rows) for part in arguments])
            case Aggregate(function, body, variable, over, condition):
                inner = {**rows, variable: self.of(over, rows)}
                if condition is not None:
                    self.of(condition, inner)
                found = self.of(body, inner)
                return found if function == "first" else ()
        for child in children(tree):
            self.of(child, rows)
        return ()

    def _name(self, words: list[str], span: Span, rows: Rows) -> Tables:
        first, *rest = words
        table = self.scope.table
        if first in rows:
            return self._columns(rows[first], rest, span)
        own = (*self.reader.columns.get(table, ()), "name")
        if table and (first in own or (table, first) in self.reader.bound):
            return self._columns((table,), words, span)
        name = ".".join(words)
        declared = self.reader.world.declarations
        inside = f"{self.scope.namespace}.{name}"
        full = inside if self.scope.namespace and inside in declared else name
        self.found.append(Read(full, span))
        if full in self.reader.columns:
            return (full,)
        return _row_of(declared[full].type.table) if full in declared else ()

    def _columns(self, tables: Tables, names: Sequence[str], span: Span) -> Tables:
        for name in names:
            tables = self._column(tables, name, span)
        return tables

    def _column(self, tables: Tables, name: str, span: Span) -> Tables:
        below: list[Tables] = []
        for table in tables:
            if (table, name) in self.reader.bound:
                below.append(self.reader.bound[table, name])
            if name in self.reader.columns.get(table, ()):  # rows that bind no such variable have a column of that name
                self.found.append(Read(f"{table}[{name}]", span))
                declared = self.reader.world.column(table, name)
                below.append(_row_of(declared.table if declared is not None else ""))
        return _joined(below)


def _row_of(table: str) -> Tables:
    return (table,) if table else ()


def _joined(found: Sequence[Tables]) -> Tables:
    return tuple(dict.fromkeys(table for tables in found for table in tables))
