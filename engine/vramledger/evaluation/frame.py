"""What formulas are evaluated in, how a quantity was resolved, and the fault that ends one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.problems import Place, Problem
from vramledger.rules.model import Case, Formula, Rule, Scope


class Fault(Exception):
    """A user's fault met while evaluating; it ends the quantity asked for, not the process."""

    def __init__(self, found: Problem) -> None:
        super().__init__(found.message)
        self.problem = found
        self.blamed = False  # whether it was asked what the user gave


NO_ROWS: Mapping[str, Any] = MappingProxyType({})


class Frame(NamedTuple):
    """What a formula sees beside the quantities: the rows bound to variables, its scope, its own row."""

    formula: Any  # the Formula, for the places of its faults
    scope: Scope = Scope()
    rows: Mapping[str, Any] = NO_ROWS
    own: Row | CatalogRow | None = None


# the frame of four parts; thousands are made, and what a named tuple's own way does takes twice as long
framed: Callable[[tuple[Any, Scope, Mapping[str, Any], Row | CatalogRow | None]], Frame] = partial(tuple.__new__, Frame)


class Resolution(NamedTuple):
    """Where a quantity's value came from: a fact, a rule's case, a default, or nothing."""

    kind: str  # fact | rule | default | selection | nothing
    place: Place | None
    rule: Rule | None = None
    case: Case | None = None
    formula: Formula | None = None
    scope: Scope = Scope()
    why: str = ""
    beaten: tuple[Rule, ...] = ()
