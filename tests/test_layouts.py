"""What one device holds of parameters, gradients and states: published laws, and what must hold for any layout."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vramledger.api import evaluate_with
from vramledger.evaluation.values import NotApplicable
from vramledger.problems import Problems
from vramledger.rules.open import opened

RULES = opened()
MODELS = ("llama-3-8b", "qwen3-4b", "gpt2", "qwen3-30b-a3b", "pythia-1b")
SHARDINGS = ("none", "distributed-optimizer", "zero1", "zero2", "zero3")  # each keeps no more than the one before
STATES = ("parameters.bytes", "master.bytes", "gradients.bytes", "optimizer.bytes", "model_states.bytes")


def states(model: Any, parallel: dict[str, Any], **more: Any) -> dict[str, Any]:
    scenario = {"model": model, "precision": "bf16-master", "parallel": parallel, **more}
    ledger = evaluate_with(RULES, scenario)
    return {name: ledger[name] for name in STATES}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sharding", ["none", "zero3", "fsdp"])
def test_one_device_is_the_single_device_to_the_byte(model: str, sharding: str) -> None:
    ones = {"data": 1, "tensor": 1, "pipeline": 1, "context": 1, "expert": 1, "sharding": sharding}
    single, laid = (evaluate_with(RULES, {"model": model, "parallel": parallel}) for parallel in ({}, ones))
    assert {name: laid[name] for name in (*STATES, "total.bytes")} == {
        name: single[name] for name in (*STATES, "total.bytes")
    }


@settings(max_examples=8, deadline=None)
@given(
    model=st.sampled_from(MODELS),
    layout=st.fixed_dictionaries(
        {
            "data": st.sampled_from([8, 16]),
            "tensor": st.sampled_from([1, 2, 3, 16]),
            "pipeline": st.sampled_from([1, 2, 3, 8]),
            "expert": st.sampled_from([1, 2, 4]),
            "sharding": st.sampled_from([*SHARDINGS, "fsdp"]),
        }
    ),
    grown=st.sampled_from(["data", "tensor", "pipeline", "expert", "sharding"]),
)
def test_states_never_grow_with_a_degree(model: str, layout: dict[str, Any], grown: str) -> None:
    if grown == "sharding":
        assume(layout[grown] in SHARDINGS[:-1])
        more = {**layout, grown: SHARDINGS[SHARDINGS.index(layout[grown]) + 1]}
    else:
        more = {**layout, grown: 2 * layout[grown]}
    before, after = states(model, layout), states(model, more)
    slack = 1 << 20 if grown == "sharding" else 0  # shards of single tensors are padded, one flat vector is not
    assert all(after[name] <= before[name] + slack for name in STATES), (before, after)


def test_the_parts_of_a_tensor_come_to_the_whole() -> None:
    """Where every dimension divides evenly, only norms and routers are on more than one device."""
    whole = states("llama-3-8b", {})["parameters.bytes"]
    norms = 2 * 4096 * 65
    for tensor in (2, 4, 8):
        part = states("llama-3-8b", {"tensor": tensor})["parameters.bytes"]
        assert tensor * part == whole + (tensor - 1) * norms
    layers = evaluate_with(RULES, {"model": "llama-3-8b"})["layers.count"]
    last = states("llama-3-8b", {"pipeline": 4})["parameters.bytes"]
    assert last == 2 * (layers // 4 + 4096 + 128256 * 4096)  # a quarter of the layers, the last norm, the head


def test_key_value_heads_fewer_than_devices() -> None:
    """A trainer splits their weights; an engine holds a whole head on each device."""
    trained = evaluate_with(RULES, {"model": "llama-3-8b", "parallel": {"tensor": 16}})["parameters.bytes"]
    served = evaluate_with(RULES, {"model": "llama-3-8b", "task": "inference", "parallel": {"tensor": 16}})
    assert served["parameters.bytes"] - trained == 2 * 32 * 2 * 4096 * (128 - 64)  # bytes, layers, k and v, widths


def test_a_vocabulary_is_padded_where_it_is_asked_for() -> None:
    plain, padded = (
        states("gpt2", {"tensor": 4, **more})["parameters.bytes"] for more in ({}, {"vocabulary_multiple": 512})
    )
    assert padded - plain == 2 * 768 * (50688 // 4 - -(-50257 // 4))


def test_experts_are_split_among_data_parallel_devices() -> None:
    whole, split = (states("qwen3-30b-a3b", {"data": 8, **more}) for more in ({}, {"expert": 8}))
    assert whole["parameters.bytes"] - split["parameters.bytes"] == 2 * 28991029248 * 7 // 8


@pytest.mark.parametrize(
    ("precision", "sharding", "devices", "expected"),
    [
        ({"name": "bf16-master", "gradients": "fp32"}, "none", 8, 18),
        ({"name": "bf16-master", "gradients": "fp32"}, "distributed-optimizer", 8, 6 + 12 / 8),
        ("fp32", "none", 8, 16),
        ("fp32", "distributed-optimizer", 8, 8 + 8 / 8),
    ],
)
def test_megatrons_bytes_a_parameter(precision: Any, sharding: str, devices: int, expected: float) -> None:
    ledger = evaluate_with(
        RULES,
        {
            "model": {"parameters": 1_000_000_000},
            "precision": precision,
            "parallel": {"data": devices, "sharding": sharding},
        },
    )
    assert ledger["model_states.bytes"] == expected * 1_000_000_000


def test_a_layout_whose_peak_is_not_counted_has_no_total() -> None:
    scenario = {
        "model": "llama-3-8b",
        "hardware": "h100-80gb",
        "parallel": {"data": 8, "pipeline": 2, "sharding": "zero3"},
    }
    ledger = evaluate_with(RULES, scenario)
    assert isinstance(ledger["total.bytes"], NotApplicable)
    assert ledger.fits is None
    assert any("there is no total" in text for text in ledger.warnings)


def test_a_deepspeed_configuration_is_read(tmp_path: Path) -> None:
    """What it says is taken where the scenario is silent, "auto" is left alone, and what nothing counts is named."""
    written = {
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": 4,
        "gradient_clipping": 1.0,
        "bf16": {"enabled": True},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-5}},
        "zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}, "reduce_bucket_size": 2e8, "x": 1},
    }
    (tmp_path / "ds_config.json").write_text(json.dumps(written), encoding="utf-8")
    scenario = {"model": "llama-3-8b", "parallel": {"data": 8, "deepspeed": "ds_config.json"}, "batch": {"size": 3}}
    ledger = evaluate_with(RULES, scenario, base=tmp_path)
    told = (
        "parallel.sharding",
        "offload.optimizer",
        "precision.name",
        "batch.size",
        "batch.accumulation",
        "zero.bucket_size",
    )
    assert [ledger[name] for name in told] == ["zero2", "cpu", "bf16-master", 3, 4, 200000000]
    assert (ledger["gradients.bytes"], ledger["host.updated_elements"]) == (0, 8030261248 // 8)
    assert any("not counted: zero_optimization.x" in text for text in ledger.warnings)
    other = evaluate_with(RULES, {**scenario, "precision": "fp32", "parallel.sharding": "zero1"}, base=tmp_path)
    assert [other[name] for name in told[:3]] == ["zero1", "cpu", "fp32"]


@pytest.mark.parametrize(("stage", "sharding"), [(0, "none"), (1, "zero1"), (2, "zero2"), (3, "zero3")])
def test_stages_of_deepspeed(stage: int, sharding: str, tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps({"zero_optimization": {"stage": stage}, "fp16": {"enabled": True}}), encoding="utf-8")
    ledger = evaluate_with(RULES, {"model": "gpt2", "parallel": {"data": 2, "deepspeed": str(path)}})
    assert (ledger["parallel.sharding"], ledger["precision.name"]) == (sharding, "fp16-master")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"sub_group_size": 0, "max_live_parameters": 0},
            {"parallel.sub_group_size": 0, "parallel.max_live_parameters": 0},
        ),
        ({"prefetch_bucket_size": 7, "stage3_param_persistence_threshold": "auto"}, {"zero.prefetch_size": 7}),
        ({"cpu_offload": True, "cpu_offload_param": True}, {"offload.optimizer": "cpu", "offload.parameters": "cpu"}),
    ],
)
def test_older_and_shorter_names_of_deepspeed(written: Any, expected: dict[str, Any], tmp_path: Path) -> None:
    """Axolotl's own files have them; DeepSpeed takes a name with and without its prefix, and a group of no size."""
    said = {"zero_optimization": {"stage": 3, **written}, "bf16": {"enabled": True}, "optimizer": {"type": "adamw"}}
    (tmp_path / "ds.json").write_text(json.dumps(said), encoding="utf-8")
    ledger = evaluate_with(RULES, {"model": "gpt2", "parallel": {"data": 2, "deepspeed": "ds.json"}}, base=tmp_path)
    assert {name: ledger[name] for name in expected} == expected
    assert (ledger["optimizer.name"], ledger["precision.name"]) == ("fused-adam", "bf16-master")
    assert not any("not counted" in text for text in ledger.warnings)
    assert not isinstance(ledger["total.bytes"], NotApplicable)


