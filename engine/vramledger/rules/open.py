"""The composition of this package: folders to a checked rule set, through the cache where nothing changed."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache as once
from pathlib import Path

from vramledger.locate import folder
from vramledger.problems import Problem, Problems
from vramledger.rules import cache
from vramledger.rules.files import (
    File,
    Said,
    Signature,
    bundled_files,
    digest,
    gather,
    own_files,
    said,
    shown_path,
    signature,
    signed,
)
from vramledger.rules.formulas import FormulaReader
from vramledger.rules.load import Document, RuleSet


def open_rules(specs: Iterable[str | Path] = ()) -> RuleSet:
    """The bundled specs and the user's folders as a rule set. Raises Problems with every fault."""
    given = list(specs)
    own, problems = own_files(given)
    if problems:
        raise Problems(problems)
    with _collector_at_rest():
        return _opened(own, given)


_opened_before: dict[Signature, RuleSet] = {}
_MOST_OPENED = 4


def opened(specs: Iterable[str | Path] = ()) -> RuleSet:
    """`open_rules`, or what it gave before for files that have not changed since: compiled shapes stay."""
    given = tuple(map(str, specs))
    signed = signature(given)
    if signed is None:
        return open_rules(given)
    found = _opened_before.pop(signed, None) or open_rules(given)
    while len(_opened_before) >= _MOST_OPENED:
        del _opened_before[next(iter(_opened_before))]
    _opened_before[signed] = found  # at the end: what is asked for again stays
    return found


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


Known = tuple[Path | None, str, tuple[str, ...]]  # where it is remembered, what the files say, their paths
_bases: dict[Known, RuleSet] = {}  # the bundled specs
_MOST_BASES = 2


def _opened(own: list[File], given: list[str | Path]) -> RuleSet:
    paths, bundled = _bundled()
    base = _base(paths, bundled.digest)
    if base is None:
        files, problems = gather(given)
        if problems:
            raise Problems(problems)
        return _sound(files, digest(files))[1]
    if not own:
        return base.joined(base.digest, FormulaReader(base=base.reader), ())
    key = said(own, bundled).digest
    own_paths = [file.path for file in own]
    remembered = cache.recall(key, own_paths, base)
    if remembered is not None:
        return remembered
    documents, ruleset = _sound(own, key, base)
    cache.remember(key, ruleset, own_paths, documents)
    return ruleset


def _bundled() -> tuple[list[str], Said]:
    """The paths of the bundled files and what they say; those that did not change are not read."""
    place = str(folder("specs"))
    now: Signature = ()
    with suppress(OSError):  # of a file that cannot be read, which is told when it is
        now = signed(place)
    known = cache.seen(place, now)
    if known is not None:
        return [shown_path(path, place) for path, *_ in now], known
    files, problems = bundled_files()
    known = said(files)
    if not problems:
        cache.see(place, now, known)
    return [file.path for file in files], known


def _base(paths: list[str], key: str, files: list[File] | None = None) -> RuleSet | None:
    """The rules that are bundled; None where they are faulty."""
    known = (cache.place(), key, tuple(paths))
    if known not in _bases:
        found = cache.recall(key, paths)
        if found is None:
            documents, found, problems = _read(files or bundled_files()[0], key)
            if any(one.severity == "error" for one in problems):
                return None  # its faults are told with those of all files
            cache.remember(key, found, paths, documents)
        while len(_bases) >= _MOST_BASES:
            del _bases[next(iter(_bases))]
        _bases[known] = found
    return _bases[known]


def _sound(files: list[File], key: str, base: RuleSet | None = None) -> tuple[list[Document], RuleSet]:
    """What is read anew. Raises Problems with every fault."""
    documents, ruleset, problems = _read(files, key) if base is None else _joined(base, files, key)
    errors = [found for found in problems if found.severity == "error"]
    if errors:
        raise Problems(errors)
    return documents, ruleset


def check_bundled() -> None:
    """Has the bundled specs checked, and remembered. Raises Problems with every fault."""
    paths, bundled = _bundled()
    if _base(paths, bundled.digest) is None:
        _sound(bundled_files()[0], bundled.digest)


def load(files: list[File], key: str) -> tuple[list[Document], RuleSet, list[Problem]]:
    """Files to a rule set and everything that is wrong with them; of the documents those that were read anew."""
    with _collector_at_rest():
        bundled, own = ([file for file in files if file.user == user] for user in (False, True))
        base = _base([file.path for file in bundled], digest(bundled), bundled) if own else None
        return _joined(base, own, key) if base is not None else _read(files, key)


def _read(files: list[File], key: str) -> tuple[list[Document], RuleSet, list[Problem]]:
    """Files that stand alone."""
    # what checking needs is imported here: a remembered rule set starts without it
    from vramledger.rules.check import check_rules
    from vramledger.rules.documents import read_documents
    from vramledger.rules.outlined import outline_of
    from vramledger.rules.schema import check_shapes

    documents, problems = read_documents(files)
    faults = check_shapes(documents, {})
    ruleset = RuleSet(key, FormulaReader())
    ruleset.add(_shapely(documents, faults))
    ruleset.outline = once(lambda: outline_of(ruleset))
    problems += faults
    return documents, ruleset, [*problems, *check_rules(ruleset, whole=not problems)]


def _joined(base: RuleSet, files: list[File], key: str) -> tuple[list[Document], RuleSet, list[Problem]]:
    """Files that join sound rules; nothing of these is looked at again that the files leave as it was."""
    from vramledger.rules.check import check_rules
    from vramledger.rules.documents import read_documents
    from vramledger.rules.schema import check_shapes

    documents, problems = read_documents(files)
    faults = check_shapes(documents, base.kinds)
    ruleset = base.joined(key, FormulaReader(base=base.reader), _shapely(documents, faults))
    problems += faults
    outline = base.outline() if base.outline is not None else None
    return documents, ruleset, [*problems, *check_rules(ruleset, whole=not problems, outline=outline)]


def _shapely(documents: list[Document], faults: list[Problem]) -> Iterator[Document]:
    """The documents of the files whose shapes are as they should be."""
    shapeless = {label.place.path for found in faults for label in found.labels}
    return (document for document in documents if document.path not in shapeless)
