"""Checked rule sets, remembered by the hash of what was read: plain JSON, which executes nothing when it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache as cached
from pathlib import Path
from typing import Any

from vramledger import version
from vramledger.problems import Place
from vramledger.rules.formulas import FormulaReader, encode
from vramledger.rules.load import Document, File, RuleSet
from vramledger.rules.outline import decode as decode_outline
from vramledger.rules.outline import encode as encode_outline
from vramledger.rules.tree import Mapping, decode
from vramledger.rules.tree import encode as encode_tree

VARIABLE = "VRAMLEDGER_CACHE"  # a folder, or `off`
_ODD = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
MOST_KEPT = 32


def place() -> Path | None:
    """The folder where rule sets are remembered; none where nothing is."""
    given = os.environ.get(VARIABLE)
    if given == "off":
        return None
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "vramledger"


def _file(key: str) -> Path | None:
    base = place()
    return None if base is None else base / f"{version.ENGINE}-{version.FORMAT}-{key}.json"


def recall(key: str, files: list[File], base: RuleSet | None = None) -> RuleSet | None:
    """The rule set of these very files, joined to another's where there is one, if it was checked before.

    Anything odd about the cache counts as absent.
    """
    try:
        path = _file(key)
        if path is None:
            return None
        data = json.loads(path.read_bytes())
        if data["files"] != [[file.path, file.user] for file in files]:
            return None
        reader = FormulaReader(data["formulas"], base.reader if base is not None else None)
        documents = [_document(*row) for row in data["documents"]]
        if base is not None:
            ruleset = base.joined(key, reader, documents)
            os.utime(path.with_name(path.name.replace(key, base.digest)))  # it is of use, and kept
        else:
            ruleset = RuleSet(key, reader)
            ruleset.add(documents)
            ruleset.outline = cached(lambda: decode_outline(json.loads(data["outline"])))
    except _ODD:
        return None
    return None if ruleset.problems or reader.problems else ruleset


def remember(key: str, ruleset: RuleSet, files: list[File], documents: list[Document]) -> None:
    """Keeps a checked rule set: the documents of these files, what was read in them, and its outline.

    A cache that cannot be written is no fault of anyone's.
    """
    path = _file(key)
    if path is None:
        return
    rows = [
        [
            found.path,
            found.head,
            found.name,
            list(found.aliases),
            found.user,
            list(found.place),
            list(found.keys),
            found.encoded or _text(encode_tree(found.tree())),
        ]
        for found in documents
    ]
    data = {
        "files": [[file.path, file.user] for file in files],
        "documents": rows,
        "formulas": {
            **ruleset.reader.known,
            **{text: _text(encode(tree)) for text, tree in ruleset.reader.read.items()},
        },
        "outline": _text(encode_outline(ruleset.outline())) if ruleset.outline is not None else "",
    }
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_text(data))
        Path(name).replace(path)
        _forget(path.parent)
    except OSError:
        return


def _forget(base: Path) -> None:
    """Keeps the rule sets that were remembered last."""
    files = sorted(base.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[MOST_KEPT:]:
        file.unlink(missing_ok=True)


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def _document(
    path: str, head: str, name: str, aliases: list[str], user: bool, place: list[Any], keys: list[str], tree: str
) -> Document:
    return Document(path, head, name, tuple(aliases), user, Place(*place), tuple(keys), _once(tree, path), tree)


def _once(tree: str, path: str) -> Callable[[], Mapping]:
    found: list[Mapping] = []

    def read() -> Mapping:
        if not found:
            node = decode(json.loads(tree), path)
            assert isinstance(node, Mapping)
            found.append(node)
        return found[0]

    return read
