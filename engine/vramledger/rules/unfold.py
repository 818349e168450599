"""Records that stand inside a record: their fields are read as its own, and it is kept as it was written."""

from __future__ import annotations

from typing import Any

from vramledger.rules.model import Block


def unfold(block: Block, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The records that a block's data comes to: the fields of the first inner record before its own, and the whole."""
    inner: dict[str, Any] = next((data[name] for name in block.unfolds if isinstance(data.get(name), dict)), {})
    whole = {block.around: data} if block.around else {}
    return {block.record: {**{key: value for key, value in data.items() if value is not inner}, **inner}, **whole}
