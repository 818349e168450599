"""Compiled and interpreted are one: a plan gives what the walk over the formulas gives, for all its numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from vramledger import Problems
from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import HEADLINES, Ledger
from vramledger.evaluation.specialise import Fork, Leaf, Plan, varying, vector_of
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import Scenario, read_scenario
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules, opened
from vramledger.rules.recent import Recent

RULES = opened()
DEEP = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)

# --- scenarios: first the choices that make a shape, then numbers for it --------------------------------

KINDS = ["named", "llama", "mistral", "qwen2", "qwen3", "parameters", "tensors"]
NAMED = ["llama-3-8b", "qwen3-4b", "mistral-7b-v0.1", "smollm2-135m", "qwen2.5-0.5b"]
ATTENTIONS = ["sdpa", "eager", "flash", "math", None]
FACTS = [
    "activations.bytes",
    "gradients.bytes",
    "optimizer.bytes",
    "overhead.bytes",
    "parameters.bytes",
    "logits.bytes",
    "kv_cache.bytes_per_token",
    "allocated.bytes",
    "parameters.count",
    "step.temporary_bytes",
    "hardware.usable",
]
dims = st.integers(1, 9).map(lambda n: n * 8) | st.sampled_from([1, 3, 4096, 14336])
sizes = st.integers(0, 10**6) | st.integers(0, 10**12)


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    """What does not vary within a shape: texts and flags, and which numbers are given."""

    def some(*choices: Any) -> Any:
        return draw(st.sampled_from(choices))

    kind = some(*KINDS)
    training = some(True, True, False)
    return {
        "kind": kind,
        "named": some(*NAMED),
        "optional": draw(st.sets(st.sampled_from(["head_dim", "kv", "tied", "bias", "window"]))),
        "training": training,
        "precision": some("bf16", "fp32", "fp16", "bf16-mixed", "bf16-master", "fp8", "int4", None),
        "quantization": some(None, None, "nf4", "nf4-double", "gptq", "bnb-int8"),
        "optimizer": some("adamw", "adamw", "adafactor", "sgd-momentum", "adamw-8bit", "lion") if training else None,
        "implementation": some(None, "foreach", "for-loop", "fused"),
        "adapter": some(None, None, "all-linear", "some", "rank only") if training else None,
        "adapter_precision": some("fp32", "bf16"),
        "attention": some(*ATTENTIONS),
        "checkpointing": some(None, "full"),
        "keep_logits": some(None, False),
        "hardware": some(None, "h100-80gb", "t4"),
        "convention": some("standard", "standard", "standard", "rule-of-thumb", "work-with-llms", "estimate-article"),
        "batch": draw(st.sets(st.sampled_from(["size", "sequence_length", "accumulation"]))),
        "serving": draw(st.sets(st.sampled_from(["sequences", "prompt", "generated"]))),
        "facts": {name: some("one", "range") for name in draw(st.sets(st.sampled_from(FACTS), max_size=2))},
        "ranges": draw(st.sets(st.sampled_from(["size", "sequence_length", "prompt", "dropout"]), max_size=1)),
        "ndims": draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)),
        "dropout": some(False, False, True),
    }


@st.composite
def numbers(draw: st.DrawFn, shape: dict[str, Any]) -> dict[str, Any]:
    """A scenario of a shape, with numbers drawn for it."""

    def maybe_range(name: str, strategy: st.SearchStrategy[Any]) -> Any:
        if name not in shape["ranges"]:
            return draw(strategy)
        low, high = sorted((draw(strategy), draw(strategy)))
        return (low, high)

    scenario: dict[str, Any] = {"model": draw(models(shape)), "task": "training" if shape["training"] else "inference"}
    for key in ("precision", "quantization", "attention", "checkpointing", "hardware"):
        if shape[key] is not None:
            scenario[key] = shape[key]
    if shape["optimizer"]:
        scenario["optimizer"] = {"name": shape["optimizer"]}
        if shape["implementation"]:
            scenario["optimizer"]["implementation"] = shape["implementation"]
    if shape["adapter"]:
        adapter: dict[str, Any] = {"name": "lora", "rank": draw(st.integers(1, 128))}
        if shape["adapter"] != "rank only":
            adapter["targets"] = "all-linear" if shape["adapter"] == "all-linear" else ["q_proj", "down_proj"]
            adapter["precision"] = shape["adapter_precision"]
        if shape["kind"] in ("parameters", "tensors"):
            adapter["parameters"] = draw(st.integers(0, 10**8))
        scenario["adapter"] = adapter
    if shape["keep_logits"] is not None:
        scenario["loss"] = {"keep_logits": shape["keep_logits"]}
    if shape["dropout"]:
        scenario["dropout"] = maybe_range("dropout", st.sampled_from([0, Fraction(1, 10), Fraction(1, 2)]))
    lengths = st.sampled_from([1, 2, 17, 512, 4096, 8192]) | st.integers(1, 5000)
    batch = {
        "size": maybe_range("size", st.integers(1, 3) | st.integers(1, 300)),
        "sequence_length": maybe_range("sequence_length", lengths),
        "accumulation": draw(st.integers(1, 3)),
    }
    scenario["batch"] = {name: value for name, value in batch.items() if name in shape["batch"]}
    serving = {
        "sequences": draw(st.integers(1, 64)),
        "prompt": maybe_range("prompt", st.integers(0, 9000)),
        "generated": draw(st.integers(0, 3000)),
    }
    if shape["serving"] and not shape["training"]:
        scenario["serving"] = {name: value for name, value in serving.items() if name in shape["serving"]}
    for name, form in shape["facts"].items():
        if (name == "optimizer.bytes" and not shape["training"]) or (
            name == "hardware.usable" and not shape["hardware"]
        ):
            continue
        if form == "one":
            scenario[name] = draw(sizes)
        else:
            low, high = sorted((draw(sizes), draw(sizes)))
            scenario[name] = (low, high)
    return scenario


@st.composite
def models(draw: st.DrawFn, shape: dict[str, Any]) -> Any:
    kind, optional = shape["kind"], shape["optional"]
    if kind == "named":
        return shape["named"]
    if kind == "parameters":
        return {"parameters": draw(st.integers(0, 10**12))}
    if kind == "tensors":
        # what the optimizer sees are rows of one list, which is part of the shape
        return {"tensors": [{"name": f"t{n}", "shape": [3, 64, 4096][:ndim]} for n, ndim in enumerate(shape["ndims"])]}
    groups, kv = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    model = {
        "architecture": kind,
        "num_hidden_layers": draw(st.integers(1, 4) | st.sampled_from([0, 32])),
        "hidden_size": draw(dims),
        "num_attention_heads": groups * kv,
        "intermediate_size": draw(dims),
        "vocab_size": draw(dims),
    }
    if "kv" in optional:
        model["num_key_value_heads"] = kv
    if "head_dim" in optional:
        model["head_dim"] = draw(st.sampled_from([1, 64, 80, 128]))
    if "tied" in optional:
        model["tie_word_embeddings"] = True
    if "bias" in optional:
        model["attention_bias"] = True
    if "window" in optional and kind == "mistral":
        model["sliding_window"] = draw(st.integers(1, 5000))
    return model


def read(scenario: dict[str, Any], convention: str = "standard", rules: RuleSet = RULES) -> Scenario:
    return read_scenario(rules, read_raw(scenario), {"convention": convention})


def targets(found: Scenario) -> list[str]:
    return [name for name in HEADLINES if name in found.program.declarations]


def interpreted(found: Scenario, name: str) -> Any:
    """The value by the interpreter, or the codes of what is wrong."""
    return told(Ledger(found.program, found.facts), name)


def told(ledger: Ledger, name: str) -> Any:
    try:
        return ledger[name]
    except Problems as problems:
        return [one.code for one in problems.problems]


def agree(plan: Plan, found: Scenario) -> dict[str, Any]:
    """The plan's values, after each was compared with the interpreter's."""
    compiled = plan.run(found.facts)
    ledger = Ledger(found.program, found.facts)
    for name, value in compiled.items():
        expected = told(ledger, name)
        if isinstance(expected, NotApplicable):  # what is left open by ranges is None until it is public
            same = isinstance(value, NotApplicable) and value.reason == expected.reason
        else:
            same = type(value) is type(expected) and value == expected
        assert same, f"{name}: compiled {value!r}, interpreted {expected!r}"
    return compiled


# --- properties -------------------------------------------------------------------------------------------


@settings(DEEP, max_examples=50)
@given(st.data())
def test_a_plan_gives_what_the_interpreter_gives(data: st.DataObject) -> None:
    shape = data.draw(shapes())
    first, second = data.draw(numbers(shape)), data.draw(numbers(shape))
    note(f"{shape['convention']}\n{first}\n{second}")
    one, two = (read(scenario, shape["convention"]) for scenario in (first, second))
    assert len(vector_of(one.facts)) == len(varying(one.facts))
    plan = Plan(one.program, one.facts, targets(one))
    agree(plan, one)
    if one.facts.shape() == two.facts.shape():
        agree(plan, two)
        agree(plan, one)  # and still, after forks were followed


@settings(DEEP, max_examples=40)
@given(st.data())
def test_the_second_ledger_of_a_shape_is_the_first(data: st.DataObject) -> None:
    """Users meet the plan from the second scenario of a shape on; every quantity then as before."""
    shape = data.draw(shapes())
    scenario = data.draw(numbers(shape))
    rules = open_rules()

    def outcome() -> Any:
        try:
            ledger = evaluate_with(rules, scenario, convention=shape["convention"])
            return [str(ledger[name]) for name in HEADLINES], ledger.components, ledger.phases, ledger.warnings
        except Problems as problems:
            return str(problems)

    first, second, third = outcome(), outcome(), outcome()
    assert first == second == third


# --- one plan, many numbers -------------------------------------------------------------------------------

INLINE = {
    "architecture": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
}

# scenario, numbers to walk through (by dotted name); the walk crosses each threshold in both directions
WALKS: list[tuple[str, dict[str, Any], str, list[Any]]] = [
    ("labels of one sequence", {"model": "llama-3-8b"}, "batch.size", [2, 1, 7, 1, 2]),
    ("gradients over micro-batches", {"model": "llama-3-8b", "batch": {"size": 3}}, "batch.accumulation", [1, 2, 8, 1]),
    (
        "tensors below 4096 elements",
        {"model": INLINE, "optimizer": "adamw-8bit"},
        "model.hidden_size",
        [64, 8, 4096, 4, 32, 64],
    ),
    ("attention dropout", {"model": INLINE, "attention": "eager"}, "dropout", [0, Fraction(1, 10), 0]),
    (
        "dropout between",
        {"model": INLINE, "attention": "eager"},
        "dropout",
        [(Fraction(1, 10), Fraction(1, 2)), (Fraction(1, 4), Fraction(1, 2)), (0, 1), (0, 0)],
    ),
    ("fp32 heads in groups", {"model": INLINE, "precision": "fp32"}, "model.num_key_value_heads", [2, 4, 1, 4]),
    (
        "a sliding window",
        {"model": {**INLINE, "architecture": "mistral"}, "task": "inference", "serving": {"prompt": 100}},
        "model.sliding_window",
        [50, 100, 101, 4096, 1],
    ),
    ("what fits", {"model": "llama-3-8b", "hardware": "h100-80gb", "task": "inference"}, "batch.size", [1, 4000, 300]),
    (
        "a range that straddles",
        {"model": INLINE, "hardware": "t4"},
        "activations.bytes",
        [(0, 5), (0, 10**11), (10**11, 10**12)],
    ),
    ("a range of no width", {"model": INLINE}, "overhead.bytes", [(5, 5), (4, 5), (0, 0)]),
    ("layers that are copies", {"model": INLINE}, "model.num_hidden_layers", [2, 1, 0, 1, 32]),
    (
        "a group that divides",
        {"model": INLINE, "quantization": "gptq", "adapter": "lora"},
        "model.intermediate_size",
        [128, 129, 1],
    ),
]


def with_number(scenario: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    first, _, rest = name.partition(".")
    inside = scenario.get(first)
    if first in ("batch", "model") and rest:
        return {**scenario, first: {**(inside or {}), rest: value}}
    return {**scenario, name: value}


@pytest.mark.parametrize(
    ("scenario", "name", "numbers_"), [walk[1:] for walk in WALKS], ids=[walk[0] for walk in WALKS]
)
def test_one_plan_serves_every_number(scenario: dict[str, Any], name: str, numbers_: list[Any]) -> None:
    steps = [read(with_number(scenario, name, value)) for value in numbers_]
    for start in steps[:2]:  # whichever side of the threshold the plan was made on
        plan = Plan(start.program, start.facts, targets(start))
        for step in steps:
            if step.facts.shape() != start.facts.shape():  # a whole number and a fraction are two shapes
                assert name == "dropout"
                continue
            found = agree(plan, step)
            ledger = Ledger(step.program, step.facts)
            faulty = any(isinstance(told(ledger, target), list) for target in plan.targets)
            assert faulty or {"parameters.bytes", "total.bytes"} <= found.keys()


def tree_of(node: Leaf | Fork) -> Any:
    return {answer: tree_of(after) for answer, after in node.after.items()} if isinstance(node, Fork) else "leaf"


def test_a_fork_is_followed_in_both_directions() -> None:
    """The rows of adamw-8bit depend on the size of each tensor; a text chosen by a number cannot be left open."""
    scenario = {"model": INLINE, "precision": "fp32"}
    steps = [read(with_number(scenario, "model.num_key_value_heads", heads)) for heads in (2, 4)]
    assert interpreted(steps[0], "saved.bytes") != interpreted(steps[1], "saved.bytes")
    plan = Plan(steps[0].program, steps[0].facts, targets(steps[0]))
    root = plan.root
    assert isinstance(root, Fork)
    assert tree_of(root) == {}
    agree(plan, steps[0])
    once = tree_of(root)
    agree(plan, steps[1])
    both = tree_of(root)
    assert once != both
    agree(plan, steps[0])
    assert tree_of(root) == both  # nothing is specialised twice


def test_kernels_differ_across_the_fork() -> None:
    scenario = {"model": INLINE, "precision": "fp32"}
    steps = [read(with_number(scenario, "model.num_key_value_heads", heads)) for heads in (2, 4)]
    assert [interpreted(step, "attention.kernel") for step in steps] == ["math", "efficient"]


def test_bounds_hold_in_a_plan() -> None:
    """head_dim is hidden // heads where config.json gives none, and at least 1."""
    made, beyond = (read(with_number({"model": INLINE}, "model.hidden_size", size)) for size in (64, 3))
    assert interpreted(beyond, "parameters.count") == ["out-of-bounds"]
    agree(Plan(made.program, made.facts, targets(made)), beyond)


