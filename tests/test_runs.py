"""What formulas run over beside tables, and what they ask of texts."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import vramledger
from vramledger import Problems

BARE = {"tensors": [{"name": "w", "shape": [256, 1024]}]}


def answer(tmp_path: Path, formula: str, **scenario: Any) -> Any:
    stage = f"""
        stage: asked
        order: 5
        facts:
          asked.names:
            type: any
            optional: true
          asked.number:
            unit: elements
            default: 360
        rules:
          asked.answer:
            type: any
            formula: {formula!r}
    """
    (tmp_path / "asked.yaml").write_text(dedent(stage))
    return vramledger.evaluate({"model": BARE, **scenario}, specs=[tmp_path])["asked.answer"]


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ('ends_with("self_attn.q_proj", "q_proj")', True),
        ('ends_with("self_attn.q_proj", "proj", ".")', False),
        ('ends_with("self_attn.q_proj", "q_proj", ".")', True),
        ('ends_with("q_proj", "q_proj", ".")', True),
        ('ends_with("q_proj", "self_attn.q_proj", ".")', False),
        ('split("self_attn.q_proj", ".")', ["self_attn", "q_proj"]),
        ('split("norm", ".")', ["norm"]),
        ('any(part == "mlp" for part in split("mlp.gate_proj", "."))', True),
        ("max(d for d in 1 .. 18 if asked.number % d == 0)", 18),
        ("sum(d for d in 1 .. 4)", 10),
        ("count(d for d in 5 .. 5)", 1),
        ("sum(d for d in 1 .. asked.number)", 360 * 361 // 2),
        ("max(d for d in 1 .. floor(sqrt(asked.number)) if asked.number % d == 0)", 18),
    ],
)
def test_texts_and_whole_numbers(tmp_path: Path, formula: str, value: Any) -> None:
    assert answer(tmp_path, formula) == value


def test_the_names_of_a_mapping(tmp_path: Path) -> None:
    names = {"names": {"q_proj": 4, "v_proj": 2}}
    assert (
        answer(tmp_path, 'first(asked.names[n] for n in asked.names if ends_with("a.v_proj", n, "."))', asked=names)
        == 2
    )
    assert answer(tmp_path, "sum(asked.names[n] for n in asked.names)", asked=names) == 6
    assert answer(tmp_path, "count(n for n in asked.names)") == 0


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("sum(d for d in 1 .. 10 ** 30)", "too-much-work"),
        ("sum(d for d in 4 B .. 8 B)", "type-clash"),
        ('ends_with(asked.number, "x")', "unit-clash"),
        ("count(n for n in asked.names)", "not-a-table"),
        ('ends_with("x", asked.names)', "type-clash"),
    ],
)
def test_what_cannot_be_run_over(tmp_path: Path, formula: str, code: str) -> None:
    with pytest.raises(Problems) as caught:
        answer(tmp_path, formula, asked={"names": 3})
    assert [problem.code for problem in caught.value.problems] == [code]


def test_a_run_is_the_same_when_its_end_varies(tmp_path: Path) -> None:
    formula = "max(d for d in 1 .. floor(sqrt(asked.number)) if asked.number % d == 0)"
    found = [answer(tmp_path, formula, asked={"number": number}) for number in (360, 361, 97, 4096)]
    assert found == [18, 19, 1, 64]
