"""`silence: {CODE: reason}` in a file: the findings inside that node are meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from vramledger.codes import Code
from vramledger.problems import Problem
from vramledger.rules.lint.extent import Extent, Extents, extent
from vramledger.rules.lint.finding import finding
from vramledger.rules.load import Document
from vramledger.rules.said import pairs
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

CODES = get_args(Code)


def silenced(documents: Iterable[Document], found: Iterable[Problem]) -> Iterator[Problem]:
    """What is left of the findings in some documents, and the silences there that silence nothing."""
    silences = [one for document in documents for one in _silences(document.tree(), None)]
    by_code: dict[str, list[Extent]] = {}
    for code, where in silences:
        by_code.setdefault(code.text, []).append(where)
    silent = {code: Extents(listed) for code, listed in by_code.items()}
    needed: set[tuple[str, Extent]] = set()
    for one in found:
        around = list(silent[one.code].around(one.labels[0].place)) if one.code in silent else []
        needed.update((one.code, where) for where in around)
        if not around:
            yield one
    for code, where in silences:
        if (code.text, where) not in needed:
            yield finding("needless-silence", f"nothing here is a case of {code.text}", code.place, "remove it")


def _silences(node: Node, key: Scalar | None) -> Iterator[tuple[Scalar, Extent]]:
    """Each code that is silenced, and the node inside which it is."""
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _silences(item, None)
    if isinstance(node, Mapping):
        codes = [code for code, _ in pairs(node.get("silence"))]
        if all(code.text in CODES for code in codes):  # a fact or a row may be called silence
            yield from ((code, extent(node, key)) for code in codes)
        for name, value in node.items:
            yield from _silences(value, name)
