"""Entries of several kinds that a scenario names together: none of them stand in each other's way."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from small import SIZES
from vramledger.api import evaluate_with
from vramledger.rules.open import opened

RULES = opened()
SMALL: dict[str, Any] = {
    "model": {"architecture": "llama", **SIZES},
    "batch": {"size": 1, "sequence_length": 16},
}


def total(**more: Any) -> Any:
    return evaluate_with(RULES, {**SMALL, **more}).total


@pytest.mark.parametrize("implementation", RULES.names("implementation"))
def test_an_implementation_with_every_loss(implementation: str) -> None:
    for loss in RULES.names("loss"):
        assert total(implementation=implementation, loss=loss)


@pytest.mark.parametrize("implementation", RULES.names("implementation"))
def test_an_implementation_with_states_and_weights_of_every_size(implementation: str) -> None:
    for optimizer, precision in (("adafactor", "bf16"), ("adamw-8bit", "bf16"), ("adamw", "int4"), ("adamw", "mxfp4")):
        assert total(implementation=implementation, optimizer=optimizer, precision=precision)


@pytest.mark.parametrize("engine", RULES.names("engine"))
def test_an_engine_in_training_and_with_formats_that_name_a_head(engine: str) -> None:
    assert total(engine=engine, task="training")
    for task, quantization in product(("training", "inference"), ("compressed-tensors", "nf4", "gptq")):
        assert total(engine=engine, task=task, quantization=quantization, adapter="lora")


@pytest.mark.parametrize(
    "model", ["gpt2", "gemma-3-1b", "glm-4-9b-0414", "mamba-130m", "mamba2-130m", "t5-base", "bert-base-cased"]
)
def test_an_architecture_that_says_more_than_most(model: str) -> None:
    for implementation, loss in product(
        ("torchtune", "litgpt", "megatron-core", "transformers"), ("standard", "chunked")
    ):
        assert evaluate_with(RULES, {"model": model, "implementation": implementation, "loss": loss}).total
