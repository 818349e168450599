"""What the cache of a running model holds, to the byte, as it was counted on real cache objects."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import Ledger
from vramledger.rules.open import open_rules

DATA = Path(__file__).parent / "data"
ABOUT, *ROWS = [json.loads(line) for line in (DATA / "caches.jsonl").read_text(encoding="utf-8").splitlines()]
RULES = open_rules()
SMALL = {
    "architecture": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 100,
}
TOKEN = 2 * 2 * 16 * 2
"""Bytes of one token in one layer of that model; keys and values, 2 heads of 16, 2 bytes each."""


def run(cache: Any = "dynamic", prompt: int = 10, generated: int = 0, **given: Any) -> Ledger:
    serving = {"prompt": prompt, "generated": generated, **given.pop("serving", {})}
    return evaluate_with(RULES, {"model": SMALL, "task": "inference", "cache": cache, "serving": serving, **given})


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_counted_cache(row: dict[str, Any]) -> None:
    ledger = evaluate_with(RULES, row["scenario"])
    assert (ledger["kv_cache.prefill_bytes"], ledger["kv_cache.bytes"]) == (row["prefill"], row["end"])


def test_every_kind_of_cache_and_layer_is_covered() -> None:
    caches: Counter[str] = Counter()
    architectures = set()
    for row in ROWS:
        cache = row["scenario"]["cache"]
        caches[cache if isinstance(cache, str) else cache["name"]] += 1
        architectures.add(row["scenario"]["model"]["architecture"])
    assert set(caches) == {"dynamic", "dynamic-noconfig", "static", "quantized", "quantized-fp8"}
    assert min(caches.values()) >= 3
    assert {"mistral", "gemma3_text", "deepseek_v3", "falcon", "t5", "whisper", "mamba", "jamba"} <= architectures
    assert len({row["id"] for row in ROWS}) == len(ROWS) >= 250
    assert "transformers 5.23.0" in ABOUT["about"]


def test_a_sliding_cache_shrinks_with_the_first_token() -> None:
    """Four layers with a window of 8 and 8 bytes for its length; the prompt's 20 tokens are held until then."""
    model = {**SMALL, "architecture": "mistral", "sliding_window": 8}
    before, after = run(prompt=20, model=model), run(prompt=20, generated=1, model=model)
    assert before["kv_cache.bytes"] == before["kv_cache.prefill_bytes"] == 4 * (20 * TOKEN + 8)
    assert after["kv_cache.prefill_bytes"] == 4 * (20 * TOKEN + 8)
    assert after["kv_cache.bytes"] == 4 * (8 * TOKEN + 8)
    parts = after["parameters.bytes"] + after["parameters.padding_bytes"]
    assert after.phases["decode"] == parts + after["kv_cache.bytes"] + after["decode.working_bytes"]
    assert after.phases["prefill"] == parts + after["kv_cache.prefill_bytes"] + after["working.bytes"]


@pytest.mark.parametrize(("generated", "waiting"), [(0, 0), (1, 1), (7, 7), (8, 0), (9, 1), (31, 7), (32, 0)])
def test_generated_tokens_wait_until_there_are_enough_to_quantize(generated: int, waiting: int) -> None:
    cache = {"name": "quantized", "bits": 4, "group_size": 32, "residual_length": 8}
    done = 16 + generated - waiting
    # a token's 64 elements a layer: half a byte each, and 2 groups of a scale and a shift of 2 bytes each
    assert run(cache, 16, generated)["kv_cache.bytes"] == 4 * (done * (32 + 2 * 2 * 2) + waiting * TOKEN)


def test_an_offloaded_cache_lies_on_the_host_but_for_two_layers() -> None:
    ledger = run("offloaded", 8, 2)
    assert (ledger["kv_cache.bytes"], ledger["kv_cache.host_bytes"]) == (2 * 10 * TOKEN, 2 * 10 * TOKEN)
    gemma = {**SMALL, "architecture": "gemma2", "sliding_window": 4, "head_dim": 16}
    # two layers with a window of 4 and two with all 10 tokens: one of each, or two of the wide ones; windows stay
    assert run("offloaded", 8, 2, model=gemma)["kv_cache.bytes"] == (14 * TOKEN + 16, 20 * TOKEN + 16)
    assert run("offloaded-static", 8, 2, model=gemma)["kv_cache.bytes"] == 2 * 10 * TOKEN + 2 * 4 * TOKEN + 4 * 8


def test_a_latent_is_cached_compressed_or_expanded() -> None:
    model = {
        **SMALL,
        "architecture": "deepseek_v3",
        "kv_lora_rank": 24,
        "q_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 16,
        "v_head_dim": 12,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "first_k_dense_replace": 1,
    }
    assert run(model=model)["kv_cache.bytes"] == 4 * 10 * (24 + 8) * 2
    expanded = run({"name": "dynamic", "latent": "expanded"}, model=model)
    assert expanded["kv_cache.bytes"] == 4 * 10 * 4 * (16 + 8 + 12) * 2


def test_the_cache_has_the_format_that_is_asked_for() -> None:
    assert run(serving={"kv_precision": "fp8"})["kv_cache.bytes"] == 4 * 10 * TOKEN // 2
    quantized = run({"name": "quantized", "bits": 2, "group_size": 64})
    assert quantized["kv_cache.bytes_per_token"] == 4 * Fraction(64, 1) * (2 + Fraction(2 * 16, 64)) / 8


def test_what_transformers_refuses_is_said() -> None:
    model = {**SMALL, "architecture": "mistral", "sliding_window": 8}
    assert any("look back on all tokens" in str(w) for w in run("quantized", 16, model=model).warnings)
    assert any("no multiple of 48" in str(w) for w in run({"name": "quantized", "group_size": 48}, 10).warnings)
    assert any("5 bits" in str(w) for w in run({"name": "quantized", "bits": 5}, 16).warnings)
    assert any("room for 8 tokens" in str(w) for w in run({"name": "static", "length": 8}, 10).warnings)
    assert not run("quantized", 16).warnings
    assert not run({"name": "static", "length": 10}, 10).warnings


def test_training_keeps_no_cache() -> None:
    ledger = evaluate_with(RULES, {"model": SMALL, "cache": "dynamic"})
    assert not isinstance(ledger["kv_cache.bytes"], int)
