"""`vramledger list`: the kinds, or the entries of one."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FINE, Command, print_json


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Lists kinds and how many entries they have, or one kind's entries."""
    from vramledger.reports import blocks, specs

    if options.kind is None:
        if options.json:
            print_json({kind: ruleset.names(kind) for kind in ruleset.kinds})
        else:
            blocks.write(specs.kinds(ruleset), sys.stdout)
        return FINE
    kind = specs.kind_named(ruleset, options.kind)
    listed = specs.entries(ruleset, kind, options.like)
    if options.json:
        print_json(listed)
    else:
        blocks.write(specs.entry_table(ruleset, kind, options.like, listed), sys.stdout)
    return FINE


COMMAND = Command(
    "list",
    run,
    "The kinds, or the entries of one.",
    "list models --like qwen",
    (
        (("kind",), {"nargs": "?", "help": "a kind: models, optimizers, hardware ..."}),
        (
            ("--like",),
            {"default": "", "metavar": "TEXT", "help": "only those whose name or description holds TEXT"},
        ),
    ),
)
