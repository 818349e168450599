"""Folders of spec files to what they hold, and what tells that nothing in them has changed."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vramledger.locate import folder
from vramledger.problems import Place, Problem, problem
from vramledger.rules.bytes import read_bytes
from vramledger.rules.packages import packages

MOST_BYTES = 16_000_000
# Folders that hold what is evaluated, not what it is evaluated with.
NOT_SPECS = ("scenarios", "measurements", "templates")


class File(NamedTuple):
    """A spec file's content, before it is read."""

    path: str
    content: bytes
    user: bool


def gather(folders: Iterable[str | Path]) -> tuple[list[File], list[Problem]]:
    """The spec files of the bundled folder, of installed packages and of the user's folders, in a fixed order."""
    bundled, faults = bundled_files()
    own, problems = own_files(folders)
    return [*bundled, *own], [*faults, *problems]


def bundled_files() -> tuple[list[File], list[Problem]]:
    """The spec files that come with the engine."""
    base = str(folder("specs"))
    return _contents((path, shown_path(path, base), False) for path in _yaml_files(base))


def shown_path(path: str, base: str) -> str:
    """The path by which problems name a bundled file, wherever the engine is installed."""
    return f"specs{path[len(base) :]}".replace(os.sep, "/")


def own_files(folders: Iterable[str | Path]) -> tuple[list[File], list[Problem]]:
    """The spec files of installed packages and of the user's folders."""
    brought, problems = packages()
    found = [path for package in brought for path in _yaml_files(package.folder)]
    for given in map(str, folders):
        if os.path.exists(given):  # noqa: PTH110 - a path of any length and signs is asked, not trusted
            found += _yaml_files(given) if Path(given).is_dir() else [given]
        else:
            problems.append(problem("unreadable-file", f"there is no folder {given!r}", Place(given[:200])))
    files, faults = _contents((path, path, True) for path in found)
    return files, [*problems, *faults]


def _contents(found: Iterable[tuple[str, str, bool]]) -> tuple[list[File], list[Problem]]:
    files: list[File] = []
    problems: list[Problem] = []
    room = MOST_BYTES
    for path, shown, user in found:
        content, fault = read_bytes(path)
        problems += [fault] if fault else []
        files.append(File(shown, content, user))
        room -= len(content)
        if room < 0:
            message = f"the spec files up to this one have more than {MOST_BYTES} bytes in all"
            problems.append(problem("file-too-large", message, Place(shown), "name a folder that holds specs alone"))
            break
    return files, problems


Signature = tuple[tuple[str, int, int, int, int], ...]  # of each file its path, both its times, its size, which it is


def signature(folders: Iterable[str]) -> Signature | None:
    """What tells whether `gather` would read the same again; None where that cannot be told."""
    try:
        return (*_bundled(str(folder("specs"))), *(one for base in (*_of_packages(), *folders) for one in signed(base)))
    except OSError:
        return None


_SECOND = 1.0
_looked_at: dict[str, tuple[float, Signature]] = {}


def _bundled(base: str) -> Signature:
    """The signature of the bundled files, which are many: once looked at, they are looked at again a second later."""
    now = time.monotonic()
    at, found = _looked_at.get(base, (-math.inf, ()))
    if now - at > _SECOND:
        found = signed(base)
        _looked_at[base] = (now, found)
    return found


def _of_packages() -> list[str]:
    return [package.folder for package in packages()[0]]


def signed(base: str) -> Signature:
    """The signature of a folder, or of a single file."""
    stats = _found(base) if os.path.isdir(base) else [(base, os.stat(base))]  # noqa: PTH112, PTH116
    return tuple((path, at.st_mtime_ns, at.st_ctime_ns, at.st_size, at.st_ino) for path, at in sorted(stats))


def _found(base: str) -> Iterator[tuple[str, os.stat_result]]:
    return ((entry.path, entry.stat()) for entry in _entries(base))


def _yaml_files(base: str) -> list[str]:
    return sorted(entry.path for entry in _entries(base))


def _entries(base: str) -> Iterator[os.DirEntry[str]]:
    """The YAML files of a folder and of those inside it."""
    listed: list[os.DirEntry[str]] = []
    with suppress(OSError), os.scandir(base) as found:
        listed += found
    for entry in listed:
        if _is_folder(entry):
            if entry.name not in NOT_SPECS and not entry.is_symlink():
                yield from _entries(entry.path)
        elif entry.name.endswith((".yaml", ".yml")):
            yield entry


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads nowhere is told when it is read


class Said(NamedTuple):
    """What files say, whatever their order or their folder's name: a hash of all, and one of each."""

    digest: str
    parts: list[str]


def said(files: Iterable[File], *others: Said) -> Said:
    """What files say, together with others."""
    import hashlib  # which takes long to import, and what is remembered need not be asked

    parts = [hashlib.sha256(file.content).hexdigest() for file in files]
    parts = sorted([*parts, *(part for other in others for part in other.parts)])
    return Said(hashlib.sha256("\n".join(parts).encode()).hexdigest(), parts)


def digest(files: Iterable[File]) -> str:
    """A hash of what the files say."""
    return said(files).digest
