"""What small models save for backward, counted: adapters of all makes, and architectures beside the recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramledger.api import evaluate_with
from vramledger.rules.open import open_rules

DATA = Path(__file__).parent / "data" / "saved.jsonl"
ABOUT, *ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
RULES = open_rules()


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_saved_byte(row: dict[str, Any]) -> None:
    saved = evaluate_with(RULES, row["scenario"])["saved.bytes"]
    assert type(saved) is int
    assert abs(saved - row["value"]) <= row.get("within", 0) * row["value"]


def test_most_rows_are_exact() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert sum("within" in row for row in ROWS) * 10 <= len(ROWS)
    assert all(row.get("within", 0) <= 0.01 for row in ROWS)
    assert "PyTorch 2.13.0" in ABOUT["about"]
