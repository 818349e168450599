"""How each document's figures come, in full: the derivation of every scenario's total under its convention."""

from pathlib import Path

import pytest

import vramledger
from lasting import lasting

SCENARIOS = Path(__file__).parents[1] / "specs" / "scenarios"
DOCUMENTS = ("surprising-truths", "ai-models-page", "llama-7b-thread", "work-with-llms", "estimate-article")
FILES = sorted(path for path in SCENARIOS.glob("*.yaml") if path.stem.startswith(DOCUMENTS))


def test_every_document_has_scenarios():
    assert {document for document in DOCUMENTS for path in FILES if path.stem.startswith(document)} == set(DOCUMENTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_derivation_in_full(path, snapshot):
    ledger = vramledger.evaluate(path)
    # a named model has a row for each of its tensors: there one stands for all
    named = isinstance(ledger["model.name"], str)
    tree = str(ledger.derivation("parameters.count", rows="q_proj") if named else ledger.derivation("total.bytes"))
    assert lasting(tree) == snapshot
    assert ledger.warnings == snapshot(name="warnings")