def test_batches_that_disagree_are_told(tmp_path: Path) -> None:
    (tmp_path / "ds.json").write_text('{"train_batch_size": 32, "gradient_accumulation_steps": 2}', encoding="utf-8")
    scenario = {"model": "gpt2", "parallel": {"data": 4, "deepspeed": "ds.json"}}
    ledger = evaluate_with(RULES, scenario, base=tmp_path)
    assert any("train_batch_size 32" in text and "make 8" in text for text in ledger.warnings)
    agreed = evaluate_with(RULES, {**scenario, "batch": {"size": 4}}, base=tmp_path)
    assert not any("train_batch_size" in text for text in agreed.warnings)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ('{"zero_optimization": {"stage": 2, "stage": 3}}', "duplicate-key", "1:37"),
        ('{\n// a note\n"zero_optimization": {}}', "json-syntax", "2:1"),
        ("", "json-syntax", "1:1"),
        ('{"bf16": true}', "type-clash", "1:10"),
        ('{"zero_optimization": {"stage": 3, "reduce_bucket_size": 0}}', "out-of-bounds", "0:0"),
    ],
)
def test_a_file_at_fault_is_named(text: str, code: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "ds.json").write_text(text, encoding="utf-8")
    with pytest.raises(Problems) as found:
        evaluate_with(RULES, {"model": "gpt2", "parallel": {"data": 2, "deepspeed": "ds.json"}}, base=tmp_path)
    (fault,) = found.value.problems
    at = fault.labels[0].place
    assert (fault.code, f"{at.line}:{at.column}", Path(at.path).name) == (code, place, "ds.json")


