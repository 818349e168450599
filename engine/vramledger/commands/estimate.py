"""`vramledger estimate`: what a scenario needs, by component."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vramledger.commands.command import FAILED, FINE, SCENARIO, Command, print_json, read_ledger


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """The answer to a scenario, and whether it is as the scenario expects."""
    from vramledger.reports import blocks
    from vramledger.reports import ledger as answer

    ledger, expect = read_ledger(ruleset, options)
    if options.json:
        print_json(answer.to_dict(ledger))
    else:
        blocks.write(answer.blocks(ledger), sys.stdout)
    failed = ledger.fits is False
    if expect is not None:
        from vramledger.inputs.checks import check_expect

        for check in check_expect(ledger, expect, str(options.scenario)):
            if not check.passed:
                failed = True
                print(
                    f"{check.place}: expected {check.quantity} {check.expected}, found {check.found}", file=sys.stderr
                )
    return FAILED if failed else FINE


COMMAND = Command(
    "estimate",
    run,
    "What a scenario needs, by component.",
    "estimate llama-3-8b --adapter lora --hardware rtx-4090 --set batch.size=2",
    SCENARIO,
    scenario=True,
)
