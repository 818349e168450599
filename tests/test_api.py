"""The contract of the public names: what evaluate takes and gives, what holds for every answer."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import vramledger
from vramledger import Derivation, Ledger, NotApplicable, Problem, Problems, evaluate
from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import HEADLINES
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.reports.ledger import to_dict
from vramledger.rules.open import opened

RULES = opened()
FEW = settings(
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
SIZES: dict[str, Any] = {
    "architecture": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
}


def ask(scenario: dict[str, Any], **given_too: Any) -> Ledger:
    return evaluate_with(RULES, scenario, **given_too)


# --- names and types ------------------------------------------------------------------------------------------


def test_the_public_names() -> None:
    assert sorted(vramledger.__all__) == [
        "Derivation",
        "Ledger",
        "NotApplicable",
        "Problem",
        "Problems",
        "__version__",
        "evaluate",
        "evaluate_table",
        "solve",
        "sweep",
    ]
    assert all(getattr(vramledger, name) is not None for name in vramledger.__all__)
    with pytest.raises(AttributeError, match="estimate"):
        vramledger.estimate  # noqa: B018


def test_how_evaluate_is_called() -> None:
    parameters = inspect.signature(evaluate).parameters
    assert list(parameters) == ["scenario", "convention", "specs", "base"]
    assert [parameter.default for parameter in parameters.values()] == [inspect.Parameter.empty, None, (), None]
    assert get_type_hints(evaluate)["return"] is Ledger


def test_what_a_ledger_holds() -> None:
    ledger = evaluate({"model": "llama-3-8b", "hardware": "rtx-4090", "dropout": 0.25, "model.tied": True})
    assert type(ledger["parameters.bytes"]) is int
    assert ledger["dropout"] == Fraction(1, 4)
    assert isinstance(ledger["overhead.bytes"], tuple)
    assert all(type(end) is int for end in ledger["overhead.bytes"])
    assert ledger["optimizer.name"] == "adamw"
    assert ledger["model.tied"] is True
    missing = ledger["kv_cache.bytes"]
    assert isinstance(missing, NotApplicable)
    assert missing.reason
    assert not missing
    assert ledger.total == ledger["total.bytes"]
    assert ledger.fits is ledger["fits"] is False
    assert ledger.peak_phase in ledger.phases
    assert list(ledger.phases) == ["forward", "backward", "step"]
    assert ledger.warnings == []
    assert isinstance(ledger.derivation("total.bytes"), Derivation)
    assert set(ledger.stamp) == {"engine", "rules", "scenario", "convention"}


@pytest.mark.parametrize("name", HEADLINES)
def test_every_headline_has_a_type_of_the_contract(name: str) -> None:
    for scenario in SCENARIOS.values():
        value = ask(scenario)[name]
        if isinstance(value, tuple):
            assert len(value) == 2
            assert value[0] <= value[1]
            assert all(type(end) in (int, Fraction) for end in value)
        else:
            open_test = (type(None),) if name == "fits" else ()  # ranges may leave a test open
            assert type(value) in (int, bool, NotApplicable, *open_test), (name, value)


def test_fits_is_true_false_or_open() -> None:
    base = {"model": {"parameters": 1e9}, "task": "inference", "hardware": "t4"}
    usable = ask(base)["hardware.usable"]
    cases = [(usable, True), (usable + 1, False), ((0, usable), True), ((usable, usable + 1), None)]
    assert [ask({**base, "total.bytes": total}).fits for total, _ in cases] == [verdict for _, verdict in cases]
    assert ask({"model": {"parameters": 1e9}}).fits is None
    assert isinstance(ask({"model": {"parameters": 1e9}})["fits"], NotApplicable)


def test_a_range_may_be_written_or_a_pair() -> None:
    written = ask({"model": "llama-3-8b", "activations.bytes": "10 GB .. 30 GB"})
    pair = ask({"model": "llama-3-8b", "activations.bytes": (10 * 10**9, 30 * 10**9)})
    assert written["activations.bytes"] == pair["activations.bytes"] == (10**10, 3 * 10**10)
    assert written.total == pair.total


# --- scenarios, conventions, paths ----------------------------------------------------------------------------


def test_a_file_and_a_dict_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("model: llama-3-8b\nbatch: {size: 2}\nadapter: {name: lora, rank: 16}\n", encoding="utf-8")
    found = [
        evaluate(path),
        evaluate(str(path)),
        evaluate({"model": "llama-3-8b", "batch": {"size": 2}, "adapter": {"name": "lora", "rank": 16}}),
    ]
    assert len({str([ledger[name] for name in HEADLINES]) for ledger in found}) == 1
    dotted = {"model": "llama-3-8b", "batch.size": 2, "adapter.name": "lora", "adapter.rank": 16}
    assert ask(dotted).total == found[0].total


@pytest.mark.parametrize("name", ["falcon-7b", "gpt2", "mistral-7b-v0.1", "phi-2", "deepseek-v3"])
def test_a_configuration_says_the_same_in_a_file_and_in_the_scenario(name: str, tmp_path: Path) -> None:
    """Also where a field of it is called as a fact is, which the architecture's rules would have decided."""
    catalog = RULES.entry("model", name).records["config"]
    config = json.loads(json.dumps({**catalog, "head_dim": 48, "attention_dropout": 0.1}, default=float))
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    training = {"batch": {"size": 2, "sequence_length": 96}}
    ways = ({"model": config, **training}, {"model": {"huggingface": str(tmp_path)}, **training})
    inline, in_file = (to_dict(ask(scenario))["quantities"] for scenario in ways)
    assert {key: value for key, value in inline.items() if value != in_file[key] and not isinstance(value, dict)} == {}


