"""What formulas run over beside tables, and what they ask of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vramledger
from vramledger import NotApplicable, Problems
from vramledger.api import evaluate_with
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules

BARE = {"tensors": [{"name": "w", "shape": [256, 1024]}]}
DIVISOR = "max(d for d in 1 .. floor(sqrt(asked.number)) if asked.number % d == 0)"
FOUND: dict[str, Any] = {
    'ends_with("self_attn.q_proj", "q_proj")': True,
    'ends_with("self_attn.q_proj", "proj", ".")': False,
    'ends_with("self_attn.q_proj", "q_proj", ".")': True,
    'ends_with("q_proj", "q_proj", ".")': True,
    'ends_with("q_proj", "self_attn.q_proj", ".")': False,
    'starts_with("self_attn.q_proj", "self_attn", ".")': True,
    'starts_with("self_attn.q_proj", "self", ".")': False,
    'starts_with("self_attn.q_proj", "self")': True,
    'starts_with("norm", "norm", ".")': True,
    'split("self_attn.q_proj", ".")': ["self_attn", "q_proj"],
    'split("norm", ".")': ["norm"],
    'any(part == "mlp" for part in split("mlp.gate_proj", "."))': True,
    "max(d for d in 1 .. 18 if asked.number % d == 0)": 18,
    "sum(d for d in 1 .. 4)": 10,
    "count(d for d in 5 .. 5)": 1,
    "sum(d for d in 1 .. asked.number)": 360 * 361 // 2,
    'first(asked.names[n] for n in asked.names if ends_with("a.v_proj", n, "."))': 2,
    "sum(asked.names[n] for n in asked.names)": 6,
}
FAULTS = {
    "sum(d for d in 1 .. 10 ** 30)": "too-much-work",
    "count(n for n in asked.names)": "not-a-table",
    'ends_with("x", asked.names)': "type-clash",
}
CLASHES = {"sum(d for d in 4 B .. 8 B)": "type-clash", 'ends_with(asked.number, "x")': "unit-clash"}
FORMULAS = [*FOUND, *FAULTS, DIVISOR]


def stage(folder: Path, formulas: list[str]) -> Path:
    rules = "".join(
        f"  asked.answer_{number}:\n    type: any\n    formula: {formula!r}\n"
        for number, formula in enumerate(formulas)
    )
    facts = "facts:\n  asked.names: {type: any, optional: true}\n  asked.number: {unit: elements, default: 360}\n"
    (folder / "asked.yaml").write_text(f"stage: asked\norder: 5\n{facts}rules:\n{rules}")
    return folder


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return open_rules([stage(tmp_path_factory.mktemp("asked"), FORMULAS)])


def answer(rules: RuleSet, formula: str, **asked: Any) -> Any:
    scenario = {"model": BARE, **({"asked": asked} if asked else {})}
    return evaluate_with(rules, scenario)[f"asked.answer_{FORMULAS.index(formula)}"]


@pytest.mark.parametrize("formula", FOUND)
def test_texts_whole_numbers_and_names(rules: RuleSet, formula: str) -> None:
    assert answer(rules, formula, names={"q_proj": 4, "v_proj": 2}) == FOUND[formula]


def test_nothing_is_run_over_where_nothing_is_given(rules: RuleSet) -> None:
    assert isinstance(answer(rules, "sum(asked.names[n] for n in asked.names)"), NotApplicable)


@pytest.mark.parametrize("formula", FAULTS)
def test_what_cannot_be_run_over(rules: RuleSet, formula: str) -> None:
    with pytest.raises(Problems) as caught:
        answer(rules, formula, names=3)
    assert [problem.code for problem in caught.value.problems] == [FAULTS[formula]]


def test_what_is_seen_when_a_file_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(Problems) as caught:
        vramledger.evaluate({"model": BARE}, specs=[stage(tmp_path, list(CLASHES))])
    assert sorted(problem.code for problem in caught.value.problems) == sorted(CLASHES.values())


def test_a_run_whose_end_varies(rules: RuleSet) -> None:
    assert [answer(rules, DIVISOR, number=number) for number in (360, 361, 97, 4096)] == [18, 19, 1, 64]
