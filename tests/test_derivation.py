"""Every number can be followed to its origin, and every step says what it claims."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lasting import lasting
from vramledger import Ledger, NotApplicable, Problems, evaluate
from vramledger.evaluation.derivation import Derivation, Step
from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.frame import Frame
from vramledger.evaluation.ledger import HEADLINES
from vramledger.evaluation.values import public
from vramledger.language.parse import parse
from vramledger.language.syntax import Aggregate, Field, Index, Name, walk
from vramledger.locate import folder

ADAMW = {"model": "llama-3-8b", "optimizer": "adamw"}
TENSORS = {
    "model": {"tensors": [{"name": "w", "shape": [256, 1024]}, {"name": "b", "shape": [1000]}]},
    "precision": "bf16",
    "optimizer": "adafactor",
}
INLINE = {
    "architecture": "qwen3",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "intermediate_size": 100,
    "vocab_size": 333,
}
SCENARIOS: dict[str, dict[str, Any]] = {
    "full training": {
        "model": "llama-3-8b",
        "precision": "bf16-mixed",
        "optimizer": "adamw-8bit",
        "batch": {"size": 3, "sequence_length": 700, "accumulation": 2},
        "hardware": "h100-80gb",
        "attention": "eager",
        "dropout": Fraction(1, 10),
    },
    "an adapter on quantized weights": {
        "model": INLINE,
        "quantization": "nf4-double",
        "adapter": {"name": "lora", "rank": 3, "targets": ["q_proj", "down_proj"], "modules_to_save": ["lm_head"]},
        "optimizer": {"name": "adafactor", "implementation": "for-loop"},
        "checkpointing": "full",
        "hardware": "t4",
    },
    "serving in ranges": {
        "model": "mistral-7b-v0.1",
        "task": "inference",
        "quantization": {"name": "gptq", "bits": 3},
        "serving": {"sequences": 7, "prompt": (100, 9000), "generated": 50, "kv_precision": "fp8"},
        "parameters.bytes": (4 * 10**9, 5 * 10**9),
        "hardware": "rtx-4090",
    },
    "a bare inventory": TENSORS,
    "a document": {**ADAMW, "checkpointing": "full", "convention": "work-with-llms"},
}


def steps(step: Step) -> Iterator[Step]:
    yield step
    for below in step.steps:
        yield from steps(below)


def shown(derivation: Derivation) -> list[Step]:
    """The steps that are shown in full."""
    return [step for step in steps(derivation.step) if not step.again]


def find(derivation: Derivation, name: str) -> Step:
    return next(step for step in shown(derivation) if step.name == name)


# --- down to one tensor ---------------------------------------------------------------------------------


def test_optimizer_state_is_followed_to_one_tensor() -> None:
    ledger = evaluate(ADAMW)
    derivation = ledger.derivation("optimizer.bytes")
    top = derivation.step
    assert top.formula.startswith("ceil(sum(s.bytes * s.copies * ")
    assert top.substituted == "ceil(32121044992 B)"
    (over,) = top.steps
    assert (over.kind, over.name, over.value) == ("rows", "sum over states", 32121044992)
    assert sum(row.value for row in over.steps) == over.value
    # q_proj of 32 layers, 4096 x 4096, the first of two moments in bf16
    row = next(row for row in over.steps if row.name == "q_proj / weight / exp_avg")
    assert row.substituted.startswith("33554432 B * 32 * ")
    assert row.value == 4096 * 4096 * 2 * 32
    assert [below.name for below in row.steps][:2] == [
        "q_proj / weight / exp_avg.bytes",
        "q_proj / weight / exp_avg.copies",
    ]
    one = row.steps[0]
    assert one.formula == "ceil(s.elements * s.bits * 1 bit)"
    assert one.substituted == "ceil(16777216 * 16 * 1 bit)"
    assert one.source is not None
    assert one.source["url"].startswith("https://github.com/pytorch/pytorch/")
    path, line, column = one.place.rsplit(":", 2)
    text = (folder("specs").parent / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert text[int(column) - 1 :].startswith("ceil(s.elements")
    features = find(derivation, "q_proj.out_features")
    assert (features.formula, features.substituted, features.value) == ("heads * head_dim", "32 * 128", 4096)
    assert features.source is not None
    assert "modeling_llama" in features.source["title"]
    assert [below.name for below in features.steps] == ["model.heads", "model.head_dim"]
    assert find(derivation, "config.num_attention_heads").place.startswith("specs/models/llama-3.yaml")


def test_a_text_of_a_derivation_names_file_and_line_everywhere() -> None:
    derivation = evaluate(ADAMW).derivation("optimizer.bytes")
    for step in shown(derivation):
        if step.formula and step.kind in ("quantity", "column"):
            path, line, _ = step.place.rsplit(":", 2)
            text = (folder("specs").parent / path).read_text(encoding="utf-8").splitlines()
            here = "\n".join(text[int(line) - 1 : int(line) + 3])
            assert step.formula.split()[0] in here, step.name
    assert str(derivation).count("\n") == len(str(derivation).splitlines()) - 1


# --- every step holds what it says -----------------------------------------------------------------------


def quantities(ledger: Ledger) -> list[str]:
    """Every quantity that the scenario can answer: those of users first, then all that stages and entries give."""
    names = [*HEADLINES, *ledger.program.declarations]
    return [name for name in dict.fromkeys(names) if answered(ledger, name)]


def answered(ledger: Ledger, name: str) -> bool:
    if ledger.program.declarations[name].type.kind == "record":
        return False
    try:
        ledger[name]
    except Problems:  # a bare inventory has no heads, ranges leave the moment of the peak open
        return False
    return True


def numeric(text: str) -> Any:
    """The tree of a substituted formula that has nothing but values left, or None."""
    if any(part in text for part in ("n/a", "...", "length(", "[")):  # what does not apply, lists
        return None
    tree = parse(text)
    return None if any(isinstance(part, Name | Aggregate | Field | Index) for part in walk(tree)) else tree


class Derived(NamedTuple):
    """A scenario, its ledger, and the derivation of every quantity that it can answer."""

    name: str
    ledger: Ledger
    derivations: dict[str, Derivation]


@pytest.fixture(scope="module", params=SCENARIOS)
def derived(request: pytest.FixtureRequest) -> Derived:
    ledger = evaluate(SCENARIOS[request.param])
    return Derived(request.param, ledger, {name: ledger.derivation(name) for name in quantities(ledger)})


def test_every_substituted_formula_gives_its_value(derived: Derived) -> None:
    calculator = Evaluation(derived.ledger.program, derived.ledger.facts)
    checked, wrong = 0, []
    for derivation in derived.derivations.values():
        for step in shown(derivation):
            if not step.substituted or isinstance(step.value, NotApplicable) or step.value is None:
                continue
            tree = numeric(step.substituted)
            if tree is None:
                continue
            found = public(calculator.evaluate(tree, Frame(None)))  # type: ignore[arg-type]
            checked += 1
            if found != step.value:
                wrong.append((step.name, step.formula, step.substituted, step.value, found))
    assert wrong == []
    assert checked > 50


def test_a_sum_is_the_sum_of_its_rows(derived: Derived) -> None:
    fold = {"sum": sum, "max": max, "min": min, "count": len, "product": math.prod}
    met = Counter()
    for quantity, derivation in derived.derivations.items():
        for step in shown(derivation):
            function = step.name.partition(" ")[0]
            if step.kind != "rows" or function not in fold or isinstance(step.value, NotApplicable | tuple):
                continue
            rows = [row.value for row in step.steps]
            if any(isinstance(row, tuple) for row in rows):
                continue
            met[function] += 1
            assert fold[function](rows) == step.value, (quantity, step.name, step.formula)
    assert met["sum"] > 3 or derived.name == "a document"


def test_a_step_has_the_value_that_the_ledger_has(derived: Derived) -> None:
    ledger = derived.ledger
    seen: set[str] = set()
    for quantity, derivation in derived.derivations.items():
        assert derivation.step.name == quantity
        assert derivation.step.value == ledger[quantity] or ledger[quantity] == NotApplicable("ranges leave it open")
        names = [(step.kind, step.name) for step in shown(derivation) if step.kind == "quantity"]
        assert len(names) == len(set(names)), "a quantity is shown once"
        for step in steps(derivation.step):
            if step.kind == "quantity" and step.name not in seen and step.value is not None:
                seen.add(step.name)
                assert step.value == ledger[step.name]
            assert step.value is not None or step.kind != "quantity" or ledger.program.declarations[step.name]


# --- why ------------------------------------------------------------------------------------------------------


def test_an_overridden_rule_shows_what_it_beat() -> None:
    step = evaluate({**ADAMW, "convention": "llama-7b-thread"}).derivation("optimizer.bytes").step
    assert step.why.startswith("the rule of convention llama-7b-thread")
    (beaten,) = step.overrode
    assert re.fullmatch(r"stage optimizer \(specs/stages/optimizer\.yaml:\d+:\d+\)", beaten)
    assert f"overrides {beaten}" in str(
        evaluate({**ADAMW, "convention": "llama-7b-thread"}).derivation("optimizer.bytes")
    )


def test_a_chain_of_overrides_is_shown_strongest_first(tmp_path: Path) -> None:
    text = "stage: ours\nrules:\n  total.bytes:\n    overrides: true\n    formula: 1 GB\n"
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    scenario = {**ADAMW, "convention": "rule-of-thumb"}
    assert [
        beaten.split(" (")[0] for beaten in evaluate(scenario, specs=[tmp_path]).derivation("total.bytes").step.overrode
    ] == [
        "convention rule-of-thumb",
        "stage total",
    ]
    fact = evaluate({**scenario, "total.bytes": "2 GB"}, specs=[tmp_path]).derivation("total.bytes").step
    assert [beaten.split(" (")[0] for beaten in fact.overrode] == [
        "stage ours",
        "convention rule-of-thumb",
        "stage total",
    ]


def test_a_fact_beats_the_rules_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "fact.yaml"
    path.write_text("model: llama-3-8b\nactivations.bytes: 10 GB\n", encoding="utf-8")
    ledger = evaluate(path)
    step = ledger.derivation("activations.bytes").step
    assert step.value == ledger["activations.bytes"] == 10**10
    assert step.why == "the scenario gives it"
    assert [beaten.split(" (")[0] for beaten in step.overrode] == ["stage activations"]
    assert step.place == f"{path}:2:20"
    assert step.steps == ()
    below = find(ledger.derivation("saved.bytes"), "activations.bytes")
    assert below.overrode == step.overrode


@pytest.mark.parametrize(
    ("scenario", "name", "reason"),
    [
        (ADAMW, "kv_cache.bytes", 'task == "inference"'),
        ({**ADAMW, "task": "inference"}, "optimizer.bytes", 'task is "inference"'),
        (ADAMW, "fits", "no hardware is chosen"),
        (TENSORS, "saved.bytes", "model.architecture"),
        ({**ADAMW, "convention": "rule-of-thumb"}, "activations.bytes", "these sums do not count it"),
    ],
)
def test_what_is_not_applicable_has_its_reason(scenario: dict[str, Any], name: str, reason: str) -> None:
    ledger = evaluate(scenario)
    value = ledger[name]
    assert isinstance(value, NotApplicable)
    assert reason in value.reason
    derivation = ledger.derivation(name)
    assert reason in str(derivation)
    assert derivation.to_dict()["step"]["value"] == {"not_applicable": value.reason}


def test_the_branch_that_was_not_taken_is_absent() -> None:
    derivation = evaluate(ADAMW).derivation("optimizer.bytes")
    names = {step.name for step in steps(derivation.step)}
    assert "adapter.precision" not in names  # bits of a tensor that no adapter brings
    text = str(
        evaluate({**ADAMW, "optimizer": {"name": "adamw", "state_precision": "fp32"}}).derivation("optimizer.bytes")
    )
    assert "= precisions[optimizer.state_precision].bits if" in text
    assert "t.updated_bits" in text
    assert ".updated_bits =" not in text


def test_a_case_says_why_it_holds() -> None:
    step = evaluate({**ADAMW, "attention": "math"}).derivation("attention.kernel").step
    assert step.value == "math"
    assert step.why.startswith('the rule of stage activations; case: attention.name == "math" or')


# --- texts that could be read wrongly ------------------------------------------------------------------------------

PRECEDENCE = """
stage: ours
facts:
  our.third:
    unit: parts
  our.minus:
    unit: parts