FSDP = """\
distributed_type: FSDP
downcast_bf16: 'no'
fsdp_config:
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_activation_checkpointing: true
  fsdp_offload_params: false
  fsdp_ofload_params: true
  fsdp_reshard_after_forward: HYBRID_SHARD
  fsdp_version: 1
mixed_precision: bf16
num_machines: 2
num_processes: 16
"""


def test_an_accelerate_configuration_is_read(tmp_path: Path) -> None:
    """Its keys as accelerate 1.15 writes them; of a name that it does not know the nearest is told."""
    (tmp_path / "default_config.yaml").write_text(FSDP, encoding="utf-8")
    ledger = evaluate_with(RULES, {"model": "gpt2", "parallel": {"accelerate": "."}}, base=tmp_path)
    told = ("parallel.sharding", "parallel.data", "parallel.replicas", "precision.name", "checkpointing.name")
    assert [ledger[name] for name in told] == ["fsdp1", 16, 2, "bf16-gathered", "full"]
    assert (ledger["parallel.reduce_each_batch"], ledger["precision.reduced"]) == (False, "bf16")
    assert "fsdp_ofload_params (did you mean fsdp_config.fsdp_offload_params" in ledger.warnings[0]


def test_what_cannot_stand_in_a_configuration_is_told_with_its_place(tmp_path: Path) -> None:
    wrong = FSDP.replace("bf16\n", "bf61\n").replace("16\n", "sixteen\n").replace("version: 1", "version: 3")
    (tmp_path / "a.yaml").write_text(wrong, encoding="utf-8")
    (tmp_path / "ds.json").write_text('{\n\t"zero_optimization":\n\t\t{"stage": "3"}\n}', encoding="utf-8")
    for name, file, places in (
        ("accelerate", "a.yaml", {"12:16", "10:18", "9:17"}),
        ("deepspeed", "ds.json", {"3:14"}),
    ):
        with pytest.raises(Problems) as found:
            evaluate_with(RULES, {"model": "gpt2", "parallel": {name: file}}, base=tmp_path)
        at = [problem.labels[0].place for problem in found.value.problems]
        assert {f"{place.line}:{place.column}" for place in at} == places
        assert {problem.code for problem in found.value.problems} == {"type-clash"}


