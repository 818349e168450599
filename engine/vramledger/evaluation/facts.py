"""What a scenario gives: values by quantity, with the place of each, and the entries that it selects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vramledger.problems import Place
from vramledger.rules.overlay import Selection


class Given(NamedTuple):
    """A value that a scenario gives, and where."""

    value: Any
    place: Place
    varies: bool = True  # whether a sweep may change it without changing the rules' shape
    why: str = "the scenario gives it"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known before a rule is asked."""

    values: Mapping[str, Given]
    records: Mapping[str, Mapping[str, Any]]  # config.json and its like, by the record's name
    selection: Selection
    origin: str  # the scenario's file
    digest: str = ""
    records_digest: str = ""
    record_places: Mapping[str, Place] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
