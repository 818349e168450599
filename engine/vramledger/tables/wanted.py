"""Which columns a table of answers has. Its rows have no say in it, so every part of a table has the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from vramledger.evaluation.ledger import FITS, SELECTED
from vramledger.evaluation.values import Range
from vramledger.inputs.raw import Raw
from vramledger.inputs.scenario import Scenario, read_scenario
from vramledger.language.syntax import Aggregate, Binary, Call, walk
from vramledger.problems import Place, Problems, nearest, problem
from vramledger.rules.graph import fill_parts, node_of, rule_part
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Entry, Formula, Scope
from vramledger.rules.overlay import base_declarations
from vramledger.rules.reads import Reader
from vramledger.rules.world import World

PROBLEM = "problem"
KEPT = "kept"  # stands for the formula that says which rows are kept
_ENDS = ("low", "high")


class Wanted(NamedTuple):
    """A column of answers: a quantity, or one end of it where it may be a range."""

    column: str
    quantity: str
    end: str  # low | high, or "" for the quantity itself
    type: pa.DataType
    unit: str = ""


def wanted(
    ruleset: RuleSet, names: Sequence[str] = (), base: Scenario | None = None, listed: str = "select"
) -> list[Wanted]:
    """The columns for selected quantities, `X.low` and `X.high` for one that the rules of `base` may leave a range.

    Raises Problems for every name that nothing declares.
    """
    declared = dict(base_declarations(ruleset))
    if any(name not in declared and name.removesuffix(".low").removesuffix(".high") not in declared for name in names):
        entries = [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
        declared = {**World(ruleset, entries).declarations, **declared}  # what only some entries know
    open_ = ranges(ruleset, base)
    found: list[Wanted] = []
    problems = []
    for name in dict.fromkeys(names or (*SELECTED, FITS)):
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
        found += [Wanted(f"{quantity}.{e}" if e else quantity, quantity, e, kind, one.unit) for e in ends]
    if problems:
        raise Problems(problems)
    return list(dict.fromkeys(found))


def check_names(given: Sequence[str], keep: Sequence[str], columns: Sequence[Wanted]) -> None:
    """Raises Problems where a column of the input hides another, or an answer: a row's problem, a selected quantity."""
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        hint = "a nested field is the column whose name has a dot"
        raise Problems([problem("wrong-shape", f"two columns are called {name}", Place(name), hint) for name in twice])
    answers = {one.column for one in columns}
    hidden = [name for name in given if name == PROBLEM or (name in keep and name in answers)]
    if hidden:
        hint = "give the input's column another name, or leave it out"
        raise Problems(
            [
                problem("wrong-shape", f"the input has a column {name}, as the answers do", Place(name), hint)
                for name in hidden
            ]
        )


def ranges(ruleset: RuleSet, base: Scenario | None = None) -> frozenset[str]:
    """The quantities that the rules of a scenario may leave a range: the stages', and those of what it chooses.

    What an entry chooses may be another in each row, so all of such a kind count.
    """
    chosen = [*base.program.entries.values()] if base else []
    given = {name for name, one in base.facts.values.items() if isinstance(one.value, Range)} if base else set()
    key = (*map(id, chosen), frozenset(given))
    if key not in ruleset.ranges:  # no other entries have these ids as long as they are held
        ruleset.ranges[key] = chosen, frozenset(_ranges(ruleset, chosen, given))
    found: frozenset[str] = ruleset.ranges[key][1]
    return found


def _ranges(ruleset: RuleSet, chosen: Sequence[Entry], given: set[str]) -> set[str]:
    named = [kind.name for kind in ruleset.kinds.values() if kind.chosen_by]
    entries = {(kind, name): ruleset.entry(kind, name) for kind in named for name in ruleset.names(kind)}
    entries.update({(one.kind, one.name): one for one in chosen})
    world = World(ruleset, entries.values())
    reader = Reader(world)
    leans: dict[str, set[str]] = {}
    found = set(given)
    for rule in world.rules:
        part = rule_part(rule, reader)
        leans.setdefault(part.node, set()).update(part.names)
        if any(_opens(case.formula) for case in rule.cases):
            found.add(node_of(rule))
    for table, fill in world.fills:
        for part in fill_parts(table, fill, reader):
            leans.setdefault(part.node, set()).update(part.names)
        found |= {f"{table}[{column}]" for column, cell in fill.cells.items() if _opens(cell)}
    columns = (
        (f"{table.name}[{name}]", one, Scope(one.scope.namespace, table.name))
        for table in world.tables
        for name, one in table.columns.items()
    )
    for node, one, scope in (*columns, *((name, one, one.scope) for name, one in world.declarations.items())):
        if one.default is not None:
            leans.setdefault(node, set()).update(read.node for read in reader.reads(one.default.tree, scope, {}))
            found |= {node} if _opens(one.default) else set()
    while more := {node for node, names in leans.items() if node not in found and not found.isdisjoint(names)}:
        found |= more
    return found


def base_of(ruleset: RuleSet, raw: Raw, overrides: Mapping[str, Any]) -> Scenario | None:
    """The scenario that rows are laid over, where it is one by itself."""
    try:
        return read_scenario(ruleset, raw, overrides)
    except Problems:
        return None


def _opens(formula: Formula) -> bool:
    """Whether a formula makes a range of exact numbers; numbers that are counted through make none."""
    parts = list(walk(formula.tree))
    counted = [part.over for part in parts if isinstance(part, Aggregate)]
    return any(_is_open(part) and not any(part is over for over in counted) for part in parts)


def _is_open(part: object) -> bool:
    return (isinstance(part, Binary) and part.op == "..") or (isinstance(part, Call) and part.function == "sqrt")


def schema(columns: Sequence[Wanted]) -> Iterator[pa.Field]:
    """The fields that a table of answers adds to what was asked: the selected quantities, and what was wrong."""
    for one in columns:
        yield pa.field(one.column, one.type, metadata={"unit": one.unit} if one.unit else None)
    yield pa.field(PROBLEM, pa.string())
