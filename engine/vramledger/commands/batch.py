"""`vramledger batch`: many scenario files to a table, CSV or JSON Lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from vramledger.commands.command import FAILED, FAULTY, FINE, SET, Command, overrides, report
from vramledger.inputs.many import AT_FAULT, OK, Answer, answers, find, known

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "table"}
SELECTED = (
    "parameters.bytes",
    "gradients.bytes",
    "optimizer.bytes",
    "activations.bytes",
    "logits.bytes",
    "kv_cache.bytes",
    "overhead.bytes",
    "total.bytes",
)


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Answers every file; a bad one is a row and a report, and the rest go on."""
    from vramledger.output import whole_file

    paths = find(options.inputs)
    names = [name.strip() for given in options.select for name in given.split(",")] or list(SELECTED)
    known(ruleset, names)
    form = _format(options)
    found = _watched(answers(ruleset, paths, names, overrides(options)), len(paths), bool(options.output))
    if options.output:
        with whole_file(options.output) as file:
            done = _write(ruleset, found, names, form, file)
    else:
        done = _write(ruleset, found, names, form, sys.stdout)
    for answer in done:
        if answer.problems:
            report(answer.problems, options.json)
    if options.output:
        from vramledger.reports.batch import summary

        print(f"{summary(done)}; written to {options.output}", file=sys.stderr)
    statuses = {answer.status for answer in done}
    return FAULTY if AT_FAULT in statuses else FAILED if statuses - {OK} else FINE


def _format(options: argparse.Namespace) -> str:
    named = "jsonl" if options.json else options.format
    return named or FORMATS.get(Path(options.output or "").suffix.lower(), "table")


def _write(ruleset: Any, found: Iterator[Answer], names: list[str], form: str, stream: IO[str]) -> list[Answer]:
    from vramledger.reports import batch, blocks
    from vramledger.rules.overlay import base_declarations

    declared = base_declarations(ruleset)
    if form == "csv":
        return batch.write_csv(found, names, declared, stream)
    if form == "jsonl":
        return batch.write_json_lines(found, stream)
    done = list(found)
    blocks.write(batch.blocks(done, names, declared), stream)
    return done


def _watched(found: Iterator[Answer], count: int, quiet_output: bool) -> Iterator[Answer]:
    """The answers with a progress bar on a terminal, unless the rows themselves go there."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and not quiet_output):
        yield from found
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(found, "scenarios", total=count, console=Console(stderr=True), transient=True)


COMMAND = Command(
    "batch",
    run,
    "Many scenario files to a table, CSV or JSON Lines.",
    "batch 'runs/**/*.yaml' -o runs.csv",
    (
        (("inputs",), {"nargs": "+", "help": "scenario files, folders, or patterns in quotes"}),
        SET,
        (
            ("--select",),
            {"action": "append", "default": [], "metavar": "NAMES", "help": "the quantities to give, with ,"},
        ),
        (("--format",), {"choices": sorted(set(FORMATS.values())), "help": "default: by the name of -o, or a table"}),
        (("-o", "--output"), {"metavar": "FILE", "help": "write there, whole or not at all"}),
    ),
    scenario=True,
)
