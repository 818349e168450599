"""What commands share that answer many rows: their options, where the answers go, what is said of them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vramledger.commands.command import FAILED, FAULTY, FINE, Arguments
from vramledger.cores import cores
from vramledger.output import replaceable
from vramledger.problems import Place, Problems, nearest, problem

if TYPE_CHECKING:
    from vramledger.tables.job import Counts, Told, Work

ROWS_A_PART = 250_000
_SHOWN = 1000  # rows of a table for people
_FEW = 500  # rows that are answered sooner than processes start
_SUFFIXES = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".txt": "table",
}
OPTIONS: Arguments = (
    (("--select",), {"action": "append", "default": [], "metavar": "NAMES", "help": "the quantities to give, with ,"}),
    (("--where",), {"default": "", "metavar": "FORMULA", "help": "keep the rows for which it holds"}),
    (
        ("--best",),
        {
            "action": "append",
            "default": [],
            "metavar": "AIMS",
            "help": "keep the rows that none beats, as in min:total.bytes.high,max:batch.size",
        },
    ),
    (("--format",), {"choices": sorted({*_SUFFIXES.values()}), "help": "default: by the name of -o, or a table"}),
    (("-o", "--output"), {"metavar": "FILE", "help": "write there, whole or not at all; NAME/ is a folder of parts"}),
    (("--resume",), {"action": "store_true", "help": "go on with what an interrupted run has finished"}),
    (("--workers",), {"type": int, "metavar": "N", "help": "processes to use (default: the cores that are there)"}),
    (
        ("--part-rows",),
        {"type": int, "default": ROWS_A_PART, "metavar": "N", "help": "rows finished at a time"},
    ),
)


def selected(options: argparse.Namespace) -> tuple[str, ...]:
    """The quantities that --select names."""
    return tuple(name.strip() for given in options.select for name in given.split(",") if name.strip())


def form_of(options: argparse.Namespace) -> str:
    """The form of the answers, by what is said or by the name of the output. Raises Problems."""
    if options.part_rows < 1 or (options.workers is not None and options.workers < 1):
        raise Problems([problem("out-of-bounds", "--workers and --part-rows are at least 1")])
    output = options.output or ""
    named = "jsonl" if options.json else options.format
    suffix = Path(output).suffix.lower()
    replaceable(Path(output))
    if Path(output).is_dir() and output and not _is_folder(output):
        message = f"{output[:200]} is a folder"
        raise Problems([problem("unwritable-file", message, Place(output[:200]), "NAME/ is a new folder of parts")])
    if not named and output and not _is_folder(output) and suffix not in _SUFFIXES:
        hint = nearest(suffix, _SUFFIXES) or f"a name ends with one of {', '.join(_SUFFIXES)}, or say --format"
        raise Problems([problem("wrong-shape", f"{output[:200]} does not say its form", Place(output[:200]), hint)])
    form = named or _SUFFIXES.get(suffix, "parquet" if output else "table")
    if options.resume and (not output or form == "table"):
        raise Problems([problem("wrong-shape", "only a file or folder is gone on with: name it with -o")])
    return str(form)


def _is_folder(output: str) -> bool:
    from vramledger.tables.job import is_begun

    return output.endswith(("/", os.sep)) or is_begun(Path(output))


def deliver(work: Work, form: str, options: argparse.Namespace, fitting: bool) -> int:
    """Has work done, and its answers where they belong; the exit code. `fitting`: what does not fit is a failure."""
    from vramledger.evaluation.threads import threads
    from vramledger.tables.best import aims
    from vramledger.tables.job import Output, to_stream

    wanted = aims(options.best, work.schema) if options.best else []
    total = sum(span.size for span in work.spans())
    workers = options.workers or (cores() if total > _FEW else 1)
    if workers == 1:
        threads.most = 1
    if form == "table":
        return _for_people(work, options, workers, wanted, fitting)
    if options.output:
        folder = _is_folder(options.output)
        if folder and wanted:
            raise Problems([problem("wrong-shape", "--best finds rows of the whole: name a file with -o")])
        output = Output(Path(options.output), form, folder)
        with _watched(total, quiet=False) as told:
            counts = output.run(work, workers, options.resume, told, _merge_of(wanted))
        print(f"{_summary(counts)}; written to {options.output}", file=sys.stderr)
    else:
        with _watched(total, quiet=sys.stdout.isatty()) as told:
            sys.stdout.flush()
            counts = to_stream(work, form, sys.stdout.buffer, workers, told, _merge_of(wanted))
    return code_of(counts, options.json, fitting)


def _merge_of(wanted: Any) -> Callable[[Iterator[Any]], Iterator[Any]] | None:
    from vramledger.tables.best import merged

    return (lambda parts: merged(parts, wanted)) if wanted else None


def code_of(counts: Counts, as_json: bool, fitting: bool) -> int:
    """Tells what was wrong; the exit code."""
    if counts.told:
        _tell(counts, as_json)
    failed = counts.failed or (fitting and counts.too_large)
    return FAULTY if counts.faults else FAILED if failed else FINE


def _tell(counts: Counts, as_json: bool) -> None:
    import json

    if as_json:
        listed = [one.get("problem", one) for one in counts.told]
        print(json.dumps({"problems": listed}, indent=2), file=sys.stderr)
        return
    for one in counts.told:
        print(one["text"], file=sys.stderr)
    left = counts.faults - len(counts.told)
    if left > 0:
        print(f"... and {left} more rows at fault", file=sys.stderr)


def _summary(counts: Counts) -> str:
    said = [f"{counts.rows} row{'' if counts.rows == 1 else 's'}"]
    said += [f"{counts.faults} at fault"] if counts.faults else []
    said += [f"{counts.too_large} too large for the device"] if counts.too_large else []
    said += [f"{counts.failed} with a failed check"] if counts.failed else []
    return ", ".join(said)


def _for_people(work: Work, options: argparse.Namespace, workers: int, wanted: Any, fitting: bool) -> int:
    from vramledger.output import whole_file
    from vramledger.reports import blocks
    from vramledger.reports.table import of_rows
    from vramledger.tables.job import Counts, tables

    counts = Counts()
    held: list[Any] = []

    def parts(told: Told) -> Iterator[Any]:
        nonlocal counts
        for table, found in tables(work, workers, told):
            counts = counts.plus(found)
            yield table

    merge = _merge_of(wanted)
    shown = 0
    with _watched(sum(span.size for span in work.spans()), quiet=False) as told:
        for table in merge(parts(told)) if merge else parts(told):
            held += table.slice(0, max(0, _SHOWN - shown)).to_pylist()
            shown += table.num_rows
    made = [*of_rows(held, work.schema), blocks.Lines([_summary(counts), *_more(shown - len(held))])]
    if options.output:
        with whole_file(options.output) as file:
            blocks.write(made, file)
    else:
        blocks.write(made, sys.stdout)
    return code_of(counts, options.json, fitting)


def _more(left: int) -> list[str]:
    return [f"{left} more rows are not shown; -o FILE writes all of them"] if left > 0 else []


@contextmanager
def _watched(total: int, quiet: bool) -> Iterator[Told]:
    """Progress with rate and time left, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("rows"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", justify="right"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows", total=total, rate="")

        def told(rows: int) -> None:
            progress.advance(task, rows)
            speed = progress.tasks[0].speed  # None at first
            progress.update(task, rate=f"{speed:,.0f} a second" if speed else "")

        yield told
