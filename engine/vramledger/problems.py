"""Problems: what is wrong with something a user brought, as values.

A problem carries a code, a message, labels that point at places, and hints. Faults are collected and reported
together; `Problems` is the one exception that reaches a caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from vramledger.codes import Code
from vramledger.locate import folder

LONGEST = 600  # characters of a message
MOST = 100  # problems that are told together; the rest are not looked for
_MOST_LABELS = 12
_MOST_NAMES, _LONGEST_NAME = 4000, 60  # among which a near one is looked for
_LIKELY = 20  # of these, looked at letter by letter
_MOST_READ = 8_000_000  # characters of a file that an excerpt may stand in


class Place(NamedTuple):
    """Where something stands: a file, a line and a column (both from 1), and how many characters it spans."""

    path: str
    line: int = 0
    column: int = 0
    length: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


class Label(NamedTuple):
    """A place and what is to be said of it."""

    place: Place
    text: str = ""


class Problem(NamedTuple):
    """One fault. `code` is stable, `severity` is "error" or "warning"; the first label is where it is."""

    code: Code
    message: str
    labels: tuple[Label, ...] = ()
    hints: tuple[str, ...] = ()
    severity: str = "error"

    def __str__(self) -> str:
        return render(self)

    def to_dict(self) -> dict[str, object]:
        """The problem as JSON: code, severity, message, labels (path, line, column, text) and hints."""
        labels = [
            {
                "path": label.place.path,
                "line": label.place.line,
                "column": label.place.column,
                "text": label.text,
            }
            for label in self.labels
        ]
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "labels": labels,
            "hints": list(self.hints),
        }


class Problems(Exception):
    """Everything that is wrong with what a user brought; `.problems` lists it, the first hundred at most."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(some(dict.fromkeys(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return render_all(self.problems)


def some(found: Iterable[Problem]) -> list[Problem]:
    """The first problems, and a word where there are more, which are not looked for."""
    listed = list(islice(found, MOST + 1))
    if len(listed) <= MOST:
        return listed
    last = listed[MOST - 1]
    return [*listed[: MOST - 1], last._replace(hints=(*last.hints, f"these are the first {MOST} problems"))]


def problem(code: Code, message: str, place: Place | None = None, *hints: str, also: Iterable[Label] = ()) -> Problem:
    """A problem at one place; `also` adds further labelled places, empty hints are dropped."""
    labels = tuple(dict.fromkeys([*([Label(place)] if place else ()), *also]))
    return Problem(code, _short(message), labels, tuple(_short(hint) for hint in hints if hint))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def nearest(name: str, names: Iterable[str]) -> str:
    """A did-you-mean hint, or "" where nothing is near."""
    found = near(name, names)
    return f"did you mean {' or '.join(found)}?" if found else ""


def near(name: str, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Of the names the few that are like a name, the likest first; 1 is the same name."""
    from difflib import SequenceMatcher, get_close_matches
    from heapq import nlargest

    short = name[:_LONGEST_NAME]
    matcher = SequenceMatcher(None, "", short)

    def likeness(other: str) -> float:
        matcher.set_seq1(other)
        return matcher.quick_ratio()  # which letters both have, in whatever order

    others = (other for other in dict.fromkeys(map(str, names)) if len(other) <= min(3 * len(short), _LONGEST_NAME))
    likely = nlargest(_LIKELY, islice(others, _MOST_NAMES), key=likeness)
    return get_close_matches(short, likely, n=3, cutoff=cutoff)


def render_all(found: Iterable[Problem]) -> str:
    """Problems as text, one below the other."""
    read: dict[str, list[str]] = {}
    return "\n".join(render(one, read) for one in found)


def render(found: Problem, read: dict[str, list[str]] | None = None) -> str:
    """A problem as text: `file:line:column: severity: code: message`, the lines with carets, the hints.

    `read` keeps the lines of the file that was read last.
    """
    read = {} if read is None else read
    head = f"{found.labels[0].place}: " if found.labels else ""
    lines = [f"{head}{found.severity}: {found.code}: {found.message}"]
    for number, label in enumerate(found.labels[:_MOST_LABELS]):
        if number:
            lines.append(f"  {label.place}: {label.text}".rstrip())
        lines += _excerpt(label, read, with_text=not number)
    if len(found.labels) > _MOST_LABELS:
        lines.append(f"  and at {len(found.labels) - _MOST_LABELS} more places")
    lines += [f"  hint: {hint}" for hint in found.hints]
    return "\n".join(lines)


def _excerpt(label: Label, read: dict[str, list[str]], with_text: bool) -> list[str]:
    line = _line(label.place.path, label.place.line, read)
    if line is None:
        return [f"  {label.text}"] if label.text and with_text else []
    column = label.place.column - 1
    start = max(0, column - 100)
    shown = "".join(c if c.isprintable() else "?" for c in line[start : start + 160].replace("\t", " "))
    caret = "^" * max(1, min(label.place.length, len(shown) - (column - start)))
    text = f" {label.text}" if label.text and with_text else ""
    return [f"    {shown}", f"    {' ' * (column - start)}{caret}{text}"]


def _line(path: str, number: int, read: dict[str, list[str]]) -> str | None:
    if not number:
        return None
    if path not in read:
        read.clear()
        read[path] = _lines(path)
    return read[path][number - 1] if number <= len(read[path]) else None


def _lines(path: str) -> list[str]:
    bundled = folder("specs").parent / path
    found = bundled if path.startswith("specs/") and not Path(path).exists() else Path(path)
    try:
        with found.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_READ).split("\n")
    except OSError:
        return []
    return lines if lines[-1] else lines[:-1]
