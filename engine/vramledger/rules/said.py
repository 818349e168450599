"""What documents say in one shape wherever they say it: texts, rows by name, citations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, to_data


def text_of(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def pairs(node: Node | None) -> Iterator[tuple[Scalar, Any]]:
    if isinstance(node, Mapping):
        yield from node.items


def named(node: Node | None) -> Iterator[tuple[Scalar, Mapping]]:
    """The rows of a block, written as a mapping by name or as a list whose items have a name."""
    for key, value in pairs(node):
        yield key, value if isinstance(value, Mapping) else Mapping((), key.place)
    if isinstance(node, Sequence):
        for item in node.items:
            if isinstance(item, Mapping):
                name = item.get("name")
                yield (name if isinstance(name, Scalar) else nameless(item)), item


def nameless(item: Mapping) -> Scalar:
    return Scalar("", "", ((0, item.place.line, item.place.column),), item.place.path)


def source_of(node: Mapping) -> dict[str, Any] | None:
    """The citation, or the assumption with its reason."""
    given = node.get("source")
    if given is not None:
        data = to_data(given)
        return data if isinstance(data, dict) else {"sources": data}
    if text_of(node.get("assumed")) == "true":
        return {"assumed": True, "reason": text_of(node.get("reason"))}
    return None
