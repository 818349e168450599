"""`vramledger validate`: measured figures beside ours, by source."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vramledger.commands.command import FAILED, FAULTY, FINE, Command, print_json, report
from vramledger.locate import folder
from vramledger.problems import Place, Problem, Problems, problem

_BUNDLED = "measurements"


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Compares every measured figure with ours; one at fault is told, and the rest go on."""
    from vramledger.inputs import measured
    from vramledger.reports import blocks, validate

    if options.worst < 0:
        raise Problems([problem("out-of-bounds", "--worst is at least 0")])
    records, faults = measured.read(measured.find(options.files or [_beside()]))
    compared = []
    for record in records:
        try:
            compared.append(measured.compare(ruleset, record))
        except Problems as wrong:
            faults += wrong.problems
    if options.json:
        print_json(validate.to_dict(compared))
    elif compared:
        blocks.write(validate.blocks(compared, len(records) - len(compared), options.worst), sys.stdout)
    sys.stdout.flush()
    if faults:
        report(faults, options.json)
        return FAULTY
    return FAILED if any(one.met is False for one in validate.summaries(compared)) else FINE


def _beside() -> str:
    """The measured figures of a checkout, which lie beside the specs; what is installed holds none."""
    found = folder("specs").parent / _BUNDLED
    if not found.is_dir():
        raise Problems([_none()])
    here = Path.cwd()
    return str(found.relative_to(here) if found.is_relative_to(here) else found)


def _none() -> Problem:
    hint = "name a file of yours, or run it in a checkout of the project"
    return problem("unreadable-file", "no measured figures come with what is installed", Place(_BUNDLED), hint)


COMMAND = Command(
    "validate",
    run,
    "Measured figures beside ours, by source: median and 90th-percentile error, bias, how many lie in our ranges.",
    "validate --worst 3",
    (
        (
            ("files",),
            {"nargs": "*", "help": "JSON Lines, a measured figure a line, or folders of them (default: the project's)"},
        ),
        (("--worst",), {"type": int, "default": 0, "metavar": "N", "help": "show the N records that are furthest off"}),
    ),
)