def test_users_see_bounds_from_the_plan_on() -> None:
    rules = open_rules()
    for _ in range(2):
        assert evaluate_with(rules, {"model": INLINE})["parameters.count"] > 0
    with pytest.raises(Problems, match="head_dim"):
        evaluate_with(rules, with_number({"model": INLINE}, "model.hidden_size", 3))["parameters.count"]


def test_the_root_of_a_square_is_a_number_in_both() -> None:
    found = read({"model": "llama-3-8b", "checkpointing": "full", "batch": {"size": 1}}, "work-with-llms")
    assert interpreted(found, "activations.bytes") == 32768
    agree(Plan(found.program, found.facts, targets(found)), found)


# --- what cannot be compiled is interpreted -------------------------------------------------------------------

DIVIDES = """
stage: ours
says: Divisions and roots of what a user gives.
facts:
  our.divisor:
    says: A divisor.
    unit: parts
  our.size:
    says: A size.
    unit: B
    default: 1 MB
rules:
  kv_cache.bytes:
    says: A share.
    overrides: true
    when: applies(our.divisor)
    formula: floor(our.size / 1 B / our.divisor) * 1 B
  active.count:
    says: A share that is whole or not.
    overrides: true
    when: applies(our.divisor)
    formula: 12 / our.divisor
  logits.bytes:
    says: Bytes that are whole or not.
    overrides: true
    when: applies(our.divisor)
    formula: 12 B / our.divisor
"""


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RuleSet:
    monkeypatch.setenv("VRAMLEDGER_CACHE", "off")
    (tmp_path / "ours.yaml").write_text(DIVIDES, encoding="utf-8")
    return open_rules([tmp_path])


