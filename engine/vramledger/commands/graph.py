"""`vramledger graph`: the graph of the rules, whole or around a quantity, as a drawing or as data."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from vramledger.commands.command import FINE, SET, Command, overrides
from vramledger.commands.meant import meant
from vramledger.problems import Place, Problems, problem

# Mermaid needs nothing installed: it is text that one can read, and that GitHub, GitLab and many editors draw
DEFAULT = "mermaid"
SUFFIXES = {".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg", ".json": "json"}


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Prints the graph, or writes it to a file and says so."""
    from vramledger.rules.network import folded, kept, reached

    if options.quantity is None and (options.up or options.down or options.depth is not None):
        message = "--up, --down and --depth go around a quantity"
        raise Problems([problem("set-syntax", message, Place("graph"), "name one: graph optimizer.bytes --depth 2")])
    ways = [up for up, asked in ((True, options.up or not options.down), (False, options.down)) if asked]
    found, marked, values = _found(ruleset, options)
    whole = found
    if marked:
        found = kept(found, {name for up in ways for name in reached(found, marked, up)})
    if not options.columns and not marked.endswith("]"):
        found = folded(found, whole)
    if marked and options.depth is not None:
        found = kept(found, {name for up in ways for name in reached(found, marked, up, options.depth)})
    form = (
        "json" if options.json else options.format or SUFFIXES.get(Path(options.output or "").suffix.lower(), DEFAULT)
    )
    text = _drawn(found, marked, values, form)
    if not options.output:
        print(text, end="")
        return FINE
    from vramledger.output import whole_file

    with whole_file(options.output) as file:
        file.write(text)
    size = f"{len(found.nodes)} nodes and {len(found.edges)} edges"
    print(f"{size} as {form}, written to {options.output}", file=sys.stderr)
    return FINE


def _found(ruleset: Any, options: argparse.Namespace) -> tuple[Any, str, dict[str, str]]:
    """The network that is asked about, the node that it is drawn around, and what its nodes come to."""
    from vramledger.rules.network import find
    from vramledger.rules.weave import network

    beats = overrides(options)
    of_scenario = options.scenario is not None or bool(beats)
    stages = network(ruleset, ())
    whole = stages if options.quantity is None or options.quantity in stages.nodes else network(ruleset)
    marked = find(whole, options.quantity) if options.quantity is not None else ""
    if not of_scenario:
        return (stages if not marked or marked in stages.nodes else whole), marked, {}
    from vramledger.evaluation.ledger import TOTAL
    from vramledger.evaluation.touched import answer, evaluated, touched
    from vramledger.inputs.raw import read_raw
    from vramledger.inputs.scenario import read_scenario
    from vramledger.reports.graph import values

    read = read_scenario(ruleset, read_raw(meant(ruleset, options.scenario)), beats)
    asked = [marked or TOTAL]
    ev = evaluated(read.program, read.facts, asked, answer(read.program) if options.down or not marked else ())
    return touched(ev, asked), marked, values(ev)


def _drawn(found: Any, marked: str, values: dict[str, str], form: str) -> str:
    from vramledger.reports import graph

    if form == "json":
        return json.dumps(graph.to_dict(found, values), indent=2, ensure_ascii=False) + "\n"
    if form == "mermaid":
        text = graph.mermaid(found, marked, values)
        warning = graph.too_large(text, found)
        if warning:
            print(f"warning: {warning}; name a quantity, or give --depth or --format dot", file=sys.stderr)
        return text
    text = graph.dot(found, marked, values)
    return graph.svg(text) if form == "svg" else text


def _depth(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no depth; write 0, 1, 2 ...")
    return int(text)


COMMAND = Command(
    "graph",
    run,
    "The graph of the rules, whole or around a quantity.",
    "graph optimizer.bytes --depth 2 --for llama-3-8b",
    (
        (("quantity",), {"nargs": "?", "help": "draw what it needs: a quantity, a table, or table.column"}),
        (("--up",), {"action": "store_true", "help": "what the quantity needs (where nothing else is said)"}),
        (("--down",), {"action": "store_true", "help": "what needs the quantity"}),
        (("--depth",), {"type": _depth, "metavar": "N", "help": "only so many steps from the quantity"}),
        (("--columns",), {"action": "store_true", "help": "draw the columns of tables too"}),
        (
            ("--for",),
            {"dest": "scenario", "metavar": "SCENARIO", "help": "only what this scenario reads, with its values"},
        ),
        SET,
        (
            ("--format",),
            {"choices": ["dot", "mermaid", "svg", "json"], "help": f"default: by the name of -o, or {DEFAULT}"},
        ),
        (("-o", "--output"), {"metavar": "FILE", "help": "write there, whole or not at all"}),
    ),
    scenario=True,
)
