"""What a scenario gives: values by quantity, with the place of each, and the entries that it selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from vramledger.evaluation.values import Range
from vramledger.problems import Place
from vramledger.rules.overlay import Selection
from vramledger.rules.tree import Node


class Given(NamedTuple):
    """A value that a scenario gives, and where."""

    value: Any
    place: Place
    varies: bool = True  # whether a sweep may change it without changing the rules' shape
    why: str = "the scenario gives it"


class Facts(NamedTuple):
    """Everything known before a rule is asked."""

    values: Mapping[str, Given]
    records: Mapping[str, Mapping[str, Any]]  # config.json and its like, by the record's name
    selection: Selection
    origin: str  # the scenario's file
    digest: Callable[[], str] = str  # a hash of all that the scenario says
    records_digest: str = ""
    record_places: Mapping[str, Place] = MappingProxyType({})
    notes: tuple[str, ...] = ()
    asked: Mapping[str, Node] = MappingProxyType({})  # what was said, by quantity, paths from the working directory

    def shape(self) -> tuple[Any, ...]:
        """What two scenarios share when the same rules apply to both, whatever their numbers."""
        given = (_shape(name, given) for name, given in self.values.items())
        return (self.selection, self.records_digest, *given)


def _shape(name: str, given: Given) -> tuple[Any, ...]:
    value = given.value
    if not given.varies:
        return (name, repr(value) if isinstance(value, dict | tuple) else value)
    if isinstance(value, Range):
        return (name, *_sign(value.low), *_sign(value.high))
    return (name, *_sign(value))


def _sign(value: Any) -> tuple[bool, bool]:
    return (isinstance(value, int), value >= 0)
