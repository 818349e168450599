"""The composition of this package: folders to a checked rule set, through the cache where nothing changed."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vramledger.problems import Problem, Problems
from vramledger.rules import cache
from vramledger.rules.build import pairs
from vramledger.rules.formulas import FormulaReader
from vramledger.rules.load import RESERVED, Document, File, RuleSet, Signature, digest, gather, signature
from vramledger.rules.tree import Scalar


def open_rules(specs: Iterable[str | Path] = ()) -> RuleSet:
    """The bundled specs and the user's folders as a rule set. Raises Problems with every fault."""
    files, problems = gather(specs)
    if problems:
        raise Problems(problems)
    with _collector_at_rest():
        return _opened(files)


_opened_before: dict[Signature, RuleSet] = {}
_MOST_OPENED = 4


def opened(specs: Iterable[str | Path] = ()) -> RuleSet:
    """`open_rules`, or what it gave before for files that have not changed since: compiled shapes stay."""
    given = tuple(map(str, specs))
    signed = signature(given)
    if signed is None:
        return open_rules(given)
    if signed not in _opened_before:
        while len(_opened_before) >= _MOST_OPENED:
            del _opened_before[next(iter(_opened_before))]
        _opened_before[signed] = open_rules(given)
    return _opened_before[signed]


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Nothing that is loaded is garbage, and looking for some takes 2/5 of the time.

    Afterwards all of it counts as long known, or the first object to come would have everything looked through.
    """
    working = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if working:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _opened(files: list[File]) -> RuleSet:
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
    with _collector_at_rest():
        return _loaded(files, key)


def _loaded(files: list[File], key: str) -> tuple[list[Document], RuleSet, list[Problem]]:
    # what checking needs is imported here: a remembered rule set starts without it
    from vramledger.rules.check import check_rules
    from vramledger.rules.documents import read_documents
    from vramledger.rules.schema import check_shapes

    bundled, formulas, decoded = _bundled(files)
    own, problems = read_documents([file for file in files if file.user] if bundled else files)
    documents = [*bundled, *own]
    faults = check_shapes(documents, known=len(bundled))
    problems += faults
    shapeless = {label.place.path for found in faults for label in found.labels}
    reader = FormulaReader(formulas, decoded)
    ruleset = RuleSet(key, reader)
    ruleset.add(document for document in documents if document.path not in shapeless)
    taken = {name for document in bundled if document.head in RESERVED for name in _given(document)}
    apart = not any(document.tree().get("overrides") or taken.intersection(_given(document)) for document in own)
    sound = {document.path for document in bundled} if apart else set()
    return documents, ruleset, [*problems, *check_rules(ruleset, whole=not problems, sound=sound)]


def _given(document: Document) -> Iterator[str]:
    """The names that a stage or a kind gives; what shares none with the bundled ones changes nothing that they say."""
    tree = document.tree()
    if document.head == "kind":
        space = tree.get("namespace")
        prefix = space.text if isinstance(space, Scalar) else document.name
        yield from (document.name, *(f"{prefix}.{field.text}" for field, _ in pairs(tree.get("fields"))))
    for block in ("rules", "tables", "facts") if document.head == "stage" else ():
        yield from (name.text for name, _ in pairs(tree.get(block)))


def _bundled(files: list[File]) -> cache.Checked:
    """What is bundled as it was checked before, for the user's files to join; nothing where it stands alone."""
    bundled = [file for file in files if not file.user]
    nothing = cache.Checked([], {}, {})
    if len(bundled) == len(files):
        return nothing
    key = digest(bundled)
    found = cache.parts(key, bundled)
    if found is not None:
        return found
    documents, ruleset, problems = load(bundled, key)
    if any(one.severity == "error" for one in problems):
        return nothing  # its faults are told with those of all files
    cache.remember(key, ruleset, bundled, documents)
    return cache.checked(ruleset, documents)
