"""What GGUF files hold: the blocks of ggml's types, published sizes, and what llama.cpp makes of small models."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import Ledger
from vramledger.problems import Problems
from vramledger.rules.open import open_rules, opened

DATA = Path(__file__).parent / "data" / "gguf.jsonl"
ABOUT, TYPES, *ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
PUBLISHED = [row for row in ROWS if "value" in row]
COUNTED = [row for row in ROWS if "counted" in row]
UNITS = {"GB": 10**9, "MiB": 2**20, "GiB": 2**30}
STALE = {"Q8_1": 36}
"""Where gguf's table is behind ggml-common.h; the scale and the sum of that type are halves since long."""
RULES = opened()


def stored(model: Any, quantization: Any) -> Ledger:
    return evaluate_with(RULES, {"model": model, "task": "inference", "quantization": quantization})


@pytest.mark.parametrize("name", TYPES["types"])
def test_every_block(name: str) -> None:
    elements, size = TYPES["types"][name]
    ledger = stored({"tensors": [{"name": "w", "shape": [3, 2048]}]}, {"name": "gguf", "type": name.lower()})
    assert ledger["parameters.bytes"] == 3 * 2048 // elements * STALE.get(name, size)


def test_the_blocks_are_those_of_the_package() -> None:
    constants = pytest.importorskip("gguf.constants")
    theirs = {kind.name: list(block) for kind, block in constants.GGML_QUANT_SIZES.items()}
    assert {name: block for name, block in theirs.items() if name in TYPES["types"]} == TYPES["types"]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["id"])
def test_published_sizes(row: dict[str, Any]) -> None:
    found = evaluate_with(RULES, row["settings"])[row["quantity"]]
    assert isinstance(found, int)
    wide = abs(Fraction(found, UNITS[row["unit"]]) / Fraction(str(row["value"])) - 1) > Fraction(1, 100)
    assert wide == ("left_out" in row)


@pytest.mark.parametrize("row", COUNTED, ids=lambda row: row["id"])
def test_what_llama_quantize_makes_of_it(row: dict[str, Any]) -> None:
    found = {}
    for key in row["counted"]:
        name, _, matrix = key.partition("+")
        quantization = {"name": name, "imatrix": bool(matrix)}
        found[key] = stored(row["config"], quantization)["parameters.bytes"]
    assert found == row["counted"]


def test_every_mix_is_counted_somewhere() -> None:
    counted = {key.partition("+")[0] for row in COUNTED for key in row["counted"]}
    mixes = {name for name in RULES.names("quantization") if "gguf" in RULES.entry("quantization", name).extends}
    assert mixes - counted == {"llama-quantize"}
    assert len(counted) == 35
    assert "llama-cpp-python 0.3.36" in ABOUT["about"]


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    """A test that first weighs rows and then chooses a text is the same test in both places."""
    rules = open_rules()
    for name, size in (("mixtral8", 86_287_360), ("mixtral4", 45_818_880)):
        model = next(row["config"] for row in COUNTED if row["id"] == name)
        ledger = evaluate_with(rules, {"model": model, "task": "inference", "quantization": "q3_k_s"})
        assert ledger["parameters.bytes"] == size


def test_the_embedding_stays_with_the_host() -> None:
    ledger = stored("qwen3-30b-a3b", "q8_0")
    assert ledger["parameters.bytes"] - ledger["gguf.device_bytes"] == 151936 * 2048 // 32 * 34
    tied = stored("llama-3.2-1b", "q8_0")
    assert tied["parameters.bytes"] == tied["gguf.device_bytes"]


def test_the_file_is_little_more_than_its_tensors() -> None:
    ledger = stored("llama-3-8b", "q4_k_m")
    low, high = ledger["gguf.bytes"]
    assert ledger["parameters.bytes"] + 128256 * 16 < low < high < Fraction(1002, 1000) * ledger["parameters.bytes"]


def test_without_roles_all_weights_have_one_type() -> None:
    ledger = stored({"parameters": 7e9}, "q4_k_m")
    assert ledger["parameters.bytes"] == 7 * 10**9 * 144 // 256
    assert any("needs the roles of tensors" in str(warning) for warning in ledger.warnings)


def test_rows_that_llama_quantize_refuses_are_told() -> None:
    odd = {"architecture": "llama", "num_hidden_layers": 2, "hidden_size": 80, "num_attention_heads": 4}
    ledger = stored({**odd, "intermediate_size": 128, "vocab_size": 100}, "q8_0")
    assert any("llama-quantize refuses" in str(warning) for warning in ledger.warnings)
    assert not any("refuses" in str(warning) for warning in stored("llama-3-8b", "q8_0").warnings)


def test_names_are_taken_in_either_case_and_unknown_types_are_named() -> None:
    assert stored("llama-3-8b", "Q4_K")["parameters.bytes"] == stored("llama-3-8b", "q4_k_m")["parameters.bytes"]
    with pytest.raises(Problems, match="no ggml_type is called"):
        stored("llama-3-8b", {"name": "gguf", "type": "q4_q"})
