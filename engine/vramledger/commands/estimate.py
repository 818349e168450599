"""`vramledger estimate`: what a scenario needs, by component."""

from __future__ import annotations

import argparse
import sys
from itertools import chain
from typing import Any

from vramledger.commands.command import (
    FAILED,
    FAULTY,
    FINE,
    SCENARIO,
    Command,
    overrides,
    print_json,
    read_ledger,
    report,
)
from vramledger.commands.meant import meant
from vramledger.problems import Problems

_DEVICES = "hardware"  # the option that takes several, or all


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """The answer to a scenario, and whether it is as the scenario expects."""
    from vramledger.reports import blocks
    from vramledger.reports import ledger as answer

    named = getattr(options, f"fact {_DEVICES}", None) or ""
    if named == "all" or "," in named.partition("(")[0]:
        return _for_each_device(ruleset, options, [word.strip() for word in named.split(",") if word.strip()])
    ledger, expect = read_ledger(ruleset, options)
    told, more = [*answer.blocks(ledger)], {}
    if options.timeline:
        from vramledger.reports import timeline

        told += timeline.blocks(ledger.timeline)
        more = {"timeline": timeline.to_dict(ledger.timeline)}
    if options.json:
        print_json({**answer.to_dict(ledger), **more})
    elif options.markdown:
        print(blocks.markdown(told))
    else:
        blocks.write(told, sys.stdout)
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


def _for_each_device(ruleset: Any, options: argparse.Namespace, named: list[str]) -> int:
    """The verdict on each of several devices; a failure where none of them will do."""
    from vramledger.evaluation.ledger import Ledger
    from vramledger.inputs.each import entries, ledgers
    from vramledger.inputs.raw import read_raw
    from vramledger.reports import blocks, fitting

    kind = next(kind for kind in ruleset.kinds.values() if kind.key == _DEVICES)
    names = entries(ruleset, kind, named, f"--{kind.key}")
    raw, given = read_raw(meant(ruleset, options.scenario)), overrides(options)
    found = dict(ledgers(ruleset, raw, given, kind, names, fitting.WANTED))
    answered = {name: one for name, one in found.items() if isinstance(one, Ledger)}
    faults = [one.problems for one in found.values() if isinstance(one, Problems)]
    if not answered:
        raise Problems(faults[0])  # the scenario's own fault, the same with each
    if options.json:
        print_json(fitting.to_dict(answered))
    else:
        blocks.write(fitting.blocks(answered), sys.stdout)
    if faults:
        report(chain.from_iterable(faults), options.json)
        return FAULTY
    return FAILED if all(one.fits is False for one in answered.values()) else FINE


COMMAND = Command(
    "estimate",
    run,
    "What a scenario needs, by component.",
    "estimate llama-3-8b --adapter lora --hardware rtx-4090 --set batch.size=2",
    (
        *SCENARIO,
        (("--timeline",), {"action": "store_true", "help": "also the moments of the step and what lives at each"}),
        (("--markdown",), {"action": "store_true", "help": "print Markdown"}),
    ),
    scenario=True,
)