def test_a_fact_that_is_set_beats_a_configurations_field_of_its_name() -> None:
    config = {"model_type": "falcon", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    read = read_scenario(
        RULES,
        read_raw({"model": {**config, "vocab_size": 99, "attention_dropout": 0.2}}),
        {"model.attention_dropout": "0.1"},
    )
    assert Ledger(read.program, read.facts)["model.attention_dropout"] == Fraction(1, 10)
    assert ask({"model": {**config, "vocab_size": 99, "attention_dropout": 0.2}})["model.attention_dropout"] == 0


def test_the_argument_beats_the_scenarios_convention() -> None:
    scenario = {"model": {"parameters": 7e9}, "convention": "llama-7b-thread"}
    assert ask(scenario)["optimizer.bytes"] == 56 * 10**9
    assert ask(scenario, convention="standard")["optimizer.bytes"] == 28 * 10**9
    assert ask({"model": {"parameters": 7e9}}).stamp["convention"] == "standard"


def test_paths_are_relative_to_the_file_or_to_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"model_type": "llama", **{key: value for key, value in SIZES.items() if key != "architecture"}}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "scenarios").mkdir()
    path = tmp_path / "scenarios" / "one.yaml"
    path.write_text("model: {huggingface: ../model}\n", encoding="utf-8")
    expected = ask({"model": SIZES})["parameters.count"]
    assert evaluate(path)["parameters.count"] == expected
    assert evaluate({"model": {"huggingface": "model"}}, base=tmp_path)["parameters.count"] == expected
    with pytest.raises(Problems):
        evaluate({"model": {"huggingface": "model"}}, base=tmp_path / "scenarios")
    monkeypatch.chdir(tmp_path)
    assert evaluate({"model": {"huggingface": "model"}})["parameters.count"] == expected


# --- what a user gets wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [("optimizer.byte", "optimizer.bytes"), ("totl.bytes", "total.bytes"), ("kv_cache", "kv_cache.bytes")],
)
def test_an_unknown_quantity_is_a_key_error_with_a_hint(name: str, hint: str) -> None:
    ledger = ask({"model": "llama-3-8b"})
    for question in (ledger.__getitem__, ledger.derivation):
        with pytest.raises(KeyError) as caught:
            question(name)
        assert name in str(caught.value)
        assert hint in str(caught.value)