@pytest.mark.parametrize("start", [4, 5, 0, -3])
def test_a_fault_falls_back_to_the_interpreter(ours: RuleSet, start: int) -> None:
    scenario = {"model": {"parameters": 1000}, "our.size": 1000}
    made = read({**scenario, "our.divisor": start}, rules=ours)
    plan = Plan(made.program, made.facts, targets(made))
    # divisor: what the share of the cache is, the share of 12, the bytes of 12
    expected: dict[int, tuple[Any, Any, Any]] = {
        4: (250, 3, 3),
        5: (200, Fraction(12, 5), ["fraction-of-a-byte"]),
        0: (["division-by-zero"],) * 3,
        7: (142, Fraction(12, 7), ["fraction-of-a-byte"]),
        12: (83, 1, 1),
    }
    for divisor, values in expected.items():
        step = read({**scenario, "our.divisor": divisor}, rules=ours)
        if step.facts.shape() != made.facts.shape():
            continue
        agree(plan, step)
        assert tuple(interpreted(step, name) for name in ("kv_cache.bytes", "active.count", "logits.bytes")) == values


def test_users_see_the_same_fault_from_the_plan_on(ours: RuleSet) -> None:
    scenario = {"model": {"parameters": 1000}, "our.size": 1000}
    texts = []
    for divisor in (4, 4, 0, 4, 0):
        ledger = evaluate_with(ours, {**scenario, "our.divisor": divisor})
        if divisor:
            assert ledger["kv_cache.bytes"] == 250
            continue
        with pytest.raises(Problems) as caught:
            ledger["kv_cache.bytes"]
        texts.append(str(caught.value))
        assert ledger["parameters.bytes"] == 2000
    assert texts[0] == texts[1]
    assert "division by zero" in texts[0]


