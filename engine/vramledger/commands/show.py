"""`vramledger show`: what stands in the specs under a name; with a scenario, the rows of a table as it fills them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FINE, SCENARIO, Command, print_json, read_ledger
from vramledger.problems import Problems, nearest, problem


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Shows what stands in the specs under a name, or a table's rows for a scenario."""
    from vramledger.reports import blocks, show

    if options.scenario is not None:
        return _rows(ruleset, options)
    from vramledger.reports.describe import Book, describe

    found = describe(Book(ruleset), options.name)
    if options.json:
        print_json({"name": options.name, "found": found})
    else:
        blocks.write(show.blocks(found), sys.stdout)
    return FINE


def _rows(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.reports import blocks, rows

    ledger, _ = read_ledger(ruleset, options)
    tables = ledger.program.tables
    if options.name not in tables:
        hint = nearest(options.name, tables) or f"there are: {', '.join(sorted(tables))}"
        raise Problems([problem("unknown-name", f"no table is called {options.name}", None, hint)])
    found = ledger.table(options.name)
    if options.json:
        print_json({"table": options.name, "rows": rows.to_dict(found)})
    else:
        blocks.write(rows.blocks(ledger, options.name, found), sys.stdout)
    return FINE


COMMAND = Command(
    "show",
    run,
    "A quantity, table, kind, entry or problem code: rules, what beats what, source; with a scenario, a table's rows.",
    "show tensors llama-3-8b",
    ((("name",), {"help": "a quantity, table, stage, kind, entry or problem code"}), *SCENARIO),
    scenario=True,
)
