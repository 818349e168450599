"""How a YAML text is laid out: where its words, groups and comments stand, and each word as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_HEAD = re.compile(r"[|>][-+0-9]*")
_BETWEEN = re.compile(r"#[^\n]*|\n|[^\s#:,]")


class Word(NamedTuple):
    """A scalar: its text, and how it is written, from `start` to `end`; `rows` are its lines without their indent."""

    text: str
    start: int
    end: int
    rows: tuple[str, ...]
    head: str = ""  # of a block scalar: | or > and what follows it
    plain: bool = False


class Group(NamedTuple):
    """A mapping (keys and values) or, `listed`, a list (no keys); `braces` where it stands in {} or []."""

    start: int
    end: int
    column: int
    listed: bool
    braces: bool
    items: tuple[tuple[Word | None, Any], ...]


class Remark(NamedTuple):
    """A comment, or a blank line, which has no text; `alone` where nothing stands before it on its line."""

    start: int
    column: int
    text: str
    alone: bool


class Page(NamedTuple):
    """A document: its `---`, what it holds, its `...`; the marks are where they end, or None."""

    opens: int | None
    root: Word | Group
    closes: int | None


class Layout(NamedTuple):
    """A text's documents, its remarks, and where everything else begins."""

    text: str
    pages: tuple[Page, ...]
    remarks: tuple[Remark, ...]
    stops: tuple[int, ...]


def read_layout(text: str) -> Layout:
    """The layout of a text that `read_yaml` reads."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
    spans: list[tuple[int, int]] = []
    pages = []
    for event in events:
        if type(event).__name__ == "DocumentStartEvent":
            opens = event.end_mark.index if event.explicit else None
            root = _part(text, spans, events, next(events), 0)
            end = next(events)
            pages.append(Page(opens, root, end.end_mark.index if end.explicit else None))
    remarks, stops = _between(text, spans)
    stops += [start for start, end in spans if end > start]
    return Layout(text, tuple(pages), tuple(remarks), tuple(sorted(stops)))


def _part(text: str, spans: list[tuple[int, int]], events: Iterator[Any], event: Any, column: int) -> Word | Group:
    name = type(event).__name__
    if name == "ScalarEvent":
        return _word(text, spans, event, column)
    listed, braces = name == "SequenceStartEvent", bool(event.flow_style)
    column = event.start_mark.column
    items: list[tuple[Word | None, Word | Group]] = []
    while not type(found := next(events)).__name__.endswith("EndEvent"):
        key = None if listed else _word(text, spans, found, column)
        items.append((key, _part(text, spans, events, found if listed else next(events), column)))
    return Group(event.start_mark.index, found.end_mark.index, column, listed, braces, tuple(items))


def _word(text: str, spans: list[tuple[int, int]], event: Any, column: int) -> Word:
    start, end = event.start_mark.index, event.end_mark.index
    if event.style not in ("|", ">"):
        spans.append((start, end))
        first, *more = text[start:end].split("\n")
        rows = (first, *(row.lstrip(" \t") for row in more))
        plain = event.style not in ("'", '"')
        return Word(event.value, start, end, (*map(_trimmed, rows[:-1]), rows[-1]), plain=plain)
    match = _HEAD.match(text, start)
    assert match is not None
    head = match[0]
    body = text.find("\n", start, end) + 1
    rows = tuple(text[body:end].removesuffix("\n").split("\n")) if body else ()
    digit = re.search(r"\d", head)
    indent = column + int(digit[0]) if digit else _indent(rows)
    while rows and "+" not in head and not rows[-1][indent:]:
        rows = rows[:-1]
    end = body + sum(map(len, rows)) + len(rows) - 1 if rows else match.end()
    spans.append((start, match.end()))
    spans += [(body, end)] if rows else []
    return Word(event.value, start, end, tuple(row[indent:] for row in rows), head)


def _indent(rows: tuple[str, ...]) -> int:
    """The indent of a block scalar that states none: that of its first line that is not blank."""
    first = next((row for row in rows if row.strip()), "")
    return len(first) - len(first.lstrip(" ")) if first else max(map(len, rows), default=0)


def _trimmed(row: str) -> str:
    """A line without the blanks at its end, unless the last of them is escaped."""
    shorter = row.rstrip(" \t")
    return row if shorter.endswith("\\") else shorter


def _between(text: str, spans: list[tuple[int, int]]) -> tuple[list[Remark], list[int]]:
    """The remarks outside of words, and where indicators stand there."""
    remarks: list[Remark] = []
    stops: list[int] = []
    for after, before in zip([(0, 0), *spans], [*spans, (len(text), len(text))], strict=True):
        for match in _BETWEEN.finditer(text, after[1], before[0]):
            start = match.start()
            if match[0] == "\n":
                end = text.find("\n", start + 1)
                if 0 < end < before[0] and text[start:end].isspace():
                    remarks.append(Remark(start + 1, 0, "", alone=True))
            elif match[0].startswith("#"):
                column = start - text.rfind("\n", 0, start) - 1
                alone = not text[start - column : start].strip()
                remarks.append(Remark(start, column, match[0].rstrip(), alone))
            else:
                stops.append(start)
    return remarks, stops
