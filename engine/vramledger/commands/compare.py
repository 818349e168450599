"""`vramledger compare`: scenarios, or conventions of one scenario, side by side, and where they part."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FAULTY, FINE, SET, Command, overrides, print_json
from vramledger.commands.meant import meant
from vramledger.inputs.raw import Written
from vramledger.problems import Place, Problems, problem

CONVENTION = "convention"  # the kind that --conventions runs through


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Evaluates each side; one that is at fault is told and the others are compared."""
    from vramledger.evaluation.ledger import Ledger
    from vramledger.inputs.raw import read_raw
    from vramledger.inputs.scenario import read_scenario
    from vramledger.reports import blocks, compare

    beats = overrides(options)
    sides = []
    for label, given, facts in _sides(ruleset, options):
        try:
            read = read_scenario(ruleset, read_raw(meant(ruleset, given)), {**beats, **facts})
            ledger = Ledger(read.program, read.facts)
            _ = ledger.total
            way = ledger.program.entries.get(CONVENTION) if options.conventions else None
            sides.append(compare.Side(label, ledger, way.says if way else ""))
        except Problems as faults:
            sides.append(compare.Side(label, faults))
    if all(isinstance(side.ledger, Problems) for side in sides):
        raise Problems([found for side in sides if isinstance(side.ledger, Problems) for found in side.ledger.problems])
    if options.json:
        print_json(compare.to_dict(sides))
    else:
        blocks.write(compare.blocks(sides, options.verbose), sys.stdout)
    return FAULTY if any(isinstance(side.ledger, Problems) for side in sides) and not options.conventions else FINE


def _sides(ruleset: Any, options: argparse.Namespace) -> list[tuple[str, str, dict[str, Any]]]:
    """What is compared: a label, the scenario, and the facts that this side beats it with."""
    if not options.conventions:
        if len(options.scenarios) < 2:
            hint = "name two scenarios, or one with --conventions all"
            raise Problems([problem("set-syntax", "one scenario is compared with nothing", Place("compare"), hint)])
        return [(given, given, {}) for given in options.scenarios]
    named = ruleset.names(CONVENTION) if options.conventions == "all" else options.conventions.split(",")
    own = ruleset.kinds[CONVENTION].default
    names = sorted(named, key=lambda name: name != own) if options.conventions == "all" else named
    return [
        (f"{given}, convention {name}", given, {CONVENTION: Written(name, "--conventions")})
        for given in options.scenarios
        for name in names
    ]


COMMAND = Command(
    "compare",
    run,
    "Scenarios or conventions side by side, and the first rule or fact at which they part.",
    "compare llama-3-8b qwen3-8b --set batch.size=2",
    (
        (("scenarios",), {"nargs": "+", "metavar": "scenario", "help": "scenario files or models"}),
        SET,
        (("--conventions",), {"default": "", "metavar": "NAMES", "help": "compare conventions: all, or names with ,"}),
        (("-v", "--verbose"), {"action": "store_true", "help": "show every parting"}),
    ),
    scenario=True,
)
