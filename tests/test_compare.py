"""Two answers side by side: every parting is real, each is told once, and the causes are what was changed."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from lasting import lasting
from vramledger import Problems
from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import HEADLINES
from vramledger.evaluation.parting import partings
from vramledger.reports.compare import parted
from vramledger.rules.open import opened

RULES = opened()
BASE = {"model": "llama-3-8b", "batch": {"size": 2, "sequence_length": 1024}}


def names_of(first, second):
    return [parting.name for parting in parted(*(evaluate_with(RULES, scenario) for scenario in (first, second)))]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


def test_the_same_parts_nowhere():
    assert names_of(BASE, dict(BASE)) == []
    # said in other words, and with what is the default anyway
    assert (
        names_of(BASE, {"model": "llama-3-8b", "batch.size": 2, "batch.sequence_length": 1024, "task": "training"})
        == []
    )


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"batch.size": 4}, "batch.size"),
        ({"batch.sequence_length": 2048}, "batch.sequence_length"),
        ({"batch.accumulation": 2}, ["sum over live in attention, forward.bytes", "batch.accumulation"]),
        ({"overhead.bytes": "1 GB"}, "overhead.bytes"),
        ({"optimizer.state_precision": "fp32"}, "optimizer.state_precision"),
    ],
)
def test_one_changed_fact_is_the_one_cause(change, cause):
    scenario = {**{f"batch.{name}": value for name, value in BASE["batch"].items()}, "model": "llama-3-8b"}
    assert names_of(scenario, {**scenario, **change}) == (cause if isinstance(cause, list) else [cause])


def test_an_entry_parts_where_its_rows_or_fields_do():
    found = names_of(BASE, {**BASE, "optimizer": "lion"})
    assert found == ["sum over states in optimizer.bytes"]
    (first, *_) = parted(*(evaluate_with(RULES, {**BASE, "optimizer": name}) for name in ("adamw", "lion")))
    assert (first.first, first.second) == ("has rows exp_avg_sq", "has no rows exp_avg_sq")


def test_rows_that_both_have_by_name_are_told_apart_by_what_they_stand_on():
    pair = [evaluate_with(RULES, {"model": name}) for name in ("llama-3-8b", "qwen3-8b")]
    found = {parting.name: parting for parting in parted(*pair)}
    assert found["sum over tensors in parameters.count"].second == "has rows q_norm / weight, k_norm / weight"


def test_two_rules_part_with_both_formulas_and_places():
    pair = [
        evaluate_with(RULES, {"model": {"parameters": 7e9}}, convention=name)
        for name in ("standard", "estimate-article")
    ]
    found = {parting.name: parting for parting in parted(*pair)}
    total = found["total.bytes"]
    assert "by the rule of stage total: reserved.bytes + overhead.bytes" in total.first
    assert "by the rule of convention estimate-article: sum(c.bytes for c in components)" in total.second
    assert total.first_place.startswith("specs/stages/total.yaml:")
    assert total.second_place.startswith("specs/conventions/")


def test_what_parts_differs_and_what_differs_parts():
    """On every pair of bundled conventions: a quantity that differs has a parting, an equal one has none."""
    ledgers = [evaluate_with(RULES, BASE, convention=name) for name in RULES.names("convention")]
    for first, second in pairwise(ledgers):
        for name in HEADLINES:
            sides = [ledger[name] for ledger in (first, second)]
            found = list(partings(*(ledger.derivation(name).step for ledger in (first, second))))
            assert bool(found) == (sides[0] != sides[1] and any(sides)), name
            assert all((one.first, one.first_place) != (one.second, one.second_place) for one in found), name
            assert len({one.name for one in found}) == len(found)


def test_the_command(run, snapshot):
    code, out, err = run("compare", "llama-3-8b", "qwen2.5-7b", "--set", "batch.size=2")
    assert (code, lasting(out), err) == (0, snapshot, "")


def test_conventions_of_one_scenario(run):
    code, out, err = run("compare", "llama-3-8b", "--conventions", "all", "--json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert [side["name"].rpartition(" ")[2] for side in data["sides"]] == [
        "standard",
        *(name for name in RULES.names("convention") if name != "standard"),
    ]
    totals = {json.dumps(side["quantities"]["total.bytes"]) for side in data["sides"]}
    assert len(totals) > 5
    assert len(data["partings"]) == len(data["differences"]) == len(data["sides"]) - 1
    code, out, _ = run("compare", "llama-3-8b", "--conventions", "rule-of-thumb,work-with-llms")
    assert (code, "A: llama-3-8b, convention rule-of-thumb" in out) == (0, True)


def test_each_way_of_counting_says_what_it_counts_and_leaves_out(run):
    chosen = "standard,deepspeed-zero3,accelerate-estimate-memory"
    given = ("compare", "llama-3-8b", "--set", "parallel.data=8", "--set", "parallel.sharding=zero3")
    code, out, err = run(*given, "--conventions", chosen)
    assert (code, err) == (0, "")
    told = " ".join(out.split())
    assert "B: DeepSpeed's estimate_zero3_model_states_mem_needs; four bytes a parameter" in told
    assert (
        "counts parameters 2.101 GB, where A has 2.008 GB counts partitioned 18.068 GB: What all devices share" in told
    )
    assert "has no part of its own for what A counts as gradients 2.008 GB, optimizer 4.015 GB" in told
    assert "warns: the command loads the base model, without its output head" in told
    sides = json.loads(run(*given, "--conventions", chosen, "--json")[1])["sides"]
    assert sides[1]["components"] == {"parameters": 4 * 525_336_576, "partitioned": 18 * 8_030_261_248 // 8}
    assert all(side["says"] for side in sides)
    assert [bool(side["warnings"]) for side in sides] == [False, True, True]


def test_differences_are_exact(run):
    _, out, _ = run("compare", "llama-3-8b", "llama-2-7b", "--json")
    data = json.loads(out)
    counts = [evaluate_with(RULES, {"model": name})["parameters.count"] for name in ("llama-3-8b", "llama-2-7b")]
    assert data["differences"][0]["parameters.count"] == counts[1] - counts[0]


def test_a_side_at_fault_is_told_and_the_others_are_compared(run, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("model: llama-3-8b\nbatch: {size: 0}\n", encoding="utf-8")
    code, out, err = run("compare", "llama-3-8b", bad, "llama-2-7b")
    assert (code, err) == (2, "")
    assert "B has no answer: batch.size is 0, expected at least 1" in out
    assert "A and C part first at" in out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["llama-3-8b"], "set-syntax"),
        (["lama-3-8b", "lama-2-7b"], "unknown-entry"),
        (["llama-3-8b", "--conventions", "standart"], "unknown-entry"),
        (["llama-3-8b", "llama-2-7b", "--set", "batch.size"], "set-syntax"),
    ],
)
def test_wrong_input(arguments, code, run):
    got, out, err = run("compare", *arguments)
    assert (got, out) == (2, "")
    assert f"error: {code}: " in err


def test_problems_of_all_sides_are_told_when_no_side_has_an_answer():
    with pytest.raises(Problems):
        evaluate_with(RULES, {"model": "nothing"})
