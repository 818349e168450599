"""What quantized weights take, to the byte, as the code that stores them has it, and what a config.json says."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vramledger import Problems
from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import Ledger
from vramledger.rules.open import open_rules, opened

DATA = Path(__file__).parent / "data"
RULES = opened()


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


ABOUT, *ROWS = lines("quantizations.jsonl")
CONFIGS = {row["id"]: row["config"] for row in lines("inventories.jsonl")[1:]}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 512,
    "vocab_size": 1000,
}
ATTENTION = {"q_proj": (256, 256), "k_proj": (128, 256), "v_proj": (128, 256), "o_proj": (256, 256)}
MLP = {"gate_proj": (512, 256), "up_proj": (512, 256), "down_proj": (256, 512)}
LINEAR = {**ATTENTION, **MLP}
WHOLE = 2 * (2 * 1000 * 256 + 9 * 256 + 4 * sum(rows * cols for rows, cols in LINEAR.values()))
"""Bytes of that model in bf16; embedding and head, two norms a layer and one, and its linear modules."""


def run(quantization_config: Any = None, model: dict[str, Any] = LLAMA, **given: Any) -> Ledger:
    said = {} if quantization_config is None else {"quantization_config": quantization_config}
    return evaluate_with(RULES, {"model": {**model, **said}, "task": "inference", "precision": "bf16", **given})


def stored(matrix: tuple[int, int], **given: Any) -> int:
    """Bytes of one matrix on its own."""
    tensors = {"tensors": [{"name": "w", "shape": list(matrix)}]}
    found = evaluate_with(RULES, {"model": tensors, "task": "inference", "precision": "bf16", **given})
    return int(found["parameters.bytes"])


def test_every_counted_row() -> None:
    wrong = {}
    for row in ROWS:
        if "shape" in row:
            found = stored(row["shape"], quantization=row["quantization"], precision=row["precision"])
        else:
            found = run(row["quantization_config"], CONFIGS[row["of"]])["parameters.bytes"]
        if found != row["bytes"]:
            wrong[row["id"]] = (found, row["bytes"])
    assert not wrong


def test_every_scheme_and_architecture_is_covered() -> None:
    schemes: Counter[str] = Counter()
    for row in ROWS:
        asked = row.get("quantization")
        schemes[
            row["quantization_config"]["quant_method"]
            if asked is None
            else asked
            if isinstance(asked, str)
            else asked["name"]
        ] += 1
    assert {
        "nf4-double",
        "bnb-int8",
        "gptq",
        "awq",
        "fp8",
        "hqq",
        "aqlm",
        "eetq",
        "quanto",
        "nvfp4",
        "torchao-int8",
    } <= set(schemes)
    assert len({CONFIGS[row["of"]]["model_type"] for row in ROWS if "of" in row}) >= 30
    assert len({row["id"] for row in ROWS}) == len(ROWS) >= 700
    assert all(name in ABOUT["about"] for name in ("transformers 5.23.0", "bitsandbytes 0.50.2", "gptqmodel 7.7.0"))


FORMATS: list[tuple[dict[str, Any], Any]] = [
    (
        {
            "quant_method": "bitsandbytes",
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
        },
        "nf4-double",
    ),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "fp4"}, "fp4"),
    ({"quant_method": "bitsandbytes", "load_in_8bit": True, "llm_int8_skip_modules": None}, "bnb-int8"),
    (
        {"quant_method": "gptq", "bits": 8, "group_size": 32, "desc_act": True},
        {"name": "gptq", "bits": 8, "group_size": 32},
    ),
    ({"quant_method": "gptq", "bits": 4, "group_size": -1}, {"name": "gptq", "group_size": -1}),
    ({"quant_method": "auto-round", "bits": 2, "group_size": 32}, {"name": "gptq", "bits": 2, "group_size": 32}),
    ({"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemm"}, {"name": "awq", "group_size": 64}),
    ({"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}, "fp8"),
    ({"quant_method": "fp8", "weight_block_size": [64, 32]}, {"name": "fp8", "block_rows": 64, "block_cols": 32}),
    ({"quant_method": "fp8", "activation_scheme": "static"}, {"name": "fp8-tensor", "activations": "static"}),
    ({"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0}, "fbgemm-fp8"),
    (
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 3, "group_size": 64, "axis": 0}}},
        {"name": "hqq", "bits": 3, "axis": 0},
    ),
    ({"quant_method": "eetq", "weights": "int8"}, "eetq"),
    (
        {
            "quant_method": "aqlm",
            "num_codebooks": 2,
            "nbits_per_codebook": 8,
            "linear_weights_not_to_quantize": ["lm_head.weight"],
        },
        {"name": "aqlm", "codebooks": 2, "codebook_bits": 8},
    ),
    ({"quant_method": "quanto", "weights": "int4"}, {"name": "quanto", "bits": 4}),
    ({"quant_method": "bitnet"}, "bitnet"),
    ({"quant_method": "higgs", "bits": 3}, {"name": "higgs", "bits": 3}),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]}, "nvfp4"),
    (
        {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"]},
        {"name": "fp8-tensor", "activations": "static"},
    ),
    (
        {"quant_method": "torchao", "quant_type": "int4_weight_only", "quant_type_kwargs": {"group_size": 64}},
        {"name": "torchao-int4", "group_size": 64},
    ),
    (
        {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig", "_data": {}}}},
        "torchao-int8",
    ),
    (
        {"quant_method": "torchao", "quant_type": {"default": {"_type": "Float8WeightOnlyConfig", "_data": {}}}},
        "torchao-float8",
    ),
]


def groups(weights: dict[str, Any], inputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs, "output_activations": None}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ["lm_head"], **more}


INT4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": True, "dynamic": False}
FP8 = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "channel", "dynamic": False}
FP4 = {
    "num_bits": 4,
    "type": "float",
    "symmetric": True,
    "strategy": "tensor_group",
    "group_size": 16,
    "dynamic": False,
}
FORMATS += [
    (groups(INT4, format="pack-quantized"), {"name": "w4a16", "group_size": 32}),
    (
        groups({**INT4, "symmetric": False}, format="pack-quantized"),
        {"name": "w4a16", "group_size": 32, "symmetric": "false"},
    ),
    (
        groups(FP8, {"num_bits": 8, "type": "float", "dynamic": True, "strategy": "token"}, format="float-quantized"),
        "fp8-dynamic",
    ),
    (groups({**FP8, "strategy": "tensor"}, {"num_bits": 8, "dynamic": False}, format="float-quantized"), "fp8-static"),
    (groups(FP4, {**FP4, "dynamic": "local"}, format="nvfp4-pack-quantized"), "nvfp4"),
    (groups(FP4, format="nvfp4-pack-quantized"), "nvfp4a16"),
]


@pytest.mark.parametrize(
    ("said", "name"), FORMATS, ids=lambda part: part.get("quant_method", "") if isinstance(part, dict) else part
)
def test_a_configuration_says_how_weights_are_stored(said: dict[str, Any], name: Any, tmp_path: Path) -> None:
    name = json.loads(json.dumps(name).replace('"false"', "false"))
    expected = WHOLE + 4 * sum(
        stored(matrix, quantization=name) - 2 * matrix[0] * matrix[1] for matrix in LINEAR.values()
    )
    assert run(said)["parameters.bytes"] == expected
    assert run(quantization=name)["parameters.bytes"] == expected
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA, "quantization_config": said}), encoding="utf-8")
    scenario = {"model": {"huggingface": str(tmp_path)}, "task": "inference", "precision": "bf16"}
    assert evaluate_with(RULES, scenario)["parameters.bytes"] == expected


def saved(quantization: Any, *left: str) -> dict[str, int]:
    """Bytes that each linear module of a layer is smaller by, where some are left as they are."""
    return {
        name: 0 if name in left else 2 * rows * cols - stored((rows, cols), quantization=quantization)
        for name, (rows, cols) in LINEAR.items()
    }


@pytest.mark.parametrize(
    ("skip", "left"),
    [
        (["lm_head"], []),
        (["lm_head", "q_proj"], ["q_proj"]),
        (["lm_head", "self_attn.o_proj", "down_proj"], ["o_proj", "down_proj"]),
        (["lm_head", "model.layers.*.self_attn", "model.embed_tokens"], list(ATTENTION)),
        (["lm_head", "model.layers.*.mlp.gate"], []),
        (["re:.*lm_head", "re:.*self_attn.*"], list(ATTENTION)),
        (["re:.*lm_head", "re:.*mlp.gate$"], []),
    ],
)
def test_a_list_leaves_modules_as_they_are(skip: list[str], left: list[str]) -> None:
    expected = WHOLE - 4 * sum(saved("nf4", *left).values())
    assert run(quantization={"name": "nf4", "skip": skip})["parameters.bytes"] == expected
    config = {"quant_method": "bitsandbytes", "load_in_4bit": True, "llm_int8_skip_modules": skip}
    assert run(config)["parameters.bytes"] == expected


def test_a_list_without_the_head_has_it_quantized_but_for_awq() -> None:
    head = 2 * 1000 * 256 - stored((1000, 256), quantization="nf4")
    expected = WHOLE - 4 * sum(saved("nf4", "q_proj").values()) - head
    assert run(quantization={"name": "nf4", "skip": ["q_proj"]})["parameters.bytes"] == expected
    awq = WHOLE - 4 * sum(saved("awq", "q_proj").values())
    assert run(quantization={"name": "awq", "skip": ["q_proj"]})["parameters.bytes"] == awq


def test_layers_are_left_one_by_one() -> None:
    skip = ["lm_head", "model.layers.0.mlp.down_proj", "model.layers.3.mlp.down_proj", "model.layers.2.self_attn"]
    each = saved("fp8")
    kept = 2 * each["down_proj"] + sum(each[name] for name in ATTENTION)
    expected = WHOLE - 4 * sum(each.values()) + kept
    assert (
        run({"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": skip})[
            "parameters.bytes"
        ]
        == expected
    )


def test_gptq_takes_the_modules_that_it_is_told() -> None:
    said = {
        "quant_method": "gptq",
        "bits": 4,
        "modules_in_block_to_quantize": [["self_attn.k_proj", "self_attn.v_proj"], ["mlp.up_proj"]],
    }
    each = saved("gptq")
    assert run(said)["parameters.bytes"] == WHOLE - 4 * (each["k_proj"] + each["v_proj"] + each["up_proj"])


def test_mxfp4_takes_experts_alone() -> None:
    said = {
        "quant_method": "mxfp4",
        "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"],
    }
    config = CONFIGS["gpt_oss"]
    plain, packed = run(None, config), run(said, config)
    experts = plain["experts.count"]
    biases = sum(
        row["elements"] * row["copies"]
        for row in packed.table("tensors")
        if row["kind"] == "bias" and row["of"].startswith("experts")
    )
    matrices = experts - biases
    assert packed["parameters.bytes"] == plain["parameters.bytes"] - 2 * experts + matrices * 17 // 32 + 4 * biases


def test_the_scenario_beats_the_configuration() -> None:
    said = {"quant_method": "gptq", "bits": 8, "group_size": 32}
    assert run(said, quantization="none")["parameters.bytes"] == WHOLE
    assert run(said, quantization="nf4")["parameters.bytes"] == run(quantization="nf4")["parameters.bytes"]
    assert run(said, quantization="awq")["parameters.bytes"] == run(quantization="awq")["parameters.bytes"]
    four = run(quantization={"name": "gptq", "bits": 4, "group_size": 32})["parameters.bytes"]
    assert run(said, quantization={"bits": 4})["parameters.bytes"] == four
    assert "counted as if they were not" in " ".join(run(said, quantization="none").warnings)


def test_a_method_that_is_not_known_is_named() -> None:
    strange = run({"quant_method": "frobnicate", "bits": 3})
    assert strange["parameters.bytes"] == WHOLE
    assert "no quantization lists quant_method frobnicate" in " ".join(strange.warnings)
    assert "did you mean gptq or vptq?" in " ".join(run({"quant_method": "gptqq"}).warnings)
    assert "counted as if they were not" in " ".join(run({"load_in_4bit": True}).warnings)


def test_an_expression_that_is_not_understood_is_named_and_leaves_nothing_out() -> None:
    said = {"quant_method": "bitsandbytes", "load_in_8bit": True, "llm_int8_skip_modules": ["lm_head", "*proj", "((("]}
    found = run(said)
    assert found["parameters.bytes"] == run(quantization="bnb-int8")["parameters.bytes"]
    assert "expressions that are not understood, such as *proj" in " ".join(found.warnings)


@pytest.mark.parametrize(
    ("said", "attention", "inner", "outer"),
    [
        ({"-:.*self_attn.*": {}}, (0, 4, 128), (4, 4, 128), (4, 4, 128)),
        ({"+:.*down_proj": {"bits": 8}, r"-:.*layers\.[13]\..*": {}}, (2, 4, 128), (2, 4, 128), (2, 8, 128)),
        ({"^(?!.*mlp).*": {"bits": 8, "group_size": 32}}, (4, 8, 32), (4, 4, 128), (4, 4, 128)),
    ],
)
def test_dynamic_settings_are_those_of_their_modules(said: Any, attention: Any, inner: Any, outer: Any) -> None:
    """Layers that are quantized, bits and group size of attention, and of the two ends of the feed-forward block."""
    total = WHOLE
    for name, (rows, cols) in LINEAR.items():
        copies, bits, size = attention if name in ATTENTION else outer if name == "down_proj" else inner
        each = stored((rows, cols), quantization={"name": "gptq", "bits": bits, "group_size": size})
        total += copies * (each - 2 * rows * cols)
    assert run({"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": said})["parameters.bytes"] == total


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"quant_method": "gptq", "bits": "four"}, 'quantization_config.bits is "four"'),
        ({"quant_method": "gptq", "group_size": [1]}, "quantization_config.group_size is [1]"),
        ({"quant_method": "aqlm", "num_codebooks": 0}, "quantization_config.num_codebooks is 0"),
    ],
)
def test_a_bad_configuration_is_named(said: dict[str, Any], message: str) -> None:
    with pytest.raises(Problems, match=re.escape(message)):
        run(said)["parameters.bytes"]


def test_an_entry_of_a_users_folder_is_found_by_its_method(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "quantization: mine\nsays: Two bits and a byte a group.\nmethods: [my_method]\nbits: 2\n"
        "group_size: value(quantization_config.block, 64)\n"
        "parts:\n  scales:\n    elements: t.outputs * t.groups\n    bits: 8\n",
        encoding="utf-8",
    )
    scenario = {
        "model": {**LLAMA, "quantization_config": {"quant_method": "my_method", "block": 32}},
        "task": "inference",
    }
    found = evaluate_with(open_rules([tmp_path]), scenario)["parameters.bytes"]
    expected = WHOLE - 4 * sum(2 * rows * cols - rows * cols // 4 - rows * cols // 32 for rows, cols in LINEAR.values())
    assert found == expected


PUBLISHED: list[tuple[str, Any, float]] = [
    ("llama-2-7b", "torchao-int8", 6.62),
    ("llama-2-7b", {"name": "torchao-int4", "group_size": 64}, 3.74),
    ("llama-3-8b", "torchao-int8", 7.52),
    ("llama-3-8b", {"name": "torchao-int4", "group_size": 64}, 4.22),
    ("llama-3-8b", "torchao-float8", 7.51),
]
"""Model sizes in GB without the embedding, the head quantized too, as the table of torchao's README prints them.

https://github.com/pytorch/ao/blob/adc78b72/torchao/quantization/README.md, measured with the benchmark of gpt-fast.
"""


@pytest.mark.parametrize(("model", "quantization", "size"), PUBLISHED, ids=str)
def test_published_sizes(model: str, quantization: Any, size: float) -> None:
    name = {"name": quantization} if isinstance(quantization, str) else quantization
    scenario = {"model": model, "task": "inference", "precision": "bf16", "quantization": {**name, "keeps_head": False}}
    ledger = evaluate_with(RULES, scenario)
    assert float(ledger["parameters.bytes"] - 2 * ledger["embedding.count"]) / 1e9 == pytest.approx(size, rel=0.01)


def test_a_bare_count_says_that_scales_need_shapes() -> None:
    ledger = evaluate_with(RULES, {"model": {"parameters": 8e9}, "task": "inference", "quantization": "gptq"})
    assert ledger["parameters.bytes"] == pytest.approx(4e9, rel=1e-6)
    assert "a bare parameter count has no rows" in " ".join(ledger.warnings)