def test_all_faults_are_listed() -> None:
    scenario = {
        "model": "lama-3-8b",
        "optimizer": "adamz",
        "batch": {"size": 0, "sequence_length": "many", "siez": 3},
        "activations.bytes": "ten",
        "hardware": {"count": 1.5},
        "tasks": "training",
    }
    with pytest.raises(Problems) as caught:
        ask(scenario)
    codes = [found.code for found in caught.value.problems]
    assert {"unknown-entry", "out-of-bounds", "unknown-name", "type-clash", "no-name"} <= set(codes)
    assert len(codes) >= 7
    assert all(isinstance(found, Problem) for found in caught.value.problems)
    text = str(caught.value)
    for said in ("llama-3-8b", "did you mean adam", "batch.size", "task", "80 GB"):
        assert said in text, said
    assert json.dumps([found.to_dict() for found in caught.value.problems])


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "missing-fact", "name a model"),
    ({"model": {"parameters": "7B"}}, "unit-clash", "7e9"),
    ({"model": {"parameters": 7e9}, "optimizer": "adafactor"}, "missing-fact", "no shapes"),
    ({"model": {"parameters": -1}}, "out-of-bounds", "at least 0"),
    ({"model": "llama-3-8b", "dropout": 1.5}, "out-of-bounds", "dropout"),
    ({"model": "llama-3-8b", "dropout": "nan"}, "type-clash", "number"),
    ({"model": "llama-3-8b", "total.bytes": -1}, "out-of-bounds", "total.bytes"),
    ({"model": "llama-3-8b", "batch": {"size": 1.5}}, "out-of-bounds", "whole"),
    ({"model": "llama-3-8b", "batch": {"size": (4, 2)}}, "", "batch.size"),
    ({"model": "llama-3-8b", "convention": "nobody"}, "unknown-entry", "vramledger list convention"),
    ({"model": {"huggingface": "nowhere"}}, "unreadable-file", "nowhere"),
    ({"model": {"architecture": "llama"}}, "missing-fact", "num_hidden_layers"),
    ({"model": {"tensors": [{"name": "w"}]}}, "", "shape"),
    ({"model": {"tensors": [{"name": "w", "shape": [3, -4]}]}}, "", "-4"),
    ({"model": {"tensors": [{"name": "w", "shape": [3, 1.5]}]}}, "", "3/2"),
    ({"model": {"tensors": [{"name": "w", "shape": 12}]}}, "not-a-table", "12"),
    ({"model": {"tensors": "w"}}, "", "tensors"),
    ({"model": None}, "", "model"),
    ({"model": 7}, "unknown-entry", "7"),
    ({"model": ["llama-3-8b"]}, "type-clash", "name"),
]


@pytest.mark.parametrize(("scenario", "code", "said"), WRONG, ids=[str(wrong[0])[:60] for wrong in WRONG])
def test_a_wrong_scenario_is_a_problem(scenario: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(Problems) as caught:
        ask(scenario).total  # noqa: B018
    assert not code or code in [found.code for found in caught.value.problems]
    assert said in str(caught.value)


CONFIG = {key: value for key, value in SIZES.items() if key != "architecture"} | {
    "model_type": "mistral",
    "head_dim": 16,
    "sliding_window": 10,
    "tie_word_embeddings": False,
    "attention_dropout": 0.0,
}
STRANGE = ["64", "yes", -1, 64.5, [1, 2], [], {}, {"a": 1}, 1e300, ""]


@pytest.mark.parametrize("field", sorted(CONFIG))
def test_a_strange_config_is_a_problem(tmp_path: Path, field: str) -> None:
    """Neither a crash nor a silent guess: a field of the wrong type is a fault of the file."""
    crashed, accepted = [], []
    for value in [
        *STRANGE,
        *([True] if isinstance(CONFIG[field], int | float) and CONFIG[field] is not False else [0, 1]),
    ]:
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, field: value}), encoding="utf-8")
        for task, attention in itertools.product(("training", "inference"), ("sdpa", "eager")):
            scenario = {"model": {"huggingface": str(tmp_path)}, "task": task, "attention": attention}
            try:
                ledger = ask(scenario)
                found = [ledger[name] for name in HEADLINES]
            except Problems:
                break
            except Exception as fault:  # noqa: BLE001
                crashed.append((value, type(fault).__name__))
                break
        else:
            accepted.append((value, found[0]))
    assert crashed == []
    # a model_type that nobody knows is a usual decoder, with a warning
    assert [value for value, _ in accepted] == (["64", "yes"] if field == "model_type" else [])


