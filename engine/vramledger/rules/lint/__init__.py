"""What is not wrong and yet worth a word: warnings about a rule set that is otherwise sound."""

from __future__ import annotations

from collections.abc import Iterator

from vramledger.problems import Problem
from vramledger.rules.graph import later_stages
from vramledger.rules.lint.magic import magic_numbers
from vramledger.rules.lint.never import never_applies
from vramledger.rules.lint.said import said
from vramledger.rules.lint.silence import silenced
from vramledger.rules.lint.unused import unused
from vramledger.rules.load import RuleSet
from vramledger.rules.reads import Reader
from vramledger.rules.world import World


def lint(ruleset: RuleSet) -> Iterator[Problem]:
    """The findings that no file silences, in the order of the files, and the silences that are not needed.

    Where there are specs of a user's, what they change about the bundled ones is not told: only their files are.
    """
    entries = [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
    world = World(ruleset, entries)
    documents = list(ruleset.documents())
    told = [document for document in documents if document.user] or documents
    paths = frozenset(document.path for document in told)
    found = [
        *said(ruleset, told),
        *magic_numbers(world, told, paths),
        *unused(world, paths),
        *never_applies(world),
        *later_stages(ruleset, Reader(world)),
    ]
    left = silenced(told, (one for one in dict.fromkeys(found) if one.labels[0].place.path in paths))
    yield from sorted(left, key=lambda one: one.labels[0].place[:3])
