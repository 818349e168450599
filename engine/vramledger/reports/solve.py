"""The number that was looked for, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vramledger.evaluation.values import as_json
from vramledger.tables.solve import Change, Solution


def to_dict(found: Solution, changes: Iterable[Change] = ()) -> dict[str, Any]:
    """The value, the total there and at the next number, and what changes would make of it."""
    return {
        "fact": found.fact,
        "where": found.where,
        "value": found.value,
        "bound": found.bound,
        "total": as_json(found.ledger.total),
        "warnings": list(found.ledger.warnings),
        "beyond": None if found.beyond is None else as_json(found.beyond.total),
        "changes": [
            {"fact": one.fact, "value": one.value, "total": as_json(one.total), "enough": one.enough} for one in changes
        ],
    }
