"""What the specs hold: the kinds, and the entries of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vramledger.problems import Problems, nearest, problem
from vramledger.reports.blocks import Block, Lines, Table
from vramledger.rules.load import RuleSet

_LONGEST = 24  # signs of a formula in a list; `show` prints longer ones


def kinds(ruleset: RuleSet) -> Iterator[Block]:
    """The kinds, and how many entries each has."""
    rows = [(kind.name, str(len(ruleset.names(kind.name))), kind.says) for kind in ruleset.kinds.values()]
    yield Table(("kind", "entries", "says"), rows, frozenset({1}))


def kind_named(ruleset: RuleSet, name: str) -> str:
    """The kind that a word means, singular or plural. Raises Problems."""
    known = {key: kind for kind in ruleset.kinds for key in (kind, f"{kind}s", f"{kind[:-1]}ies", f"{kind}es")}
    if name not in known:
        hint = nearest(name, ruleset.kinds) or f"there are: {', '.join(ruleset.kinds)}"
        raise Problems([problem("unknown-kind", f"no kind is called {name}", None, hint)])
    return known[name]


def entries(ruleset: RuleSet, kind: str, like: str) -> list[dict[str, Any]]:
    """The entries of a kind whose name, alias or description holds a text."""
    found = []
    aliases = ruleset.aliases(kind)
    for name in ruleset.names(kind):
        entry = ruleset.entry(kind, name)
        own = sorted(
            {alias for alias, target in aliases.items() if target == name and alias != alias.lower()}
            | {alias for alias, target in aliases.items() if target == name and alias == alias.lower()}
        )
        if like.lower() in " ".join((name, entry.says, *own)).lower():
            fields = {field: entry.fields[field].text for field in ruleset.kinds[kind].listed if field in entry.fields}
            found.append({"name": name, "says": entry.says, "aliases": own, "fields": fields, "source": entry.source})
    return found


def _cell(text: str) -> str:
    return f"{int(text):,}" if text.isdigit() else text if len(text) <= _LONGEST else "..."


def entry_table(ruleset: RuleSet, kind: str, like: str, listed: list[dict[str, Any]]) -> Iterator[Block]:
    """Entries as a table, or that none is like that, and what may have been meant."""
    shown = ruleset.kinds[kind].listed
    rows = [(row["name"], *(_cell(row["fields"].get(field, "")) for field in shown), row["says"]) for row in listed]
    yield Table(("name", *shown, "says"), rows, frozenset(range(1, 1 + len(shown))))
    if not listed:
        parts = {part for name in ruleset.names(kind) for part in (name, *re.split(r"[-.\d]+", name)) if part}
        hint = nearest(like.lower(), sorted(parts))
        yield Lines([f"no {kind} has {like!r} in its name or description" + (f"; {hint}" if hint else "")])
