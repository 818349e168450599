"""A sweep: every combination of some facts' values, the last fact changing fastest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa

from vramledger.problems import Place, Problem, Problems, nearest, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.overlay import base_declarations

ALL = "all"


class Grid:
    """The rows of a sweep, made when they are asked for."""

    def __init__(self, axes: Mapping[str, Sequence[Any]]) -> None:
        self.axes = {name: _array(list(values)) for name, values in axes.items()}
        self.count = prod(len(values) for values in self.axes.values())

    def part(self, start: int, end: int) -> pa.Table:
        """The rows from `start` up to `end`, which is left out."""
        rows = np.arange(start, min(end, self.count))
        columns: dict[str, pa.Array] = {}
        below = self.count
        for name, values in self.axes.items():
            below //= len(values)
            at = (rows // below) % len(values)
            columns[name] = _taken(values, at)
        return pa.table(columns)


def _taken(values: pa.Array, at: Any) -> pa.Array:
    if pa.types.is_string(values.type):
        return pa.DictionaryArray.from_arrays(pa.array(at.astype(np.int32)), values)
    return values.take(pa.array(at))


def _array(values: list[Any]) -> pa.Array:
    """The values of an axis: whole numbers, decimals, flags, or texts as a scenario file has them."""
    if values and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return pa.array([int(value) for value in values], pa.int64())
    if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return pa.array([float(value) for value in values], pa.float64())
    if values and all(isinstance(value, bool) for value in values):
        return pa.array(values, pa.bool_())
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Fraction):
        return f"{value.numerator} / {value.denominator}"
    if isinstance(value, tuple):
        return " .. ".join(map(str, value))
    if isinstance(value, np.generic):
        return str(value.item())
    return json.dumps(value)


def _all(ruleset: RuleSet, name: str) -> list[Any] | None:
    """Everything that a fact can be; None where that is not known."""
    for kind in ruleset.kinds.values():
        if name in (kind.key, kind.selector):
            return ruleset.names(kind.name)
    declarations = base_declarations(ruleset)
    declared = declarations.get(name) or declarations.get(f"{name}.name")
    if declared is None:
        return None
    return [*declared.one_of] or ([False, True] if declared.type.kind == "boolean" else None)


def axes_of(ruleset: RuleSet, given: Mapping[str, Any], place: str) -> dict[str, list[Any]]:
    """The values of every axis: `all` means each entry of a kind, text of a list, or flag. Raises Problems."""
    problems: list[Problem] = []
    found = {}
    for name, values in given.items():
        listed: list[Any] | None
        if isinstance(values, str) and values == ALL:
            listed = _all(ruleset, name)
            if listed is None:
                hint = nearest(name, [kind.key for kind in ruleset.kinds.values()])
                message = f"{name} is no kind and no fact of a few values, so all of it is unknown"
                problems.append(problem("wrong-shape", message, Place(place), hint))
                continue
        elif isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
            listed = list(values)
        else:
            listed = [values]
        if not listed:
            problems.append(problem("wrong-shape", f"{name} is swept over nothing", Place(place)))
        found[name] = listed
    if problems:
        raise Problems(problems)
    return found
