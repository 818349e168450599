"""Records that a scenario's facts are read from: files that it names, and configurations that it holds itself."""

from __future__ import annotations

import os
from collections.abc import Mapping as MappingOf
from functools import cached_property
from pathlib import Path
from typing import Any

from vramledger.evaluation.brief import frozen
from vramledger.inputs.files import find, places, read_fields
from vramledger.inputs.hub import fetched, is_repository
from vramledger.inputs.imports import imported, misfits, unread
from vramledger.inputs.raw import tree_of
from vramledger.problems import Label, Place, Problem, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Kind
from vramledger.rules.said import text_of
from vramledger.rules.tree import Mapping, Node, Scalar, to_data
from vramledger.rules.unfold import unfold

_FIELDS = ("json", "yaml", "arguments")
Noted = dict[str, tuple[Scalar, Node]]  # by quantity: its key as it is written, and what is said


class Records:
    """The records of one scenario by name, the place of each, and a hash of all that was read."""

    def __init__(self, ruleset: RuleSet, base: Path, closed: bool = False) -> None:
        self.ruleset = ruleset
        self.base = base
        self.closed = closed  # whoever sends the scenario may not read what lies here
        self.data: dict[str, dict[str, Any]] = {}
        self.places: dict[str, Place] = {}
        self.problems: list[Problem] = []
        self.asked: dict[str, Node] = {}  # what named a file, as it can be said again from the working directory
        self.brought: dict[str, Node] = {}  # what files say of the scenario itself
        self.notes: list[str] = []  # what files say that nothing reads
        self.content = bytearray()  # all that was read

    def read(self, given: Noted) -> Noted:
        """Takes what names a file or is a record itself; what is left of the facts comes back."""
        kept = dict(given)
        files = self.files
        for name, (entry, tree) in files.items():
            noted = kept.pop(name, None)
            if noted is not None:
                self._read_file(entry, to_data(tree), *noted)
        while named := next((name for name in files if name in self.brought), ""):
            entry, tree = files[named]
            key = tree_of(named)
            assert isinstance(key, Scalar)
            self._read_file(entry, to_data(tree), key, self.brought.pop(named))
        for kind in self.ruleset.kinds.values():
            kept = self._take_inner(kind, kept)
        return kept

    @cached_property
    def files(self) -> dict[str, tuple[str, Mapping]]:
        """The imports that read a file, by the quantity that names it; one that reads no file has none."""
        kinds = [kind for kind in self.ruleset.kinds.values() if kind.reads]
        trees = [
            (entry, self.ruleset.tree(kind.name, entry)) for kind in kinds for entry in self.ruleset.names(kind.name)
        ]
        return {name: (entry, tree) for entry, tree in trees if (name := text_of(tree.get("given")))}

    def lay(self, parts: MappingOf[str, dict[str, Any]]) -> None:
        """Lays parts of records that a scenario gives over what was read."""
        self.content += repr(parts).encode() if parts else b""
        for name, fields in parts.items():
            self.data[name] = {**self.data.get(name, {}), **fields}

    def take(self, name: str, data: dict[str, Any], place: Place) -> None:
        """Takes a part of what was read as a record of its own."""
        self.content += f"{name}{data!r}".encode()
        self.data[name] = data
        self.places[name] = place

    def digest(self, more: str = "") -> str:
        """A hash of all that was read, and of more."""
        import hashlib  # which takes longer to import than most of what there is to read

        return hashlib.sha256(bytes(self.content) + more.encode()).hexdigest()

    def field(self, record: str, path: str) -> tuple[Any, Place] | None:
        """A field of a record that was read, None where there is no such record."""
        return (inside(self.data[record], path), self.places[record]) if record in self.data else None

    def _read_file(self, entry: str, says: dict[str, Any], key: Scalar, value: Node) -> None:
        if not isinstance(value, Scalar) or value.null:
            self.problems.append(problem("type-clash", f"{key.text} names a file or folder", key.place))
            return
        headed = says.get("format", "json") not in _FIELDS
        if self.closed:
            message = f"{says['given']} names a file, and a scenario that is sent here may name none"
            hint = "give its tensors themselves" if headed else f"give the fields of its {says['file']} themselves"
            self.problems.append(problem("unreadable-file", message, key.place, hint))
            return
        path = self.base / Path(value.text).expanduser() if headed else find(value.text, self.base, says["file"])
        self.asked[says["given"]] = value._replace(text=path.as_posix(), style='"')
        hints: tuple[str, ...] = ()
        if says.get("hub") is True and is_repository(value.text) and not os.path.exists(path):  # noqa: PTH110
            self.asked[says["given"]] = value
            got = fetched(value.text, says["file"])
            path, hints = (path, (got,)) if isinstance(got, str) else (got, ())
        if says["into"] in self.data:
            message = f"{key.text} is a second file that gives {says['into']}"
            self.problems.append(problem("duplicate-key", message, key.place, "name one of them"))
            return
        faults = self._take_file(entry, says, path)
        named = Label(value.place, "named here")
        self.problems += [f._replace(labels=(*f.labels, named), hints=(*f.hints, *hints)) for f in faults]
        if headed and not faults:
            self._take_beside(str(says.get("beside", "")), path)

    def _take_file(self, entry: str, says: dict[str, Any], path: Path) -> list[Problem]:
        """Takes what a file says as the record that it fills, and what that brings to the scenario."""
        form = says.get("format", "json")
        if form in _FIELDS:
            data, content, faults = read_fields(path, form)
            faults = faults or list(misfits(self.ruleset, entry, data, lambda: places(path, content, form)))
            if faults:
                return faults
        else:
            from vramledger.inputs.checkpoint import read_checkpoint  # most scenarios name none

            found = read_checkpoint(self.ruleset, says, path)
            if isinstance(found, list):
                return found
            data, content = found.record, found.content
        self.content += content
        self._keep(says["into"], data, Place(path.as_posix(), 1, 1))
        if "scenario" in says:
            says_of = imported(self.ruleset, entry, data)
            self.brought.update({name: tree_of(value, path.as_posix()) for name, value in says_of.items()})
            left = unread(self.ruleset, entry, data)
            self.notes += [f"of {path.name} this is not counted: {', '.join(left)}"] if left else []
        return []

    def _take_beside(self, entry: str, path: Path) -> None:
        """Takes the file of another import that lies beside a checkpoint, where one is there and none was named."""
        if not entry:
            return
        says = to_data(self.ruleset.tree("import", entry))
        other = (path if os.path.isdir(path) else path.parent) / says["file"]  # noqa: PTH112 - as in find
        if says["into"] not in self.data and other.is_file():
            self.problems += self._take_file(entry, says, other)

    def _take_inner(self, kind: Kind, given: Noted) -> Noted:
        """Takes fields that the scenario gives of a record as one, where one of them holds a record itself."""
        block = next((block for block in kind.blocks.values() if block.around and block.record == kind.rest), None)
        own = {name: noted for name, noted in given.items() if block and name.startswith(f"{block.record}.")}
        if block is None or not any(isinstance(value, Mapping) for _, value in own.values()):
            return given
        fields = {name.partition(".")[2]: frozen(to_data(value)) for name, (_, value) in own.items()}
        self.content += repr(sorted(fields.items())).encode()
        self._keep(block.record, {**self.data.get(block.around, {}), **fields}, next(iter(own.values()))[0].place)
        return {name: noted for name, noted in given.items() if name not in own}

    def _keep(self, record: str, data: dict[str, Any], place: Place) -> None:
        blocks = (block for kind in self.ruleset.kinds.values() for block in kind.blocks.values())
        block = next((block for block in blocks if block.record == record), None)
        for name, fields in ({record: data} if block is None else unfold(block, data)).items():
            self.data[name] = fields
            self.places[name] = place


def inside(data: Any, path: str) -> Any:
    """What stands in a record under a dotted path; None where nothing does."""
    for part in path.split("."):
        data = data.get(part) if isinstance(data, MappingOf) else None
    return data
