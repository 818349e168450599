"""What rules, facts and entries owe their readers: what they are, and where that was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vramledger.problems import Place, Problem
from vramledger.rules.lint.finding import finding
from vramledger.rules.load import Document, RuleSet
from vramledger.rules.model import Kind
from vramledger.rules.said import named, pairs, source_of, text_of
from vramledger.rules.tree import Mapping, Node, Scalar

_DECLARING = ("facts", "fields")  # blocks whose items declare quantities


def said(ruleset: RuleSet, documents: Iterable[Document]) -> Iterator[Problem]:
    """What of some documents does not say what it is, cites nothing, or is assumed without a reason."""
    for document in documents:
        tree = document.tree()
        where = f"{document.head} {document.name}"
        place = document.place
        yield from _unsaid(tree, where, place)
        yield from _reason(tree, where, place)
        if document.head in ruleset.kinds and source_of(tree) is None:
            yield _unsourced(where, place)
        yield from _parts(tree, where, ruleset.kinds.get(document.head))


def _parts(tree: Mapping, where: str, kind: Kind | None) -> Iterator[Problem]:
    covered = source_of(tree) is not None
    for key, rule in _mappings(tree.get("rules")):
        what = f"{key.text} of {where}"
        if not covered and source_of(rule) is None:
            yield _unsourced(what, key.place)
        yield from _unsaid(rule, what, key.place)
        yield from _reason(rule, what, key.place)
    for block in _DECLARING:
        for key, declared in _mappings(tree.get(block)):
            yield from _unsaid(declared, f"{key.text} of {where}", key.place)
            yield from _reason(declared, f"{key.text} of {where}", key.place)
    for key, table in _mappings(tree.get("tables")):
        if table.get("columns") is not None:
            yield from _unsaid(table, f"the table {key.text} of {where}", key.place)
        for column, declared in _mappings(table.get("columns")):
            yield from _unsaid(declared, f"the column {column.text} of {key.text}", column.place)
            yield from _reason(declared, f"the column {column.text} of {key.text}", column.place)
        yield from _rows(table.get("fill"), where)
    for block in kind.blocks if kind is not None else ():
        yield from _rows(tree.get(block), where)
    for key, warning in _mappings(tree.get("warnings")):
        yield from _reason(warning, f"the warning {key.text} of {where}", key.place)


def _rows(block: Node | None, where: str) -> Iterator[Problem]:
    for name, row in named(block):
        yield from _reason(row, f"row {name.text} of {where}", name.place)


def _mappings(node: Node | None) -> Iterator[tuple[Scalar, Mapping]]:
    for key, value in pairs(node):
        if isinstance(value, Mapping):
            yield key, value


def _unsaid(node: Mapping, what: str, place: Place) -> Iterator[Problem]:
    if not text_of(node.get("says")):
        yield finding("unsaid", f"{what} does not say what it is", place, "add says: with a sentence")


def _unsourced(what: str, place: Place) -> Problem:
    hint = "add source: with title and url, or assumed: true with its reason"
    return finding("no-source", f"{what} cites no source", place, hint)


def _reason(node: Mapping, what: str, place: Place) -> Iterator[Problem]:
    if text_of(node.get("assumed")) == "true" and not text_of(node.get("reason")):
        yield finding("no-reason", f"{what} is assumed without a reason", place, "add reason:")
