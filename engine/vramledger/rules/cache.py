"""Checked rule sets, remembered by the hash of what was read: plain JSON, which executes nothing when it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from vramledger import version
from vramledger.problems import Place
from vramledger.rules.formulas import FormulaReader, encode
from vramledger.rules.load import Document, File, RuleSet
from vramledger.rules.tree import Mapping, decode
from vramledger.rules.tree import encode as encode_tree

VARIABLE = "VRAMLEDGER_CACHE"  # a folder, or `off`
_ODD = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
MOST_KEPT = 32
_MOST_READ = 2  # the bundled specs, and those with a user's


class Checked(NamedTuple):
    """Specs that were found sound: their documents, their formulas as they are kept, and those decoded so far."""

    documents: list[Document]
    formulas: dict[str, str]
    decoded: dict[str, Any]


def _folder() -> Path | None:
    given = os.environ.get(VARIABLE)
    if given == "off":
        return None
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "vramledger"


def _file(key: str) -> Path | None:
    base = _folder()
    return None if base is None else base / f"{version.ENGINE}-{version.FORMAT}-{key}.json"


def recall(key: str, files: list[File]) -> RuleSet | None:
    """The rule set of these very files, if it was checked before; anything odd about the cache counts as absent."""
    try:
        parts = _read(key, files)
        if parts is None:
            return None
        reader = FormulaReader(parts.formulas, parts.decoded)
        ruleset = RuleSet(key, reader)
        ruleset.add(parts.documents)
    except _ODD:
        return None
    return None if ruleset.problems or reader.problems else ruleset


def parts(key: str, files: list[File]) -> Checked | None:
    """The documents and the parsed formulas of files that were checked before, to be joined by others."""
    path = _file(key)
    try:
        found = _read(key, files)
        if path is not None and found is not None:
            os.utime(path)  # it is of use, and kept
    except _ODD:
        return None
    return found


_last: dict[
    tuple[Path, int, int], tuple[Any, Checked]
] = {}  # by file, which one it is and its size: what was read of it


def _read(key: str, files: list[File]) -> Checked | None:
    path = _file(key)
    if path is None:
        return None
    stat = path.stat()
    same = (path, stat.st_ino, stat.st_size)
    if same not in _last:
        data = json.loads(path.read_bytes())
        documents = [_document(*row) for row in data["documents"]]
        while len(_last) >= _MOST_READ:
            del _last[next(iter(_last))]
        _last[same] = data["files"], Checked(documents, dict(data["formulas"]), {})
    listed, checked = _last[same]
    return checked if listed == [[file.path, file.user] for file in files] else None


def checked(ruleset: RuleSet, documents: list[Document]) -> Checked:
    """A rule set that was just read and found sound, as its parts."""
    reader = ruleset.reader
    written = {text: _text(encode(tree)) for text, tree in reader.read.items()}
    return Checked(documents, {**reader.known, **written}, {**reader.decoded, **reader.read})


def remember(key: str, ruleset: RuleSet, files: list[File], documents: list[Document]) -> None:
    """Keeps a checked rule set. A cache that cannot be written is no fault of anyone's."""
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
        "formulas": checked(ruleset, documents).formulas,
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