def test_a_configuration_that_names_another_is_read_with_it(tmp_path: Path) -> None:
    """DeepSpeed's own file is stronger than what accelerate says beside it."""
    says = "distributed_type: DEEPSPEED\nnum_processes: 4\n"
    says += "deepspeed_config: {deepspeed_config_file: ds.json, zero_stage: 1}\n"
    (tmp_path / "a.yaml").write_text(says, encoding="utf-8")
    (tmp_path / "ds.json").write_text(
        '{"zero_optimization": {"stage": 2}, "fp16": {"enabled": true}}', encoding="utf-8"
    )
    ledger = evaluate_with(RULES, {"model": "gpt2", "parallel": {"accelerate": "a.yaml"}}, base=tmp_path)
    told = ("parallel.sharding", "parallel.data", "precision.name")
    assert [ledger[name] for name in told] == ["zero2", 4, "fp16-master"]


SCRIPT = """\
#!/bin/bash
GPUS_PER_NODE=8
LAUNCH=(
    --nproc_per_node $GPUS_PER_NODE
    --nnodes ${NODES:-16}   # --nnodes 4 on the small machines
)
MODEL="
    --num-layers 96 --hidden-size 12288 \\
    --num-attention-heads 96 --seq-length 2048 --max-position-embeddings 2048"
torchrun ${LAUNCH[@]} pretrain_gpt.py $MODEL \\
\t--tensor-model-parallel-size=8 --pipeline-model-parallel-size 8 --micro-batch-size 1 --global-batch-size 1536 \\
\t--rampup-batch-size 16 16 5859375 --bf16 --use-distributed-optimizer --split 949,50,1 --save "$1" \\
\t--sequence-parallel --recompute-activations --hidden-dropout .05 --attention-dropout 0
"""


