"""Checked rule sets, remembered by the hash of what was read."""

from __future__ import annotations

import json
import mmap
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from vramledger import version
from vramledger.locate import folder
from vramledger.rules import kept
from vramledger.rules.files import Said, Signature
from vramledger.rules.load import Document, RuleSet

VARIABLE = "VRAMLEDGER_CACHE"  # a folder, or `off`
_ODD = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
CHECKED = "checked"  # the folder in an installed engine that holds what came of checking its specs
MOST_KEPT = 32
_OLD = 2_000_000_000  # nanoseconds after which a file that changes again has another time


def place() -> Path | None:
    """The folder where rule sets are remembered; none where nothing is."""
    given = os.environ.get(VARIABLE)
    if given == "off":
        return None
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "vramledger"


def _file(key: str, suffix: str = ".jsonl") -> Path | None:
    base = place()
    return None if base is None else base / _name(key, suffix)


def _name(key: str, suffix: str) -> str:
    return f"{version.ENGINE}-{version.FORMAT}-{key}{suffix}"


def recall(key: str, paths: list[str], base: RuleSet | None = None) -> RuleSet | None:
    """The rule set of these very files, joined to another's where there is one, if it was checked before.

    Anything odd about the cache counts as absent.
    """
    path = _file(key)
    try:
        if path is None or not path.exists():
            path = folder(CHECKED) / _name(key, ".jsonl")
        found = kept.read(_mapped(path), base.reader if base is not None else None)
        if found.files != paths:
            return None
        if base is not None:
            ruleset = base.joined(key, found.reader, found.documents)
            with suppress(FileNotFoundError):  # of those that came with the engine
                os.utime(path.with_name(path.name.replace(key, base.digest)))  # it is of use, and kept
        else:
            ruleset = RuleSet(key, found.reader)
            ruleset.add(found.documents)
            ruleset.outline = found.outline
    except _ODD:
        return None
    return None if ruleset.problems or found.reader.problems else ruleset


def _mapped(path: Path) -> mmap.mmap:
    """A file of which only what is asked for is read."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def remember(key: str, ruleset: RuleSet, paths: list[str], documents: list[Document]) -> None:
    """Keeps a checked rule set: the documents of these files, what was read in them, and its outline."""
    path = _file(key)
    if path is not None:
        _write(path, kept.dump(ruleset, paths, documents))


def seen(base: str, signature: Signature) -> Said | None:
    """What the files in a folder say, where none of them changed since they were read."""
    path = _file("seen", ".json")
    try:
        if path is None:
            return None
        data = json.loads(path.read_bytes())
        return Said(*data["said"]) if data["files"] == _signs(base, signature) else None
    except _ODD:
        return None


def see(base: str, signature: Signature, said: Said) -> None:
    """Keeps what the files in a folder say, unless one is so new that it may change without its time."""
    path = _file("seen", ".json")
    newest = max((max(changed, made) for _, changed, made, *_ in signature), default=0)
    if path is not None and newest < time.time_ns() - _OLD:
        _write(path, _text({"files": _signs(base, signature), "said": said}))


def _signs(base: str, signature: Signature) -> str:
    """A signature as one text, which is compared at once."""
    return "\n".join([base, *(f"{path[len(base) :]} {numbers}" for path, *numbers in signature)])


def _write(path: Path, text: str) -> None:
    """Writes a file whole. A cache that cannot be written is no fault of anyone's."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
        _forget(path.parent)
    except OSError:
        return


def _forget(base: Path) -> None:
    """Keeps the rule sets that were remembered last."""
    files = sorted(base.glob("*.json*"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[MOST_KEPT:]:
        file.unlink(missing_ok=True)


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))
