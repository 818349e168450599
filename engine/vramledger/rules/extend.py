"""`extends`: an entry's tree with the tree it extends merged in, rows by name."""

from __future__ import annotations

from collections.abc import Callable

from vramledger.rules.model import Kind
from vramledger.rules.said import named
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

# What identifies an entry or speaks of it alone is never inherited.
OWN = ("says", "aliases", "implements", "source", "assumed", "reason", "examples", "extends", "overrides", "silence")


def merge(kind: Kind, parent: Mapping, child: Mapping) -> Mapping:
    """`child` over `parent`; a row with `remove: true` drops the parent's row of that name, a table's too."""
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
        elif key.text == "tables":
            items[key.text] = (key, _merge_by_name(inherited[1], value, _merge_table))
        elif isinstance(inherited[1], Mapping) and isinstance(value, Mapping):
            items[key.text] = (key, _merge_mapping(inherited[1], value))
        else:
            items[key.text] = (key, value)
    return Mapping(tuple(items.values()), child.place)


def _merge_block(parent: Node, child: Node) -> Node:
    return _merge_by_name(parent, child, _merge_mapping)


def _merge_table(parent: Mapping, child: Node) -> Mapping:
    """A table's columns and rows are merged by name, too, but where it overrides what others fill it with."""
    anew = isinstance(child, Mapping) and _true(child.get("overrides"))
    both = {} if anew else {key.text: value for key, value in parent.items if key.text in ("columns", "fill")}
    whole = _merge_mapping(parent, child)
    items = ((key, _merge_block(both[key.text], value) if key.text in both else value) for key, value in whole.items)
    return whole._replace(items=tuple(items))


def _true(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.text == "true"


def _merge_by_name(parent: Node, child: Node, merge_one: Callable[[Mapping, Node], Mapping]) -> Mapping:
    rows: dict[str, tuple[Scalar, Mapping]] = {key.text: (key, row) for key, row in named(parent)}
    for key, row in named(child):
        if _true(row.get("remove")):
            rows.pop(key.text, None)
        elif key.text in rows:
            rows[key.text] = (key, merge_one(rows[key.text][1], row))
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
