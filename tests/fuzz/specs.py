"""A spec file beside bundled ones: read, checked, and a scenario evaluated under it where it is sound."""

from __future__ import annotations

from functools import lru_cache

import runner  # first, so that all else is watched

from vramledger.evaluation.ledger import Ledger
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.language import parse as language
from vramledger.problems import Problems
from vramledger.rules import documents, schema
from vramledger.rules.files import File, gather
from vramledger.rules.open import load
from vramledger.rules.read import read_yaml

# What one scenario needs of the bundled catalogs; with all of them an input costs five times as much.
ENTRIES = (
    "adamw", "adam", "adafactor", "lora", "llama", "qwen2", "standard", "rule-of-thumb", "t4", "llama-3-8b", "bf16",
    "bf16-mixed", "fp32", "nf4", "nf4-double", "huggingface",
)  # fmt: skip
SCENARIO = {"model": "llama-3-8b", "adapter": "lora", "hardware": "t4", "batch.size": 3}


def wanted(file: File) -> bool:
    folder, name = file.path.removesuffix(".yaml").split("/")[-2:]
    return folder in ("kinds", "stages") or name in ENTRIES


ALL = gather([])[0]
BASE = [file for file in ALL if wanted(file)]
# what the bundled files say is read once a run
documents.read_yaml = lru_cache(200)(read_yaml)
language.parse = lru_cache(5000)(language.parse)
READ, _ = documents.read_documents(BASE)
_shape_faults = schema._faults


def _of_new(validator: object, tree: object) -> object:
    return () if tree in KNOWN else _shape_faults(validator, tree)


class _Known:
    """The bundled trees, whose shapes are sound."""

    def __init__(self) -> None:
        self.ids = {id(document.tree()) for document in READ}

    def __contains__(self, tree: object) -> bool:
        return id(tree) in self.ids


KNOWN = _Known()
schema._faults = _of_new


def one(content: bytes) -> None:
    mine = File("made.yaml", content, user=True)
    found, _ = documents.read_documents([mine])
    names = {(document.head, document.name) for document in found}
    replaced = {document.path for document in READ if (document.head, document.name) in names}
    files = [*(file for file in BASE if file.path not in replaced), mine]
    _, ruleset, problems = load(files, "made")
    errors = [one for one in problems if one.severity == "error"]
    str(Problems(problems))
    for found_one in errors:
        assert found_one.labels, found_one
    if errors:
        return
    try:
        read = read_scenario(ruleset, read_raw(SCENARIO))
        ledger = Ledger(read.program, read.facts)
        str(ledger.derivation("optimizer.bytes", "q_proj"))
        assert isinstance(ledger.components, dict)
        assert isinstance(ledger.warnings, list)
    except Problems as faults:
        str(faults)


if __name__ == "__main__":
    runner.run("specs", one, [file.content for file in ALL])
