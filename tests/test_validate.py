"""Measured figures beside ours: what is read, what is compared, how it is summed up, what is wrong with it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vramledger.cli import main
from vramledger.commands import validate as command
from vramledger.inputs import measured
from vramledger.inputs.measured import Compared, Record
from vramledger.problems import Place
from vramledger.reports import validate
from vramledger.rules.tree import Mapping

ROOT = Path(__file__).parents[1]
# one tensor of 1 MiB in fp32, so parameters.bytes is 1048576 B
TENSOR = {"model": {"tensors": [{"name": "w", "shape": [256, 1024]}]}, "task": "inference", "precision": "fp32"}


def record(**more: Any) -> dict[str, Any]:
    return {"id": "a", "scenario": TENSOR, "quantity": "parameters.bytes", "value": "1048576 B", **more}


def written(tmp_path: Path, *records: Any) -> str:
    path = tmp_path / "fleet.jsonl"
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_a_figure_is_compared_with_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        record(id="same", group="ours"),
        record(id="more", group="theirs", value="1 MB"),
        record(id="less", group="theirs", value="2 MiB"),
        record(id="count", quantity="parameters.count", value="262144", source={"title": "A page"}),
    ]
    assert main(["validate", written(tmp_path, *rows), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    errors = {one["id"]: (one["source"], one["error"]) for one in found["records"]}
    assert errors == {
        "same": ("ours", 0.0),
        "more": ("theirs", 0.048576),
        "less": ("theirs", -0.5),
        "count": ("A page", 0.0),
    }
    ours, theirs, _ = found["sources"]
    assert (ours["records"], ours["median"], ours["inside"], ours["goal"]) == (1, 0.0, None, None)
    assert (theirs["records"], theirs["median"], theirs["worst"]) == (2, (0.048576 + 0.5) / 2, -0.5)


def test_the_table_names_the_worst(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [record(id="near", grade="A", value="1.05 MB"), record(id="far", grade="A", value="3 MB")]
    assert main(["validate", written(tmp_path, *rows), "--worst", "1"]) == 1
    out = capsys.readouterr().out
    assert "fleet   parameters.bytes  A            2  32.6 %  65.0 %  -32.6 %  -65.0 %          missed" in out
    assert "far         3 MB  1.049 MB  -65.0 %" in out
    assert "near" not in out
    assert "2 records, goals met by 0 of 1 lines" in out


def compared(low: int, high: int, value: int = 100, grade: str = "A") -> Compared:
    nowhere = Place("x")
    empty = Mapping((), nowhere)
    return Compared(
        Record("r", "g", grade, "reserved.bytes", Fraction(value), empty, Path(), nowhere, nowhere, "GB"),
        Fraction(low),
        Fraction(high),
    )


def test_a_range_is_judged_by_what_lies_inside() -> None:
    inside, below = compared(90, 110), compared(50, 60)
    assert (inside.inside, inside.error) == (True, 0)
    assert (below.inside, below.error) == (False, Fraction(-2, 5))
    assert compared(120, 130).error == Fraction(1, 5)
    (found,) = validate.summaries([inside] * 9 + [below])
    assert (found.inside, found.median, found.worst, found.met) == (Fraction(9, 10), 0, below, True)
    (found,) = validate.summaries([inside] * 8 + [below] * 2)
    assert found.met is False


def test_a_range_may_not_be_wide() -> None:
    wide = compared(10**10, 2 * 10**10, 14 * 10**9)
    assert validate.summaries([wide])[0].met is False
    assert validate.summaries([wide._replace(low=Fraction(11 * 10**9), high=Fraction(159 * 10**8))])[0].met is True
    assert validate.summaries([compared(1, 3 * 10**9 + 1, 2)])[0].met is True


def test_goals_are_those_of_the_grade() -> None:
    near, far = compared(97, 97), compared(92, 92)
    assert validate.summaries([near] * 6 + [far] * 4)[0].met is True
    assert validate.summaries([near] * 5 + [far] * 5)[0].met is False
    assert validate.summaries([near] * 8 + [compared(91, 91)] * 2)[0].met is False
    assert validate.summaries([compared(91, 91, grade="B")])[0].met is True
    assert validate.summaries([compared(89, 89, grade="B")])[0].met is False
    assert validate.summaries([compared(1, 1, grade="")])[0].met is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": ]}', ":1:8: error: yaml-syntax: "),
        ("[1]", ":1:1: error: not-a-mapping: expected a measured figure"),
        ({"id": "a"}, ":1:1: error: missing-key: a measured figure has no scenario"),
        (record(tolerance=3), ":1:185: error: unknown-key: a measured figure has no field called tolerance"),
        (record(quantty="x"), "did you mean quantity?"),
        (record(assumes="much"), "error: wrong-shape: assumes: expected a list"),
        (record(value="much"), ":1:172: error: type-clash: much is no measured figure"),
        (record(value="-1 GB"), "-1 GB is no measured figure"),
        (record(value=1048576), "unit-clash: parameters.bytes is measured in B"),
        (record(quantity="parameters.count", value="1 GB"), "error: unit-clash: parameters.count is measured in"),
        (record(quantity="parameter.bytes"), "unknown-name: nothing is called parameter.bytes"),
        (record(quantity="kv_cache.bytes_per_token"), "does not apply here"),
        (record(quantity="peak.moment"), "unit-clash: peak.moment is measured in"),
        (record(scenario={**TENSOR, "precision": "bf17"}), "unknown-entry: no precision is called bf17"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(
    line: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", written(tmp_path, line)]) == 2
    assert said in capsys.readouterr().err


def test_one_at_fault_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = record(id="b", scenario={**TENSOR, "optimizer": "nobody", "task": "training"})
    path = written(tmp_path, record(), "", bad, record())
    assert main(["validate", path]) == 2
    out, err = capsys.readouterr()
    assert "1 records, 1 that could not be compared" in out
    assert f"{path}:3:" in err
    assert "no optimizer is called nobody" in err
    assert "two records are called a" in err
    assert f"{path}:4:1" in err


def test_files_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path / "none.jsonl")]) == 2
    assert "cannot read" in capsys.readouterr().err
    assert main(["validate", str(tmp_path)]) == 2
    assert "no file of measured figures is in" in capsys.readouterr().err
    assert main(["validate", written(tmp_path, "")]) == 2
    assert "empty-file" in capsys.readouterr().err
    assert main(["validate", written(tmp_path, record()), "--worst", "-1"]) == 2
    assert "--worst is at least 0" in capsys.readouterr().err


def test_a_scenario_finds_its_files_beside_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config |= {"intermediate_size": 8, "vocab_size": 10, "tie_word_embeddings": True}
    (tmp_path / "tiny.json").write_text(json.dumps(config), encoding="utf-8")
    scenario = {"model": {"huggingface": "tiny.json"}, "task": "inference"}
    # embedding 80, attention 4 * 64, MLP 3 * 64, three norms of 8
    path = written(tmp_path, record(scenario=scenario, quantity="parameters.count", value="552"))
    assert main(["validate", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"][0]["error"] == 0.0


def test_our_figures_name_where_they_stand() -> None:
    paths = measured.find([str(ROOT / "measurements")])
    lines = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) > 100
    for line in lines:
        assert {"title", "url", "section"} == set(line["source"]), line["id"]
        assert line["source"]["url"].startswith("https://"), line["id"]
        assert line["grade"] in validate.GOALS, line["id"]


def test_our_figures_are_found_from_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    assert command._beside() == "measurements"
    monkeypatch.chdir(tmp_path)
    assert command._beside() == str(ROOT / "measurements")


def test_the_page_shows_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the example of the command's help too, which people run elsewhere."""
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    typed, shown = page.partition("$ vramledger ")[2].split("```")[0].split("\n", 1)
    monkeypatch.chdir(tmp_path)
    assert main(typed.removesuffix(" || true").split()) in (0, 1)
    out, err = capsys.readouterr()
    assert not err
    assert out == shown
