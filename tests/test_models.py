"""The catalog of models: each has the parameters that are published of it."""

from __future__ import annotations

import pytest

from vramledger import NotApplicable
from vramledger.api import evaluate_with
from vramledger.rules.open import opened

RULES = opened()
MODELS = RULES.names("model")


@pytest.mark.parametrize("name", MODELS)
def test_tensors_come_to_the_published_count(name: str) -> None:
    ledger = evaluate_with(RULES, {"model": name, "task": "inference"})
    published = ledger["model.published_parameters"]
    assert isinstance(ledger["parameters.count"], int)
    assert isinstance(published, NotApplicable) or ledger["parameters.count"] == published
    assert ledger["parameters.count"] >= ledger["active.count"] > 10**7


def test_no_model_is_counted_by_the_generic_architecture() -> None:
    for name in MODELS:
        ledger = evaluate_with(RULES, {"model": name})
        assert ledger["model.architecture"] != "generic", name
        without = any("vision encoder is not counted" in text for text in ledger.warnings)
        assert without == name.startswith("llama-4-"), name  # no configuration of their encoder was read


def test_the_catalog_is_as_wide_as_its_page_says() -> None:
    published = [name for name in MODELS if "published_parameters" in RULES.entry("model", name).fields]
    assert len(MODELS) >= 150
    assert len(published) >= 50
