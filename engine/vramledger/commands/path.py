"""`vramledger path`: how one fact or quantity leads to another, rule by rule."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FINE, Command, print_json
from vramledger.problems import Problem, Problems

MOST = 20  # ways that --all shows


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Shows a shortest way; where only the second name leads to the first, that one."""
    from vramledger.reports import blocks
    from vramledger.reports import path as ways
    from vramledger.rules.network import chains, find
    from vramledger.rules.weave import network

    found = network(ruleset)
    names: list[str] = []
    faults: list[Problem] = []
    for given in (options.start, options.end):
        try:
            names.append(find(found, given))
        except Problems as fault:
            faults += fault.problems
    if faults:
        raise Problems(faults)
    start, end = names
    most = MOST if options.all else 1
    paths, turned = chains(found, start, end, most), False
    if not paths:
        start, end = end, start
        paths, turned = chains(found, start, end, most), True
    if not paths:
        raise Problems([ways.not_connected(found, end, start)])
    if options.json:
        print_json(ways.to_dict(found, (start, end), paths, turned))
    else:
        blocks.write(ways.blocks(found, (start, end), paths, turned), sys.stdout)
    return FINE


COMMAND = Command(
    "path",
    run,
    "How one fact or quantity leads to another, rule by rule.",
    "path batch.size activations.bytes",
    (
        (("start",), {"metavar": "A", "help": "a fact, a quantity, a kind, or table.column"}),
        (("end",), {"metavar": "B", "help": "what it leads to"}),
        (("--all",), {"action": "store_true", "help": f"show the {MOST} shortest ways"}),
    ),
)
