"""Many scenario files: each is a row, in order; a bad one stops nothing; files appear whole or not at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import vramledger
from vramledger.inputs import many

GOOD = "model: llama-3-8b\nbatch: {size: SIZE}\n"


@pytest.fixture(autouse=True)
def _place(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs():
    folder = Path("runs/more")
    folder.mkdir(parents=True)
    Path("runs/a.yaml").write_text(GOOD.replace("SIZE", "1"), encoding="utf-8")
    Path("runs/b.yaml").write_text(GOOD.replace("SIZE", "0") + "optimiser: adamw\n", encoding="utf-8")
    Path("runs/c.yml").write_text(GOOD.replace("SIZE", "2") + "hardware: t4\n", encoding="utf-8")
    (folder / "d.yaml").write_text(GOOD.replace("SIZE", "4") + "expect: {batch.size: 5}\n", encoding="utf-8")
    (folder / "notes.txt").write_text("no scenario\n", encoding="utf-8")
    return folder.parent


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


def test_a_table(run, runs, snapshot):
    code, out, err = run("batch", "runs")
    assert (code, out, err) == (2, snapshot, snapshot)


def test_csv_is_exact_and_a_number_that_may_be_a_range_has_two_ends(run, runs):
    code, _, _ = run("batch", "runs", "-o", "out/all.csv", "--select", "total.bytes,parameters.bytes,fits")
    rows = rows_of(Path("out/all.csv").read_text(encoding="utf-8"))
    assert (code, [row["scenario"] for row in rows]) == (
        2,
        ["runs/a.yaml", "runs/b.yaml", "runs/c.yml", "runs/more/d.yaml"],
    )
    assert [row["status"] for row in rows] == ["ok", "at fault", "does not fit", "check failed"]
    for row in (rows[0], rows[2], rows[3]):
        ledger = vramledger.evaluate(row["scenario"])
        assert (int(row["total.bytes.low"]), int(row["total.bytes.high"])) == ledger.total
        assert row["parameters.bytes"] == "16060522496"
    assert [row["fits"] for row in rows] == ["", "", "false", ""]
    assert "batch.size is 0" in rows[1]["problem"]
    assert "did you mean optimizer" in rows[1]["problem"]


def test_json_lines(run, runs):
    code, out, err = run("batch", "runs", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, len(lines)) == (2, 4)
    assert [problem["code"] for problem in lines[1]["problems"]] == ["out-of-bounds", "unknown-name"] or len(
        lines[1]["problems"]
    ) == 2
    assert lines[0]["quantities"]["parameters.bytes"] == 16_060_522_496
    assert {problem["code"] for problem in json.loads(err)["problems"]} == {"out-of-bounds", "unknown-name"}


def test_files_patterns_and_folders_mean_each_file_once(runs):
    found = many.find(["runs/a.yaml", "runs", "runs/**/*.yaml", "./runs/a.yaml"])
    assert [str(path) for path in found] == ["runs/a.yaml", "runs/b.yaml", "runs/c.yml", "runs/more/d.yaml"]


def test_folders_and_patterns_of_tables(run):
    for name, size in (("rows/a.csv", 1), ("rows/b c.csv", 2), ("rows/_left.csv", 3), ("rows/.half.csv", 4)):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(f"model,batch.size\ngpt2,{size}\n", encoding="utf-8")
    for given in (["rows"], ["rows/[a-z]*.csv"], ["rows/a.csv", "rows"]):
        code, out, _ = run("batch", *given, "--select", "optimizer.bytes", "--format", "csv")
        assert (code, [line.split(",")[1] for line in out.splitlines()[1:]]) == (0, ["1", "2"])


def test_a_file_with_signs_of_a_pattern_is_itself():
    Path("a[1].yaml").write_text(GOOD.replace("SIZE", "1"), encoding="utf-8")
    assert many.find(["a[1].yaml"]) == [Path("a[1].yaml")]


def test_facts_on_the_command_line_beat_every_file(run, runs):
    _, out, _ = run("batch", "runs/a.yaml", "runs/b.yaml", "--set", "batch.size=3", "--optimizer", "sgd", "--json")
    first, second = map(json.loads, out.splitlines())
    assert first["quantities"]["optimizer.bytes"] == 0
    assert [problem["code"] for problem in second["problems"]] == ["unknown-name"]


def test_values_do_not_depend_on_the_order_or_on_compiled_shapes(run, runs):
    _, forward, _ = run("batch", "runs/a.yaml", "runs/more/d.yaml", "--json")
    _, backward, _ = run("batch", "runs/more/d.yaml", "runs/a.yaml", "--json")
    assert sorted(forward.splitlines()) == sorted(backward.splitlines())


def test_nothing_is_half_written(run, runs, monkeypatch):
    Path("out.csv").write_text("old", encoding="utf-8")

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(many, "check_expect", broken)
    code, _, err = run("batch", "runs", "-o", "out.csv")
    assert (code, err.strip()) == (130, "interrupted")
    assert (Path("out.csv").read_text(encoding="utf-8"), sorted(map(str, Path().iterdir()))) == (
        "old",
        [".out.csv.parts", "out.csv", "runs"],  # what is finished waits for --resume
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere/*.yaml"], "unreadable-file"),
        (["runs/a.yaml", "--select", "total.byte"], "unknown-name"),
        (["runs/a.yaml", "-o", "runs"], "unwritable-file"),
        (["runs/a.yaml", "-o", "runs/a.yaml/x.csv"], "unwritable-file"),
    ],
)
def test_wrong_input(arguments, code, run, runs):
    got, out, err = run("batch", *arguments)
    assert (got, out) == (2, "")
    assert f"error: {code}: " in err


def test_a_quantity_of_some_entries_is_empty_where_they_are_not_chosen(run, runs):
    name = "consistent.bytes"  # a rule of one convention alone
    code, out, _ = run("batch", "runs/a.yaml", "--select", name, "--format", "csv")
    assert (code, rows_of(out)[0][name]) == (0, "")


def test_no_scenario_at_all_in_a_folder(run):
    Path("empty").mkdir()
    code, _, err = run("batch", "empty")
    assert (code, "no scenario file is found under empty" in err) == (2, True)


def test_a_formula_keeps_rows_and_aims_choose_among_them(run, runs):
    select = ("--select", "total.bytes,batch.size", "--format", "csv")
    whole = rows_of(run("batch", "runs", *select)[1])
    totals = {row["scenario"]: int(row["total.bytes.low"]) for row in whole if row["total.bytes.low"]}
    least, most = min(totals.values()), max(totals.values())
    assert least < most
    kept = rows_of(run("batch", "runs", *select, "--where", f"total.bytes < {most} B")[1])
    good = [row["scenario"] for row in kept if not row["problem"]]
    assert good == [name for name, total in totals.items() if total < most]
    assert [row for row in kept if row["problem"]] == [row for row in whole if row["problem"]]
    best = rows_of(run("batch", "runs", *select, "--best", "max:total.bytes.low")[1])
    assert [row["scenario"] for row in best] == [name for name, total in totals.items() if total == most]
    code, _, err = run("batch", "runs", "--keep", "model")
    assert (code, "no columns to keep" in err) == (2, True)
