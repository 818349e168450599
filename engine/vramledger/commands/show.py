"""`vramledger show`: what stands in the specs under a name, with what beats what and who uses it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FINE, Command, print_json


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Shows what stands in the specs under a name."""
    from vramledger.reports import blocks, show
    from vramledger.reports.describe import describe

    found = describe(ruleset, options.name)
    if options.json:
        print_json({"name": options.name, "found": found})
    else:
        blocks.write(show.blocks(found), sys.stdout)
    return FINE


COMMAND = Command(
    "show",
    run,
    "A quantity, table, kind, entry or problem code: rules, what beats what, users, source, examples.",
    "show optimizer.bytes",
    ((("name",), {"help": "a quantity, table, stage, kind, entry or problem code"}),),
)
