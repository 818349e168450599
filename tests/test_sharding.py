"""Counted peaks where data-parallel devices shard the model, by phase and category; what must hold of such layouts."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import vramledger
from vramledger.api import evaluate_with
from vramledger.evaluation.timeline import Life, Moment
from vramledger.inputs.imports import imported
from vramledger.rules.open import opened

DATA = Path(__file__).parent / "data"
ABOUT, *ROWS = [json.loads(line) for line in (DATA / "sharded.jsonl").read_text(encoding="utf-8").splitlines()]
LAID = [json.loads(line) for line in (DATA / "layouts.jsonl").read_text(encoding="utf-8").splitlines()]
RULES = opened()
WHOLE, CATEGORY = Fraction(1, 10000), Fraction(3, 100)
PHASES = {"fwd_peak": "forward", "bwd_peak": "backward", "opt_peak": "step"}
OURS = {
    "parameters": "SHARDED_PARAM",
    "unsharded": "UNSHARDED_PARAM",
    "all_gather": "ALL_GATHER",
    "optimizer": "OPT",
    "gradients": "SHARDED_GRAD",
    "activations": "ACT",
    "logits": "ACT",
}
AGAIN = ("saved by the last layer", "saved by the first layer", "saved by the layer")


def counted(phases: dict[str, int]) -> Counter[str]:
    """The tracker calls inputs by a name of their own, and what backward makes by three, as its hooks come to it."""
    found: Counter[str] = Counter()
    for name, size in phases.items():
        if name != "BUFFER":
            found["ACT" if name == "INP" else name if name in OURS.values() else "TEMP"] += size
    return found


def category(life: Life, forward: bool, checkpointed: bool) -> str:
    if life.name == "temporaries of the step":
        return "OPT"
    made = "gradient" in life.name or (checkpointed and life.name.endswith(AGAIN))
    ours = OURS.get(life.component, "TEMP")
    return "ACT" if forward and ours == "TEMP" else "TEMP" if ours == "ACT" and made else ours


def ours(moment: Moment, checkpointed: bool) -> Counter[str]:
    found: Counter[str] = Counter()
    for life in moment.lives:
        found[category(life, moment.phase == "forward", checkpointed)] += life.bytes
    return found


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_counted_peak(row: dict[str, Any]) -> None:
    settings = {**row["settings"], "config": str(DATA / row["settings"]["config"])}
    ledger = evaluate_with(RULES, imported(RULES, "counted", {**row, "settings": settings}), base=DATA)
    assert abs(ledger["allocated.bytes"] - row["value_bytes"]) <= WHOLE * row["value_bytes"]
    for name, phase in PHASES.items():
        value = row["breakdown"]["steady"][name]
        assert abs(ledger.phases[phase] - value) <= WHOLE * value, phase
        largest = max((m for m in ledger.timeline.moments if m.phase == phase), key=lambda moment: moment.bytes)
        found, truth = ours(largest, settings["ckpt"]), counted(row["breakdown"]["phases"][f"s1.{name}"]["cpu"])
        for one in {**found, **truth}:
            assert abs(found[one] - truth[one]) <= CATEGORY * truth[one], (phase, one, found, truth)


def test_every_record_is_there() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS) == 21
    assert "PyTorch 2.13.0" in ABOUT["about"]


@pytest.mark.parametrize("row", LAID[1:], ids=[row["id"] for row in LAID[1:]])
def test_peaks_of_layouts(row: dict[str, Any]) -> None:
    """Random settings: groups of one shard, micro-batches that are not reduced, buckets, flat parameters, ZeRO."""
    ledger = evaluate_with(RULES, row["scenario"], base=DATA)
    assert abs(ledger["allocated.bytes"] - row["value_bytes"]) <= Fraction(2, 1000) * row["value_bytes"]


def ask(**more: Any) -> vramledger.Ledger:
    return evaluate_with(
        RULES, {"model": "llama-3.2-1b", "precision": "bf16-master", "batch": {"sequence_length": 256}, **more}
    )


def peak(**parallel: Any) -> Any:
    return ask(parallel={"data": 8, **parallel})["allocated.bytes"]


@pytest.mark.parametrize("sharding", ["none", "distributed-optimizer", "zero1", "zero2", "zero3", "fsdp", "fsdp1"])
def test_what_lives_adds_up(sharding: str) -> None:
    ledger = ask(parallel={"data": 8, "sharding": sharding})
    assert ledger.timeline.peak is not None
    assert ledger["allocated.bytes"] == ledger.timeline.peak.bytes == max(ledger.phases.values())
    low = sum(size for name, size in ledger.components.items() if name not in ("reserve", "overhead"))
    assert low == ledger["allocated.bytes"]
    assert not any("not counted" in text for text in ledger.warnings)
    served = ask(task="inference", parallel={"data": 8, "sharding": sharding})
    assert served["allocated.bytes"] <= ask(task="inference")["allocated.bytes"] * (3 if sharding == "fsdp" else 2)


def test_more_devices_and_less_kept_never_need_more() -> None:
    assert peak(sharding="fsdp", data=64) < peak(sharding="fsdp") < peak(sharding="fsdp", replicas=4)
    assert peak(sharding="fsdp") <= peak(sharding="fsdp", reshard_after_forward=False)
    assert peak(sharding="zero3", max_live_parameters=10**8) < peak(sharding="zero3")
    assert peak(sharding="zero2") - peak(sharding="zero2", reduce_bucket_size=10**8) >= 0


@pytest.mark.parametrize(
    ("precision", "vocabulary", "peaks"),
    [
        ("bf16-gathered", 2000, (52449820, 68905508, 44971552)),
        ("fp32", 2000, (74259996, 105865252, 45483552)),
        ("bf16-gathered", 32000, (195555892, 301810980, 129451552)),
    ],
)
def test_flat_parameters(precision: str, vocabulary: int, peaks: tuple[int, int, int]) -> None:
    """FullyShardedDataParallel on eight devices, six layers; the second step, counted with PyTorch's MemTracker."""
    width = {"hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 8}
    ledger = evaluate_with(
        RULES,
        {
            "model": {"model_type": "llama", "num_key_value_heads": 8, "vocab_size": vocabulary, **width},
            "precision": precision,
            "attention": "cpu",
            "batch": {"size": 2, "sequence_length": 64},
            "allocator.block_bytes": "1 B",
            "parallel": {"data": 8, "sharding": "fsdp1"},
        },
    )
    for phase, truth in zip(("forward", "backward", "step"), peaks, strict=True):
        assert abs(ledger.phases[phase] - truth) <= Fraction(15, 1000) * truth, phase


def test_a_model_that_runs_is_gathered_layer_by_layer() -> None:
    """Counted with FSDPMemTracker: 7100581376 bytes while the prompt is read, 5686188040 for one token more."""
    ledger = evaluate_with(
        RULES,
        {
            "model": "llama-3-8b",
            "task": "inference",
            "attention": "cpu",
            "serving": {"prompt": 2048},
            "allocator.block_bytes": "1 B",
            "parallel": {"data": 8, "sharding": "fsdp"},
        },
    )
    for phase, truth in (("prefill", 7100581376), ("decode", 5686188040)):
        assert abs(ledger.phases[phase] - truth) <= Fraction(3, 1000) * truth


@pytest.mark.parametrize(
    ("checkpointing", "peaks"),
    [("none", (5774344596, 2990838160, 6640193952)), ("full", (5131792788, 2397639056, 6423912864))],
)
def test_stages_that_are_gathered(checkpointing: str, peaks: tuple[int, int, int]) -> None:
    """Four stages of four layers under fully_shard on four devices each, as torch.distributed.pipelining runs 1F1B over
    eight micro-batches; first, second and last stage, counted with FSDPMemTracker on what one stage does in that order.
    Gradients are reduced after the last micro-batch, where the second holds 2344804752 bytes, the last 6409093528."""
    ledger = ask(
        precision="bf16-gathered",
        attention="cpu",
        checkpointing=checkpointing,
        batch={"size": 1, "sequence_length": 512, "accumulation": 8},
        parallel={"data": 4, "pipeline": 4, "sharding": "fsdp"},
        **{"allocator.block_bytes": "1 B"},
    )
    first, second, _, last = ledger.table("stages")
    for stage, truth in zip((first, second, last), peaks, strict=True):
        assert abs(stage["backward_bytes"] - truth) <= WHOLE * truth
    for stage, truth in ((first, 5358403988), (second, 2344804752), (last, 6409093528)):
        assert abs(stage["reduced_bytes"] - truth) <= WHOLE * truth
    assert ledger["allocated.bytes"] - ledger["workspaces.bytes"] == last["peak_bytes"]
    assert len(ledger.timeline.moments) == 3


def test_replicas_keep_buckets_beside_their_gradients() -> None:
    alone, beside, views = (ask(parallel=one) for one in ({}, {"data": 8}, {"data": 8, "bucket_view": True}))
    assert beside["allocated.bytes"] - alone["allocated.bytes"] == alone["gradients.bytes"]
    assert views.phases["forward"] - alone.phases["forward"] == alone["gradients.bytes"]
    assert views["allocated.bytes"] <= beside["allocated.bytes"]


def test_zeros_bucket_is_there_whatever_the_model() -> None:
    """Its third stage makes the buffer before training begins, the second with the first gradient."""
    third, less = (
        ask(parallel={"data": 8, "sharding": "zero3", "reduce_bucket_size": size}) for size in (10**8, 5 * 10**7)
    )
    assert third.phases["forward"] - less.phases["forward"] == 10**8
    second, less = (
        ask(parallel={"data": 8, "sharding": "zero2", "reduce_bucket_size": size}) for size in (10**8, 5 * 10**7)
    )
    assert second.phases["forward"] == less.phases["forward"]
    assert second.phases["backward"] > less.phases["backward"]
