"""The composition of this package: folders to a checked rule set, through the cache where nothing changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vramledger.problems import Problem, Problems
from vramledger.rules import cache
from vramledger.rules.formulas import FormulaReader
from vramledger.rules.load import Document, File, RuleSet, digest, gather


def open_rules(specs: Iterable[str | Path] = ()) -> RuleSet:
    """The bundled specs and the user's folders as a rule set. Raises Problems with every fault."""
    files, problems = gather(specs)
    if problems:
        raise Problems(problems)
    key = digest(files)
    remembered = cache.recall(key, files)
    if remembered is not None:
        return remembered
    documents, ruleset, problems = load(files, key)
    errors = [found for found in problems if found.severity == "error"]
    if errors:
        raise Problems(errors)
    cache.remember(key, ruleset, files, documents)
    return ruleset


def load(files: list[File], key: str) -> tuple[list[Document], RuleSet, list[Problem]]:
    """Files to a rule set and everything that is wrong with them."""
    # what checking needs is imported here: a remembered rule set starts without it
    from vramledger.rules.check import check_rules
    from vramledger.rules.documents import read_documents
    from vramledger.rules.schema import check_shapes

    documents, problems = read_documents(files)
    faults = check_shapes(documents)
    problems += faults
    shapeless = {label.place.path for found in faults for label in found.labels}
    reader = FormulaReader()
    ruleset = RuleSet(key, reader)
    ruleset.add(document for document in documents if document.path not in shapeless)
    return documents, ruleset, [*problems, *check_rules(ruleset, whole=not problems)]
