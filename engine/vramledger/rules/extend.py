"""`extends`: an entry's tree with the tree it extends merged in, rows by name."""

from __future__ import annotations

from vramledger.rules.build import named
from vramledger.rules.model import Kind
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

# What identifies an entry or speaks of it alone is never inherited.
OWN = ("says", "aliases", "implements", "source", "assumed", "reason", "examples", "extends", "overrides", "silence")


def merge(kind: Kind, parent: Mapping, child: Mapping) -> Mapping:
    """`child` over `parent`; a row with `remove: true` drops the parent's row of that name."""
    own = {*OWN, kind.name, kind.matches[0] if kind.matches else kind.name}
    items: dict[str, tuple[Scalar, Node]] = {
        key.text: (key, value) for key, value in parent.items if key.text not in own
    }
    for key, value in child.items:
        inherited = items.get(key.text)
        if inherited is None or key.text in own:
            items[key.text] = (key, value)
        elif key.text in kind.blocks and kind.blocks[key.text].table:
            items[key.text] = (key, _merge_block(inherited[1], value))
        elif isinstance(inherited[1], Mapping) and isinstance(value, Mapping):
            items[key.text] = (key, _merge_mapping(inherited[1], value))
        else:
            items[key.text] = (key, value)
    return Mapping(tuple(items.values()), child.place)


def _merge_block(parent: Node, child: Node) -> Node:
    rows: dict[str, tuple[Scalar, Mapping]] = {key.text: (key, row) for key, row in named(parent)}
    for key, row in named(child):
        removed = row.get("remove")
        if isinstance(removed, Scalar) and removed.text == "true":
            rows.pop(key.text, None)
        elif key.text in rows:
            rows[key.text] = (key, _merge_mapping(rows[key.text][1], row))
        else:
            rows[key.text] = (key, row)
    return Mapping(tuple(rows.values()), child.place)


def _merge_mapping(parent: Mapping, child: Node) -> Mapping:
    if not isinstance(child, Mapping | Sequence):
        return parent
    items: dict[str, tuple[Scalar, Node]] = {key.text: (key, value) for key, value in parent.items}
    if isinstance(child, Mapping):
        items.update({key.text: (key, value) for key, value in child.items})
    return Mapping(tuple(items.values()), child.place)
