"""YAML text to trees, from the parser's events, with everything YAML does behind an author's back refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vramledger.codes import Code
from vramledger.problems import Label, Place, Problem, problem
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from yaml.error import Mark

DEEPEST = 40
MOST_NODES = 400_000
_MOST_TAGS = 100  # directives; the parser compares each with all before it


def read_yaml(text: str, path: str, most: int = MOST_NODES, before: int = 0) -> tuple[list[Node], list[Problem]]:
    """The documents of a YAML text and what is wrong with it; a faulty text gives no documents.

    A text with more than `most` values is faulty; each line of a text over several lines counts as one. The text may be
    part of a file, with some lines `before` it.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = text.replace("\r\n", "\n")
    builder = _Builder(path, text, most, before)
    try:
        text.encode()
        if text.count("\n%TAG") > _MOST_TAGS:
            place = _place_of(text, path, text.index("\n%TAG") + 1, before)
            builder.refuse("yaml-tag", "directives that declare tags", place, "tags are not read: leave them out")
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as fault:
        ended = "end of stream" in (fault.problem or "")
        mark = (fault.context_mark if ended else None) or fault.problem_mark or fault.context_mark
        place = Place(path, before + mark.line + 1, mark.column + 1) if mark else Place(path)
        what = fault.problem or fault.context or "not YAML"
        tab = "tab" in what or "'\\t'" in what or (mark is not None and builder.character(mark) == "\t")
        hint = "indent with spaces, never with tabs" if tab else ""
        builder.problems.append(problem("yaml-syntax", what, place, hint))
    except UnicodeEncodeError as fault:
        place = _place_of(text, path, fault.start, before)
        builder.problems.append(problem("yaml-syntax", "half of a surrogate pair", place))
    except yaml.YAMLError as fault:
        builder.problems.append(_unreadable(fault, text, path, before))
    except _Stop:
        pass
    if builder.problems:
        return [], builder.problems
    return builder.documents, []


def _unreadable(fault: Any, text: str, path: str, before: int) -> Problem:
    """A character that YAML does not allow; the reader in C counts bytes."""
    at = getattr(fault, "position", None)
    reason = str(getattr(fault, "reason", "not YAML"))
    if not isinstance(at, int):
        return problem("yaml-syntax", reason, Place(path))
    offset = len(text.encode()[:at].decode(errors="ignore"))
    return problem("yaml-syntax", reason, _place_of(text, path, offset, before))


