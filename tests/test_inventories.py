"""Parameters of models that transformers built from small configurations, architecture by architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramledger.api import evaluate_with
from vramledger.rules.open import opened

DATA = Path(__file__).parent / "data" / "inventories.jsonl"
ABOUT, *ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
RULES = opened()


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_parameter(row: dict[str, Any]) -> None:
    ledger = evaluate_with(RULES, {"model": row["config"], "task": "inference"})
    assert (ledger["parameters.count"], ledger["vectors.count"]) == (row["parameters"], row["vectors"])
    assert ledger["embedding.count"] + ledger["head.count"] + ledger["layers.count"] <= row["parameters"]
    assert sum(part["count"] for part in ledger.table("shares")) == row["parameters"]


def test_every_model_type_has_a_row() -> None:
    types = {row["config"].get("text_config", row["config"])["model_type"] for row in ROWS}
    listed = {
        name
        for entry in RULES.names("architecture")
        for name in (RULES.entry("architecture", entry).records.get("model.model_types") or [])
    }
    assert len(types & listed) >= 36
    assert "transformers 5.23.0" in ABOUT["about"]


def test_a_wrapped_configuration_in_a_file_and_in_the_scenario_agree(tmp_path: Path) -> None:
    for row in (row for row in ROWS if "text_config" in row["config"]):
        (tmp_path / "config.json").write_text(json.dumps(row["config"]), encoding="utf-8")
        ledger = evaluate_with(RULES, {"model": {"huggingface": str(tmp_path)}, "task": "inference"})
        assert ledger["parameters.count"] == row["parameters"]


def test_a_model_type_that_is_nearly_known_is_named() -> None:
    fields = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 96}
    ledger = evaluate_with(RULES, {"model": {"model_type": "lama", "vocab_size": 100, **fields}})
    said = " ".join(ledger.warnings)
    assert 'no architecture lists config.model_type "lama"; did you mean llama or jamba?' in said
    assert "it is counted as a usual decoder" in said
    llama = evaluate_with(RULES, {"model": {"model_type": "llama", "vocab_size": 100, **fields}})
    assert ledger["parameters.count"] == llama["parameters.count"]
