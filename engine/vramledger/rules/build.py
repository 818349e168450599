"""Trees of spec files to the model's values. Shapes were checked before; what is read here is meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vramledger.language.units import ANY, BOOLEAN, PLAIN, TEXT, Type
from vramledger.problems import Problem, problem
from vramledger.rules.formulas import SHOWN, FormulaReader
from vramledger.rules.model import (
    ENTRY,
    Block,
    Case,
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
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, to_data
from vramledger.rules.unfold import unfold

_MOST_SHOWN = 100
_PER = re.compile(r"\s*([A-Za-z_]\w*)\s+in\s+([A-Za-z_]\w*)\s*")
_TYPES = {"number": PLAIN, "text": TEXT, "boolean": BOOLEAN, "any": ANY, "list": Type("list"), "record": Type("record")}
_ROW_WORDS = ("name", "each", "when", "says", "source", "remove", "assumed", "reason", "silence")


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
                yield (name if isinstance(name, Scalar) else _nameless(item)), item


def _nameless(item: Mapping) -> Scalar:
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


class Builder:
    """Builds the parts of one document; faults are noted in the reader's list."""

    def __init__(self, reader: FormulaReader, origin: str, layer: int, scope: Scope = Scope()) -> None:
        self.reader = reader
        self.origin = origin
        self.layer = layer
        self.scope = scope
        self._stage = ""
        self.inherited: dict[str, Any] | None = None  # the document's own source

    def _fault(self, found: Problem) -> None:
        self.reader.problems.append(found)

    def maybe(self, node: Node | None) -> Formula | None:
        return self.reader.formula(node) if isinstance(node, Scalar) else None

    def value(self, node: Node, kind: Type) -> Formula:
        """A field's value: a formula, or a text as it stands where the field is a text."""
        if isinstance(node, Mapping):
            inner = node.get("formula")
            if isinstance(inner, Scalar):
                return self.reader.formula(inner)
        assert isinstance(node, Scalar)
        return self.reader.literal(node) if kind.kind == "text" else self.reader.formula(node)

    def type_of(self, node: Mapping) -> tuple[Type, str]:
        """The type and the unit's name that `type:` and `unit:` declare."""
        kind, unit = text_of(node.get("type")), text_of(node.get("unit"))
        if kind.startswith("row of "):
            return Type("row", 0, kind.removeprefix("row of ").strip()), ""
        base = _TYPES.get(kind, PLAIN)
        if base.kind != "number":
            return base, unit
        upper, _, lower = unit.partition(" per ")
        power = (upper.strip() == "B") - sum(part.strip() == "B" for part in lower.split(" per "))
        return Type("number", power), unit

    def declaration(self, name: Scalar, node: Node, prefix: str = "", scope: Scope | None = None) -> Declaration:
        where = node if isinstance(node, Mapping) else Mapping((), name.place)
        kind, unit = self.type_of(where)
        default = where.get("default")
        allowed = where.get("one_of")
        return Declaration(
            name=prefix + name.text,
            says=text_of(where.get("says")),
            type=kind,
            unit=unit,
            place=name.place,
            default=None if default is None else self.value(default, kind),
            scope=self.scope if scope is None else scope,
            one_of=tuple(str(to_data(item)) for item in allowed.items) if isinstance(allowed, Sequence) else (),
            entry=text_of(where.get("entry")),
            optional=text_of(where.get("optional")) == "true",
            integer=text_of(where.get("integer")) == "true",
            minimum=to_data(where.get("minimum")),
            below=to_data(where.get("below")),
            missing=text_of(where.get("missing")),
            lever=text_of(where.get("lever")) == "true",
            source=source_of(where),
        )

    def rule(self, name: Scalar, node: Mapping) -> tuple[Rule, Declaration | None]:
        """A rule, and what it declares of its quantity where it says a type or a unit."""
        cases = []
        listed = node.get("cases")
        for case in listed.items if isinstance(listed, Sequence) else ():
            formula = self.maybe(case.get("formula"))
            if formula is not None:
                cases.append(Case(self.maybe(case.get("when")), formula, text_of(case.get("says"))))
        for last in ("formula", "otherwise"):
            formula = self.maybe(node.get(last))
            if formula is not None:
                cases.append(Case(None, formula))
        per = None
        written = node.get("per")
        if isinstance(written, Scalar):
            match = _PER.fullmatch(written.text)
            if match:
                per = (match[1], match[2])
                if name.text != f"{per[1]}.{name.text.rpartition('.')[2]}":
                    message = f"a column of {per[1]} is named {per[1]}.COLUMN, not {name.text}"
                    self._fault(problem("column-name", message, name.place))
            else:
                hint = "write a variable and a table: per: t in tensors"
                self._fault(problem("per-syntax", f"{written.text!r} names no rows", written.place, hint))
        kind, unit = self.type_of(node)
        stated = bool(node.get("unit") or node.get("type"))
        says = text_of(node.get("says"))
        declared = Declaration(name.text, says, kind, unit, name.place, by_rule=True) if stated else None
        overrides = node.get("overrides")
        if isinstance(overrides, Scalar) and overrides.text not in ("true", "false", name.text):
            message = f"the rule for {name.text} says that it overrides {overrides.text}"
            hint = f"a rule overrides the other rules of its own quantity: overrides: true, or name it {overrides.text}"
            self._fault(problem("override-mismatch", message, overrides.place, hint))
        rule = Rule(
            name=name.text,
            says=text_of(node.get("says")),
            cases=tuple(cases),
            place=name.place,
            layer=self.layer,
            origin=self.origin,
            when=self.maybe(node.get("when")),
            per=per,
            overrides=overrides is not None and text_of(overrides) != "false",
            scope=self.scope,
            stage=self._stage,
            source=source_of(node) or self.inherited,
        )
        return rule, declared

    def fill(self, name: Scalar, node: Mapping, block: Block | None = None) -> Fill:
        each = node.get("each") or (block.each if block else None)
        cells: dict[str, Formula] = {}
        for key, value in pairs(node):
            if key.text not in _ROW_WORDS:
                if isinstance(value, Mapping) and isinstance(value.get("text"), Scalar):
                    cells[key.text] = self.reader.literal(value.get("text"))  # type: ignore[arg-type]
                elif isinstance(value, Scalar):
                    cells[key.text] = self.reader.formula(value)
        return Fill(
            name=name.text,
            cells=cells,
            place=name.place,
            origin=self.origin,
            each=self.reader.each(each) if isinstance(each, Scalar) else None,
            when=self.maybe(node.get("when") or (block.when if block else None)),
            scope=self.scope,
            source=source_of(node) or self.inherited,
        )

    def table(self, name: Scalar, node: Mapping) -> Table:
        own = Scope(self.scope.namespace, name.text)
        columns = {key.text: self.declaration(key, value, scope=own) for key, value in pairs(node.get("columns"))}
        fills = tuple(self.fill(key, row) for key, row in named(node.get("fill")))
        overrides = text_of(node.get("overrides")) == "true"
        return Table(name.text, text_of(node.get("says")), columns, fills, name.place, self.layer, overrides)

    def notice(self, name: Scalar, node: Mapping) -> Notice:
        says = node.get("says")
        parts = tuple(self._template(says)) if isinstance(says, Scalar) else ()
        return Notice(
            name=name.text,
            parts=parts,
            place=name.place,
            origin=self.origin,
            layer=self.layer,
            when=self.maybe(node.get("when")),
            scope=self.scope,
            source=source_of(node) or self.inherited,
        )

    def _template(self, says: Scalar) -> Iterator[str | Formula]:
        position = 0
        for number, match in enumerate(SHOWN.finditer(says.text)):
            if number == _MOST_SHOWN:
                message = f"a text with more than {_MOST_SHOWN} formulas in it"
                self._fault(problem("wrong-shape", message, says.place, "say it in fewer words"))
                return
            yield says.text[position : match.start()]
            where = says.at((match.start(1), max(1, len(match[1]))))
            yield self.reader.formula(Scalar(match[1], "", ((0, where.line, where.column),), says.path))
            position = match.end()
        yield says.text[position:]

    def kind(self, tree: Mapping) -> Kind:
        name = text_of(tree.get("kind"))
        namespace = text_of(tree.get("namespace")) or name
        self.scope = Scope(namespace)
        fields = {}
        for key, value in pairs(tree.get("fields")):
            fields[key.text] = self.declaration(key, value, f"{namespace}.")
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
        place = (tree.key("kind") or _nameless(tree)).place
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
            matches=(text_of(matches.get("list")), text_of(matches.get("fact")))
            if isinstance(matches, Mapping)
            else None,
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

    def stage(self, name: str, tree: Mapping) -> Stage:
        self._stage, self.inherited = name, source_of(tree)
        order = text_of(tree.get("order"))
        return Stage(name, int(order) if order.isdigit() else None, *self.content(tree))

    def entry(self, kind: Kind, name: str, tree: Mapping, extends: tuple[str, ...]) -> Entry:
        self.inherited = source_of(tree)
        fields: dict[str, Formula] = {}
        records: dict[str, Any] = {}
        declarations: list[Declaration] = []
        fills: list[tuple[str, Fill]] = []
        place = (tree.key(kind.name) or _nameless(tree)).place
        for key, value in tree.items:
            block = kind.blocks.get(key.text)
            if key.text in kind.fields:
                self._field(kind, key, value, fields, records)
            elif block is not None and block.record:
                records.update(unfold(block, to_data(value)))
            elif block is not None and block.fields:
                for inner, given in pairs(value):
                    if inner.text not in kind.fields:
                        own = Declaration(f"{kind.namespace}.{inner.text}", "", ANY, "", inner.place, optional=True)
                        declarations.append(own)
                    self._field(kind, inner, given, fields, records)
            elif block is not None:
                fills += [(block.table, self.fill(row, cells, block)) for row, cells in named(value)]
        rules, tables, declared, notices = self.content(tree)
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
            source=self.inherited,
            extends=extends,
        )

    def _field(self, kind: Kind, key: Scalar, value: Node, fields: dict[str, Formula], records: dict[str, Any]) -> None:
        declared = kind.fields.get(key.text)
        wanted = declared.type if declared else ANY
        if wanted.kind in ("list", "record") and not (isinstance(value, Mapping) and value.get("formula")):
            records[f"{kind.namespace}.{key.text}"] = to_data(value)
        elif isinstance(value, Scalar | Mapping):
            fields[key.text] = self.value(value, wanted)

    def content(
        self, tree: Mapping
    ) -> tuple[tuple[Rule, ...], tuple[Table, ...], tuple[Declaration, ...], tuple[Notice, ...]]:
        """The rules, tables, declarations and warnings of a stage or an entry."""
        rules, declared = [], []
        for key, value in pairs(tree.get("facts")):
            declared.append(self.declaration(key, value))
        for key, value in pairs(tree.get("rules")):
            if isinstance(value, Mapping):
                rule, says = self.rule(key, value)
                rules.append(rule)
                if says is not None:
                    declared.append(says)
        tables = tuple(self.table(key, value) for key, value in pairs(tree.get("tables")))
        notices = tuple(self.notice(key, value) for key, value in pairs(tree.get("warnings")))
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