def _place_of(text: str, path: str, offset: int, before: int) -> Place:
    return Place(path, before + text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


class _Stop(Exception):
    """Reading goes no further."""


class _Builder:
    """Builds trees from events without recursion, so that no nesting can exhaust the stack."""

    def __init__(self, path: str, text: str, most: int, before: int) -> None:
        self.path = path
        self.text = text
        self.most = most
        self.before = before
        self.documents: list[Node] = []
        self.problems: list[Problem] = []
        self._open: list[tuple[list[Any], Place, Mark, bool, bool]] = []  # items, place, mark, is mapping, is flow
        self._count = 0
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        """The text's lines, split once."""
        self._lines = self._lines or self.text.split("\n")
        return self._lines

    def character(self, mark: Mark) -> str:
        """The character at a mark."""
        line = self.lines()[mark.line] if mark.line < len(self.lines()) else ""
        return line[mark.column : mark.column + 1]

    def take(self, event: Any) -> None:
        name = type(event).__name__
        if name == "ScalarEvent":
            if event.anchor or event.tag:
                self._refuse_marked(event)
            self._add(self._scalar(event), event.start_mark)
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            items, start, mark, is_mapping, is_flow = self._open.pop()
            done: Node = self._mapping(items, start, is_flow) if is_mapping else Sequence(tuple(items), start)
            self._add(done, mark)
        elif name in ("MappingStartEvent", "SequenceStartEvent", "AliasEvent"):
            self._refuse_marked(event)
            mark = event.start_mark
            if len(self._open) >= DEEPEST:
                self.refuse("yaml-depth", f"nested more than {DEEPEST} deep", self._place(mark))
            self._open.append(([], self._place(mark), mark, name == "MappingStartEvent", bool(event.flow_style)))

    def _refuse_marked(self, event: Any) -> None:
        """Refuses what has another meaning than it shows: anchors, aliases, tags."""
        if event.anchor and type(event).__name__ == "AliasEvent":
            self.refuse("yaml-alias", f"alias *{event.anchor}", self._place(event.start_mark), "write the value out")
        if event.anchor:
            place = self._place(event.start_mark)
            self.refuse("yaml-alias", f"anchor &{event.anchor}", place, "aliases and anchors are not read")
        if event.tag:
            hint = "tags are not read: a field's meaning gives its type"
            self.refuse("yaml-tag", f"tag {event.tag}", self._place(event.start_mark), hint)

    def _place(self, mark: Mark) -> Place:
        return Place(self.path, self.before + mark.line + 1, mark.column + 1)

    def refuse(self, code: Code, message: str, place: Place, *hints: str) -> None:
        self.problems.append(problem(code, message, place, *hints))
        raise _Stop

    def _counted(self, values: int, mark: Mark) -> None:
        self._count += values
        if self._count > self.most:
            self.refuse("yaml-size", f"more than {self.most} values", self._place(mark))

    def _add(self, node: Node, mark: Mark) -> None:
        self._counted(1, mark)
        if self._open:
            self._open[-1][0].append(node)
        else:
            self.documents.append(node)

    def _scalar(self, event: Any) -> Scalar:
        start: Mark = event.start_mark
        style = event.style if event.style in ("'", '"', "|", ">") else ""
        value: str = event.value
        line, column = self.before + start.line + 1, start.column + 1
        if style in ("|", ">"):
            self._counted(value.count("\n"), start)
            rows = self.lines()[start.line + 1 : event.end_mark.line + 1]
            marks = _block_marks(value, rows, line + 1)
            return Scalar(value.rstrip("\n"), style, marks, self.path)
        raw = self.text[start.index + bool(style) : event.end_mark.index - bool(style)]
        if raw == value:
            return Scalar(value, style, ((0, line, column + bool(style)),), self.path)
        self._counted(sum(map(raw.count, "\n\\'")), start)
        return Scalar(value, style, _flow_marks(raw, style, line, column + bool(style)), self.path)

    def _mapping(self, items: list[Any], place: Place, is_flow: bool) -> Mapping:
        pairs: list[tuple[Scalar, Node]] = []
        seen: dict[str, Scalar] = {}
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.problems.append(problem("yaml-key", "a key that is not a word", key.place))
                continue
            if is_flow and isinstance(value, Scalar) and not value.style and value.text == "":
                hint = "a comma inside {...} cuts a formula in two: write it in block style"
                self.problems.append(problem("cut-formula", f"{key.text!r} has no value", key.place, hint))
            if key.text in seen:
                first = Label(seen[key.text].place, "first here")
                message = f"{key.text!r} is given twice"
                self.problems.append(problem("duplicate-key", message, key.place, also=(first,)))
                continue
            seen[key.text] = key
            pairs.append((key, value))
        return Mapping(tuple(pairs), place)


def _block_marks(value: str, rows: list[str], line: int) -> tuple[tuple[int, int, int], ...]:
    """Where the lines of a block scalar begin: each stands in the file behind the same indent."""
    parts = value.split("\n")
    pairs = zip(parts, rows, strict=False)
    indent = next((len(row) - len(part) for part, row in pairs if part.strip() and row.endswith(part)), 0)
    marks, offset = [], 0
    for number, part in enumerate(parts):
        marks.append((offset, line + number, indent + 1))
        offset += len(part) + 1
    return tuple(marks)


# What stands for something else in a plain or quoted scalar: doubled quotes, escapes, breaks with the blanks around;
# blanks without a break are taken as one, so that no search begins again inside them.
_UNEVEN = {
    "": re.compile(r"[ \t]*\n(?:[ \t]*\n)*[ \t]*|[ \t]+"),
    "'": re.compile(r"\'\'|[ \t]*\n(?:[ \t]*\n)*[ \t]*|[ \t]+"),
    '"': re.compile(
        r"\\\n(?:[ \t]*\n)*[ \t]*|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\."
        r"|[ \t]*\n(?:[ \t]*\n)*[ \t]*|[ \t]+"
    ),
}


def _flow_marks(raw: str, style: str, line: int, column: int) -> tuple[tuple[int, int, int], ...]:
    """Where each even stretch of a plain or quoted scalar begins: in its value, and in the file."""
    marks = [(0, line, column)]
    offset = position = 0
    for match in _UNEVEN[style].finditer(raw):
        text = match[0]
        if text.isspace() and "\n" not in text:
            continue
        breaks = text.count("\n")
        offset += match.start() - position
        column += match.start() - position
        if text.startswith("\\\n"):
            offset += breaks - 1
        else:
            offset += max(1, breaks - 1)
        line += breaks
        column = len(text) - text.rfind("\n") if breaks else column + len(text)
        position = match.end()
        marks.append((offset, line, column))
    return tuple(marks)
