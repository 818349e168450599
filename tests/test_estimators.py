"""The estimators that people know, as conventions: to the byte what their own code answers."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

from vramledger.api import evaluate_with
from vramledger.rules.open import opened

DATA = Path(__file__).parent / "data"
ABOUT, *ROWS = [json.loads(line) for line in (DATA / "estimators.jsonl").read_text(encoding="utf-8").splitlines()]
RULES = opened()


def wrong(row: dict[str, Any]) -> dict[str, tuple[object, float]]:
    """What the convention answers otherwise than the tool; tools keep fractions of a byte, the ledger whole ones."""
    ledger = evaluate_with(RULES, {**row["scenario"], "convention": row["tool"]}, base=DATA)
    answers = {quantity: (ledger[quantity], value) for quantity, value in row["answer"].items()}
    return {quantity: (found, value) for quantity, (found, value) in answers.items() if not same(found, value)}


def same(found: object, value: float) -> bool:
    """Whole numbers agree exactly; a tool's floating point within a part in 10^14 and its fractions of a byte."""
    if not isinstance(found, (int, Fraction)):
        return False
    return (
        found == value if isinstance(value, int) else abs(found - Fraction(value)) <= 3 + abs(Fraction(value)) / 10**14
    )


def test_every_answer() -> None:
    found = {
        f"{number} {row['tool']} {row['arguments']}": faults
        for number, row in enumerate(ROWS)
        if (faults := wrong(row))
    }
    assert not found


def test_the_grid_is_wide() -> None:
    rows = Counter(row["tool"] for row in ROWS)
    assert set(rows) == set(ABOUT["tools"])
    assert min(rows.values()) >= 25
    assert {row["scenario"].get("parallel", {}).get("sharding", "none") for row in ROWS} >= {
        "none",
        "zero1",
        "zero2",
        "zero3",
    }
    assert {row["scenario"].get("task", "training") for row in ROWS} == {"training", "inference"}
