"""A network of rules drawn as DOT, Mermaid or SVG, or written as JSON; the same network gives the same bytes.

Groups (facts, kinds, stages in their order) are boxes. Facts, choices, fields, quantities of rules, tables and columns
have shapes of their own; an edge that only a test or a choice makes is dashed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.show import show
from vramledger.evaluation.values import NotApplicable, public
from vramledger.problems import Problems, problem
from vramledger.reports.path import in_words, link_dict
from vramledger.rules.network import (
    CHOICE,
    CHOSEN,
    COLUMN,
    FACT,
    FIELD,
    QUANTITY,
    TABLE,
    WHEN,
    Link,
    Network,
    Node,
)

_DOT = {
    FACT: 'shape=ellipse fillcolor="#fff3cd"',
    CHOICE: 'shape=house fillcolor="#ffd9b3"',
    FIELD: 'shape=hexagon fillcolor="#fde2e4"',
    QUANTITY: 'shape=box fillcolor="#dbeafe"',
    TABLE: 'shape=cylinder fillcolor="#d1fae5"',
    COLUMN: 'shape=component fillcolor="#ecfdf5"',
}
_MERMAID = {
    FACT: ("([", "])", "fill:#fff3cd"),
    CHOICE: ("[/", "\\]", "fill:#ffd9b3"),
    FIELD: ("{{", "}}", "fill:#fde2e4"),
    QUANTITY: ("[", "]", "fill:#dbeafe"),
    TABLE: ("[(", ")]", "fill:#d1fae5"),
    COLUMN: ("[/", "/]", "fill:#ecfdf5"),
}
_SECONDS = 60  # that Graphviz may take
_WIDTH = 36  # of a line of text in a Mermaid node
# beyond which viewers refuse a diagram, unless they are set up for more: Mermaid's maxTextSize and maxEdges
MERMAID_TEXT, MERMAID_EDGES = 50_000, 500

Values = Mapping[str, str]  # what nodes come to in a scenario, as text


def values(ev: Evaluation) -> dict[str, str]:
    """What the nodes of an evaluation came to, as short text."""
    found = {name: given.value for name, given in ev.facts.values.items()}
    return {name: _short(ev, name, value) for name, value in {**found, **ev.values}.items()}


def _short(ev: Evaluation, name: str, value: Any) -> str:
    declared = ev.program.declarations.get(name)
    if isinstance(value, NotApplicable):
        return "not applicable"
    text = show(public(value), declared.unit if declared is not None else "")
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 4]} ..."


def dot(network: Network, marked: str = "", values: Values | None = None) -> str:
    """The network in Graphviz's language; the node `marked` has a thick line. Tooltips carry `says` and formulas."""
    lines = [
        "digraph rules {",
        '  graph [rankdir=LR fontname="sans-serif" fontsize=12 newrank=true]',
        '  node [style="filled" fontname="sans-serif" fontsize=10 color="#6b7280"]',
        '  edge [color="#6b7280" arrowsize=0.7]',
    ]
    for number, (group, nodes) in enumerate(_groups(network)):
        lines += [
            f"  subgraph cluster_{number} {{",
            f'    label={_quoted(group)} style="rounded" color="#9ca3af"',
            *(f"    {_quoted(node.name)} [{_dot_look(node, node.name == marked, values or {})}]" for node in nodes),
            "  }",
        ]
    for (needed, needing), links in network.edges.items():
        style = " style=dashed" if _loose(links) else ""
        lines.append(f"  {_quoted(needed)} -> {_quoted(needing)} [tooltip={_quoted(in_words(network, links))}{style}]")
    return "\n".join([*lines, "}", ""])


def _dot_look(node: Node, marked: bool, values: Values) -> str:
    label = _quoted("\n".join(filter(None, (node.name, _under(node, values)))))
    width = " penwidth=3" if marked else ""
    return f"label={label} tooltip={_quoted(node.says or node.name)} {_DOT[node.kind]}{width}"


def _quoted(text: str) -> str:
    """A text as a string of DOT, in which backslashes and entities would mean something."""
    shown = _printable(text, "\n").replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return '"' + shown.replace("\n", "\\n") + '"'


