"""The graph of the rules as values: nodes, the reasons why one needs another, and what can be cut out of it.

An edge runs from what is needed to what needs it, the way of the bytes: parameters, gradients, optimizer, total.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice, pairwise
from typing import NamedTuple

from vramledger.problems import Place, Problems, nearest, problem
from vramledger.rules.model import ENTRY, STANDARD, USER

FACT, CHOICE, FIELD, QUANTITY, TABLE, COLUMN = KINDS = ("fact", "choice", "field", "quantity", "table", "column")
# why a node needs another: a formula of it names the other in its value, its test ...
VALUE, WHEN, DEFAULT, ROWS, CELL = "value", "when", "default", "rows", "cell"
# ... or no formula does: a column is of its table, an entry is chosen, a file is read
OF_TABLE, CHOSEN, READ = "column", "choice", "file"

# what becomes of a fact that the scenario does not give, where it has no default
REQUIRED, OPTIONAL, OF_CHOICE = "required", "optional", "given by the choice"

Edge = tuple[str, str]  # what is needed, what needs it


class Node(NamedTuple):
    """Something with a value. `group` is what it is shown with: facts, a kind, a stage, the entries of a kind."""

    name: str
    kind: str
    group: str
    says: str = ""
    type: str = ""
    unit: str = ""
    place: Place | None = None
    table: str = ""  # of a column
    default: str = ""  # of what is given: its value where the scenario is silent, or one of the words below

    @property
    def measure(self) -> str:
        """Its unit, or its type where it has none."""
        return self.unit or self.type


class Link(NamedTuple):
    """A reason why `node` needs `needs`: `text` names it at `place`; `origin` says so, for a cell in the row `row`."""

    node: str
    needs: str
    why: str
    text: str
    place: Place
    origin: str
    layer: int = STANDARD
    row: str = ""


class Network(NamedTuple):
    """Nodes by name in the order of their groups; the reasons of each edge, standard ones first; what scenarios call
    a choice.
    """

    nodes: Mapping[str, Node]
    edges: Mapping[Edge, tuple[Link, ...]]
    words: Mapping[str, str]


def made_of(nodes: Iterable[Node], links: Iterable[Link], words: Mapping[str, str]) -> Network:
    """The network of some nodes and those links that join two of them."""
    known = {node.name: node for node in nodes}
    position = {name: number for number, name in enumerate(known)}
    found: dict[Edge, list[Link]] = {}
    for link in sorted(set(links), key=_firmness):
        if link.node != link.needs and link.node in known and link.needs in known:
            found.setdefault((link.needs, link.node), []).append(link)
    ordered = sorted(found, key=lambda edge: (position[edge[0]], position[edge[1]]))
    return Network(known, {edge: tuple(found[edge]) for edge in ordered}, words)


def _firmness(link: Link) -> tuple[object, ...]:
    return (link.layer % USER, link.text == "", link.place, *link)


def find(network: Network, given: str) -> str:
    """The node that a user's word means: a quantity, a table, table.column, a kind. Raises Problems."""
    table, _, column = given.rpartition(".")
    for name in (given, f"{table}[{column}]", network.words.get(given, ""), f"{given}.name"):
        if name in network.nodes:
            return name
    near = nearest(given, [*map(written, network.nodes), *network.words])
    raise Problems([problem("unknown-name", f"nothing in the rules is called {given}", None, near)])


def written(name: str) -> str:
    """A node as rules write it: table.column."""
    return name.replace("[", ".").removesuffix("]")


def reached(network: Network, name: str, up: bool, depth: int | None = None) -> dict[str, int]:
    """What a node needs (`up`), or what needs it, and in how many steps; itself in none."""
    beside = neighbours(network, up)
    steps = {name: 0}
    row, count = [name], 0
    while row and count != depth:
        count += 1
        row = list(dict.fromkeys(other for one in row for other in beside.get(one, ()) if other not in steps))
        steps.update(dict.fromkeys(row, count))
    return steps


def neighbours(network: Network, up: bool) -> dict[str, list[str]]:
    """What each node needs itself (`up`), or what needs it itself."""
    found: dict[str, list[str]] = {}
    for needed, needing in network.edges:
        one, other = (needing, needed) if up else (needed, needing)
        found.setdefault(one, []).append(other)
    return found


def kept(network: Network, names: Collection[str]) -> Network:
    """The network of some of its nodes."""
    nodes = [node for name, node in network.nodes.items() if name in names]
    return made_of(nodes, (link for links in network.edges.values() for link in links), network.words)


def folded(network: Network, whole: Network) -> Network:
    """The network with every column in its table, as `whole` knows it."""
    of = {name: node.table for name, node in network.nodes.items() if node.kind == COLUMN and node.table in whole.nodes}
    names = {*of.values(), *(name for name in network.nodes if name not in of)}
    links = (
        link._replace(node=of.get(link.node, link.node), needs=of.get(link.needs, link.needs))
        for links in network.edges.values()
        for link in links
    )
    return made_of((node for name, node in whole.nodes.items() if name in names), links, network.words)


def chains(network: Network, start: str, end: str, most: int = 1) -> list[list[Edge]]:
    """Ways from one node to another, the shortest first, none twice through a node; none where there is no way.

    A way through the rules of a convention, which only some scenarios follow, comes after all others; of two that are
    equally long, the one through fewer entries comes first.
    """
    import networkx

    if start == end:
        return [[]]
    if end not in reached(network, start, up=False):
        return []
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for (needed, needing), links in network.edges.items():
        graph.add_edge(needed, needing, length=_length(network, links))
    if most == 1:
        return [list(pairwise(networkx.dijkstra_path(graph, start, end, weight="length")))]
    found = networkx.shortest_simple_paths(graph, start, end, weight="length")
    return [list(pairwise(path)) for path in islice(found, most)]


def _length(network: Network, links: Iterable[Link]) -> int:
    """A step, a little more where only entries say so, more than any way through others where only conventions do."""
    whole = len(network.nodes) + 1
    layer = min(link.layer % USER for link in links)
    return {STANDARD: whole, ENTRY: whole + 1}.get(layer, whole**2)