def test_a_field_of_null_or_absent_is_not_given(tmp_path: Path) -> None:
    answers = []
    for config in (
        {**CONFIG, "head_dim": None, "sliding_window": None, "tie_word_embeddings": None},
        {
            key: value
            for key, value in CONFIG.items()
            if key not in ("head_dim", "sliding_window", "tie_word_embeddings")
        },
    ):
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        ledger = ask({"model": {"huggingface": str(tmp_path)}, "task": "inference"})
        answers.append([ledger[name] for name in ("parameters.count", "kv_cache.bytes", "total.bytes")])
    assert answers[0] == answers[1]


FACTS: list[tuple[dict[str, Any], str]] = [
    ({"model": "llama-3-8b", "task": "inference"}, "optimizer.bytes"),
    ({"model": "llama-3-8b", "task": "inference"}, "gradients.bytes"),
    ({"model": "llama-3-8b"}, "kv_cache.bytes"),
    ({"model": "llama-3-8b"}, "adapter.width"),
    ({"model": {"parameters": 7e9}}, "saved.bytes"),
    ({"model": "llama-3-8b"}, "allocated.bytes"),
    ({"model": "llama-3-8b"}, "total.bytes"),
]


@pytest.mark.parametrize(
    ("scenario", "name"), FACTS, ids=[f"{name} {scenario.get('task', '')}" for scenario, name in FACTS]
)
def test_any_quantity_can_be_given(scenario: dict[str, Any], name: str) -> None:
    ledger = ask({**scenario, name: 12345})
    assert ledger[name] == 12345
    assert ledger.derivation(name).step.why == "the scenario gives it"


# --- what holds for every answer -------------------------------------------------------------------------------

SCENARIOS: dict[str, dict[str, Any]] = {
    "full training": {"model": "llama-3-8b", "hardware": "h100-80gb"},
    "many tokens": {"model": "llama-3-8b", "batch": {"size": 8, "sequence_length": 8192}},
    "checkpointing": {"model": "llama-2-7b", "batch": {"size": 4}, "checkpointing": "full", "hardware": "a100-80gb"},
    "accumulation": {"model": "qwen3-4b", "batch": {"accumulation": 8}, "checkpointing": "full"},
    "autocast": {
        "model": "llama-3.2-1b",
        "precision": "bf16-mixed",
        "optimizer": {"name": "adamw", "implementation": "fused"},
    },
    "master copies": {"model": "llama-3.2-1b", "precision": "bf16-master", "loss": {"keep_logits": False}},
    "an adapter": {"model": "llama-3-8b", "adapter": {"name": "lora", "rank": 16}, "hardware": "rtx-4090"},
    "quantized": {"model": "llama-3-70b", "quantization": "nf4-double", "adapter": "lora", "checkpointing": "full"},
    "8-bit states": {"model": "mistral-7b-v0.1", "optimizer": "adamw-8bit", "attention": "eager"},
    "a bare count": {"model": {"parameters": 7e9}, "hardware": "h100-80gb"},
    "a bare inventory": {"model": {"tensors": [{"name": "w", "shape": [3, 5, 7]}]}, "optimizer": "adafactor"},
    "serving": {
        "model": "llama-3-8b",
        "task": "inference",
        "serving": {"sequences": 32, "prompt": 7168, "generated": 1024},
    },
    "serving 4 bits": {"model": "qwen2.5-14b", "task": "inference", "quantization": "awq", "hardware": "l40s"},
    "a bare count runs": {"model": {"parameters": 7e9}, "task": "inference"},
}
OPEN: dict[str, dict[str, Any]] = {
    "activations between": {"model": "llama-3-8b", "activations.bytes": "10 GB .. 30 GB"},
    "far below the peak": {"model": "llama-3-8b", "checkpointing": "full", "activations.bytes": (0, 10)},
    "weights between": {"model": "llama-3-8b", "task": "inference", "parameters.bytes": (10**9, 10**10)},
    "batches between": {"model": "llama-3-8b", "batch": {"size": (1, 4)}},
    "a count between": {"model": {"parameters": (7 * 10**9, 8 * 10**9)}},
    "overhead alone": {"model": "llama-3-8b", "overhead.bytes": (1, 2)},
}


