"""Problems: what is wrong with something a user brought, as values.

A problem carries a code, a message, labels that point at places, and hints. Faults are collected and reported
together; `Problems` is the one exception that reaches a caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from vramledger.codes import Code
from vramledger.locate import folder

LONGEST = 600  # characters of a message


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
    """Everything that is wrong with what a user brought; `.problems` lists it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(render(problem) for problem in self.problems))


def problem(code: Code, message: str, place: Place | None = None, *hints: str, also: Iterable[Label] = ()) -> Problem:
    """A problem at one place; `also` adds further labelled places, empty hints are dropped."""
    labels = tuple(dict.fromkeys([*([Label(place)] if place else ()), *also]))
    shown = message if len(message) <= LONGEST else f"{message[:LONGEST]} ..."
    return Problem(code, shown, labels, tuple(hint for hint in hints if hint))


def nearest(name: str, names: Iterable[str]) -> str:
    """A did-you-mean hint, or "" where nothing is near."""
    from difflib import get_close_matches

    found = get_close_matches(name[:80], dict.fromkeys(map(str, names)), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(found)}?" if found else ""


def render(found: Problem) -> str:
    """A problem as text: `file:line:column: severity: code: message`, the lines with carets, the hints."""
    head = f"{found.labels[0].place}: " if found.labels else ""
    lines = [f"{head}{found.severity}: {found.code}: {found.message}"]
    for number, label in enumerate(found.labels):
        if number:
            lines.append(f"  {label.place}: {label.text}".rstrip())
        lines += _excerpt(label, with_text=not number)
    lines += [f"  hint: {hint}" for hint in found.hints]
    return "\n".join(lines)


def _excerpt(label: Label, with_text: bool) -> list[str]:
    line = _line(label.place.path, label.place.line)
    if line is None:
        return [f"  {label.text}"] if label.text and with_text else []
    column = label.place.column - 1
    start = max(0, column - 100)
    shown = line[start : start + 160]
    caret = "^" * max(1, min(label.place.length, len(shown) - (column - start)))
    text = f" {label.text}" if label.text and with_text else ""
    return [f"    {shown}", f"    {' ' * (column - start)}{caret}{text}"]


def _line(path: str, number: int) -> str | None:
    if not number:
        return None
    bundled = folder("specs").parent / path
    found = bundled if path.startswith("specs/") and not Path(path).exists() else Path(path)
    try:
        with found.open(encoding="utf-8", errors="replace") as file:
            for count, line in enumerate(file, 1):
                if count == number:
                    printable = line.rstrip("\n").replace("\t", " ")
                    return "".join(c if c.isprintable() else "?" for c in printable)
    except OSError:
        return None
    return None
