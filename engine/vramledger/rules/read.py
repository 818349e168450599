"""YAML text to trees, from the parser's events, with everything YAML does behind an author's back refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vramledger.problems import Label, Place, Problem, problem
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from yaml.error import Mark

DEEPEST = 40
MOST_NODES = 400_000


def read_yaml(text: str, path: str) -> tuple[list[Node], list[Problem]]:
    """The documents of a YAML text and what is wrong with it; a faulty text gives no documents."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(path, text)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        place = Place(path, mark.line + 1, mark.column + 1) if mark else Place(path)
        hint = "indent with spaces, never with tabs" if "'\\t'" in str(fault.problem) else ""
        what = fault.problem or fault.context or "not YAML"
        builder.problems.append(problem("yaml-syntax", what, place, hint))
    except yaml.YAMLError as fault:
        builder.problems.append(_unreadable(fault, text, path))
    except _Stop:
        pass
    if builder.problems:
        return [], builder.problems
    return builder.documents, []


def _unreadable(fault: Any, text: str, path: str) -> Problem:
    at = getattr(fault, "position", None)
    reason = getattr(fault, "reason", "not YAML")
    if not isinstance(at, int) or at > len(text):
        return problem("yaml-syntax", str(reason), Place(path))
    line = text.count("\n", 0, at) + 1
    return problem("yaml-syntax", str(reason), Place(path, line, at - text.rfind("\n", 0, at)))


class _Stop(Exception):
    """Reading goes no further."""


class _Builder:
    """Builds trees from events without recursion, so that no nesting can exhaust the stack."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.documents: list[Node] = []
        self.problems: list[Problem] = []
        self._open: list[tuple[list[Any], Place, bool, bool]] = []  # items, place, is mapping, is flow
        self._count = 0

    def take(self, event: Any) -> None:
        name = type(event).__name__
        mark: Mark = event.start_mark
        place = Place(self.path, mark.line + 1, mark.column + 1)
        if getattr(event, "anchor", None):
            if name == "AliasEvent":
                self._refuse("yaml-alias", f"alias *{event.anchor}", place, "write the value out")
            self._refuse("yaml-alias", f"anchor &{event.anchor}", place, "aliases and anchors are not read")
        if getattr(event, "tag", None):
            self._refuse("yaml-tag", f"tag {event.tag}", place, "tags are not read: a field's meaning gives its type")
        if name == "ScalarEvent":
            self._add(self._scalar(event), place)
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            if len(self._open) >= DEEPEST:
                self._refuse("yaml-depth", f"nested more than {DEEPEST} deep", place)
            self._open.append(([], place, name == "MappingStartEvent", bool(event.flow_style)))
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            items, start, is_mapping, is_flow = self._open.pop()
            done: Node = self._mapping(items, start, is_flow) if is_mapping else Sequence(tuple(items), start)
            self._add(done, start)

    def _refuse(self, code: str, message: str, place: Place, *hints: str) -> None:
        self.problems.append(problem(code, message, place, *hints))
        raise _Stop

    def _add(self, node: Node, place: Place) -> None:
        self._count += 1
        if self._count > MOST_NODES:
            self._refuse("yaml-size", f"more than {MOST_NODES} values", place)
        if self._open:
            self._open[-1][0].append(node)
        else:
            self.documents.append(node)

    def _scalar(self, event: Any) -> Scalar:
        start: Mark = event.start_mark
        style = event.style if event.style in ("'", '"', "|", ">") else ""
        value: str = event.value
        line, column = start.line + 1, start.column + 1
        if style in ("|", ">"):
            lines = self.text.split("\n")[start.line + 1 : event.end_mark.line + 1]
            indent = next((len(found) - len(found.lstrip(" ")) for found in lines if found.strip()), 0)
            marks, offset = [], 0
            for number, part in enumerate(value.split("\n")):
                marks.append((offset, line + 1 + number, indent + 1))
                offset += len(part) + 1
            return Scalar(value.rstrip("\n"), style, tuple(marks), self.path)
        if event.end_mark.line == start.line:
            return Scalar(value, style, ((0, line, column + bool(style)),), self.path)
        return Scalar(value, style, _folded_marks(self.text, event, bool(style)), self.path)

    def _mapping(self, items: list[Any], place: Place, is_flow: bool) -> Mapping:
        pairs: list[tuple[Scalar, Node]] = []
        seen: dict[str, Place] = {}
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.problems.append(problem("yaml-key", "a key that is not a word", key.place))
                continue
            if is_flow and isinstance(value, Scalar) and not value.style and value.text == "":
                hint = "a comma inside {...} cuts a formula in two: write it in block style"
                self.problems.append(problem("cut-formula", f"{key.text!r} has no value", key.place, hint))
            if key.text in seen:
                first = Label(seen[key.text], "first here")
                message = f"{key.text!r} is given twice"
                self.problems.append(problem("duplicate-key", message, key.place, also=(first,)))
                continue
            seen[key.text] = key.place
            pairs.append((key, value))
        return Mapping(tuple(pairs), place)


def _folded_marks(text: str, event: Any, quoted: bool) -> tuple[tuple[int, int, int], ...]:
    """Where the lines of a scalar written over several lines begin; YAML joins them with one space."""
    start, end = event.start_mark, event.end_mark
    raw = text[start.index : end.index].split("\n")
    marks, offset = [(0, start.line + 1, start.column + 1 + quoted)], len(raw[0].rstrip()) - quoted
    for number, part in enumerate(raw[1:], 1):
        if not part.strip():
            continue
        offset += 1
        marks.append((offset, start.line + 1 + number, len(part) - len(part.lstrip()) + 1))
        offset += len(part.strip())
    return tuple(marks)
