"""The graph of the rules: what leans on what, cycles as chains, rules that lean on a later stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

from vramledger.language.syntax import Aggregate, Expr, Name, children
from vramledger.problems import Label, Place, Problem, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Entry, Fill, Formula, Rule, Scope
from vramledger.rules.overlay import field_rules

if TYPE_CHECKING:
    import networkx

Known = Callable[[str], Any]


class Part(NamedTuple):
    """A rule or a row's column: its node, what it names, where it stands, its stage."""

    node: str
    names: tuple[str, ...]
    place: Place
    stage: str = ""


def rule_part(rule: Rule, known: Known) -> Part:
    """What a rule's formulas name."""
    rows = dict([rule.per]) if rule.per else {}
    formulas = (rule.when, *(part for case in rule.cases for part in (case.when, case.formula)))
    names = (name for formula in formulas for name in _names(formula, rule.scope, rows, known))
    return Part(node_of(rule), tuple(dict.fromkeys(names)), rule.place, rule.stage)


def fill_parts(table: str, fill: Fill, known: Known) -> Iterator[Part]:
    """What the rows of a fill and their columns name."""
    rows = _rows_of(fill)
    names = (name for formula in (fill.each, fill.when) for name in _names(formula, fill.scope, rows, known))
    yield Part(table, tuple(dict.fromkeys(names)), fill.place)
    for column, formula in fill.cells.items():
        yield Part(f"{table}[{column}]", tuple(_names(formula, fill.scope, rows, known)), formula.place())


def _names(formula: Formula | None, scope: Scope, rows: dict[str, str], known: Known) -> Iterator[str]:
    for name in uses(formula.tree, rows) if formula is not None else ():
        own = f"{scope.namespace}.{name}"
        yield own if scope.namespace and known(own) is not None else name


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


def _rows_of(fill: Fill) -> dict[str, str]:
    if fill.each is None or not isinstance(fill.each.tree, Aggregate):
        return {}
    over = fill.each.tree.over
    return {fill.each.tree.variable: over.name if isinstance(over, Name) else ""}


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
    base = [rule_part(rule, known) for rule in ruleset.rules]
    base += [part for table in ruleset.tables for fill in table.fills for part in fill_parts(table.name, fill, known)]
    overlays = [base]
    for entry in entries:
        rules = [*entry.rules, *field_rules(ruleset.kinds[entry.kind], entry)]
        own = [rule_part(rule, known) for rule in rules]
        own += [part for table, fill in entry.fills for part in fill_parts(table, fill, known)]
        if any(part.names for part in own):
            beaten = {node_of(rule) for rule in rules if rule.overrides}
            replaced = tuple(table.name for table in entry.tables if table.overrides)
            kept = (p for p in base if p.node not in beaten and p.node.partition("[")[0] not in replaced)
            overlays.append([*kept, *own])
    seen: set[frozenset[str]] = set()
    for parts in overlays:
        if not _circular(parts):
            continue
        import networkx

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


def _circular(parts: Iterable[Part]) -> bool:
    """Whether there is a cycle at all; the library that names it costs more to load than to ask this first."""
    names: dict[str, set[str]] = {}
    for part in parts:
        names.setdefault(part.node, set()).update(part.names)
    try:
        TopologicalSorter(names).prepare()
    except CycleError:
        return True
    return False


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