def test_a_whole_number_and_a_quotient_are_two_shapes() -> None:
    whole, half = (read({"model": {"parameters": 10}, "optimizer.temporary_copies": n}) for n in (1, Fraction(1, 2)))
    assert whole.facts.shape() != half.facts.shape()
    for found in (whole, half):
        agree(Plan(found.program, found.facts, targets(found)), found)


def test_a_reason_speaks_of_its_own_scenario(tmp_path):
    (tmp_path / "ours.yaml").write_text(
        "stage: ours\nrules:\n  kv_cache.bytes_per_token:\n    overrides: true\n    unit: B\n    cases:\n"
        "      - when: batch.size > 100\n        formula: 1 B\n  active.count:\n    overrides: true\n"
        "    when: batch.size > 200\n    formula: 7\n",
        encoding="utf-8",
    )
    rules = open_rules([tmp_path])
    for size in (1, 2, 3, 150, 300, 4):
        ledger = evaluate_with(rules, {"model": "llama-3-8b", "task": "inference", "batch": {"size": size}})
        alone = Ledger(ledger.program, ledger.facts)
        for name in HEADLINES:
            assert str(ledger[name]) == str(alone[name])


def test_reasons_hold_their_own_numbers():
    rules = open_rules()
    for size in (1, 2, 3):
        ledger = evaluate_with(rules, {"model": {"parameters": 10**9}, "batch": {"size": size}})
        assert "object at" not in ledger["kv_cache.bytes"].reason
        assert ledger["kv_cache.bytes"] == Ledger(ledger.program, ledger.facts)["kv_cache.bytes"]


def test_what_is_remembered_of_shapes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    ruleset = open_rules()
    monkeypatch.setattr(ruleset, "plans", Recent(2))
    monkeypatch.setattr(ruleset, "programs", Recent(1))
    monkeypatch.setattr(ruleset, "readings", Recent(2))
    totals = []
    for _ in range(3):
        for precision in ("fp32", "bf16", "fp16"):
            totals.append(evaluate_with(ruleset, {"model": "gpt2", "precision": precision}).total)
            assert max(len(ruleset.plans), len(ruleset.programs) + 1, len(ruleset.readings)) <= 2
    assert totals == totals[:3] * 3
    assert len(set(totals)) > 1
