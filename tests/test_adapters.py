"""Adapters against peft's own modules, and what merging them takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import Ledger
from vramledger.rules.open import opened

DATA = Path(__file__).parent / "data" / "adapters.jsonl"
ABOUT, *ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
RULES = opened()
GROUPS = sorted({(row["model"], row["adapter"]["name"], "merge" in row) for row in ROWS})


def under(adapter: Mapping[str, Any], model: Any = "llama-3-8b", **more: Any) -> Ledger:
    return evaluate_with(RULES, {"model": model, "adapter": dict(adapter), **more})


@pytest.mark.parametrize(("model", "adapter", "merged"), GROUPS, ids=["-".join(map(str, group)) for group in GROUPS])
def test_peft_counts_the_same(model: str, adapter: str, merged: bool) -> None:
    for row in ROWS:
        if (row["model"], row["adapter"]["name"], "merge" in row) != (model, adapter, merged):
            continue
        more = {"merge": row["merge"], "task": "inference"} if merged else {}
        ledger = under(row["adapter"], ABOUT["models"][model], precision=row["precision"], **more)
        assert {name: ledger[name] for name in row["expect"]} == row["expect"], row


def test_every_adapter_was_counted() -> None:
    assert {row["adapter"]["name"] for row in ROWS} == set(RULES.names("adapter"))
    assert len(ROWS) > 400
    assert "peft 0.21.2" in ABOUT["about"]


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("prefix_tuning", "prefix-tuning"),
        ("prompt_tuning", "prompt-tuning"),
        ("p_tuning", "p-tuning"),
        ("ln_tuning", "ln-tuning"),
        ("bone", "miss"),
        ("trainable_tokens", "trainable-tokens"),
    ],
)
def test_the_names_of_peft_are_known(name: str, entry: str) -> None:
    assert under({"name": name})["trainable.count"] == under({"name": entry})["trainable.count"]


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        ({"name": "lora", "targets": ["q_proj", "query"]}, "no modules of the model"),
        ({"name": "lora", "targets": ["q_proj", "norm"]}, "peft refuses"),
        ({"name": "lora", "targets": ["q_proj"], "modules_to_save": ["classifier"]}, "modules_to_save are no modules"),
        ({"name": "lora", "targets": ["q_proj"], "modules_to_save": ["norm"]}, "whose name ends"),
        ({"name": "lora", "targets": ["q_proj"], "rank_pattern": {"k_proj": 4}}, "rank_pattern"),
        ({"name": "lora", "layers_to_transform": [0]}, "together with all-linear"),
        ({"name": "boft"}, "a lower bound"),
    ],
)
def test_what_peft_would_refuse_or_pass_by_is_said(adapter: dict[str, Any], says: str) -> None:
    assert any(says in str(warning) for warning in under(adapter).warnings)


def test_experts_refuse_dropout_and_dora() -> None:
    mixtral = ABOUT["models"]["mixtral"]
    assert any("dropout" in str(w) for w in under({"name": "lora", "dropout": 0.1}, mixtral).warnings)
    assert any("DoRA" in str(w) for w in under({"name": "dora"}, mixtral).warnings)


def test_an_adapter_in_fp32_over_a_half_precision_base() -> None:
    lora = {"name": "lora", "rank": 16}
    wide, narrow = under(lora), under({**lora, "precision": "bf16"})
    assert wide["trainable.count"] == narrow["trainable.count"] == 41_943_040
    assert wide["parameters.bytes"] - narrow["parameters.bytes"] == 2 * 41_943_040


def test_preparing_a_quantized_model_casts_what_is_not_quantized() -> None:
    lora = {"name": "lora", "rank": 16, "targets": ["q_proj", "v_proj"]}
    plain, ready = (under({**lora, "prepared": prepared}, quantization="nf4") for prepared in (False, True))
    embedding_head_and_norms = 2 * 128_256 * 4096 + 65 * 4096
    assert ready["parameters.bytes"] - plain["parameters.bytes"] == 2 * embedding_head_and_norms
    assert under({**lora, "prepared": True})["parameters.bytes"] == under(lora)["parameters.bytes"]


def test_merging_into_what_cannot_be_merged_is_not_applicable() -> None:
    lora = {"name": "lora", "rank": 16}
    merged = under(lora, task="inference")
    assert merged["merge.peak_bytes"] == merged["parameters.bytes"] + 2 * 4 * 4096 * 14336
    assert merged["merged.bytes"] == 16_060_522_496
    quantized = under(lora, task="inference", quantization="nf4")
    assert quantized["merge.bytes"] > merged["merge.bytes"]
    for answer in (under(lora, quantization="gptq"), under({"name": "prompt-tuning"}), under({"name": "vera"})):
        assert "not" in answer["merge.bytes"].reason or "false" in answer["merge.bytes"].reason
    tied = {**ABOUT["models"]["llama-tied"]}
    alone = under({**lora, "targets": ["q_proj"]}, tied)
    saved = under({**lora, "targets": ["q_proj"], "modules_to_save": ["lm_head"]}, tied)
    assert saved["merged.bytes"] - alone["merged.bytes"] == 2 * 211 * 96
