"""Batches as jobs: any number of processes gives the same bytes; what is killed goes on; what has changed does not."""

from __future__ import annotations

import csv
import datetime
import decimal
import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vramledger.tables import forms
from vramledger.tables.job import Output

ROOT = Path(__file__).parents[1]
START = (sys.executable, "-m", "vramledger")
SWEEP = ("sweep", "llama-3-8b", "--over", "optimizer=adamw,sgd,lion", "--over", "batch.size=1:40", "--part-rows", "7")


@pytest.fixture(autouse=True)
def _place(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def contents(path):
    """The bytes of a file, or of a folder's files by name."""
    path = Path(path)
    return {one.name: one.read_bytes() for one in path.iterdir()} if path.is_dir() else path.read_bytes()


def start(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    return subprocess.Popen(
        [*START, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(*arguments):
    process = start(*arguments)
    said = process.communicate(timeout=120)[1].decode()
    assert "Traceback" not in said
    return process.returncode, said


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "out.arrow", "out/"])
def test_workers_and_parts_change_no_byte(name, run):
    code, _, _ = run(*SWEEP, "-o", f"one-{name}", "--workers", "1")
    assert code == 0
    assert finish(*SWEEP, "-o", f"two-{name}", "--workers", "2")[0] == 0
    assert contents(f"one-{name}") == contents(f"two-{name}")
    assert [one for one in Path().iterdir() if one.name.startswith(".")] == []


@pytest.mark.parametrize("kills", [3, pytest.param(9, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out/"])
def test_killed_at_any_moment_it_goes_on_and_gives_the_same_bytes(name, kills, run):
    small = (*SWEEP, "--part-rows", "1")
    began = time.monotonic()
    assert finish(*small, "-o", f"whole-{name}", "--workers", "1")[0] == 0
    takes = time.monotonic() - began
    whole = contents(f"whole-{name}")
    moments = random.Random(name)
    killed = 0
    arguments = (*small, "-o", name, "--resume")
    while killed < kills:
        process = start(*arguments, "--workers", moments.choice("112"))
        time.sleep(takes * moments.uniform(0.3, 0.9))
        if process.poll() is None:
            os.killpg(process.pid, moments.choice([signal.SIGKILL, signal.SIGTERM]))
            killed += 1
        process.communicate(timeout=60)
        if not name.endswith("/"):
            assert not Path(name).exists() or contents(name) == whole  # whole or not at all
        if process.returncode == 0:
            break
    assert killed
    assert finish(*arguments)[0] == 0
    assert contents(name) == whole


def test_a_finished_part_is_not_answered_again(run):
    run(*SWEEP, "-o", "out/", "--workers", "1")
    before = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("part-*")}
    missing = sorted(before)[3]
    Path("out", missing.replace("part", ".part").split(".parquet")[0] + ".json").unlink()
    code, _, err = run(*SWEEP, "-o", "out", "--resume", "--workers", "1")
    after = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("part-*")}
    assert (code, [name for name in before if before[name] != after[name]]) == (0, [missing])
    assert "120 rows" in err


def half_done(name, run):
    """A job whose last part is not finished."""
    run(*SWEEP, "-o", f"{name}/", "--workers", "1", "--format", "csv")
    max(Path(name).glob(".part-*.json")).unlink()


@pytest.mark.parametrize(
    "more",
    [
        ("--over", "precision=bf16"),
        ("--set", "batch.sequence_length=64"),
        ("--select", "total.bytes"),
        ("--where", "fits"),
        ("--part-rows", "8"),
        ("--format", "jsonl"),
    ],
)
def test_what_has_changed_is_not_gone_on_with(more, run):
    half_done("out", run)
    before = contents("out")
    code, _, err = run(*SWEEP, "--format", "csv", *more, "-o", "out/", "--resume", "--workers", "1")
    assert (code, "error: cannot-resume" in err) == (2, True)
    assert contents("out") == before


def test_changed_inputs_and_rules_are_not_gone_on_with(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    Path("rows.csv").write_text("batch.size\n" + "\n".join(map(str, range(1, 30))), encoding="utf-8")
    Path("mine.yaml").write_text("optimizer: mine\nextends: sgd\nsays: Mine.\n", encoding="utf-8")
    base = ("batch", "rows.csv", "--set", "model=gpt2", "--part-rows", "5", "-o", "out.csv", "--workers", "1")
    rules = ("--specs", "mine.yaml")
    assert run(*base, *rules)[0] == 0
    whole = contents("out.csv")

    def interrupt():
        """As if the job had ended before its parts were put together."""
        Path("out.csv").unlink()
        shutil.copytree("kept", ".out.csv.parts")

    with monkeypatch.context() as patched:
        patched.setattr(Output, "_join", interrupted)
        assert run(*base, *rules)[0] == 130
    shutil.copytree(".out.csv.parts", "kept")
    assert run(*base, *rules, "--resume")[0] == 0
    assert contents("out.csv") == whole
    interrupt()
    Path("mine.yaml").write_text("optimizer: mine\nextends: adamw\nsays: Mine.\n", encoding="utf-8")
    code, _, err = run(*base, *rules, "--resume")
    assert (code, "cannot-resume" in err, Path("out.csv").exists()) == (2, True, False)
    Path("mine.yaml").write_text("optimizer: mine\nextends: sgd\nsays: Mine.\n", encoding="utf-8")
    Path("rows.csv").write_text("batch.size\n" + "\n".join(map(str, range(2, 31))), encoding="utf-8")
    code, _, err = run(*base, *rules, "--resume")
    assert (code, "cannot-resume" in err) == (2, True)


@pytest.mark.parametrize("gone", ["part-000002.arrow", ".part-000002.json", "_job.json"])
def test_killed_while_it_clears_its_parts_away(gone, run, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda folder, **_: Path(folder, gone).unlink())
        assert run(*SWEEP, "-o", "out.parquet", "--workers", "1")[0] == 0
    whole = contents("out.parquet")
    assert run(*SWEEP, "-o", "out.parquet", "--resume", "--workers", "1")[0] == 0
    assert (contents("out.parquet"), list(Path().iterdir())) == (whole, [Path("out.parquet")])


@pytest.mark.parametrize("form", forms.WRITERS)
def test_a_fault_in_the_middle_of_a_file_is_the_only_one_told(form, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    table = pa.table({"a": [1, 2]})

    def parts():
        yield table
        raise OSError("gone")

    gc.freeze()  # what was there before need not be looked through
    with pytest.raises(OSError, match="gone"):
        forms.write(parts(), table.schema, form, Path("out"))
    gc.collect()
    gc.unfreeze()
    assert not told


def test_scenario_files_are_gone_on_with(run):
    Path("runs").mkdir()
    for number in range(4):
        text = f"model: gpt2\nbatch: {{size: {number}}}\n"
        Path("runs", f"{number}.yaml").write_text(text, encoding="utf-8")
    assert run("batch", "runs", "-o", "out.jsonl", "--workers", "1")[0] == 2
    whole = contents("out.jsonl")
    rows = [json.loads(line) for line in whole.splitlines()]
    assert [row["status"] for row in rows] == ["at fault", "ok", "ok", "ok"]
    assert [problem["code"] for problem in rows[0]["problems"]] == ["out-of-bounds"]
    assert run("batch", "runs", "-o", "out.jsonl", "--resume")[0] == 2
    assert contents("out.jsonl") == whole


def test_a_fault_that_no_combination_mends_is_told_once(run):
    code, out, err = run("sweep", "lama-3-8b", "--over", "batch.size=1:8", "-o", "grid.csv")
    assert (code, out, err.count("unknown-entry"), Path("grid.csv").exists()) == (2, "", 1, False)
    Path("one.yaml").write_text("model: gpt2\nbatch: {size: 0}\n", encoding="utf-8")
    code, _, err = run("sweep", "one.yaml", "--over", "optimizer=adamw,sgd", "-o", "grid.csv")
    assert (code, err.count("out-of-bounds"), "one.yaml:2:" in err) == (2, 1, True)
    assert run("sweep", "one.yaml", "--over", "batch.size=1,2", "-o", "grid.csv")[0] == 0


def test_every_form_says_the_same(run):
    names = ("out.csv", "out.jsonl", "out.parquet", "out.arrow")
    for name in names:
        run(*SWEEP, "-o", name, "--workers", "1", "--select", "total.bytes,fits")
    parquet = pq.read_table("out.parquet").to_pylist()
    with pa.OSFile("out.arrow") as file:
        assert pa.ipc.open_stream(file).read_all().to_pylist() == parquet
    assert [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()] == parquet
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: str(row[name]) for name in ("optimizer", "total.bytes.low")} for row in parquet] == [
        {name: row[name] for name in ("optimizer", "total.bytes.low")} for row in rows
    ]


def test_a_folder_that_is_there_is_not_written_over(run):
    Path("out").mkdir()
    Path("out", "mine.txt").write_text("mine", encoding="utf-8")
    code, _, err = run(*SWEEP, "-o", "out/", "--format", "csv")
    assert (code, "error: file-exists" in err, contents("out")) == (2, True, {"mine.txt": b"mine"})


def test_columns_that_a_form_has_no_values_for_are_texts(run):
    day, word = pa.array([datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)]), pa.array([b"x"])
    kept = {"when": day, "price": pa.array([decimal.Decimal("1.5")]), "raw": word, "names": [["a", "b"]]}
    pq.write_table(pa.table({"model": ["gpt2"], **kept}), "rows.parquet")
    for form in ("csv", "jsonl", "table"):
        code, out, _ = run("batch", "rows.parquet", "--keep", ",".join(kept), "--select", "fits", "--format", form)
        assert (code, "2024-01-02" in out, "1.5" in out) == (0, True, True)


@pytest.mark.parametrize("form", ["csv", "table"])
def test_what_is_no_file_is_not_replaced(form, run):
    os.mkfifo("pipe.csv")
    code, _, err = run("sweep", "gpt2", "--over", "batch.size=1,2", "-o", "pipe.csv", "--format", form)
    assert (code, "pipe.csv is no file" in err, Path("pipe.csv").is_fifo()) == (2, True, True)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="a device that is always full is Linux's")
def test_no_room_on_standard_output_is_told():
    words = (sys.executable, "-c", "from vramledger.cli import script; script()", "list")
    place = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, check=False, env=place, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, b"error: unwritable-file" in done.stderr, b"Traceback" in done.stderr) == (2, True, False)


def test_progress_is_for_terminals(run, monkeypatch):
    words = ("sweep", "gpt2", "--over", "batch.size=1:9", "--part-rows", "2", "-o", "grid.csv")
    assert run(*words)[2] == "9 rows; written to grid.csv\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, _, err = run(*words)
    assert (code, "rows" in err, err.endswith("9 rows; written to grid.csv\n")) == (0, True, True)
