"""What is taken over from a scenario before is what would be worked out anew."""

from typing import Any

import pytest

from small import SIZES
from vramledger.evaluation.again import again, near
from vramledger.evaluation.ledger import HEADLINES, Ledger
from vramledger.evaluation.specialise import Plan
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import Scenario, read_scenario
from vramledger.rules.open import opened

RULES = opened()
FIRST: dict[str, Any] = {
    "model": {"architecture": "llama", **SIZES},
    "hardware": "h100-80gb",
    "batch": {"size": 2, "sequence_length": 16},
}
CHANGES: list[dict[str, Any]] = [
    {"hardware": "m2-max-32gb"},
    {"hardware": "none"},
    {"optimizer": "adafactor"},
    {"precision": "fp16-mixed"},
    {"adapter": "lora", "checkpointing": "full"},
    {"task": "inference", "quantization": "nf4"},
    {"parallel": {"data": 4, "sharding": "zero3"}},
    {"batch": {"size": 5, "sequence_length": 24}},
    {"convention": "ai-models-page"},
    {"model": "gpt2"},
    {"activations.bytes": "1 MB"},
]


def read(change: dict[str, Any]) -> Scenario:
    return read_scenario(RULES, read_raw({**FIRST, **change}))


def answers(ledger: Ledger) -> list[Any]:
    """All that an answer shows, why it does not apply included."""
    found: list[Any] = [repr(ledger[name]) for name in HEADLINES]
    return [*found, ledger.components, ledger.phases, ledger.warnings, str(ledger.derivation("optimizer.bytes"))]


@pytest.fixture(scope="module")
def first() -> Ledger:
    one = read({})
    ledger = Ledger(one.program, one.facts)
    assert ledger.fits
    return ledger


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_is_taken_over_is_as_if_it_were_worked_out_anew(first, change):
    other = read(change)
    started = again(first.evaluation, other.program, other.facts)
    assert answers(Ledger(other.program, other.facts, evaluation=started)) == answers(
        Ledger(other.program, other.facts)
    )
    back = Ledger(first.program, first.facts, evaluation=again(started, first.program, first.facts))
    assert [back[name] for name in HEADLINES] == [first[name] for name in HEADLINES]


def test_another_device_takes_over_almost_everything(first):
    other = read({"hardware": "rtx-4090"})
    ledger = Ledger(other.program, other.facts, evaluation=again(first.evaluation, other.program, other.facts))
    assert ledger.fits
    assert ledger.evaluation.work * 50 < first.evaluation.work


def test_plans_of_several_devices_keep_their_own_guards_and_numbers():
    targets = ["total.bytes", "fits", "headroom.bytes", "allocated.bytes"]
    plans = {}
    for change in CHANGES[:5]:
        one = read(change)
        plans[str(change)] = (one, Plan(one.program, one.facts, targets))
    for one, plan in plans.values():
        fresh = Ledger(one.program, one.facts)
        for name, value in plan.run(one.facts).items():
            assert isinstance(value, NotApplicable) or value == fresh[name]


def test_the_most_alike_is_started_from():
    RULES.kin.clear()
    for change in ({}, {"checkpointing": "full"}, {"hardware": "rtx-4090"}):
        one = read(change)
        made = near(one.program, one.facts)
        assert Ledger(one.program, one.facts, evaluation=made).fits is not None
    both = read({"checkpointing": "full", "hardware": "rtx-4090"})
    made = near(both.program, both.facts)
    assert Ledger(both.program, both.facts, evaluation=made).fits is not None
    assert made.work < 2000
