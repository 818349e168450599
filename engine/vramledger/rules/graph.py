"""The graph of the rules: what leans on what, cycles as chains, rules that lean on a later stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from vramledger.problems import Label, Place, Problem, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Entry, Fill, Formula, Rule, Scope, Table
from vramledger.rules.overlay import field_rules
from vramledger.rules.reads import Reader, Rows

if TYPE_CHECKING:
    import networkx

_MOST_PARTS = 500_000


class Part(NamedTuple):
    """A rule or a row's column: its node, what it names, where it stands, its stage."""

    node: str
    names: tuple[str, ...]
    place: Place
    stage: str = ""


def rule_part(rule: Rule, reader: Reader) -> Part:
    """What a rule's formulas name."""
    rows: Rows = {rule.per[0]: (rule.per[1],)} if rule.per else {}
    formulas = (rule.when, *(part for case in rule.cases for part in (case.when, case.formula)))
    names = (name for formula in formulas for name in _names(formula, rule.scope, rows, reader))
    return Part(node_of(rule), tuple(dict.fromkeys(names)), rule.place, rule.stage)


def fill_parts(table: str, fill: Fill, reader: Reader) -> Iterator[Part]:
    """What the rows of a fill and their columns name."""
    rows = reader.rows(fill)
    names = (name for formula in (fill.each, fill.when) for name in _names(formula, fill.scope, rows, reader))
    yield Part(table, tuple(dict.fromkeys(names)), fill.place)
    for column, formula in fill.cells.items():
        yield Part(f"{table}[{column}]", tuple(_names(formula, fill.scope, rows, reader)), formula.place())


def _names(formula: Formula | None, scope: Scope, rows: Rows, reader: Reader) -> Iterator[str]:
    return (read.node for read in reader.reads(formula.tree, scope, rows)) if formula is not None else iter(())


def build(parts: Iterable[Part]) -> networkx.DiGraph[str]:
    """Edges from each quantity, column and table to what its formulas name."""
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for part in parts:
        graph.add_node(part.node, place=part.place, stage=part.stage)
        graph.add_edges_from((part.node, name) for name in part.names)
    return graph


def node_of(rule: Rule) -> str:
    """A rule's node: its quantity, or table[column] for a computed column."""
    table, _, column = rule.name.partition(".")
    return f"{table}[{column}]" if rule.per else rule.name


def cycles(ruleset: RuleSet, reader: Reader, entries: Iterable[Entry]) -> Iterator[Problem]:
    """Each cycle once, as a chain with the place of every link: of the stages alone, then with each entry's rules.

    A cycle of an entry's rules that goes through one of the stages is told once that is gone.
    """
    base = _of_stages(ruleset.rules, ruleset.tables, reader)
    seen: set[frozenset[str]] = set()
    below = _below(base)
    if below is None:
        yield from _told(base, seen)
        circular = frozenset().union(*seen)
        base = [part for part in base if part.node not in circular]
        below = _below(base)
        assert below is not None
    for own, laid in _overlays(ruleset, reader, entries, base):
        if _closes(own, *below):
            parts = list(laid)
            if _goes_round(_leaning(parts)):
                yield from _told(parts, seen)


def _told(parts: list[Part], seen: set[frozenset[str]]) -> Iterator[Problem]:
    """The cycles of some parts, but for those that were seen before."""
    import networkx  # which costs more to load than to ask first whether there are any

    graph = build(parts)
    for group in networkx.strongly_connected_components(graph):
        node = next(iter(group))
        if frozenset(group) in seen or (len(group) == 1 and not graph.has_edge(node, node)):
            continue
        seen.add(frozenset(group))
        inside: networkx.DiGraph[str] = networkx.DiGraph(
            [(a, b) for a in sorted(group) for b in sorted(graph[a]) if b in group]
        )
        yield _cycle(graph, networkx.find_cycle(inside, source=min(group)))


def leaning(ruleset: RuleSet, reader: Reader, entries: Iterable[Entry]) -> Leaning:
    """What each node leans on under the stages, or under one of the entries."""
    parts = _of_stages(ruleset.rules, ruleset.tables, reader)
    return _leaning(chain(parts, *(_of_entry(ruleset, entry, reader) for entry in entries)))


def may_close(ruleset: RuleSet, reader: Reader, entries: Iterable[Entry], base: RuleSet, known: Leaning) -> bool:
    """Whether what joined other rules may go round in a circle with them: one of its nodes leads back to itself."""
    rules, tables = ruleset.rules[len(base.rules) :], ruleset.tables[len(base.tables) :]
    own = _leaning(chain(_of_stages(rules, tables, reader), *(_of_entry(ruleset, one, reader) for one in entries)))
    return any(_leads_back(node, own, known) for node in own)


