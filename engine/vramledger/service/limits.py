"""What bounds one request, and all of them together."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """How large a body may be, how many rows a batch, how long an answer may take, how many are made at once."""

    body: int = 1_000_000  # bytes
    rows: int = 10_000
    seconds: float = 10.0
    at_once: int = 2
