"""The catalog of models: each has the parameters that are published of it."""

import pytest

import vramledger
from vramledger import NotApplicable
from vramledger.rules.open import open_rules

MODELS = open_rules().names("model")


@pytest.mark.parametrize("name", MODELS)
def test_tensors_come_to_the_published_count(name):
    ledger = vramledger.evaluate({"model": name, "task": "inference"})
    published = ledger["model.published_parameters"]
    assert ledger["parameters.count"] > 10**8
    assert isinstance(published, NotApplicable) or ledger["parameters.count"] == published


def test_most_models_have_a_published_count():
    counts = [vramledger.evaluate({"model": name})["model.published_parameters"] for name in MODELS]
    assert sum(isinstance(count, int) for count in counts) >= 11