def test_arguments_of_megatron_are_read(tmp_path: Path) -> None:
    """A script like Megatron-LM's own for GPT-3, and a line; a scenario's own model stays as it is."""
    (tmp_path / "run.sh").write_text(SCRIPT, encoding="utf-8")
    scenario = {"model": {"vocab_size": 51200}, "parallel": {"megatron": "run.sh"}}
    ledger = evaluate_with(RULES, scenario, base=tmp_path)
    degrees = ("parallel.data", "parallel.tensor", "parallel.pipeline", "batch.accumulation", "parallel.sequence")
    assert [ledger[name] for name in degrees] == [2, 8, 8, 768, True]
    told = ("precision.gradients", "parallel.sharding", "checkpointing.name", "implementation.name")
    assert [ledger[name] for name in told] == ["fp32", "distributed-optimizer", "selective", "megatron-core"]
    assert ledger["dropout"] == Fraction(5, 100)
    assert ledger["parameters.count"] == 174_615_846_912
    assert not any("not counted:" in text for text in ledger.warnings)
    other = evaluate_with(RULES, {**scenario, "model": "gpt2"}, base=tmp_path)
    assert (other["model.layers"], other["parallel.tensor"]) == (12, 8)


@pytest.mark.parametrize(
    ("method", "layers", "told"),
    [("block --recompute-num-layers 4", 32, False), ("uniform --recompute-num-layers 2", 96, True)],
)
def test_layers_that_megatron_computes_again(method: str, layers: int, told: bool, tmp_path: Path) -> None:
    """A block is so many layers of each stage; of units of several layers the rest is told."""
    said = SCRIPT.replace("--recompute-activations", f"--recompute-granularity full --recompute-method {method}")
    (tmp_path / "run.sh").write_text(said, encoding="utf-8")
    ledger = evaluate_with(RULES, {"model": {"vocab_size": 51200}, "parallel": {"megatron": "run.sh"}}, base=tmp_path)
    assert (ledger["checkpointing.name"], ledger["checkpointing.layers"]) == ("full", layers)
    assert any("2 at a time" in text for text in ledger.warnings) == told


QUOTED = """\
TP=1
MOE="--num-experts 64 --moe-router-topk 6 --moe-ffn-hidden-size 1408 --moe-layer-freq ([0]*1+[1]*26)"
MLA=(
    "--multi-latent-attention"
    "--kv-lora-rank 512"
    '--moe-shared-expert-intermediate-size 2816'
)
torchrun --nproc_per_node 8 pretrain_gpt.py --tensor-model-parallel-size $TP --expert-model-parallel-size 8 --swiglu \\
    --num-layers 27 --hidden-size 2048 --ffn-hidden-size 10944 --num-attention-heads 16 --normalization RMSNorm \\
    --untie-embeddings-and-output-weights --vocab-size 102400 --make-vocab-size-divisible-by 1 --seq-length 4096 \\
    --micro-batch-size 1 --global-batch-size 64 --use-distributed-optimizer --bf16 "${MLA[@]}" $MOE
"""


def test_options_that_stand_in_quotes_are_read(tmp_path: Path) -> None:
    """As scripts of Megatron-LM's examples have them; the model is DeepSeek-V2-Lite, of 15,706,484,224 parameters."""
    (tmp_path / "run.sh").write_text(QUOTED, encoding="utf-8")
    ledger = evaluate_with(RULES, {"parallel": {"megatron": "run.sh"}}, base=tmp_path)
    assert (ledger["model.architecture"], ledger["parameters.count"]) == ("deepseek_v2", 15_706_484_224)
    assert [ledger[name] for name in ("parallel.expert", "parallel.tensor", "parallel.data")] == [8, 1, 8]


def staged(**parallel: Any) -> Any:
    scenario = {
        "model": "llama-3-8b",
        "implementation": "megatron-core",
        "precision": {"name": "bf16-master", "gradients": "fp32"},
        "batch": {"size": 1, "sequence_length": 2048, "accumulation": 64},
        "parallel": {"vocabulary_multiple": 1, **parallel},
    }
    return evaluate_with(RULES, scenario)


