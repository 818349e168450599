"""Ledgers side by side, and in words the first rule or fact at which they part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from vramledger.evaluation.brief import brief
from vramledger.evaluation.ledger import COMPONENTS, HEADLINES, TOTAL, Ledger
from vramledger.evaluation.parting import Parting, partings
from vramledger.evaluation.show import in_bytes, is_bytes, show
from vramledger.evaluation.values import NotApplicable, as_json
from vramledger.problems import Problems
from vramledger.reports.blocks import Block, Lines, Table
from vramledger.rules.tree import Scalar, find

SHOWN = 6  # partings of two, unless all are asked for
WIDE = 3  # sides that stand beside each other; more stand below each other, with fewer quantities
NARROW = ("parameters.bytes", "gradients.bytes", "optimizer.bytes", "activations.bytes", "kv_cache.bytes", TOTAL)


class Side(NamedTuple):
    """One of what is compared: what it is called, its ledger or why there is none, what its way of counting says."""

    label: str
    ledger: Ledger | Problems
    says: str = ""


def blocks(sides: Sequence[Side], verbose: bool) -> Iterator[Block]:
    """What was asked, what came out, and where each side parts from the first."""
    base, *others = sides
    yield Lines([f"{_letter(number)}: {side.label}" for number, side in enumerate(sides)], "bold")
    letters = [_letter(number) for number in range(len(sides))]
    asked = [(name, *values) for name, values in _asked(sides) if len(set(values)) > 1]
    figures = list(_quantities(sides))
    if len(sides) <= WIDE:
        yield Table(("asked", *letters), asked)
        yield Table(("quantity", *letters), figures, frozenset(range(1, len(sides) + 1)))
    else:
        named = [row for row in figures if row[0] in NARROW]
        called = [f"{letter} {_way(side)}".rstrip() for letter, side in zip(letters, sides, strict=True)]
        turned = list(zip(called, *(row[1:] for row in named), strict=True))
        yield Table(("", *(row[0] for row in named)), turned, frozenset(range(1, len(named) + 1)))
    for number, side in enumerate(sides):
        if side.says:
            yield Lines(list(_counting(base, side, _letter(number))))
    for number, side in enumerate(others, 1):
        shown = None if verbose else SHOWN if len(others) == 1 else 1
        yield Lines(list(_story(base, side, _letter(number), shown)))


def _way(side: Side) -> str:
    """The way of counting, where it is what sides differ in."""
    return side.ledger.convention if side.says and isinstance(side.ledger, Ledger) else ""


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"#{number + 1}"


def _counting(base: Side, side: Side, letter: str) -> Iterator[str]:
    """What a way of counting says of itself, what its total is made of, what of the first one's it leaves out."""
    yield f"{letter}: {side.says}"
    if not isinstance(side.ledger, Ledger):
        return
    parts = side.ledger.components
    others = base.ledger.components if isinstance(base.ledger, Ledger) and side is not base else parts
    if side is base or not parts:
        yield "  counts " + (", ".join(f"{name} {_bytes(value)}" for name, value in parts.items()) or "nothing")
    for name, value in parts.items() if side is not base else ():
        known = others.get(name)
        made = "" if known is not None else _made_of(side.ledger, name)
        beside = f", where A has {_bytes(known)}" if known is not None and known != value else ""
        yield f"  counts {name} {_bytes(value)}{beside}{made and f': {made}'}"
    left = [f"{name} {_bytes(value)}" for name, value in others.items() if name not in parts and value != 0]
    if left:
        yield "  has no part of its own for what A counts as " + ", ".join(left)
    yield from (f"  warns: {text}" for text in side.ledger.warnings)


def _made_of(ledger: Ledger, component: str) -> str:
    """What a convention says of a component."""
    node = ledger.program.ruleset.tree("convention", ledger.convention)
    said = find(node, iter(("tables", COMPONENTS, "fill", component, "says")))
    return said.text.rstrip(".") if isinstance(said, Scalar) and said.text != component else ""


def _bytes(value: Any) -> str:
    return f"{in_bytes(value[0])} .. {in_bytes(value[1])}" if isinstance(value, tuple) else in_bytes(value)


def _asked(sides: Sequence[Side]) -> Iterator[tuple[str, list[str]]]:
    """What each side was given, by name; entries that it chose first."""
    ledgers = [side.ledger for side in sides if isinstance(side.ledger, Ledger)]
    names = dict.fromkeys(name for ledger in ledgers for name in ledger.facts.values)
    for name in names:
        yield name, [_given(side, name) for side in sides]


def _given(side: Side, name: str) -> str:
    if not isinstance(side.ledger, Ledger):
        return ""
    given = side.ledger.facts.values.get(name)
    return "" if given is None else str(given.value) if isinstance(given.value, str) else brief(given.value)


