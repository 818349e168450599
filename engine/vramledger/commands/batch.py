"""`vramledger batch`: scenario files, or tables with a scenario a row, to a table or a file of answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vramledger.commands.answers import OPTIONS, code_of, deliver, form_of, selected
from vramledger.commands.command import SET, Command, overrides
from vramledger.inputs.many import find
from vramledger.problems import Place, Problems, problem

_TABLES = (".parquet", ".csv", ".jsonl", ".ndjson")


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Answers every row or file; a bad one is a row and a report, and the rest go on."""
    form = form_of(options)
    paths = find(options.inputs, _TABLES)
    tables = [path for path in paths if path.suffix.lower() in _TABLES]
    files = [path for path in paths if path not in tables]
    if tables and files:
        message = f"{tables[0]} is a table and {files[0]} is not: their answers have different columns"
        raise Problems([problem("wrong-shape", message, Place(str(files[0])), "answer them apart")])
    if options.on:
        return _on_cluster(ruleset, options, tables, files)
    if tables:
        return deliver(_of_tables(ruleset, options, tables), form, options, fitting=True)
    if options.keep:
        message = "a scenario file has no columns to keep"
        raise Problems([problem("wrong-shape", message, Place("--keep"))])
    from vramledger.tables.work import Asked, FileWork

    asked = Asked(tuple(options.specs), overrides(options), selected(options), options.where)
    return deliver(FileWork(files, asked, ruleset, form == "jsonl"), form, options, fitting=True)


def _of_tables(ruleset: Any, options: argparse.Namespace, paths: list[Path]) -> Any:
    from vramledger.inputs.raw import read_raw
    from vramledger.tables.joined import Joined, source_at
    from vramledger.tables.work import Asked, TableWork

    sources = [source_at(path, options.part_rows) for path in paths]
    source = sources[0] if len(sources) == 1 else Joined(sources)
    keep = tuple(name.strip() for given in options.keep for name in given.split(",") if name.strip())
    asked = Asked(tuple(options.specs), overrides(options), selected(options), options.where, keep=keep)
    return TableWork(source, read_raw(options.scenario or {}), asked, ruleset)


def _on_cluster(ruleset: Any, options: argparse.Namespace, tables: list[Path], files: list[Path]) -> int:
    from vramledger.tables.cluster import on_ray, the_library

    others = [*files, *(path for path in tables if path.suffix.lower() != ".parquet")]
    output = options.output or ""
    if others or not output.endswith("/") or options.resume or options.best:
        message = "a cluster reads Parquet and writes a new folder: batch ROWS.parquet --on ray -o NAME/"
        hint = f"{others[0]} is no Parquet file" if others else "--best and --resume are for one machine"
        raise Problems([problem("wrong-shape", message, Place("--on"), hint)])
    the_library()
    settings = {"address": options.address} if options.address else {}
    work = _of_tables(ruleset, options, tables)
    counts = on_ray(work, tables, Path(output), options.part_rows, settings)
    print(f"{counts.rows} rows, {counts.faults} at fault; written to {output}", file=sys.stderr)
    return code_of(counts, options.json, fitting=True)


COMMAND = Command(
    "batch",
    run,
    "Scenario files, or tables with a scenario a row, to a table, CSV, JSON Lines, Parquet or Arrow.",
    "batch 'runs/**/*.yaml' -o runs.csv",
    (
        (
            ("inputs",),
            {"nargs": "+", "help": "scenario files; or CSV, JSON Lines, Parquet; folders and patterns of either"},
        ),
        SET,
        (("--scenario",), {"metavar": "FILE", "help": "a scenario that the rows of a table are laid over"}),
        (
            ("--keep",),
            {"action": "append", "default": [], "metavar": "COLUMNS", "help": "columns to carry along unread, with ,"},
        ),
        (("--on",), {"choices": ["ray"], "help": "answer on a Ray cluster, from Parquet to a folder of Parquet"}),
        (
            ("--address",),
            {"metavar": "ADDRESS", "help": "the cluster's (default: the one that is there, or a local one)"},
        ),
        *OPTIONS,
    ),
    scenario=True,
)
