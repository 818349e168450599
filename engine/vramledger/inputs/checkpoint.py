"""Checkpoints as records: which files one consists of, and all their tensors, from headers alone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vramledger.evaluation.fold import fold
from vramledger.inputs.files import read_json
from vramledger.inputs.gguf import read_gguf
from vramledger.inputs.safetensors import read_safetensors
from vramledger.inputs.tensors import LONGEST_HEADER, Header, Layout, grouped, short
from vramledger.problems import MOST, Label, Place, Problem, problem
from vramledger.rules.load import RuleSet

_INDEX = ".index.json"
_OF_MANY = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)")
_MOST_SHARDS = 10_000
_NUMBER, _LISTED = re.compile(r"\.[0-9]+(?![^.])"), re.compile(r"\.[^.]+\.([0-9]+|\*)(?![^.])")
_OUTWARD = 3  # names around a tensor's own in which its module is looked for
Read = Callable[[Path], Header | Problem]


class Checkpoint(NamedTuple):
    """What the headers of a checkpoint's files say, as a record; all of them as bytes, for a hash."""

    record: dict[str, Any]
    content: bytes


def read_checkpoint(ruleset: RuleSet, says: Mapping[str, Any], path: Path) -> Checkpoint | list[Problem]:
    """The checkpoint at a path as an import describes its format, or what is wrong with it."""
    names = {str(name): str(entry) for name, entry in (says.get("formats") or {}).items()}
    kind = str(says["stored"])
    stored = {entry: _layout(ruleset, kind, entry) for entry in names.values()}
    layouts = {entry: layout for entry, layout in stored.items() if layout is not None}
    if says["format"] == "gguf":
        read: Read = lambda file: read_gguf(file, names, layouts)  # noqa: E731
    else:
        read = lambda file: read_safetensors(file, layouts)  # noqa: E731
    headers, faults = _headers(path, str(says["file"]), read)
    faults = faults or list(_twice(headers))
    if faults:
        return faults
    tensors = [tensor for header in headers for tensor in header.tensors]
    fields = headers[0].fields if headers else {}
    metadata = _nested(fields)
    own = metadata.get(str(fields.get(str(says.get("own")))))
    record = {
        "tensors": _called(grouped(tensors, layouts), says.get("names") or {}),
        "bytes": sum(tensor.bytes for tensor in tensors),
        "files": len(headers),
        "metadata": metadata,
        "own": own if isinstance(own, dict) else {},
    }
    return Checkpoint(record, b"".join(header.digest for header in headers))


def _layout(ruleset: RuleSet, kind: str, name: str) -> Layout | None:
    entry = ruleset.resolve(kind, name) if kind in ruleset.kinds else None
    if entry is None:
        return None
    fields = ruleset.entry(kind, entry).fields
    return Layout(*(int(fold(fields[field].tree)) for field in ("elements", "bytes")))


# --- files -----------------------------------------------------------------------------------------


def _headers(path: Path, name: str, read: Read) -> tuple[list[Header], list[Problem]]:
    """The headers of the files that a path means: one file, those of an index, or those of a folder."""
    if os.path.isdir(path):  # noqa: PTH112 - a path of any length and signs is asked
        single, index = path / name, path / f"{name}{_INDEX}"
        if not single.is_file() and index.is_file():
            return _indexed(index, read)
        if not single.is_file():
            return _folder(path, name, read)
        path = single
    if path.name.endswith(_INDEX):
        return _indexed(path, read)
    header = read(path)
    if isinstance(header, Problem):
        return [], [header]
    return _split(header, read)


def _folder(path: Path, name: str, read: Read) -> tuple[list[Header], list[Problem]]:
    """All files of the format in a folder that has neither the usual one nor an index."""
    files = sorted(file for file in path.iterdir() if file.suffix == Path(name).suffix and file.is_file())
    numbered = next((found for file in files if (found := _OF_MANY.fullmatch(file.name))), None)
    if not files:
        hint = f"name a file, or a folder with {name} or {name}{_INDEX}"
        return [], [problem("unreadable-file", f"{path} holds no {Path(name).suffix} file", Place(str(path)), hint)]
    return _all(_parts(path, numbered) if numbered else files, read)


def _split(header: Header, read: Read) -> tuple[list[Header], list[Problem]]:
    """A file with the others of its set, where its fields say that there are others."""
    numbered = _OF_MANY.fullmatch(header.path.name)
    count = header.fields.get("split.count", 1)
    if numbered is None or count == 1:
        return [header], []
    return _all(_parts(header.path.parent, numbered), read)


def _parts(folder: Path, numbered: re.Match[str]) -> list[Path]:
    """The files of a set of which one is known, by their numbers."""
    stem, _, count, suffix = numbered.groups()
    return [folder / f"{stem}-{part:05}-of-{count}{suffix}" for part in range(1, min(int(count), _MOST_SHARDS) + 1)]


