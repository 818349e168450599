"""What small models save for backward, and their peaks, counted: adapters of all makes and further architectures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramledger.api import evaluate_with
from vramledger.rules.open import opened

DATA = Path(__file__).parent / "data" / "saved.jsonl"
ABOUT, *ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
SAVED = [row for row in ROWS if "value" in row]
PEAKS = [row for row in ROWS if "peaks" in row]
RULES = opened()


@pytest.mark.parametrize("row", SAVED, ids=[row["id"] for row in SAVED])
def test_every_saved_byte(row: dict[str, Any]) -> None:
    saved = evaluate_with(RULES, row["scenario"])["saved.bytes"]
    assert type(saved) is int
    assert abs(saved - row["value"]) <= row.get("within", 0) * row["value"]


@pytest.mark.parametrize("row", PEAKS, ids=[row["id"] for row in PEAKS])
def test_peaks_of_what_is_saved(row: dict[str, Any]) -> None:
    ledger = evaluate_with(RULES, row["scenario"])
    for phase, counted in row["peaks"].items():
        assert abs(ledger.phases[phase] - counted) <= row["within"] * counted, phase
    counted = max(row["peaks"].values())
    assert abs(ledger["allocated.bytes"] - counted) <= row["within"] * counted


def test_most_rows_are_exact() -> None:
    assert len({row["id"] for row in ROWS}) == len(SAVED) + len(PEAKS)
    assert sum("within" in row for row in SAVED) * 10 <= len(SAVED)
    assert all(row.get("within", 0) <= 0.015 for row in ROWS)
    assert "PyTorch 2.13.0" in ABOUT["about"]