@pytest.mark.parametrize(
    ("more", "in_flight"),
    [
        ({}, [4, 3, 2, 1]),
        ({"schedule": "gpipe"}, [64, 64, 64, 64]),
        ({"schedule": "zb-h2"}, [7, 7, 7, 7]),
        ({"schedule": "zb-v"}, [4, 4, 4, 4]),
        ({"interleave": 2}, [Fraction(11, 2), Fraction(9, 2), Fraction(7, 2), Fraction(5, 2)]),
    ],
)
def test_micro_batches_in_flight(more: dict[str, Any], in_flight: list[Any]) -> None:
    """Interleaved, the first stage holds p * (1 + (p - 1) / (p * v)) of them, as Korthikanti et al. have it."""
    ledger = staged(pipeline=4, **more)
    stages = ledger.table("stages")
    assert [one["in_flight"] for one in stages] == in_flight
    assert ledger["allocated.bytes"] == max(one["peak_bytes"] for one in stages)


@pytest.mark.parametrize(
    ("more", "layers"),
    [({}, [8] * 4), ({"first_layers": 6}, [6, 9, 9, 8]), ({"first_layers": 7, "last_layers": 5}, [7, 10, 10, 5])],
)
def test_stages_add_up_to_the_model(more: dict[str, Any], layers: list[int]) -> None:
    ledger = staged(pipeline=4, **more)
    stages = ledger.table("stages")
    assert [one["layers"] for one in stages] == layers
    assert sum(one["parameters_bytes"] for one in stages) == 2 * 8030261248
    fullest = stages[ledger["fullest.place"]]
    for quantity in ("parameters", "master", "gradients", "optimizer"):
        assert ledger[f"{quantity}.bytes"] == fullest[f"{quantity}_bytes"]
    low, high = ledger.total
    parts = [part if isinstance(part, tuple) else (part, part) for part in ledger.components.values()]
    assert (sum(part[0] for part in parts), sum(part[1] for part in parts)) == (low, high)


def test_experts_are_shared_by_fewer_devices_than_layers() -> None:
    """Eight devices hold an eighth of the experts each, whole ones or parts of more; whole ones read fewer tokens."""
    parts, wholes = (
        evaluate_with(
            RULES,
            {
                "model": "qwen3-30b-a3b",
                "implementation": "megatron-core",
                "precision": "bf16-master",
                "parallel": {"tensor": 4, "sequence": True, "sharding": "distributed-optimizer", **more},
            },
        )
        for more in ({"data": 2, "expert": 2}, {"expert": 8, "expert_tensor": 1})
    )
    assert wholes["parallel.data"] == 2
    assert [parts[name] for name in STATES] == [wholes[name] for name in STATES]
    read = 48 * 2048 * 8 * 2048 * 2  # layers, tokens, experts of each, width, bytes
    assert parts["activations.bytes"] - wholes["activations.bytes"] == read * 3 // 4


def test_every_class_of_devices_is_shown() -> None:
    """Stages with their layers; what they hold at their fullest adds up, and one of them is the answer's."""
    ledger = staged(data=2, tensor=2, pipeline=4, first_layers=6)
    classes = ledger.classes
    assert [(one["devices"], one["layers"], one["in_flight"]) for one in classes] == [
        (4, 6, 4),
        (4, 9, 3),
        (4, 9, 2),
        (4, 8, 1),
    ]
    assert all(one["states"] + one["buffers"] + one["other"] == one["peak"] for one in classes)
    (fullest,) = [one for one in classes if one["fullest"]]
    assert fullest["peak"] == ledger["allocated.bytes"] == max(one["peak"] for one in classes)
    assert fullest["moment"] == ledger["peak.moment"]
    assert evaluate_with(RULES, {"model": "gpt2"}).classes == []
    (alike,) = evaluate_with(RULES, {"model": "gpt2", "parallel": {"data": 8, "sharding": "fsdp"}}).classes
    assert (alike["devices"], alike["fullest"]) == (8, True)
    assert 0 < alike["buffers"] < alike["peak"]


