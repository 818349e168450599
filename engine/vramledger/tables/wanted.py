"""Which columns a table of answers has: it follows from the rules alone, so every part of a table has the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from vramledger.evaluation.ledger import FITS, TOTAL
from vramledger.language.syntax import Binary, Call, walk
from vramledger.problems import Place, Problems, nearest, problem
from vramledger.rules.graph import fill_parts, node_of, rule_part
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Formula
from vramledger.rules.overlay import base_declarations
from vramledger.rules.reads import Reader
from vramledger.rules.world import World

PROBLEM = "problem"
SELECTED = (
    "parameters.bytes",
    "gradients.bytes",
    "optimizer.bytes",
    "activations.bytes",
    "logits.bytes",
    "kv_cache.bytes",
    "overhead.bytes",
    TOTAL,
    FITS,
)
_ENDS = ("low", "high")


class Wanted(NamedTuple):
    """A column of answers: a quantity, or one end of it where it may be a range."""

    column: str
    quantity: str
    end: str  # low | high, or "" for the quantity itself
    type: pa.DataType


def wanted(ruleset: RuleSet, names: Sequence[str] = (), listed: str = "select") -> list[Wanted]:
    """The columns for selected quantities, `X.low` and `X.high` for one that the rules may leave a range.

    Raises Problems for every name that nothing declares.
    """
    declared = base_declarations(ruleset)
    open_ = ranges(ruleset)
    found: list[Wanted] = []
    problems = []
    for name in dict.fromkeys(names or SELECTED):
        stem, _, end = name.rpartition(".")
        ended = name not in declared and end in _ENDS and stem in declared
        quantity = stem if ended else name
        if quantity not in declared:
            hint = nearest(name, declared)
            problems.append(problem("unknown-name", f"nothing is called {name}", Place(listed), hint))
            continue
        one = declared[quantity]
        whole = one.unit == "B" or one.integer
        kind = {"number": pa.int64() if whole else pa.float64(), "boolean": pa.bool_()}.get(one.type.kind, pa.string())
        split = one.type.kind == "number" and quantity in open_ and not ended
        ends: Iterable[str] = (end,) if ended else _ENDS if split else ("",)
        found += [Wanted(f"{quantity}.{e}" if e else quantity, quantity, e, kind) for e in ends]
    if problems:
        raise Problems(problems)
    return list(dict.fromkeys(found))


def ranges(ruleset: RuleSet) -> set[str]:
    """The quantities that the stages' own rules may leave a range."""
    reader = Reader(World(ruleset, ()))
    leans: dict[str, set[str]] = {}
    found: set[str] = set()
    for rule in ruleset.rules:
        part = rule_part(rule, reader)
        leans.setdefault(part.node, set()).update(part.names)
        if any(_opens(case.formula) for case in rule.cases):
            found.add(node_of(rule))
    for table in ruleset.tables:
        for fill in table.fills:
            for part in fill_parts(table.name, fill, reader):
                leans.setdefault(part.node, set()).update(part.names)
            found |= {f"{table.name}[{column}]" for column, cell in fill.cells.items() if _opens(cell)}
    for name, declaration in base_declarations(ruleset).items():
        if declaration.default is not None and _opens(declaration.default):
            found.add(name)
    while more := {node for node, names in leans.items() if node not in found and not found.isdisjoint(names)}:
        found |= more
    return found


def _opens(formula: Formula) -> bool:
    """Whether a formula makes a range of exact numbers."""
    return any(_is_open(part) for part in walk(formula.tree))


def _is_open(part: object) -> bool:
    return (isinstance(part, Binary) and part.op == "..") or (isinstance(part, Call) and part.function == "sqrt")


def schema(columns: Sequence[Wanted]) -> Iterator[pa.Field]:
    """The fields that a table of answers adds to what was asked: the selected quantities, and what was wrong."""
    yield from (pa.field(one.column, one.type) for one in columns)
    yield pa.field(PROBLEM, pa.string())