rules:
  our.quotient:
    formula: 6 / our.third
  our.power:
    formula: our.minus ** 2
  our.negative:
    formula: 1 - -our.minus
  our.product:
    formula: (our.third + 1) * our.minus
  our.size:
    unit: B
    formula: 12 B
  our.share:
    formula: 24 B / our.size
  our.split:
    formula: 24 / (our.size / 1 B)
  our.text:
    type: text
    formula: '"it''s"'
"""


@pytest.mark.parametrize("third", [Fraction(1, 3), Fraction(7, 4), -2])
def test_values_keep_their_place_in_a_formula(tmp_path: Path, third: Any) -> None:
    (tmp_path / "ours.yaml").write_text(PRECEDENCE, encoding="utf-8")
    ledger = evaluate({"model": {"parameters": 1}, "our.third": third, "our.minus": -3}, specs=[tmp_path])
    calculator = Evaluation(ledger.program, ledger.facts)
    wrong = []
    for name in ("quotient", "power", "negative", "product", "share", "split", "text"):
        step = ledger.derivation(f"our.{name}").step
        found = public(calculator.evaluate(parse(step.substituted), Frame(None)))  # type: ignore[arg-type]
        if found != step.value:
            wrong.append((name, step.substituted, step.value, found))
    assert wrong == []


def test_a_list_is_not_shown_as_a_range() -> None:
    derivation = evaluate(TENSORS).derivation("optimizer.bytes")
    assert "256 .. 1024" not in str(derivation)


def test_cases_left_open_by_a_range_are_all_shown(tmp_path: Path) -> None:
    text = """
