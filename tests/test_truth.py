"""What real PyTorch code holds, to the byte: parameters, adapters, optimizer state, caches, saved activations."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import Ledger
from vramledger.rules.open import opened

DATA = Path(__file__).parent / "data"
ABOUT, *ROWS = [json.loads(line) for line in (DATA / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
RULES = opened()


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_counted_byte(row: dict[str, Any]) -> None:
    ledger = evaluate_with(RULES, row["scenario"], base=DATA)
    found = [ledger[name] for name in row["quantities"]]
    assert all(type(value) is int for value in found)
    assert abs(sum(found) - row["value"]) <= row.get("within", 0) * row["value"]
    assert {name: saved_by(ledger)[name] for name in row["parts"]} == row["parts"]


BLOCKS = {
    "attention": ["attention", "attention output"],
    "mlp": ["mlp", "router", "experts"],
    "norms": ["input norm", "post norm"],
}


def saved_by(ledger: Ledger) -> dict[str, int]:
    """What is saved by the layers, by their blocks, and outside, as the counted breakdown names it."""
    sums: dict[str, int] = defaultdict(int)
    for row in ledger.table("saved"):
        kept = row["kept_copies"]
        count = kept - row["unreached"] if kept and row["layer"] else kept
        block = next((name for name, parts in BLOCKS.items() if row["layer"] and row["part"] in parts), None)
        inside = row["layer"] or row["part"] == "checkpoint"
        if row["name"].endswith("weight cast"):
            sums["weight casts"] += count * row["bytes"]
            continue
        for name in ["layers" if inside else row["part"], *([block] if block else [])]:
            sums[name] += count * row["bytes"]
    return sums


def test_every_kind_of_figure_is_covered() -> None:
    counts: dict[str, int] = {}
    for row in ROWS:
        kind = row["id"].partition("/")[0]
        counts[kind] = counts.get(kind, 0) + 1
    assert counts == {"activation": 118}
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert sum("within" in row for row in ROWS) == 2
    assert sum("layers" in row["parts"] for row in ROWS) > 110
    assert sum("attention" in row["parts"] for row in ROWS) > 55
    assert "PyTorch 2.13.0" in ABOUT["about"]


def same(path: Path) -> bool:
    """Whether the catalog's configuration of that name says the same; some differ in class, vocabulary or dropout."""
    counted = json.loads(path.read_text(encoding="utf-8"))
    ours = RULES.entry("model", path.stem).records["config"]
    heads = [record.get("architectures", ["ForTheTask"])[0].partition("For")[1] for record in (counted, ours)]
    told = (
        counted.get(name, None if "dropout" in name else value) == value
        for name, value in ours.items()
        if isinstance(value, int | float | list)
    )
    return heads[0] == heads[1] and all(told)


def test_a_config_and_the_model_of_that_name_agree() -> None:
    """The bundled models say what the published config.json says."""
    named = set(RULES.names("model"))
    paths = [path for path in sorted((DATA / "configs").glob("*.json")) if path.stem in named and same(path)]
    assert len(paths) > 40
    for path in paths:
        for task in ("training", "inference"):
            answers = [
                evaluate_with(RULES, {"model": model, "task": task})
                for model in (path.stem, {"huggingface": str(path)})
            ]
            names = ("parameters.count", "saved.bytes", "kv_cache.bytes", "allocated.bytes", "total.bytes")
            first, second = ([ledger[name] for name in names] for ledger in answers)
            assert first == second, (path.stem, task)
