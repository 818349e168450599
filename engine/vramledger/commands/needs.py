"""`vramledger needs`: which facts a quantity takes, of all scenarios or of one."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FINE, SET, Command, overrides, print_json
from vramledger.commands.meant import meant


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Lists what a quantity may need; of a scenario, what its answer took and what is missing."""
    from vramledger.reports import blocks, needs
    from vramledger.rules.network import find
    from vramledger.rules.weave import network

    whole = network(ruleset)
    name = find(whole, options.quantity)
    beats = overrides(options)
    if options.scenario is None and not beats:
        if options.json:
            print_json(needs.to_dict(whole, name))
        else:
            blocks.write(needs.blocks(whole, name), sys.stdout)
        return FINE
    from vramledger.evaluation.missing import missing
    from vramledger.evaluation.touched import evaluated, touched
    from vramledger.inputs.raw import read_raw
    from vramledger.inputs.scenario import read_scenario

    read = read_scenario(ruleset, read_raw(meant(ruleset, options.scenario)), beats)
    lacking = missing(read.program, read.facts, name)
    ev = evaluated(read.program, read.facts, (), [name])
    found = touched(ev)
    if options.json:
        print_json(needs.used_dict(name, found, ev, lacking))
    else:
        blocks.write(needs.blocks_of(name, found, ev, lacking), sys.stdout)
    return FINE


COMMAND = Command(
    "needs",
    run,
    "Which facts a quantity takes: all that its rules may read, or those of one scenario.",
    "needs optimizer.bytes llama-3-8b --adapter lora",
    (
        (("quantity",), {"help": "a quantity, a table, or table.column"}),
        (("scenario",), {"nargs": "?", "help": "a scenario file, a model's name, a config.json or a checkpoint"}),
        SET,
    ),
    scenario=True,
)