def _leads_back(start: str, own: Leaning, known: Leaning) -> bool:
    seen: set[str] = set()
    left = [start]
    while left:
        node = left.pop()
        for name in (*own.get(node, ()), *known.get(node, ())):
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                left.append(name)
    return False


def _of_stages(rules: Iterable[Rule], tables: Iterable[Table], reader: Reader) -> list[Part]:
    parts = [rule_part(rule, reader) for rule in rules]
    return parts + [part for table in tables for fill in table.fills for part in fill_parts(table.name, fill, reader)]


def _of_entry(ruleset: RuleSet, entry: Entry, reader: Reader) -> list[Part]:
    parts = [rule_part(rule, reader) for rule in (*entry.rules, *field_rules(ruleset.kinds[entry.kind], entry))]
    return parts + [part for table, fill in entry.fills for part in fill_parts(table, fill, reader)]


Leaning = Mapping[str, Iterable[str]]
Below = tuple[dict[str, int], dict[str, int]]  # a bit for each node, the bits of all that it leans on


def _below(base: list[Part]) -> Below | None:
    """What each node leans on, near and far; None where that goes round in a circle."""
    names = _leaning(base)
    bits: dict[str, int] = {}
    masks: dict[str, int] = {}
    try:
        for node in TopologicalSorter(names).static_order():
            bits[node] = 1 << len(bits)
            masks[node] = 0
            for name in names.get(node, ()):
                masks[node] |= bits[name] | masks[name]
    except CycleError:
        return None
    return bits, masks


def _closes(own: list[Part], bits: dict[str, int], masks: dict[str, int]) -> bool:
    """Whether parts laid over others may close a circle: each must lead back to one of them."""
    mine = _leaning(own)
    short: dict[str, set[str]] = {}
    for node, names in mine.items():
        mask = 0
        for name in names:
            mask |= bits.get(name, 0) | masks.get(name, 0)
        short[node] = {other for other in mine if other in names or mask & bits.get(other, 0)}
    return _goes_round(short)


def _overlays(
    ruleset: RuleSet, reader: Reader, entries: Iterable[Entry], base: list[Part]
) -> Iterator[tuple[list[Part], Iterable[Part]]]:
    """Each entry's own parts, and with them all as they are laid over the stages', as far as worth the work."""
    work = 0
    for entry in entries:
        own = _of_entry(ruleset, entry, reader)
        if any(part.names for part in own):
            beaten = {node_of(rule) for rule in entry.rules if rule.overrides}
            replaced = tuple(table.name for table in entry.tables if table.overrides)
            kept = (p for p in base if p.node not in beaten and p.node.partition("[")[0] not in replaced)
            yield own, chain(kept, own)
            work += len(base) + len(own)
            if work > _MOST_PARTS:
                return  # circles that are left are told when they are met


def _leaning(parts: Iterable[Part]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for part in parts:
        names.setdefault(part.node, set()).update(part.names)
    return names


def _goes_round(names: dict[str, set[str]]) -> bool:
    try:
        TopologicalSorter(names).prepare()
    except CycleError:
        return True
    return False


def _cycle(graph: Any, found: list[tuple[str, str]]) -> Problem:
    shown = " -> ".join([found[0][0], *(end for _, end in found)])
    labels = [
        Label(graph.nodes[start].get("place") or Place(start), f"{start} needs {end}") for start, end, *_ in found
    ]
    return problem("cycle", f"rules need each other: {shown}", labels[0].place, also=labels)


def later_stages(ruleset: RuleSet, reader: Reader) -> Iterator[Problem]:
    """A warning for each rule that leans on a quantity of a later stage."""
    order = {name: position for position, name in enumerate(ruleset.stages)}
    stage_of = {node_of(rule): rule.stage for rule in ruleset.rules}
    for rule in ruleset.rules:
        rows: Rows = {rule.per[0]: (rule.per[1],)} if rule.per else {}
        for case in rule.cases:
            for name in _names(case.formula, rule.scope, rows, reader):
                other = stage_of.get(name)
                if other in order and rule.stage in order and order[other] > order[rule.stage]:
                    message = f"{rule.name} of stage {rule.stage} leans on {name} of the later stage {other}"
                    found = problem("later-stage", message, case.formula.place())
                    yield found._replace(severity="warning")
