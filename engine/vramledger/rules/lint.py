"""What is not wrong and yet worth a word: rules and entries without a source, assumptions without a reason."""

from __future__ import annotations

from collections.abc import Iterator

from vramledger.codes import Code
from vramledger.problems import Place, Problem, problem
from vramledger.rules.build import named, pairs, source_of, text_of
from vramledger.rules.load import RuleSet
from vramledger.rules.tree import Mapping


def lint(ruleset: RuleSet) -> Iterator[Problem]:
    """Warnings about a rule set that is otherwise sound."""
    for name, tree in ruleset.stage_trees():
        yield from _rules(tree, f"stage {name}", source_of(tree) is not None)
    for kind, name, tree in ruleset.entry_trees():
        place = tree.items[0][1].place
        if source_of(tree) is None:
            yield _unsourced(f"{kind} {name}", place)
        yield from _reason(tree, f"{kind} {name}", place)
        yield from _rules(tree, f"{kind} {name}", source_of(tree) is not None)


def _rules(tree: Mapping, where: str, covered: bool) -> Iterator[Problem]:
    for key, rule in pairs(tree.get("rules")):
        if not isinstance(rule, Mapping):
            continue
        if not covered and source_of(rule) is None:
            yield _unsourced(f"{key.text} of {where}", key.place)
        if not text_of(rule.get("says")):
            hint = "say in a sentence what it is"
            yield _warning("unsaid", f"{key.text} of {where} does not say what it is", key.place, hint)
        yield from _reason(rule, f"{key.text} of {where}", key.place)
    for _, table in pairs(tree.get("tables")):
        if isinstance(table, Mapping):
            for name, row in named(table.get("fill")):
                yield from _reason(row, f"row {name.text} of {where}", name.place)


def _unsourced(what: str, place: Place) -> Problem:
    hint = "add source: with title and url, or assumed: true with its reason"
    return _warning("no-source", f"{what} cites no source", place, hint)


def _reason(node: Mapping, what: str, place: Place) -> Iterator[Problem]:
    if text_of(node.get("assumed")) == "true" and not text_of(node.get("reason")):
        yield _warning("no-reason", f"{what} is assumed without a reason", place, "add reason:")


def _warning(code: Code, message: str, place: Place, hint: str) -> Problem:
    return problem(code, message, place, hint)._replace(severity="warning")
