"""`vramledger show`: a quantity or an entry, with what beats what and who uses it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FINE, Command, print_json


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Shows what stands in the specs under a name."""
    from vramledger.reports import blocks, specs

    found = list(specs.show(ruleset, options.name))
    if options.json:
        print_json({"name": options.name, "text": blocks.plain(found)})
    else:
        blocks.write(found, sys.stdout)
    return FINE


COMMAND = Command(
    "show",
    run,
    "A quantity or an entry: rules, what beats what, users, source.",
    "show optimizer.bytes",
    ((("name",), {"help": "a quantity or an entry"}),),
)