def _quantities(sides: Sequence[Side]) -> Iterator[tuple[str, ...]]:
    for name in HEADLINES:
        values = [_value(side, name) for side in sides]
        if any(value not in ("", "n/a") for value in values):
            yield (name, *values)


def _value(side: Side, name: str) -> str:
    if not isinstance(side.ledger, Ledger):
        return "at fault" if name == TOTAL else ""
    value, unit = _of(side.ledger, name)
    if isinstance(value, NotApplicable):
        return "n/a"
    if side.says and name in NARROW and name != TOTAL and name.removesuffix(".bytes") not in side.ledger.components:
        return ""  # its total is made of other parts
    return _bytes(value) if is_bytes(unit) and isinstance(value, tuple) else show(value, unit)


def _of(ledger: Ledger, name: str) -> tuple[Any, str]:
    declared = ledger.program.declarations.get(name)
    if declared is None:
        return NotApplicable(f"nothing gives {name}"), ""
    try:
        return ledger[name], declared.unit
    except Problems as faults:
        return NotApplicable(faults.problems[0].message), declared.unit


def _story(base: Side, side: Side, letter: str, shown: int | None) -> Iterator[str]:
    """In words, where a side parts from the first one."""
    if isinstance(side.ledger, Problems):
        yield f"{letter} has no answer: {side.ledger.problems[0].message}"
        return
    if isinstance(base.ledger, Problems):
        return
    found = list(parted(base.ledger, side.ledger))
    if side.says:  # its own rules say more of a way of counting than rows that it lacks
        found.sort(key=lambda parting: "rule of convention" not in parting.second)
    if not found:
        yield f"A and {letter} come to the same."
        return
    yield f"A and {letter} part first at {found[0].name}:"
    yield from _sides(found[0], letter)
    for parting in found[1:shown]:
        yield f"and at {parting.name}:"
        yield from _sides(parting, letter)
    left = len(found) - len(found[:shown])
    if left:
        yield f"... and at {left} more; -v shows all"


def _sides(parting: Parting, letter: str) -> Iterator[str]:
    sides = (("A", parting.first, parting.first_place), (letter, parting.second, parting.second_place))
    for name, words, place in sides:
        yield f"  {name}: {words}" + (f"  [{place}]" if place else "")


def parted(first: Ledger, second: Ledger) -> Iterator[Parting]:
    """Where two ledgers part, from parameters to total: each parting once, and rows where they part first."""
    seen: set[str] = set()
    for name in HEADLINES:
        values = [_of(ledger, name)[0] for ledger in (first, second)]
        if values[0] == values[1] or all(isinstance(value, NotApplicable) for value in values):
            continue
        for parting in partings(*(ledger.derivation(name).step for ledger in (first, second))):
            told = parting.rows or parting.name
            if told not in seen:
                seen.add(told)
                yield parting


def to_dict(sides: Sequence[Side]) -> dict[str, Any]:
    """The comparison as JSON: exact values a side, differences from the first, and the partings."""
    base = sides[0].ledger
    return {
        "sides": [_side(side) for side in sides],
        "asked": {name: values for name, values in _asked(sides) if len(set(values)) > 1},
        "differences": [_differences(base, side.ledger) for side in sides[1:]],
        "partings": [
            [parting._asdict() for parting in parted(base, side.ledger)]
            if isinstance(base, Ledger) and isinstance(side.ledger, Ledger)
            else []
            for side in sides[1:]
        ],
    }


def _side(side: Side) -> dict[str, Any]:
    if isinstance(side.ledger, Problems):
        return {"name": side.label, "problems": [found.to_dict() for found in side.ledger.problems]}
    values = {name: as_json(_of(side.ledger, name)[0]) for name in HEADLINES}
    ledger = side.ledger
    counted = {"says": side.says, "components": {name: as_json(value) for name, value in ledger.components.items()}}
    return {
        "name": side.label,
        **(counted if side.says else {}),
        "quantities": values,
        "warnings": ledger.warnings,
        "stamp": ledger.stamp,
    }


def _differences(base: Ledger | Problems, other: Ledger | Problems) -> dict[str, Any]:
    if isinstance(base, Problems) or isinstance(other, Problems):
        return {}
    found: dict[str, Any] = {}
    for name in HEADLINES:
        one, two = _of(base, name)[0], _of(other, name)[0]
        if _number(one) and _number(two):
            found[name] = as_json(two - one)
        elif isinstance(one, tuple | int | Fraction) and isinstance(two, tuple | int | Fraction) and one != two:
            ends = [value if isinstance(value, tuple) else (value, value) for value in (one, two)]
            found[name] = [as_json(ends[1][0] - ends[0][0]), as_json(ends[1][1] - ends[0][1])]
    return found


def _number(value: Any) -> bool:
    return isinstance(value, int | Fraction) and not isinstance(value, bool)
