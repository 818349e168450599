"""Trees of spec files to the model's values. Shapes were checked before; what is read here is meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.language.units import ANY
from vramledger.rules.formulas import FormulaReader
from vramledger.rules.model import (
    ENTRY,
    STANDARD,
    Block,
    Declaration,
    Entry,
    Example,
    Fill,
    Formula,
    Kind,
    Notice,
    Rule,
    Scope,
    Stage,
    Table,
)
from vramledger.rules.parts import Parts
from vramledger.rules.said import named, nameless, pairs, source_of, text_of
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, to_data
from vramledger.rules.unfold import unfold


def build_kind(reader: FormulaReader, tree: Mapping) -> Kind:
    """A kind, as its document declares it."""
    name = text_of(tree.get("kind"))
    namespace = text_of(tree.get("namespace")) or name
    parts = Parts(reader, f"kind {name}", STANDARD, Scope(namespace))
    fields = {}
    for key, value in pairs(tree.get("fields")):
        fields[key.text] = parts.declaration(key, value, f"{namespace}.")
    blocks = {}
    for key, value in pairs(tree.get("blocks")):
        each, when = value.get("each"), value.get("when")
        blocks[key.text] = Block(
            name=key.text,
            table=text_of(value.get("table")),
            each=each if isinstance(each, Scalar) else None,
            when=when if isinstance(when, Scalar) else None,
            record=text_of(value.get("record")),
            fields=text_of(value.get("fields")) == "true",
            unfolds=tuple(to_data(value.get("unfolds")) or ()),
            around=text_of(value.get("around")),
            says=text_of(value.get("says")),
        )
    matches, when = tree.get("matches"), tree.get("when")
    place = (tree.key("kind") or nameless(tree)).place
    return Kind(
        name=name,
        says=text_of(tree.get("says")),
        namespace=namespace,
        selector=text_of(tree.get("selector")) or f"{namespace}.name",
        key=text_of(tree.get("key")) or name,
        fields=fields,
        blocks=blocks,
        place=place,
        layer={"standard": 0, "entry": 1, "convention": 2}.get(text_of(tree.get("layer")), ENTRY),
        default=text_of(tree.get("default")),
        when=(text_of(when.get("fact")), text_of(when.get("is"))) if isinstance(when, Mapping) else None,
        catalog=text_of(tree.get("catalog")),
        matches=(text_of(matches.get("list")), text_of(matches.get("fact"))) if isinstance(matches, Mapping) else None,
        otherwise=text_of(matches.get("otherwise")) if isinstance(matches, Mapping) else "",
        may_lack=isinstance(matches, Mapping) and text_of(matches.get("optional")) == "true",
        chosen_by=text_of(tree.get("chosen_by")),
        beside=text_of(matches.get("beside")) if isinstance(matches, Mapping) else "",
        rest=text_of(tree.get("rest")),
        reads=text_of(tree.get("reads")) == "true",
        missing=text_of(tree.get("missing")),
        listed=tuple(to_data(tree.get("listed")) or ()),
        lever=text_of(tree.get("lever")) == "true",
    )


def build_stage(reader: FormulaReader, name: str, layer: int, tree: Mapping) -> Stage:
    """A stage: its place in the order, and what it holds."""
    parts = Parts(reader, f"stage {name}", layer, stage=name, source=source_of(tree))
    order = text_of(tree.get("order"))
    return Stage(name, int(order) if order.isdigit() else None, *_content(parts, tree))


def build_entry(
    reader: FormulaReader, kind: Kind, name: str, layer: int, tree: Mapping, extends: tuple[str, ...]
) -> Entry:
    """An entry of a kind, with what it extends merged into its tree."""
    parts = Parts(reader, f"{kind.name} {name}", layer, Scope(kind.namespace), source=source_of(tree))
    fields: dict[str, Formula] = {}
    records: dict[str, Any] = {}
    declarations: list[Declaration] = []
    fills: list[tuple[str, Fill]] = []
    place = (tree.key(kind.name) or nameless(tree)).place
    for key, value in tree.items:
        block = kind.blocks.get(key.text)
        if key.text in kind.fields:
            _field(parts, kind, key, value, fields, records)
        elif block is not None and block.record:
            records.update(unfold(block, to_data(value)))
        elif block is not None and block.fields:
            for inner, given in pairs(value):
                if inner.text not in kind.fields:
                    own = Declaration(f"{kind.namespace}.{inner.text}", "", ANY, "", inner.place, optional=True)
                    declarations.append(own)
                _field(parts, kind, inner, given, fields, records)
        elif block is not None:
            fills += [(block.table, parts.fill(row, cells, block)) for row, cells in named(value)]
    rules, tables, declared, notices = _content(parts, tree)
    return Entry(
        kind=kind.name,
        name=name,
        says=text_of(tree.get("says")),
        place=place,
        fields=fields,
        rules=rules,
        tables=tables,
        fills=tuple(fills),
        declarations=(*declarations, *declared),
        notices=notices,
        records=records,
        source=parts.source,
        extends=extends,
    )


def _field(
    parts: Parts, kind: Kind, key: Scalar, value: Node, fields: dict[str, Formula], records: dict[str, Any]
) -> None:
    declared = kind.fields.get(key.text)
    wanted = declared.type if declared else ANY
    if wanted.kind in ("list", "record") and not (isinstance(value, Mapping) and value.get("formula")):
        records[f"{kind.namespace}.{key.text}"] = to_data(value)
    elif isinstance(value, Scalar | Mapping):
        fields[key.text] = parts.value(value, wanted)


def _content(
    parts: Parts, tree: Mapping
) -> tuple[tuple[Rule, ...], tuple[Table, ...], tuple[Declaration, ...], tuple[Notice, ...]]:
    """The rules, tables, declarations and warnings of a stage or an entry."""
    rules, declared = [], []
    for key, value in pairs(tree.get("facts")):
        declared.append(parts.declaration(key, value))
    for key, value in pairs(tree.get("rules")):
        if isinstance(value, Mapping):
            rule, says = parts.rule(key, value)
            rules.append(rule)
            if says is not None:
                declared.append(says)
    tables = tuple(parts.table(key, value) for key, value in pairs(tree.get("tables")))
    notices = tuple(parts.notice(key, value) for key, value in pairs(tree.get("warnings")))
    return tuple(rules), tables, tuple(declared), notices


def examples(tree: Mapping, origin: str) -> Iterator[Example]:
    """The examples that stand in a document, its rules' own included."""
    places = [tree, *(value for _, value in pairs(tree.get("rules")) if isinstance(value, Mapping))]
    for node in places:
        found = node.get("examples")
        for item in found.items if isinstance(found, Sequence) else ():
            given, expect, tolerance = item.get("given"), item.get("expect"), item.get("tolerance")
            yield Example(
                given=given if isinstance(given, Mapping) else Mapping((), item.place),
                expect=expect if isinstance(expect, Mapping) else Mapping((), item.place),
                place=item.place,
                origin=origin,
                tolerance=tolerance if isinstance(tolerance, Scalar) else None,
            )