def _indexed(index: Path, read: Read) -> tuple[list[Header], list[Problem]]:
    """The files that an index names, each of which holds the tensors that the index says."""
    shown = index.as_posix()
    data, _, fault = read_json(index, LONGEST_HEADER)
    if fault is not None:
        return [], [fault]
    said = data.get("weight_map")
    if not isinstance(said, dict) or not said or not all(isinstance(file, str) for file in said.values()):
        message = f"{index.name} has no weight_map of tensors and their files"
        return [], [problem("json-shape", message, Place(shown, 1, 1))]
    names = list(dict.fromkeys(said.values()))
    strangers = [name for name in names if Path(name).name != name]
    if strangers or len(names) > _MOST_SHARDS:
        message = f"{index.name} names {short(strangers[0]) if strangers else len(names)}, expected files beside it"
        return [], [problem("shards", message, Place(shown))]
    headers, faults = _all([index.parent / name for name in names], read, Label(Place(shown), "named here"))
    return headers, faults or list(_disagreeing(index, said, headers))


def _all(files: Iterable[Path], read: Read, also: Label | None = None) -> tuple[list[Header], list[Problem]]:
    """The headers of files; those that are not there are told together."""
    listed = list(files)
    absent = [file for file in listed if not os.path.isfile(file)]  # noqa: PTH113 - likewise
    if absent:
        names = ", ".join(file.name for file in absent[:4]) + (" ..." if len(absent) > 4 else "")
        message = f"{len(absent)} of the checkpoint's {len(listed)} files are not there: {names}"
        place = Place(absent[0].parent.as_posix())
        return [], [problem("shards", message, place, "fetch them too", also=[also] if also else [])]
    found = [read(file) for file in listed]
    return [one for one in found if isinstance(one, Header)], [one for one in found if isinstance(one, Problem)]


def _disagreeing(index: Path, said: Mapping[str, str], headers: list[Header]) -> Iterable[Problem]:
    """Where an index and the files that it names differ."""
    held = {header.path.name: {tensor.name for tensor in header.tensors} for header in headers}
    place = Place(index.as_posix())
    absent = [name for name, file in said.items() if name not in held[file]]
    if absent:
        message = f"{len(absent)} tensors are not in the files that the index names, such as {short(absent[0])}"
        message += f" in {said[absent[0]]}"
        yield problem("shards", message, place, "the files are of another checkpoint, or not all of one")
    stray = [(name, file) for file, names in held.items() for name in sorted(names) if said.get(name) != file]
    if stray and not absent:
        name, file = stray[0]
        message = f"{len(stray)} tensors are in files and not so in the index, such as {short(name)} in {file}"
        yield problem("shards", message, place, "the index is of another checkpoint")


def _twice(headers: list[Header]) -> Iterable[Problem]:
    """Tensors that stand in two files."""
    first: dict[str, Path] = {}
    found = 0
    for header in headers:
        for tensor in header.tensors:
            other = first.setdefault(tensor.name, header.path)
            if other is not header.path and found < MOST:
                found += 1
                also = [Label(Place(other.as_posix()), "and here")]
                message = f"tensor {short(tensor.name)} stands in two files"
                hint = "name the file that is meant, or the index"
                yield problem("shards", message, Place(header.path.as_posix()), hint, also=also)
                break


# --- what formulas see -------------------------------------------------------------------------------


def _called(tensors: Iterable[dict[str, Any]], names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each row with `roles`: what an architecture may call the modules that its name lies in, the innermost first."""
    return [{**row, "roles": list(_roles(row["name"], names))} for row in tensors]


def _roles(name: str, names: Mapping[str, Any]) -> Iterable[str]:
    parts = name.split(".")
    for end in range(len(parts), max(0, len(parts) - _OUTWARD - 1), -1):
        for start in range(end):
            found = names.get(_NUMBER.sub(".*", "." + ".".join(parts[start:end]))[1:])
            if found is not None:
                roles = found if isinstance(found, list) else [found]
                yield from _around(".".join([*parts[:start], role]) for role in roles)
                break
        if end < len(parts):
            yield from _around([".".join(parts[:end])])


def _around(names: Iterable[str]) -> Iterable[str]:
    """Names, and what they are without the lists, such as layers.3, that their modules stand in."""
    for name in names:
        yield from dict.fromkeys((name, _LISTED.sub("", name)))


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with dots in their names as fields within fields; of two that clash the first is kept."""
    whole: dict[str, Any] = {}
    for name, value in fields.items():
        *parts, last = name.split(".")[:20]
        at = whole
        for part in parts:
            below = at.setdefault(part, {})
            at = below if isinstance(below, dict) else {}
        at.setdefault(last, value)
    return whole
