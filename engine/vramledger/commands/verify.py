"""`vramledger verify`: whether today's rules still give a stored answer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vramledger.commands.command import FAILED, FINE, Command, print_json


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Evaluates a stored answer's scenario anew and compares every value."""
    from vramledger.inputs.result import ledger_again, read_result
    from vramledger.inputs.result import verify as compared
    from vramledger.reports import blocks, verify
    from vramledger.reports.ledger import to_dict

    path = Path(options.result)
    stored = read_result(path)
    ledger = ledger_again(ruleset, stored, path)
    verdict = compared(ledger, stored, to_dict(ledger))
    if options.json:
        print_json(verify.to_dict(verdict))
    else:
        blocks.write(verify.blocks(verdict), sys.stdout)
    return FAILED if verdict.numbers else FINE


COMMAND = Command(
    "verify",
    run,
    "Whether today's rules still give a stored answer, and which rule changed if not.",
    "verify result.json",
    ((("result",), {"help": "a file that `vramledger estimate --json` wrote"}),),
)
