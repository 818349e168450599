"""A checked rule set as lines of JSON, which execute nothing when they are read, and back.

The first line lists the files and their documents, with the length of the line that each has below; the second holds
what kinds and stages come to, the third the outline, the fourth the trees of all formulas. Below them each document
has its tree, and where the formulas in it lie. Only the first two are read at once.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable
from functools import cache as once
from typing import Any, NamedTuple

from vramledger.problems import Place
from vramledger.rules import coded, formulas, outline, tree
from vramledger.rules.formulas import FormulaReader, readings
from vramledger.rules.load import Document, RuleSet, built
from vramledger.rules.tree import Mapping

Span = tuple[int, int]


class Kept(NamedTuple):
    """What is read of a rule set that was checked: its documents, the reader of their formulas, its outline."""

    files: list[str]
    documents: list[Document]
    reader: FormulaReader
    outline: Callable[[], outline.Outline]


def dump(ruleset: RuleSet, paths: list[str], documents: list[Document]) -> str:
    """The documents of these files, what was read in them, and the outline; `read` has them back."""
    apart = coded.Apart()
    bodies = [f"{_text([tree.encode(one.tree()), _formulas(one, ruleset.reader, apart)])}\n" for one in documents]
    rows = [
        [len(body), *one[:3], one.lists, one.user, one.place[1:]] for body, one in zip(bodies, documents, strict=True)
    ]
    kinds = [_formulas(one, ruleset.reader, apart) for one in documents if one.head == "kind"]
    known = {text: at for read in kinds for text, at in read.items()}  # with which entries of a kind are read
    made = [coded.encode(built(one, ruleset.reader), apart) for one in documents]
    lines = [
        {"files": paths, "documents": rows},
        [known, apart.shared, made],
        outline.encode(ruleset.outline()) if ruleset.outline is not None else None,
    ]
    return "".join([*(f"{_text(line)}\n" for line in lines), *apart.trees, "\n", *bodies])


def _formulas(document: Document, reader: FormulaReader, apart: coded.Apart) -> dict[str, Span]:
    """Where the trees of the formulas lie that were read in a document."""
    texts = {text for scalar in tree.scalars(document.tree()) for text in readings(scalar)}
    found = ((text, reader.found(text)) for text in sorted(texts))
    return {text: apart.tree(made() if callable(made) else made) for text, made in found if made is not None}


def read(content: mmap.mmap, base: FormulaReader | None) -> Kept:
    """What `dump` wrote. What is odd raises ValueError and its like."""
    index, kinds, outlined = (content.readline() for _ in range(3))
    first = content.tell()
    at = content.find(b"\n", first) + 1
    files, rows = json.loads(index).values()
    known, often, made = json.loads(kinds)
    if len(content) - at != sum(size for size, *_ in rows):
        raise ValueError("it is cut short")

    nodes: dict[int, Any] = {}  # what is written alike is one tree

    def trees(start: int, end: int) -> Any:
        if start not in nodes:
            nodes[start] = formulas.decode(json.loads(content[first + start : first + end]))
        return nodes[start]

    shared = [coded.decode(data, "", trees, []) for data in often]
    reader = FormulaReader(base)
    reader.know(known, trees)
    documents = []
    for (size, path, head, name, lists, user, place), data in zip(rows, made, strict=True):
        later = _later(content, at, at + size, path, trees, reader)
        ready = None if data is None else _ready(data, path, trees, shared)
        documents.append(Document(path, head, name, lists, user, Place(path, *place), later, ready))
        at += size
    return Kept(files, documents, reader, once(lambda: outline.decode(json.loads(outlined))))


def _later(
    content: mmap.mmap, start: int, end: int, path: str, trees: coded.Trees, reader: FormulaReader
) -> Callable[[], Mapping]:
    @once
    def later() -> Mapping:
        data, known = json.loads(content[start:end])
        reader.know(known, trees)
        found: Mapping = tree.decode(data, path)
        return found

    return later


def _ready(data: Any, path: str, trees: coded.Trees, shared: list[Any]) -> Callable[[], Any]:
    return once(lambda: coded.decode(data, path, trees, shared))


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))
