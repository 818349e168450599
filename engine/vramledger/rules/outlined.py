"""The outline of a rule set, and whether what joins it leaves what it says as it is."""

from __future__ import annotations

from collections.abc import Container, Iterator

from vramledger.rules.graph import leaning
from vramledger.rules.load import Document, RuleSet
from vramledger.rules.outline import Outline
from vramledger.rules.overlay import base_declarations
from vramledger.rules.reads import Reader
from vramledger.rules.said import named, pairs
from vramledger.rules.tree import Mapping, Scalar
from vramledger.rules.world import World


def outline_of(ruleset: RuleSet) -> Outline:
    """What the entries of a sound rule set bring."""
    entries = [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
    world = World(ruleset, entries)
    reader = Reader(world)
    stated = base_declarations(ruleset)
    brought = {name: declared for name, declared in world.declarations.items() if name not in stated}
    rules = [rule.name for rule in world.rules[len(ruleset.rules) :]]
    defaults = [name for name, declared in brought.items() if declared.default is not None]
    return Outline(
        types={name: declared.type for name, declared in brought.items()},
        given={*rules, *defaults},
        columns=world.columns,
        cells=world.cells,
        computed={table: list(names) for table, names in reader.columns.items()},
        bound=reader.bound,
        leaning={node: sorted(names) for node, names in leaning(ruleset, reader, entries).items()},
    )


def apart(ruleset: RuleSet, outline: Outline) -> bool:
    """Whether the user's files leave all others as they were: no name that these know has another type or meaning."""
    base = ruleset.base
    own = [document for document in ruleset.documents() if document.user]
    if base is None or any(document.tree().get("overrides") for document in own):
        return False
    stated = base_declarations(base)
    known = {*stated, *outline.types, *outline.columns, *base.kinds, *(rule.name for rule in base.rules)}
    spaces = {*outline.columns, *(kind.namespace for kind in base.kinds.values())}
    return not any(
        name in known or _hides(name, spaces, known)
        for document in own
        for name in _names(document)
        if name not in known or not (_of_rule(document, name, base) or _of_rows(document, name, outline, known))
    )


def _hides(name: str, spaces: Container[str], known: Container[str]) -> bool:
    """Whether a new name is what a bare name means within its space, which another had before."""
    space, _, rest = name.partition(".")
    return space in spaces and (rest in known or rest.partition(".")[0] in known)


def _of_rule(document: Document, name: str, base: RuleSet) -> bool:
    """Whether a known name is only given a value anew: its type stands where it is declared."""
    rules = document.tree().get("rules")
    rule = rules.get(name) if isinstance(rules, Mapping) else None
    return isinstance(rule, Mapping) and (name in base.declarations or not (rule.get("unit") or rule.get("type")))


def _of_rows(document: Document, name: str, outline: Outline, known: Container[str]) -> bool:
    """Whether a known table only has further rows, which stand on no row that hides a name from the others."""
    tables = document.tree().get("tables")
    table = tables.get(name) if isinstance(tables, Mapping) else None
    if not isinstance(table, Mapping) or table.get("columns") or table.get("overrides") or name not in outline.columns:
        return False
    runs = (row.get("each") for _, row in named(table.get("fill")))
    variables = (run.text.partition(" in ")[0].strip() for run in runs if isinstance(run, Scalar))
    return all(variable in outline.columns[name] or variable not in known for variable in variables)


def _names(document: Document) -> Iterator[str]:
    """The names that a stage or a kind gives."""
    tree = document.tree()
    if document.head == "kind":
        space = tree.get("namespace")
        prefix = space.text if isinstance(space, Scalar) else document.name
        yield from (document.name, *(f"{prefix}.{field.text}" for field, _ in pairs(tree.get("fields"))))
    for block in ("rules", "tables", "facts") if document.head == "stage" else ():
        yield from (name.text for name, _ in pairs(tree.get(block)))
