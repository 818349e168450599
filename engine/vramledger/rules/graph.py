"""The graph of the rules: what leans on what, cycles as chains, rules that lean on a later stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from vramledger.language.syntax import Aggregate, Expr, Name, children
from vramledger.problems import Label, Place, Problem, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Entry, Fill, Formula, Rule, Scope
from vramledger.rules.overlay import field_rules

if TYPE_CHECKING:
    import networkx

Known = Callable[[str], Any]


def build(rules: Iterable[Rule], fills: Iterable[tuple[str, Fill]], known: Known) -> networkx.DiGraph[str]:
    """Edges from each quantity, column and table to what its formulas name."""
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for rule in rules:
        node = node_of(rule)
        graph.add_node(node, place=rule.place, stage=rule.stage)
        rows = dict([rule.per]) if rule.per else {}
        for formula in (rule.when, *(part for case in rule.cases for part in (case.when, case.formula))):
            if formula is not None:
                _edges(graph, node, formula, rule.scope, rows, known)
    for table, fill in fills:
        graph.add_node(table, place=fill.place)
        rows = _rows_of(fill)
        for part in (fill.each, fill.when):
            if part is not None:
                _edges(graph, table, part, fill.scope, rows, known)
        for column, formula in fill.cells.items():
            key = f"{table}[{column}]"
            graph.add_node(key, place=formula.place())
            _edges(graph, key, formula, fill.scope, rows, known)
    return graph


def node_of(rule: Rule) -> str:
    """A rule's node: its quantity, or table[column] for a computed column."""
    table, _, column = rule.name.partition(".")
    return f"{table}[{column}]" if rule.per else rule.name


def _rows_of(fill: Fill) -> dict[str, str]:
    if fill.each is None or not isinstance(fill.each.tree, Aggregate):
        return {}
    over = fill.each.tree.over
    return {fill.each.tree.variable: over.name if isinstance(over, Name) else ""}


def _edges(graph: Any, start: str, formula: Formula, scope: Scope, rows: dict[str, str], known: Known) -> None:
    for name in uses(formula.tree, rows):
        own = f"{scope.namespace}.{name}"
        target = own if scope.namespace and known(own) is not None else name
        graph.add_edge(start, target)


def uses(tree: Expr, rows: dict[str, str]) -> Iterator[str]:
    """The quantities, tables and columns that a formula names; `rows` gives the tables of its variables."""
    if isinstance(tree, Name):
        first, _, rest = tree.name.partition(".")
        if first not in rows:
            yield tree.name
        elif rest and rows[first] and "." not in rest:
            yield f"{rows[first]}[{rest}]"
    elif isinstance(tree, Aggregate):
        yield from uses(tree.over, rows)
        table = tree.over.name if isinstance(tree.over, Name) else ""
        inner = {**rows, tree.variable: table}
        yield from uses(tree.body, inner)
        if tree.condition is not None:
            yield from uses(tree.condition, inner)
    else:
        for child in children(tree):
            yield from uses(child, rows)


def cycles(ruleset: RuleSet, known: Known, entries: Iterable[Entry]) -> Iterator[Problem]:
    """Each cycle once, as a chain with the place of every link: of the stages alone, then with each entry's rules."""
    import networkx

    stage_fills = [(table.name, fill) for table in ruleset.tables for fill in table.fills]
    seen: set[frozenset[str]] = set()
    overlays: list[tuple[list[Rule], list[tuple[str, Fill]]]] = [(ruleset.rules, stage_fills)]
    for entry in entries:
        own = [*entry.rules, *field_rules(ruleset.kinds[entry.kind], entry)]
        if not own:
            continue
        beaten = {rule.name for rule in own if rule.overrides}
        base = [rule for rule in ruleset.rules if rule.name not in beaten]
        overlays.append(([*base, *own], [*stage_fills, *entry.fills] if not entry.tables else []))
    for rules, fills in overlays:
        graph = build(rules, fills, known)
        for group in networkx.strongly_connected_components(graph):
            node = next(iter(group))
            if len(group) == 1 and not graph.has_edge(node, node):
                continue
            if frozenset(group) in seen:
                continue
            seen.add(frozenset(group))
            yield _cycle(graph, networkx.find_cycle(graph.subgraph(sorted(group))))


def _cycle(graph: Any, found: list[tuple[str, str]]) -> Problem:
    chain = " -> ".join([found[0][0], *(end for _, end in found)])
    labels = [
        Label(graph.nodes[start].get("place") or Place(start), f"{start} needs {end}") for start, end, *_ in found
    ]
    return problem("cycle", f"rules need each other: {chain}", labels[0].place, also=labels)


def later_stages(ruleset: RuleSet) -> Iterator[Problem]:
    """A warning for each rule that leans on a quantity of a later stage."""
    order = {name: position for position, name in enumerate(ruleset.stages)}
    stage_of = {node_of(rule): rule.stage for rule in ruleset.rules}
    for rule in ruleset.rules:
        rows = dict([rule.per]) if rule.per else {}
        for case in rule.cases:
            for name in uses(case.formula.tree, rows):
                other = stage_of.get(name)
                if other in order and rule.stage in order and order[other] > order[rule.stage]:
                    message = f"{rule.name} of stage {rule.stage} leans on {name} of the later stage {other}"
                    found = problem("later-stage", message, case.formula.place())
                    yield found._replace(severity="warning")
