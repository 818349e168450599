"""What `--over` says: runs of numbers, lists, all that a fact can be."""

from __future__ import annotations

import pytest

from vramledger import Problems
from vramledger.commands.sweep import over
from vramledger.rules.open import opened
from vramledger.tables.grid import axes_of


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("1:4", [1, 2, 3, 4]),
        ("-2:0", [-2, -1, 0]),
        ("512:2048:512", [512, 1024, 1536, 2048]),
        ("1:9:4", [1, 5, 9]),
        ("1:100:*3", [1, 3, 9, 27, 81]),
        ("8:8:*2,1e3", [8, 1000]),
        ("1, 2.5,0.0", [1, 2.5, 0]),
        ("10 GB, 1 .. 3", ["10 GB", "1 .. 3"]),
        ("lora(rank=8, targets=[q, k]),none", ["lora(rank=8, targets=[q, k])", "none"]),
        ("{name: adamw, state_precision: fp32},sgd", ["{name: adamw, state_precision: fp32}", "sgd"]),
        ("'a, b',c", ["'a, b'", "c"]),
        ("1e30,nan,1/3", [1e30, "nan", "1/3"]),
    ],
)
def test_values(said, values):
    (found,) = over([f"fact={said}"]).values()
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


@pytest.mark.parametrize(
    "said", ["fact", "fact=", "=1", "fact=4:1", "fact=1:4:0", "fact=0:4:*2", "fact=1:4:*1", "fact=1:9999999999"]
)
def test_what_is_none(said):
    with pytest.raises(Problems) as caught:
        over([said])
    assert [found.code for found in caught.value.problems] == ["set-syntax"]


def test_all_that_a_fact_can_be():
    ruleset = opened()
    given = dict.fromkeys(("loss", "checkpointing", "task", "loss.keep_logits"), "all")
    found = axes_of(ruleset, given, "--over")
    assert found["loss"] == ruleset.names("loss")
    assert {"none", "full"} <= {*found["checkpointing"]}
    assert (sorted(found["task"]), found["loss.keep_logits"]) == (["inference", "training"], [False, True])
    with pytest.raises(Problems):
        axes_of(ruleset, {"batch.size": "all"}, "--over")
