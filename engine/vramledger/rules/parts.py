"""The parts of documents to the model's values: declarations, rules, rows, tables, warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vramledger.language.units import ANY, BOOLEAN, PLAIN, TEXT, Type
from vramledger.problems import Problem, problem
from vramledger.rules.formulas import SHOWN, FormulaReader
from vramledger.rules.model import Block, Case, Declaration, Fill, Formula, Notice, Rule, Scope, Table
from vramledger.rules.said import named, pairs, source_of, text_of
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, to_data

_MOST_SHOWN = 100
_PER = re.compile(r"\s*([A-Za-z_]\w*)\s+in\s+([A-Za-z_]\w*)\s*")
_TYPES = {"number": PLAIN, "text": TEXT, "boolean": BOOLEAN, "any": ANY, "list": Type("list"), "record": Type("record")}
_ROW_WORDS = ("name", "each", "when", "says", "source", "remove", "assumed", "reason", "silence")


@dataclass(frozen=True, slots=True)
class Parts:
    """Builds the parts of one document; faults are noted in the reader's list."""

    reader: FormulaReader
    origin: str
    layer: int
    scope: Scope = Scope()
    stage: str = ""
    source: dict[str, Any] | None = None  # the document's own, of what cites none itself

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
            stage=self.stage,
            source=source_of(node) or self.source,
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
            source=source_of(node) or self.source,
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
            source=source_of(node) or self.source,
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