def ends(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) else (value, value)


def added(ledger: Ledger) -> tuple[Any, Any]:
    low, high = zip(*map(ends, ledger.components.values()), strict=True)
    return sum(low), sum(high)


@pytest.mark.parametrize("name", SCENARIOS)
def test_components_add_up_to_the_total(name: str) -> None:
    ledger = ask(SCENARIOS[name])
    assert added(ledger) == ends(ledger.total)
    assert all(low >= 0 for low, _ in map(ends, ledger.components.values()))
    assert ledger["allocated.bytes"] == max(ledger.phases.values())
    assert ledger.phases[ledger.peak_phase or ""] == ledger["allocated.bytes"]
    low, high = ends(ledger["reserved.bytes"])
    assert ledger["allocated.bytes"] <= low <= high
    inside = {part: value for part, value in ledger.components.items() if part not in ("reserve", "overhead")}
    assert sum(inside.values()) == ledger["allocated.bytes"]


@pytest.mark.parametrize("name", OPEN)
def test_components_are_given_where_ranges_leave_the_peak_open(name: str) -> None:
    ledger = ask(OPEN[name])
    assert ends(ledger.total)[0] <= ends(ledger.total)[1]
    assert ledger.phases
    assert ledger.peak_phase in (None, *ledger.phases)
    assert {"parameters", "overhead"} <= ledger.components.keys()
    assert added(ledger)[0] <= ends(ledger.total)[0]
    assert added(ledger)[1] >= ends(ledger.total)[1]


OF_LAYERS = ("deepspeed-zero3", "megatron-report")


@pytest.mark.parametrize("convention", RULES.names("convention"))
def test_every_convention_answers(convention: str) -> None:
    for name, scenario in SCENARIOS.items():
        ledger = ask(scenario, convention=convention)
        if isinstance(scenario["model"], dict) and convention in OF_LAYERS:
            with pytest.raises(Problems, match="missing-fact"):  # a bare count has no layers
                assert ledger.components
            continue
        assert isinstance(ledger.components, dict), name
        if convention != "standard" and ledger.components and not isinstance(ledger.total, NotApplicable):
            assert added(ledger) == ends(ledger.total), (convention, name)


@pytest.mark.parametrize("name", SCENARIOS)
def test_saved_is_activations_and_logits(name: str) -> None:
    ledger = ask(SCENARIOS[name])
    if not isinstance(ledger["saved.bytes"], NotApplicable):
        assert ledger["saved.bytes"] == ledger["activations.bytes"] + ledger["logits.bytes"]


def test_the_same_inputs_give_the_same_bytes() -> None:
    scenario = {**SCENARIOS["quantized"], "hardware": "h100-80gb", "dropout": 0.1}
    program = f"""
import json
from vramledger import evaluate
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.reports.ledger import to_dict
ledger = evaluate({scenario!r})
print(json.dumps([to_dict(ledger), ledger.derivation("total.bytes").to_dict()]))
"""
    here = evaluate(scenario)
    texts = {json.dumps([to_dict(here), here.derivation("total.bytes").to_dict()])}
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        texts.add(run.stdout.strip())
    assert len(texts) == 1
    reordered = evaluate(dict(reversed(scenario.items())))
    assert json.dumps(to_dict(reordered)) == json.dumps(to_dict(here))


def test_the_stamp_tells_scenarios_and_rules_apart() -> None:
    one, two = ask(SCENARIOS["full training"]), ask(SCENARIOS["many tokens"])
    assert one.stamp["rules"] == two.stamp["rules"]
    assert one.stamp["scenario"] != two.stamp["scenario"]
    assert one.stamp["engine"] == vramledger.__version__


