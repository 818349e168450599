"""Spec and scenario files in one layout: indent, lists, order of keys. Words and comments stay as they are written."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from itertools import dropwhile
from typing import Any

from vramledger.problems import Place, Problem, problem
from vramledger.rules.key_order import below, ordered
from vramledger.rules.layout import Group, Layout, Remark, Word, read_layout
from vramledger.rules.read import read_yaml
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

WIDTH = 120  # columns that {...} and [...] may take; nothing else is measured
_STEP = 2

# In braces a comma cuts a formula in two, so that what looks like one is opened up.
_FORMULA = re.compile(r"[()<>=*%\[\]{}]| [-+/] | (?:if|and|or|in|for) |^not ")

# Directives, and the breaks of lines and signs that editors do not show.
_ODD = re.compile("^%|[\r\x85\u2028\u2029\ufeff]", re.MULTILINE)


def format_text(text: str, path: str) -> tuple[str, list[Problem]]:
    """The text in the one layout, or as it was with what keeps it from being read.

    Nothing is given out unread: what was written is read again, and must say the same with the same comments.
    """
    newline = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    given = text.replace("\r\n", "\n")
    trees, problems = read_yaml(given, path)
    if not problems and not trees:
        problems = [problem("empty-file", "a file that says nothing", Place(path, 1, 1))]
    for tree in trees:
        if not isinstance(tree, Mapping):
            place = tree.place._replace(length=1)
            problems.append(problem("not-a-mapping", "expected fields and what they say", place))
    if problems:
        return text, problems
    odd = _ODD.search(given)
    if odd:
        return text, [_unseen(given, odd, path)]
    layout = read_layout(given)
    written = _Writer(layout).text()
    if not _same(trees, written, path, layout):
        message = "this YAML cannot be laid out anew without a change of what it says, so it is left as it is"
        return text, [problem("yaml-syntax", message, Place(path, 1, 1), "write it in plainer YAML")]
    return written.replace("\n", newline), []


def _unseen(text: str, odd: re.Match[str], path: str) -> Problem:
    line = text.count("\n", 0, odd.start()) + 1
    place = Place(path, line, odd.start() - text.rfind("\n", 0, odd.start()))
    if odd[0] == "%":
        return problem("yaml-syntax", "a directive", place, "a file with directives is not laid out anew")
    hint = f"take it out, or write it as \\u{ord(odd[0]):04X} in double quotes"
    return problem("yaml-syntax", f"the sign U+{ord(odd[0]):04X}, which nobody sees", place, hint)


def _same(trees: list[Node], written: str, path: str, layout: Layout) -> bool:
    again, faults = read_yaml(written, path)
    if faults or [_said(tree, "document") for tree in trees] != [_said(tree, "") for tree in again]:
        return False
    return _comments(layout.remarks) == _comments(read_layout(written).remarks)


def _comments(remarks: Iterable[Remark]) -> list[str]:
    return sorted(remark.text for remark in remarks if remark.text)


def _said(node: Node, sort: str) -> Any:
    """What a tree says without its places, its keys in the order that they shall have."""
    if isinstance(node, Scalar):
        return node.text, node.style
    if isinstance(node, Sequence):
        return [_said(item, below(sort, "", listed=True)) for item in node.items]
    places = ordered(sort, [key.text for key, _ in node.items])
    pairs = [node.items[place] for place in places]
    return [((key.text, key.style), _said(value, below(sort, key.text))) for key, value in pairs]


class _Writer:
    """Writes a layout anew; remarks are taken in the order of the text, so that none is left over."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._starts = [remark.start for remark in layout.remarks if remark.text]
        self._next = 0  # the first remark that was not taken
        self._at = 0  # what was written ends here in the text that was read

    def text(self) -> str:
        lines: list[str] = []
        for page in self.layout.pages:
            if page.opens is not None:
                lines += _indented(self._take(page.opens), 0)
                self._at = page.opens
                lines.append("---" + self._beside(page.opens))
            assert isinstance(page.root, Group)
            if page.root.braces:
                lines += self._braces(page.root)
            else:
                lines += self._group(page.root, 0, "document", -1)
            if page.closes is not None:
                lines += _indented(self._take(page.closes), 0)
                lines.append("..." + self._beside(page.closes))
        rest = _indented(self._take(len(self.layout.text)), 0)
        lines += rest[:-1] if rest and not rest[-1] else rest
        return "\n".join(dropwhile(_is_blank, lines)) + "\n"

    def _braces(self, root: Group) -> list[str]:
        above = self._take(root.start)
        flat = self._flat(root, "document")
        if flat is None or len(flat) > WIDTH:
            return [*above, *self._group(root, 0, "document", -1)]
        return [*above, *self._take(root.end), flat + self._beside(root.end)]

    def _group(self, group: Group, indent: int, sort: str, floor: int) -> list[str]:
        """The lines of a group; `floor` is the column of the group around it."""
        self._at = max(self._at, group.start + group.braces)
        entries = [self._entry(key, value, group, indent, sort) for key, value in group.items]
        keys = [_text(key) for key, _ in group.items]
        if not group.listed:
            entries = [entries[place] for place in ordered(sort, keys)]
        if group.braces:
            last = self._take(group.end)
            self._at = group.end
        else:
            last = self._tail(max(group.column, floor + 1))
        lines = [line for entry in entries for line in entry]
        return [*dropwhile(_is_blank, lines), *_indented(last, indent)]

    def _entry(self, key: Word | None, value: Word | Group, group: Group, indent: int, sort: str) -> list[str]:
        """A key or a dash with its value, and the remarks above and beside it."""
        if key is not None:
            start, mark, lead = key.start, key.end, "\n".join(key.rows) + ":"
        else:
            start = value.start if group.braces else self._stop()
            mark, lead = (start if group.braces else start + 1), "-"
        above = self._take(start)
        self._at = max(self._at, mark)
        pad = " " * indent
        inside = below(sort, _text(key), listed=key is None)
        if isinstance(value, Group) and not value.braces:
            beside = self._beside(mark)
            rest = self._group(value, indent + _STEP, inside, group.column)
            lines = _headed(pad + lead, beside, rest, joined=key is None)
            return [*_indented(above, indent), *lines]
        early = self._take(value.start)
        flat = self._flat(value, inside) if isinstance(value, Group) else None
        if isinstance(value, Group) and (flat is None or len(pad + lead) + 1 + len(flat) > WIDTH):
            beside = self._beside(value.start + 1)
            rest = self._group(value, indent + _STEP, inside, group.column)
            lines = _headed(pad + lead, beside, rest, joined=key is None)
        elif isinstance(value, Group):
            early += self._take(value.end)
            self._at = value.end
            lines = [f"{pad}{lead} {flat}{self._beside(value.end)}"]
        else:
            lines = self._word(value, pad, lead)
        return [*_indented([*above, *early], indent), *lines]

    def _word(self, word: Word, pad: str, lead: str) -> list[str]:
        self._at = max(self._at, word.start + len(word.head))
        beside = self._beside(self._at)
        self._at = max(self._at, word.end)
        inner = pad + " " * _STEP
        if word.head:
            head = re.sub(r"\d", str(_STEP), word.head)
            return [f"{pad}{lead} {head}{beside}", *(row and inner + row for row in word.rows)]
        first, *more = word.rows
        lines = [f"{pad}{lead} {first}".rstrip() if not more else f"{pad}{lead} {first}"]
        lines += [row and inner + row for row in more]
        return [*lines[:-1], lines[-1] + (beside or self._beside(word.end))]

    def _flat(self, group: Group, sort: str) -> str | None:
        """A group on one line, or nothing where a comment, a formula or a long text keeps it from that."""
        first, last = (bisect_left(self._starts, end) for end in (group.start, group.end))
        if group.items and first < last:
            return None
        parts = []
        for key, value in group.items:
            if isinstance(value, Word):
                formula = value.plain and _FORMULA.search(value.rows[0])
                shown = None if formula or len(value.rows) > 1 else value.rows[0]
            else:
                shown = self._flat(value, below(sort, _text(key), listed=key is None))
            if shown is None or (key is not None and len(key.rows) > 1):
                return None
            parts.append(shown if key is None else f"{key.rows[0]}: {shown}")
        if group.listed:
            return f"[{', '.join(parts)}]"
        keys = [_text(key) for key, _ in group.items]
        return f"{{{', '.join(parts[place] for place in ordered(sort, keys))}}}"

    # --- remarks ---------------------------------------------------------------------------------

    def _take(self, before: int) -> list[str]:
        """The remarks that stand before a place and were not taken."""
        found = []
        remarks = self.layout.remarks
        while self._next < len(remarks) and remarks[self._next].start < before:
            found.append(remarks[self._next].text)
            self._next += 1
        return found

    def _beside(self, after: int) -> str:
        """The comment that stands on the line of a place, with the blanks before it, if nothing stands between."""
        if self._next == len(self.layout.remarks):
            return ""
        remark = self.layout.remarks[self._next]
        between = self.layout.text[after : remark.start]
        if remark.alone or not re.fullmatch(r"[ \t,:\]}]*", between):
            return ""
        self._next += 1
        blanks = len(between) - len(between.rstrip(" "))
        return " " * max(blanks, 1) + remark.text

    def _tail(self, column: int) -> list[str]:
        """The remarks at the end of a group: comments that are indented like it, up to whatever comes next."""
        limit = self._stop()
        place, last = self._next, self._next
        remarks = self.layout.remarks
        while place < len(remarks) and remarks[place].start < limit:
            remark = remarks[place]
            if remark.text and not (remark.alone and remark.column >= column):
                break
            place += 1
            last = place if remark.text else last
        found = [remark.text for remark in remarks[self._next : last]]
        self._next = last
        return found

    def _stop(self) -> int:
        """Where the next thing begins that is no remark."""
        stops = self.layout.stops
        place = bisect_left(stops, self._at)
        return stops[place] if place < len(stops) else len(self.layout.text)


def _text(key: Word | None) -> str:
    return key.text if key else ""


def _headed(lead: str, beside: str, rest: list[str], joined: bool) -> list[str]:
    """Lines below what leads them; a dash stands on the line of what follows it, unless a comment comes between."""
    if joined and not beside and rest and not rest[0].lstrip().startswith("#"):
        return [f"{lead} {rest[0].lstrip()}", *rest[1:]]
    return [lead + beside, *rest]


def _indented(remarks: list[str], indent: int) -> list[str]:
    """Remarks at an indent, of several blank lines one."""
    lines = [text and " " * indent + text for text in remarks]
    return [line for place, line in enumerate(lines) if line or place == 0 or lines[place - 1]]


def _is_blank(line: str) -> bool:
    return not line
