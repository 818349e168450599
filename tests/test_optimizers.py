"""What optimizers keep, to the byte: counted on real code, for many shapes, formats, arguments and whole models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vramledger.api import evaluate_with
from vramledger.rules.open import opened

ABOUT, *ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "optimizers.jsonl").read_text(encoding="utf-8").splitlines()
]
RULES = opened()


def found(row: dict[str, Any]) -> object:
    """The bytes of all state, wherever it lies."""
    ledger = evaluate_with(
        RULES,
        {
            "model": row["model"] if "model" in row else {"tensors": [{"name": "w", "shape": row["shape"]}]},
            "precision": row["precision"],
            "optimizer": row["optimizer"],
        },
    )
    device, host = ledger["optimizer.bytes"], ledger["optimizer.host_bytes"]
    assert type(device) is int
    assert type(host) is int
    return device + host


def test_every_counted_byte() -> None:
    wrong = {row["id"]: (value, row["value"]) for row in ROWS if (value := found(row)) != row["value"]}
    assert not wrong


def test_every_kind_of_row_is_there() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    named = [row["optimizer"] if isinstance(row["optimizer"], str) else row["optimizer"]["name"] for row in ROWS]
    assert {name.partition(".")[0] for name in named} == set(ABOUT["packages"])
    assert {len(row["shape"]) for row in ROWS if "shape" in row} == {1, 2, 3, 4}
    assert {row["precision"] for row in ROWS} == {"fp32", "bf16", "fp16"}
    assert any("model" in row for row in ROWS)