# --- properties -----------------------------------------------------------------------------------------------------

scenarios = st.fixed_dictionaries(
    {
        "model": st.sampled_from(
            ["llama-3-8b", "mistral-7b-v0.1", "qwen3-4b", SIZES, {**SIZES, "architecture": "qwen2"}]
        ),
        "precision": st.sampled_from(["bf16", "fp32", "bf16-mixed"]),
        "attention": st.sampled_from(["sdpa", "eager"]),
        "checkpointing": st.sampled_from(["none", "full"]),
        "optimizer": st.sampled_from(["adamw", "sgd", "adafactor"]),
        "adapter": st.sampled_from([None, {"name": "lora", "rank": 8}, {"name": "lora", "precision": "bf16"}]),
        "task": st.sampled_from(["training", "training", "inference"]),
    }
).map(
    lambda drawn: {
        key: value
        for key, value in drawn.items()
        if value is not None and not (drawn["task"] == "inference" and key in ("optimizer", "adapter"))
    }
)
batches = st.tuples(st.integers(1, 64), st.integers(1, 9000), st.integers(1, 3))
GROWING = ("saved.bytes", "activations.bytes", "kv_cache.bytes", "allocated.bytes", "reserved.bytes", "total.bytes")


def batch(size: int, length: int, accumulation: int) -> dict[str, Any]:
    return {"batch": {"size": size, "sequence_length": length, "accumulation": accumulation}}


@FEW
@given(scenarios, batches, st.integers(0, 3), st.integers(0, 3000))
def test_more_tokens_never_take_less(
    scenario: dict[str, Any], at: tuple[int, int, int], more: int, longer: int
) -> None:
    size, length, accumulation = at
    small = ask({**scenario, **batch(size, length, accumulation)})
    large = ask({**scenario, **batch(size + more, length + longer, accumulation)})
    for name in GROWING:
        before, after = small[name], large[name]
        assert isinstance(before, NotApplicable) is isinstance(after, NotApplicable)
        if not isinstance(before, NotApplicable):
            assert all(old <= new for old, new in zip(ends(before), ends(after), strict=True)), name


@FEW
@given(scenarios, batches, batches)
def test_what_is_fixed_does_not_depend_on_tokens(
    scenario: dict[str, Any], one: tuple[int, int, int], two: tuple[int, int, int]
) -> None:
    first, second = (ask({**scenario, **batch(*at)}) for at in (one, two))
    names = (
        "parameters.bytes",
        "master.bytes",
        "gradients.bytes",
        "optimizer.bytes",
        "optimizer.host_bytes",
        "overhead.bytes",
    )
    assert [first[name] for name in names] == [second[name] for name in names]


@FEW
@given(scenarios, batches, st.sampled_from([{"name": "full"}, {"name": "full", "every": 2}]))
def test_checkpointing_never_saves_more(
    scenario: dict[str, Any], at: tuple[int, int, int], checkpointing: dict[str, Any]
) -> None:
    given_too = {**scenario, **batch(*at), "task": "training"}
    without, with_it = (ask({**given_too, "checkpointing": how}) for how in ("none", checkpointing))
    assert with_it["saved.bytes"] <= without["saved.bytes"]
    assert with_it["logits.bytes"] == without["logits.bytes"]
    held = with_it["embedded.bytes"] if "adapter" in scenario else 0  # which an adapted model's checkpoints hold
    if "every" in checkpointing:  # a layer's checkpoint, and the mask that it keeps, stand beside what it saves anew
        held += with_it["stream.bytes"] + with_it["mask.bytes"]
    assert with_it["allocated.bytes"] <= without["allocated.bytes"] + held


@FEW
@given(scenarios, batches)
def test_components_add_up_whatever_is_asked(scenario: dict[str, Any], at: tuple[int, int, int]) -> None:
    ledger = ask({**scenario, **batch(*at)})
    assert added(ledger) == ends(ledger.total)
    assert ledger["trainable.count"] <= ledger["parameters.count"]
    assert isinstance(ledger.peak_phase, str)
