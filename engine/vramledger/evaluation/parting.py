"""Where two derivations of one quantity part: the rules and facts behind a difference, the first ones first.

Two steps by the same rule are followed into what they lean on; where the rules differ, or a fact does, they part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vramledger.evaluation.derivation import Step
from vramledger.evaluation.values import NotApplicable

Key = tuple[str, str]
NAMED = ("quantity", "column")  # steps that stand for one value wherever they are met
SHOWN = 6  # names of rows


class Parting(NamedTuple):
    """A quantity, a column or rows of one at which two derivations part, in words for each side, with its place."""

    name: str
    first: str
    second: str
    first_place: str = ""
    second_place: str = ""
    rows: str = ""  # what of a formula ran over them, in whatever quantity


def partings(first: Step, second: Step) -> Iterator[Parting]:
    """Every parting of two derivations, each once, in the order of the formulas."""
    yield from _Walk(first, second).down(first, second, first.name)


class _Walk:
    def __init__(self, first: Step, second: Step) -> None:
        self.whole = (_whole(first), _whole(second))  # a value that was shown above is shown in full once
        self.followed: set[Key] = set()

    def down(self, first: Step, second: Step, within: str) -> Iterator[Parting]:
        """The partings of two steps, which stand `within` a quantity or a column."""
        if _alike(first, second):
            return
        one, other = first, second
        if first.kind in NAMED:
            key = _key(first)
            if key in self.followed:
                return
            self.followed.add(key)
            one, other = (whole.get(key, step) for whole, step in zip(self.whole, (first, second), strict=True))
            within = one.name
        name, rows = (one.name, "") if one.kind in NAMED else (f"{one.name} in {within}", one.name)
        if _rule(one) != _rule(other):
            yield Parting(name, _words(one), _words(other), one.place, other.place, rows)
            return
        mine, theirs = ({_key(step): step for step in side.steps} for side in (one, other))
        shared = [(step, theirs[key]) for key, step in mine.items() if key in theirs]
        for pair in shared:
            yield from self.down(*pair, within)
        if one.kind == "rows" and mine.keys() != theirs.keys():
            yield Parting(name, *_rows(mine, theirs), rows=rows)
        elif all(_alike(*pair) for pair in shared):
            yield Parting(name, _values(one), _values(other), one.place, other.place, rows)


def _rows(mine: dict[Key, Step], theirs: dict[Key, Step]) -> tuple[str, str]:
    """Rows that only one side has, by what they are called where that tells them from the rows that both have."""
    both = {_last(key) for key in mine if key in theirs}
    sides = ([key for key in mine if key not in theirs], [key for key in theirs if key not in mine])
    names = [list(dict.fromkeys(key[1] if _last(key) in both else _last(key) for key in keys)) for keys in sides]
    return _has(*names), _has(*names[::-1])


def _last(key: Key) -> str:
    return key[1].rpartition(" / ")[2]


def _has(own: list[str], other: list[str]) -> str:
    shown = (own or other)[:SHOWN]
    more = " ..." if len(own or other) > SHOWN else ""
    return f"has {'' if own else 'no '}rows {', '.join(shown)}{more}"


def _whole(step: Step) -> dict[Key, Step]:
    found: dict[Key, Step] = {}
    stack = [step]
    while stack:
        top = stack.pop()
        if top.kind in NAMED and not top.again:
            found.setdefault(_key(top), top)
        stack.extend(top.steps)
    return found


def _key(step: Step) -> Key:
    return (step.kind, step.formula if step.kind == "rows" else step.name)


def _alike(first: Step, second: Step) -> bool:
    if isinstance(first.value, NotApplicable) and isinstance(second.value, NotApplicable):
        return True
    return type(first.value) is type(second.value) and bool(first.value == second.value)


def _rule(step: Step) -> tuple[str, str]:
    """What gives a step its value: two that agree in this are followed further down."""
    return (step.formula, step.place if step.formula and step.kind != "row" else "")


def _words(step: Step) -> str:
    if not step.formula:
        return _values(step)
    return f"{step.shown} by {step.why or 'its formula'}: {' '.join(step.formula.split())}"


def _values(step: Step) -> str:
    if isinstance(step.value, NotApplicable):
        return str(step.value)
    return f"{step.shown} ({step.why})" if step.why else step.shown
