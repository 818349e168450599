"""The same rows on one machine, on a local Ray, on Spark and in DuckDB."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vramledger
from vramledger.cli import main

ROOT = Path(__file__).parents[2]
ROWS = 500


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Rows of several shapes, one of them at fault, in a Parquet file of the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "engine"), os.environ.get("PYTHONPATH", "")]))
    found = pa.table(
        {
            "job": [f"job {number}" for number in range(ROWS)],
            "model": [("gpt2", "llama-3-8b", "qwen2.5-7b")[number % 3] for number in range(ROWS)],
            "batch.size": [0 if number == 77 else number % 40 + 1 for number in range(ROWS)],
        }
    )
    pq.write_table(found, "rows.parquet", row_group_size=120)
    return found


def test_ray_answers_as_one_machine_does(table, capsys):
    pytest.importorskip("ray")
    common = ["rows.parquet", "--keep", "job", "--set", "hardware=h100-80gb", "--select", "total.bytes,fits"]
    assert main(["batch", *common, "-o", "alone.parquet", "--workers", "1"]) == 2
    assert main(["batch", *common, "-o", "ray/", "--on", "ray", "--part-rows", "100"]) == 2
    alone = pq.read_table("alone.parquet")
    assert "500 rows, 1 at fault" in capsys.readouterr().err
    found = pa.concat_tables([pq.read_table(path) for path in sorted(Path("ray").glob("*.parquet"))])
    assert found.sort_by("job").to_pylist() == alone.sort_by("job").to_pylist()
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []
    assert main(["batch", *common, "-o", "ray/", "--on", "ray"]) == 2
    assert "error: file-exists" in capsys.readouterr().err


def test_spark_maps_it(table, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    select = ["optimizer.bytes", "activations.bytes"]
    expected = vramledger.evaluate_table(table, select=select, keep=["job"])

    def answer(parts):
        for part in parts:
            found = vramledger.evaluate_table(pa.Table.from_batches([part]), select=select, keep=["job"])
            yield from found.rename_columns([name.replace(".", "_") for name in found.column_names]).to_batches()

    session = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        kinds = {pa.string(): "string", pa.int64(): "long"}
        schema = ", ".join(f"{field.name.replace('.', '_')} {kinds[field.type]}" for field in expected.schema)
        frame = session.read.parquet("rows.parquet").selectExpr(
            "job", "model", "named_struct('size', `batch.size`) as batch"
        )
        rows = frame.mapInArrow(answer, schema).collect()
    finally:
        session.stop()
    found = sorted((tuple(row) for row in rows), key=lambda row: row[0])
    assert found == sorted((tuple(row.values()) for row in expected.to_pylist()), key=lambda row: row[0])


def test_duckdb_reads_what_a_sweep_writes(table):
    duckdb = pytest.importorskip("duckdb")
    arguments = ["--hardware", "h100-80gb", "--over", "model=gpt2,llama-3-8b", "--over", "batch.size=1:20"]
    assert main(["sweep", *arguments, "-o", "grid.parquet"]) == 0
    query = "select model, max(\"batch.size\") from 'grid.parquet' where fits group by model order by model"
    found = dict(duckdb.sql(query).fetchall())
    largest = {model: vramledger.solve({"model": model, "hardware": "h100-80gb"}).value for model in found}
    assert found == {model: min(20, value) for model, value in largest.items()}
