"""Tests that hold in no scenario: a text that its quantity never takes, two at once, a case after one that holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vramledger.language.printing import to_text
from vramledger.language.syntax import Aggregate, Binary, Conditional, Expr, Name, Text, Truth, Unary
from vramledger.problems import Problem, nearest
from vramledger.rules.lint.finding import finding
from vramledger.rules.model import Declaration, Formula, Scope
from vramledger.rules.world import World

Texts = frozenset[str]


class Never(NamedTuple):
    """Why a test never holds, the part of it that says so, and what may have been meant."""

    why: str
    part: Expr
    hint: str = ""


def never_applies(world: World) -> Iterator[Problem]:
    """Rules, cases, rows and warnings whose test never holds, and cases that are never reached."""
    columns = _Columns(world)
    for rule in world.rules:
        rows = dict([rule.per]) if rule.per else {}
        tests = [rule.when, *(case.when for case in rule.cases)]
        for test in filter(None, tests):
            yield from _part(columns, test, test.tree, rule.scope, rows)
        for before, after in zip(rule.cases, rule.cases[1:], strict=False):
            if before.when is None:
                message = f"the case before this one of {rule.name} always holds"
                yield finding("never-applies", message, after.formula.place(), "give the case before it a `when`")
    for _, fill in world.fills:
        rows = {}
        if fill.each is not None and isinstance(fill.each.tree, Aggregate):
            run = fill.each.tree
            rows = {run.variable: run.over.name if isinstance(run.over, Name) else ""}
            if run.condition is not None:
                yield from _part(columns, fill.each, run.condition, fill.scope, rows)
        if fill.when is not None:
            yield from _part(columns, fill.when, fill.when.tree, fill.scope, rows)
    for notice in world.notices:
        if notice.when is not None and not isinstance(notice.when.tree, Truth):  # `when: false` silences a weaker one
            yield from _part(columns, notice.when, notice.when.tree, notice.scope, {})


def _part(columns: _Columns, test: Formula, tree: Expr, scope: Scope, rows: dict[str, str]) -> Iterator[Problem]:
    found = _Asker(columns, scope, rows).impossible(tree)
    if found is not None:
        yield finding("never-applies", f"never holds: {found.why}", test.place(found.part.span), found.hint)


class _Columns:
    """The texts of columns: those that a column allows, or that all its rows and its default write down."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[tuple[str, str], Texts | None] = {}
        self._cells: dict[tuple[str, str], list[Formula]] = {}
        for table, fill in world.fills:
            for name, formula in fill.cells.items():
                self._cells.setdefault((table, name), []).append(formula)

    def texts(self, table: str, name: str) -> Texts | None:
        """The texts that a column can be, where the specs bound them."""
        if (table, name) not in self._known:
            self._known[table, name] = self._texts(table, name)
        return self._known[table, name]

    def allowed(self, declared: Declaration) -> Texts | None:
        """The texts that a declaration allows."""
        if declared.one_of:
            return frozenset(declared.one_of)
        return frozenset(self.world.ruleset.names(declared.entry)) if declared.entry else None

    def _texts(self, table: str, name: str) -> Texts | None:
        declared = [one.columns[name] for one in self.world.tables if one.name == table and name in one.columns]
        if not declared or declared[0].type.kind != "text":
            return None
        allowed = self.allowed(declared[0])
        if allowed is not None:
            return allowed
        texts: set[str] = set()
        defaults = [one.default for one in declared if one.default is not None]
        for formula in [*self._cells.get((table, name), ()), *defaults]:
            leaves = list(_leaves(formula.tree))
            if not all(isinstance(leaf, Text) for leaf in leaves):
                return None
            texts.update(leaf.value for leaf in leaves if isinstance(leaf, Text))
        return frozenset(texts)


class _Asker:
    def __init__(self, columns: _Columns, scope: Scope, rows: dict[str, str]) -> None:
        self.columns = columns
        self.world = columns.world
        self.scope = scope
        self.rows = rows

    def impossible(self, tree: Expr) -> Never | None:
        """Why a test can never hold, as far as its texts tell; None where it may."""
        match tree:
            case Truth(False):
                return Never("it is false", tree)
            case Unary("not", Truth(True)):
                return Never("it is false", tree)
            case Binary("==", Name() as name, Text() as text):
                return self._unknown(tree, name, text)
            case Binary("==", Text() as text, Name() as name):
                return self._unknown(tree, name, text)
            case Binary("or", left, right):
                first, second = self.impossible(left), self.impossible(right)
                return first if first is not None and second is not None else None
            case Binary("and", left, right):
                return self.impossible(left) or self.impossible(right) or _twice(tree)
        return None

    def _unknown(self, tree: Expr, name: Name, text: Text) -> Never | None:
        texts = self._texts(name.name)
        if texts is None or text.value in texts:
            return None
        hint = nearest(text.value, sorted(texts)) or f"{name.name} is one of: {', '.join(sorted(texts)[:12])}"
        return Never(f"{name.name} is never {to_text(text)}", tree, hint)

    def _texts(self, name: str) -> Texts | None:
        """The texts that a quantity or a row's column can be, where the specs bound them."""
        first, _, column = name.partition(".")
        if first in self.rows:
            return self.columns.texts(self.rows[first], column)
        own = f"{self.scope.namespace}.{name}"
        full = own if self.scope.namespace and own in self.world.declarations else name
        declared = self.world.declarations.get(full)
        return self.columns.allowed(declared) if declared is not None else None


def _leaves(tree: Expr) -> Iterator[Expr]:
    if isinstance(tree, Conditional):
        yield from _leaves(tree.then)
        yield from _leaves(tree.otherwise)
    else:
        yield tree


def _twice(tree: Expr) -> Never | None:
    """Whether a chain of `and` asks one name to be two texts."""
    asked: dict[str, str] = {}
    for part in _conjuncts(tree):
        match part:
            case Binary("==", Name(name), Text(text)) | Binary("==", Text(text), Name(name)):
                if asked.setdefault(name, text) != text:
                    return Never(f'{name} cannot be both "{asked[name]}" and "{text}"', tree)
    return None


def _conjuncts(tree: Expr) -> Iterator[Expr]:
    if isinstance(tree, Binary) and tree.op == "and":
        yield from _conjuncts(tree.left)
        yield from _conjuncts(tree.right)
    else:
        yield tree
