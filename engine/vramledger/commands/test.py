"""`vramledger test`: the examples that stand beside the rules, and what scenarios expect."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vramledger.commands.command import FAILED, FAULTY, FINE, Command, print_json, report
from vramledger.problems import Problems


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Runs the checks and tells which failed."""
    from vramledger.inputs.checks import Check, run_examples, run_scenario

    results: list[Check | Problems] = []
    if not options.scenarios or options.like:
        results += run_examples(ruleset, options.like)
    for path in options.scenarios:
        results += run_scenario(ruleset, Path(path))
    checks = [found for found in results if isinstance(found, Check)]
    faults = [found for found in results if isinstance(found, Problems)]
    failed = [check for check in checks if not check.passed]
    if options.json:
        rows = [{**check._asdict(), "place": str(check.place)} for check in checks]
        print_json({"checks": rows, "passed": len(checks) - len(failed), "failed": len(failed)})
    elif options.verbose:
        from vramledger.reports import blocks

        table = [(c.where, c.quantity, c.expected, c.found, "ok" if c.passed else "FAILED") for c in checks]
        heads = ("where", "quantity", "expected", "found", "")
        lines = [f"{len(checks) - len(failed)} passed, {len(failed)} failed"]
        blocks.write([blocks.Table(heads, table, frozenset({2, 3})), blocks.Lines(lines)], sys.stdout)
    else:
        for check in failed:
            print(f"{check.place}: {check.where}: expected {check.quantity} {check.expected}, found {check.found}")
        print(f"{len(checks) - len(failed)} passed, {len(failed)} failed")
    for fault in faults:
        report(fault.problems, options.json)
    return FAULTY if faults else FAILED if failed else FINE


COMMAND = Command(
    "test",
    run,
    "Runs the examples beside the rules, and scenarios' expectations.",
    "test -k optimizer",
    (
        (("scenarios",), {"nargs": "*", "help": "scenario files with an expect block"}),
        (("-k",), {"default": "", "metavar": "TEXT", "dest": "like", "help": "only examples whose place holds TEXT"}),
        (("-v", "--verbose"), {"action": "store_true", "help": "show every check"}),
    ),
)
