"""`vramledger explain`: how a number came, step by step."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FINE, SCENARIO, Command, print_json, read_ledger
from vramledger.problems import Problems, nearest, problem


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """The derivation of a quantity."""
    from vramledger.reports import derivation as tree

    ledger, _ = read_ledger(ruleset, options)
    try:
        derivation = ledger.derivation(options.quantity, options.row)
    except KeyError:
        hint = nearest(options.quantity, ledger.program.declarations)
        raise Problems([problem("unknown-name", f"nothing is called {options.quantity}", None, hint)]) from None
    if options.json:
        print_json(derivation.to_dict())
    elif options.markdown:
        print(tree.markdown(derivation, options.depth))
    else:
        tree.write(derivation, sys.stdout, options.depth)
    return FINE


def _depth(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no depth; write 0, 1, 2 ...")
    return int(text)


COMMAND = Command(
    "explain",
    run,
    "How a number came, step by step.",
    "explain llama-3-8b optimizer.bytes --row q_proj",
    (
        *SCENARIO,
        (("quantity",), {"nargs": "?", "default": "total.bytes", "help": "the quantity (default: total.bytes)"}),
        (("--depth",), {"type": _depth, "default": 4, "help": "how many levels to show (default: 4)"}),
        (("--row",), {"default": "", "metavar": "TEXT", "help": "of tables, only rows whose name holds TEXT"}),
        (("--markdown",), {"action": "store_true", "help": "print Markdown with the formulas in LaTeX"}),
    ),
    scenario=True,
)
