"""Counted figures against ours, through the import that maps them: every record that is copied here is exact."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import accuracy
from vramledger.api import evaluate_with
from vramledger.inputs.imports import imported
from vramledger.problems import Problems
from vramledger.rules.open import opened

DATA = Path(__file__).parent / "data"
ABOUT, *ROWS = [json.loads(line) for line in (DATA / "counted.jsonl").read_text(encoding="utf-8").splitlines()]
RULES = opened()


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_counted_record(row: dict[str, Any]) -> None:
    for one in accuracy.compared(RULES, row, DATA, "counted"):
        assert (one.estimate, one.why) == (one.truth, ""), one.id


def test_every_kind_is_covered() -> None:
    kinds = [row["kind"] for row in ROWS]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"params": 72, "lora": 59, "optimizer": 418, "kv": 41}
    assert "PyTorch 2.13.0" in ABOUT["about"]


def test_fields_that_no_formula_reads_are_the_models() -> None:
    settings = {"config": "configs/llama-3-8b.json", "b": 1, "s": 8, "cache": "dynamic", "num_hidden_layers": 2}
    found = imported(RULES, "counted", {"kind": "kv", "settings": settings})
    assert found["model"] == {"huggingface": "configs/llama-3-8b.json", "num_hidden_layers": 2}
    assert found["serving.generated"] == 0
    assert "optimizer" not in found


def test_an_import_that_is_none() -> None:
    with pytest.raises(Problems, match="no import is called count"):
        imported(RULES, "count", {})
    with pytest.raises(Problems, match="the import huggingface maps no records"):
        imported(RULES, "huggingface", {})


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["accuracy", *arguments])
    return accuracy.main()


def test_the_script_counts_what_it_cannot_express_as_a_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weight = {"param_dtype": "float32", "shape": [8, 8]}
    records = [
        {"id": "right", "kind": "optimizer", "settings": {"optimizer": "torch.SGD(momentum)", **weight}, "value": 256},
        {"id": "wrong", "kind": "optimizer", "settings": {"optimizer": "torch.SGD", **weight}, "value": 100},
        {"id": "unknown", "kind": "optimizer", "settings": {"optimizer": "nobody.Knows", **weight}, "value": 100},
        {"id": "strange", "kind": "weather", "settings": {}, "value": 1},
    ]
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    assert run(monkeypatch, str(path), "--configs", str(DATA / "configs"), "--json") == 1
    found = json.loads(capsys.readouterr().out)
    worst = {"worst": 1.0, "worst of rest": 1.0}
    assert found["kinds"]["optimizer"] == {"records": 3, "exact": 1, "median": 1.0, "p90": 1.0, **worst}
    assert found["kinds"]["weather"]["worst"] == 1.0
    assert [(miss["id"], miss["truth"], miss["estimate"]) for miss in found["misses"]] == [
        ("wrong", 100, 0),
        ("unknown", 100, None),
        ("strange", 1, None),
    ]
    assert "no optimizer is called nobody.Knows" in found["misses"][1]["why"]
    assert run(monkeypatch, str(path), "--kind", "optimizer") == 1
    assert "unknown: counted 100, ours None" in capsys.readouterr().out
    path.write_text("{", encoding="utf-8")
    assert run(monkeypatch, str(path)) == 2
    assert run(monkeypatch, str(tmp_path / "nowhere.jsonl")) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("torch.RMSprop(centered+momentum)", {"optimizer.centered": True, "optimizer.momentum": 1}),
        ("sgd(momentum=9e-1)", {"optimizer.momentum": Fraction(9, 10)}),
        ("galore(rank=1e+2, std)", {"optimizer.rank": 100, "optimizer.proj_type": "std"}),
        ("torch.AdamW(fused)", {"optimizer.implementation": "fused"}),
    ],
)
def test_a_name_takes_arguments(written: str, given: dict[str, Any]) -> None:
    model = {"tensors": [{"name": "w", "shape": [64, 64]}]}
    ledger = evaluate_with(RULES, {"model": model, "optimizer": written})
    assert {name: ledger[name] for name in given} == given