def test_replicas_of_stages_have_buckets_too() -> None:
    alone, beside = (
        evaluate_with(
            RULES,
            {"model": "llama-3.2-1b", "batch": {"accumulation": 4}, "parallel": {"data": size, "pipeline": 2}},
        )
        for size in (1, 2)
    )
    for less, more in zip(alone.table("stages"), beside.table("stages"), strict=True):
        assert more["peak_bytes"] - less["peak_bytes"] == more["gradients_bytes"] > 0


def test_a_schedule_in_the_shape_of_a_v_has_both_ends_on_its_first_stage() -> None:
    ledger = staged(pipeline=4, schedule="zb-v")
    first, *others = ledger.table("stages")
    assert ledger["fullest.place"] == 0
    for quantity in ("parameters", "master", "gradients", "optimizer"):
        assert ledger[f"{quantity}.bytes"] == first[f"{quantity}_bytes"]
    assert first["parameters_bytes"] == 2 * (8 * 218112000 + 2 * 128256 * 4096 + 4096)
    assert {one["parameters_bytes"] for one in others} == {2 * 8 * 218112000}


@pytest.mark.parametrize(
    ("parallel", "words"),
    [
        ({"tensor": 3}, "3 tensor-parallel devices cannot have as many of the 32 heads"),
        ({"expert": 4}, "no experts that 4 devices could share"),
        ({"data": 6, "replicas": 4, "sharding": "fsdp"}, "cannot hold 4 copies"),
        ({"replicas": 2, "sharding": "fsdp"}, "cannot hold 2 copies"),
        ({"context": 3}, "3 devices cannot have as many of a sequence's 2,048 tokens"),
        ({"pipeline": 5}, "32 layers on 5 stages of 1 are counted as near"),
        ({"pipeline": 4, "interleave": 3}, "32 layers on 4 stages of 3 are counted as near"),
        ({"pipeline": 64}, "of 64 stages some have none of the 32 layers"),
        ({"pipeline": 2, "first_layers": 40}, "have 40 layers together, and the model has 32"),
        ({"interleave": 2}, "say nothing without stages"),
    ],
)
def test_a_layout_that_nobody_could_run_is_told(parallel: dict[str, Any], words: str) -> None:
    ledger = staged(**parallel)
    assert any(words in text for text in ledger.warnings), ledger.warnings
    assert not isinstance(ledger["total.bytes"], NotApplicable)


@pytest.mark.parametrize("sharding", ["none", "zero1", "zero3", "fsdp", "fsdp1", "distributed-optimizer"])
@pytest.mark.parametrize("implementation", ["transformers", "megatron-core", "torchtune"])
def test_a_bare_count_has_states_under_every_layout(sharding: str, implementation: str) -> None:
    scenario = {"model": {"parameters": 8e9}, "parallel": {"data": 8, "sharding": sharding}}
    ledger = evaluate_with(RULES, {**scenario, "implementation": implementation})
    assert ledger["parameters.bytes"] == 16e9 / (8 if sharding in ("zero3", "fsdp", "fsdp1") else 1)
    assert any("lower bound" in text for text in ledger.warnings)


def test_a_sequence_is_split_among_devices() -> None:
    whole, split = (staged(tensor=2, sequence=True, context=size)["saved.bytes"] for size in (1, 2))
    assert whole == 2 * split
    along, across = (staged(tensor=4, sequence=along)["activations.bytes"] for along in (True, False))
    assert along < across < 4 * along


def test_a_latent_vector_is_cached_whole_on_every_device() -> None:
    """vLLM holds one head of a latent cache, and at least one of a grouped one."""
    for model, tensor, share in (
        ("deepseek-v3", 8, 1),
        ("llama-3-8b", 4, Fraction(1, 4)),
        ("llama-3-8b", 16, Fraction(1, 8)),
    ):
        whole, part = (
            evaluate_with(RULES, {"model": model, "task": "inference", "parallel": {"tensor": size}})["kv_cache.bytes"]
            for size in (1, tensor)
        )
        assert part == whole * share