def mermaid(network: Network, marked: str = "", values: Values | None = None) -> str:
    """The network as a Mermaid flowchart; the node `marked` has a thick line. Labels carry unit and `says`."""
    ids = _ids(network.nodes)
    lines = ["flowchart LR"]
    for number, (group, nodes) in enumerate(_groups(network)):
        lines.append(f'  subgraph group{number}["{_entities(group)}"]')
        for node in nodes:
            opening, closing, _ = _MERMAID[node.kind]
            lines.append(f'    {ids[node.name]}{opening}"{_mermaid_label(node, values or {})}"{closing}:::{node.kind}')
        lines.append("  end")
    for (needed, needing), links in network.edges.items():
        lines.append(f"  {ids[needed]} {'-.->' if _loose(links) else '-->'} {ids[needing]}")
    used = {node.kind for node in network.nodes.values()}
    lines += [
        f"  classDef {kind} {look},stroke:#6b7280,color:#111827"
        for kind, (_, _, look) in _MERMAID.items()
        if kind in used
    ]
    lines += [f"  style {ids[marked]} stroke-width:3px"] if marked in ids else []
    return "\n".join([*lines, ""])


def _mermaid_label(node: Node, values: Values) -> str:
    from textwrap import wrap

    says = wrap(_printable(node.says), _WIDTH)
    parts = [f"<b>{_entities(node.name)}</b>", _entities(_under(node, values)), *map(_entities, says)]
    return "<br/>".join(filter(None, parts))


def _entities(text: str) -> str:
    """A text inside the quotes of a Mermaid label, in which these signs would mean something."""
    return "".join(f"#{ord(sign)};" if sign in '"#&<>`' else sign for sign in _printable(text))


def _ids(names: Iterable[str]) -> dict[str, str]:
    """A word of letters and digits for each name, none twice, and none that Mermaid knows."""
    found: dict[str, str] = {}
    taken: dict[str, int] = {}
    for name in names:
        word = fresh = f"n_{re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_')}"
        while fresh in taken:
            taken[word] += 1
            fresh = f"{word}_{taken[word]}"
        taken[fresh] = 1
        found[name] = fresh
    return found


def too_large(text: str, network: Network) -> str:
    """Why viewers of Mermaid may refuse a drawing, or ""."""
    if len(network.edges) > MERMAID_EDGES:
        return f"{len(network.edges)} edges, and viewers of Mermaid draw {MERMAID_EDGES} unless they are told otherwise"
    if len(text) > MERMAID_TEXT:
        return f"{len(text)} characters, and viewers of Mermaid draw {MERMAID_TEXT} unless they are told otherwise"
    return ""


def to_dict(network: Network, values: Values | None = None) -> dict[str, Any]:
    """The network as JSON: nodes with what the files say of them, edges with the reasons of each."""
    known = values or {}
    return {
        "nodes": [
            {
                "name": node.name,
                "kind": node.kind,
                "group": node.group,
                "unit": node.unit,
                "type": node.type,
                "says": node.says,
                "place": str(node.place) if node.place is not None else "",
                **({"value": known[node.name]} if node.name in known else {}),
            }
            for node in network.nodes.values()
        ],
        "edges": [
            {"from": needed, "to": needing, "reasons": [link_dict(link) for link in links]}
            for (needed, needing), links in network.edges.items()
        ],
    }


def svg(drawn: str) -> str:
    """DOT drawn by Graphviz. Raises Problems where it is not installed or does not come to an end."""
    import shutil
    import subprocess

    program = shutil.which("dot")
    if program is None:
        hint = "install Graphviz, or ask for text that others draw: --format dot or --format mermaid"
        raise Problems([problem("no-graphviz", "Graphviz draws SVG, and its program dot is not found", None, hint)])
    try:
        done = subprocess.run(  # noqa: S603 - the program is Graphviz's, and it reads no names from the text
            [program, "-Tsvg"],
            input=drawn,
            capture_output=True,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        hint = "draw less: name a quantity, or give --depth"
        raise Problems([problem("no-graphviz", f"Graphviz drew nothing in {_SECONDS} seconds", None, hint)]) from None
    if done.returncode:
        raise Problems([problem("no-graphviz", f"Graphviz failed: {done.stderr.strip()[:200]}")])
    return done.stdout


def _groups(network: Network) -> list[tuple[str, list[Node]]]:
    return [(group, list(nodes)) for group, nodes in groupby(network.nodes.values(), key=lambda node: node.group)]


def _under(node: Node, values: Values) -> str:
    """What stands below a node's name: its value where there is one, else its unit or type."""
    return values.get(node.name, node.measure if node.kind != TABLE else "")


def _loose(links: Sequence[Link]) -> bool:
    return all(link.why in (WHEN, CHOSEN) for link in links)


def _printable(text: str, kept: str = "") -> str:
    return "".join(sign if sign.isprintable() or sign in kept else " " for sign in text)