stage: ours
facts:
  our.count:
    unit: parts
rules:
  our.price:
    cases:
      - when: our.count < 10
        formula: our.count * 5
    otherwise: our.count * 3
"""
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    ledger = evaluate({"model": {"parameters": 1}, "our.count": (8, 20)}, specs=[tmp_path])
    low, high = ledger["our.price"]
    assert low <= 3 * 10  # 10 parts at 3, the least of the second case
    assert high >= 3 * 20
    step = ledger.derivation("our.price").step
    calculator = Evaluation(ledger.program, ledger.facts)
    found = public(calculator.evaluate(parse(step.substituted), Frame(None)))  # type: ignore[arg-type]
    assert found == step.value, (step.formula, step.substituted)


# --- forms ---------------------------------------------------------------------------------------------------------


def test_json_is_deterministic_and_plain() -> None:
    texts = set()
    for _ in range(3):
        ledger = evaluate(SCENARIOS["an adapter on quantized weights"])
        texts.add(json.dumps([ledger.derivation(name).to_dict() for name in ("total.bytes", "optimizer.bytes")]))
    assert len(texts) == 1
    found = json.loads(texts.pop())[0]
    assert found["stamp"] == ledger.stamp
    assert {"kind", "name", "value", "unit", "formula", "why", "place", "steps"} <= found["step"].keys()


def test_json_says_what_the_text_says() -> None:
    derivation = evaluate(TENSORS).derivation("allocated.bytes")

    def names(step: dict[str, Any]) -> Iterator[str]:
        yield step["name"]
        yield from itertools.chain.from_iterable(names(below) for below in step.get("steps", ()))

    assert list(names(derivation.to_dict()["step"])) == [step.name for step in steps(derivation.step)]
    text = str(derivation)
    assert all(f"{step.name} = " in text for step in steps(derivation.step))


def test_asking_twice_or_in_another_order_changes_nothing() -> None:
    first = evaluate(SCENARIOS["full training"])
    second = evaluate(SCENARIOS["full training"])
    order = ["total.bytes", "optimizer.bytes", "parameters.bytes"]
    forward = {name: str(first.derivation(name)) for name in order}
    backward = {name: str(second.derivation(name)) for name in order[::-1]}
    assert forward == backward
    assert {name: str(first.derivation(name)) for name in order} == forward


@pytest.mark.parametrize("name", ["optimizer.bytes", "step.temporary_bytes"])
def test_a_full_derivation_as_text(snapshot: Any, name: str) -> None:
    fused = {"name": "experts", "shape": [2, 256, 1024]}
    tensors = {**TENSORS, "model": {"tensors": [fused, {"name": "b", "shape": [1000]}]}}
    assert lasting(str(evaluate(tensors).derivation(name))) == snapshot
