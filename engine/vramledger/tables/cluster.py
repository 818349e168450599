"""A batch on Ray Data: Parquet in, a folder of Parquet out, each block of rows answered where it lies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from vramledger.evaluation.ledger import FITS
from vramledger.problems import Place, Problems, problem
from vramledger.tables.job import Counts
from vramledger.tables.sources import flat
from vramledger.tables.wanted import PROBLEM
from vramledger.tables.work import TableWork

EXTRA = "vramledger[ray]"


def on_ray(work: TableWork, paths: list[Path], output: Path, rows: int, settings: Mapping[str, Any]) -> Counts:
    """Has a cluster answer files and write a new folder, which takes its name once all of it is there.

    `settings` go to `ray.init`. Raises Problems where Ray is not installed, and where the folder cannot be made.
    """
    ray = the_library()
    if output.exists():
        raise Problems([problem("file-exists", f"{output} is there already", Place(str(output)), "name a new folder")])
    aside = output.with_name(f".{output.name}.{os.getpid()}.part").absolute()
    ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False, **settings)
    try:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        data = ray.data.read_parquet([str(path.absolute()) for path in paths])
        answered = data.map_batches(_answered, batch_size=rows, batch_format="pyarrow", fn_kwargs={"work": work})
        answered.write_parquet(str(aside))
        counts = _counted(aside)
        aside.rename(output)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return counts


def the_library() -> Any:
    """Ray. Raises Problems where it is not installed."""
    try:
        import ray
    except ImportError:
        message = "a batch on Ray needs ray, which is not installed"
        raise Problems([problem("not-installed", message, Place("--on"), f"pip install '{EXTRA}'")]) from None
    return ray


def _answered(part: pa.Table, work: TableWork) -> pa.Table:
    """The answers to a block, in a process of the cluster, which keeps what it has specialised."""
    known = _works.setdefault(work.identity, work)
    return known.of_table(flat(part).cast(known.source.schema))[0]


_works: dict[str, TableWork] = {}


def _counted(folder: Path) -> Counts:
    written = ds.dataset(folder, format="parquet")
    faults = written.count_rows(filter=pc.field(PROBLEM).is_valid())
    large = written.count_rows(filter=pc.field(FITS) == pa.scalar(False)) if FITS in written.schema.names else 0
    return Counts(written.count_rows(), faults, large)
