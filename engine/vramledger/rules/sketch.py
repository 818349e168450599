"""A template for a kind that has none: what its declaration asks for, with values that it allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from vramledger.rules.load import RuleSet
from vramledger.rules.model import Block, Declaration, Kind
from vramledger.rules.said import pairs, text_of
from vramledger.rules.templates import Template

_WIDTH = 120


def sketch(ruleset: RuleSet, kind: Kind) -> Template:
    """A template of a kind's entries: what must be given is given, all else stands in comments."""
    own = next(one for one in ruleset.documents() if one.head == "kind" and one.name == kind.name)
    says = {key.text: text_of(value.get("says")) for key, value in pairs(own.tree().get("blocks"))}
    fields = kind.fields.values()
    lines = [f"{kind.name}: NAME", "says: What NAME is, in a sentence."]
    for field in fields:
        if _needed(field):
            lines += [*_remark(_meaning(field)), f"{_own_name(field)}: {_value(ruleset, field)}"]
    if not all(map(_needed, fields)):
        lines.append("# What may be added:")
    for field in fields:
        if not _needed(field):
            lines += [f"# {_own_name(field)}: {_default(ruleset, field)}", *_remark(_meaning(field), "#   ")]
    for name, block in kind.blocks.items():
        lines += [*_remark(says[name]), *_block(ruleset, name, block)]
    lines += ["# Put in their place what you read: source, with title, url and section.", "assumed: true"]
    lines += ["reason: Replace this by the source.", *_example(ruleset, kind, fields)]
    return Template(own.path, "\n".join(lines) + "\n")


def _needed(declared: Declaration) -> bool:
    return declared.default is None and not declared.optional


def _own_name(declared: Declaration) -> str:
    return declared.name.rpartition(".")[2]


def _meaning(declared: Declaration) -> str:
    unit = f"Unit: {declared.unit}." if declared.unit else ""
    allowed = f"One of: {', '.join(declared.one_of)}." if declared.one_of else ""
    return " ".join(filter(None, (declared.says, unit, allowed)))


def _remark(text: str, begins: str = "# ") -> Iterator[str]:
    return (begins + line for line in wrap(text, _WIDTH - len(begins)))


def _default(ruleset: RuleSet, declared: Declaration) -> str:
    default = declared.default
    return _value(ruleset, declared) if default is None else " ".join(default.text.split())


def _value(ruleset: RuleSet, declared: Declaration) -> str:
    """A value that is allowed, for the author to replace."""
    sort = declared.type.kind
    if sort == "text":
        names = declared.one_of or (ruleset.names(declared.entry) if declared.entry in ruleset.kinds else ())
        return f'"{names[0]}"' if names else '"..."'
    if sort in ("boolean", "list", "record"):
        return {"boolean": "false", "list": "[]", "record": "{}"}[sort]
    least = max(declared.minimum or 1, 1)
    number = least if declared.below is None else min(least, declared.below)
    return f"{number} B" if declared.type.bytes == 1 else str(number)


def _block(ruleset: RuleSet, name: str, block: Block) -> Iterator[str]:
    """A block with one row that gives what the table's columns need."""
    if not block.table:
        yield f"# {name}: {{}}"
        return
    each = f", for each of `{' '.join(block.each.text.split())}`" if block.each is not None else ""
    yield from _remark(f"Each row is a row of {block.table}{each}.")
    columns = [
        column
        for table in ruleset.tables
        if table.name == block.table
        for column in table.columns.values()
        if _needed(column)
    ]
    yield f"{name}:"
    yield "  first:" if columns else "  first: {}"
    for column in columns:
        value = _value(ruleset, column)
        yield from _remark(_meaning(column), "    # ")
        yield from (
            (f"    {column.name}:", f"      text: {value}")
            if column.type.kind == "text"
            else (f"    {column.name}: {value}",)
        )


def _example(ruleset: RuleSet, kind: Kind, fields: Iterable[Declaration]) -> Iterator[str]:
    """An example that expects the first number or flag that is given, else the name."""
    if kind.reads:
        return
    plain = [field for field in fields if _needed(field) and field.type.kind in ("number", "boolean")]
    expected = f"{plain[0].name}: {_value(ruleset, plain[0])}" if plain else f"{kind.selector}: NAME"
    yield "# What must come out, worked out by hand; `vramledger test` runs it."
    yield from ("examples:", "  - given:", f"      {kind.key}: NAME", "    expect:", f"      {expected}")
