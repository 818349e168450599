"""Documents to a rule set: recognised, merged, built when they are asked for. Checking them is `check`'s work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingOf
from typing import Any, NamedTuple

from vramledger.problems import Label, Place, Problem, nearest, problem
from vramledger.rules.build import build_entry, build_kind, build_stage, examples
from vramledger.rules.extend import merge
from vramledger.rules.formulas import FormulaReader
from vramledger.rules.model import (
    STANDARD,
    USER,
    Declaration,
    Entry,
    Example,
    Kind,
    Notice,
    Rule,
    Stage,
    Table,
)
from vramledger.rules.outline import Outline
from vramledger.rules.recent import Recent
from vramledger.rules.said import text_of
from vramledger.rules.tree import Mapping, Scalar, size

RESERVED = ("stage", "kind")
_NAMES = ("aliases", "implements")  # the lists of other names that an entry has
_MOST_EXTENDED = 30
_MOST_NAMED = 12
_MOST_INHERITED = 300_000
_MOST_PLANS = 500  # of up to half a megabyte each
_MOST_REMEMBERED = 4000  # of a tenth of that
_MOST_EVALUATORS = 2  # of up to some hundred shapes of that size


class Document(NamedTuple):
    """One document of a file: what kind of thing it is, its name, its tree when it is asked for."""

    path: str
    head: str
    name: str
    lists: MappingOf[str, list[str]]  # of the keys at its top those under which words are listed
    user: bool
    place: Place
    tree: Callable[[], Mapping]
    built: Callable[[], Any] | None = None  # of a kind or a stage that was read before, what it came to


def built(document: Document, reader: FormulaReader) -> Any:
    """What a document says by itself: a Kind or a Stage; None for an entry, which says it of what it extends."""
    if document.built is not None:
        return document.built()
    if document.head == "kind":
        return build_kind(reader, document.tree())
    if document.head == "stage":
        return build_stage(reader, document.name, USER if document.user else STANDARD, document.tree())
    return None


class RuleSet:
    """Everything that the specs say. Entries are built when they are first selected."""

    def __init__(self, digest: str, reader: FormulaReader) -> None:
        self.digest = digest
        self.reader = reader
        self.base: RuleSet | None = None  # the rules that these began with
        self.outline: Callable[[], Outline] | None = None  # where others may join these, what they need to know
        self.kinds: dict[str, Kind] = {}
        self.rules: list[Rule] = []
        self.tables: list[Table] = []
        self.declarations: dict[str, Declaration] = {}
        self.notices: list[Notice] = []
        self.stages: list[str] = []
        self.problems: list[Problem] = []
        self.announcements: list[str] = []
        self.plans = Recent(_MOST_PLANS)  # what was compiled for the shapes met of late
        self.programs = Recent(_MOST_REMEMBERED)
        self.evaluators = Recent(_MOST_EVALUATORS)  # of tables, with the shapes that they met
        self.ranges = Recent(_MOST_REMEMBERED)  # which quantities may be ranges, by the entries that are chosen
        self.kin: dict[int, list[Any]] = {}  # of each thread, evaluations that others may start from
        self.readings = Recent(_MOST_REMEMBERED)  # how scenarios of the forms met of late are read
        self._documents: dict[str, dict[str, Document]] = {}
        self._aliases: dict[str, dict[str, str]] = {}
        self._entries: dict[tuple[str, str], Entry] = {}
        self._plain: list[Document] = []
        self._orders: dict[str, int] = {}
        self._trees: dict[tuple[str, str], tuple[Mapping, tuple[str, ...]]] = {}
        self._declared: dict[str, Declaration] | None = None
        self._listed: dict[tuple[str, str], dict[str, str | None]] = {}
        self._replaced: set[str] = set()  # the kinds of which an entry took another's place
        self._inherited = 0  # values that entries take over from those that they extend
        self._circles: set[frozenset[str]] = set()  # of entries that extend each other, each told once

    def joined(self, digest: str, reader: FormulaReader, documents: Iterable[Document]) -> RuleSet:
        """These rules and further documents; what is here is shared, and not built again."""
        made = RuleSet(digest, reader)
        made.base = self
        made.kinds.update(self.kinds)
        made.declarations.update(self.declarations)
        made.rules += self.rules
        made.tables += self.tables
        made.notices += self.notices
        made._orders.update(self._orders)
        made._plain += self._plain
        made._documents.update({kind: dict(known) for kind, known in self._documents.items()})
        made.add(documents)
        return made

    def names(self, kind: str) -> list[str]:
        """The entries of a kind, in order of name."""
        return sorted(self._documents.get(kind, {}))

    def aliases(self, kind: str) -> dict[str, str]:
        """Other names of a kind's entries, to the entry's own."""
        return self._aliases.get(kind, {})

    def resolve(self, kind: str, name: str) -> str | None:
        """The name of the entry that a name or alias means; case does not matter."""
        known = self._documents.get(kind, {})
        if name in known:
            return name
        lowered = name.lower()
        others = {alias.lower(): own for alias, own in self.aliases(kind).items()}
        return lowered if lowered in known else others.get(lowered)

    def place(self, kind: str, name: str) -> Place:
        return self._documents[kind][name].place

    def tree(self, kind: str, name: str) -> Mapping:
        """The entry's tree with what it extends merged in."""
        return self._whole(kind, name)[0]

    def entry(self, kind: str, name: str) -> Entry:
        """An entry, built on first use."""
        if self.base is not None and self.sound(kind, name):
            return self.base.entry(kind, name)
        key = (kind, name)
        if key not in self._entries:
            document = self._documents[kind][name]
            tree, chain = self._whole(kind, name)
            layer = self.kinds[kind].layer
            layer = USER if document.user and layer == STANDARD else layer
            self._entries[key] = build_entry(self.reader, self.kinds[kind], name, layer, tree, chain)
        return self._entries[key]

    def sound(self, kind: str, name: str) -> bool:
        """Whether an entry is one of those that these rules began with, and all that it may extend."""
        return self.base is not None and kind not in self._replaced and not self._documents[kind][name].user

    def declared(self, by: Callable[[RuleSet], dict[str, Declaration]]) -> dict[str, Declaration]:
        """What `by` finds declared, found once."""
        if self._declared is None:
            self._declared = by(self)
        return self._declared

    def listed(self, kind: str, field: str, text: str) -> str | None:
        """The first of a kind's entries that lists a text under a field."""
        known = self._listed.setdefault((kind, field), {})
        if text not in known:
            known[text] = next((name for name in self.names(kind) if text in self._list(kind, name, field)), None)
        return known[text]

    def listing(self, kind: str, field: str) -> list[str]:
        """Every text that a kind's entries list under a field."""
        return [text for name in self.names(kind) for text in self._list(kind, name, field)]

    def _list(self, kind: str, name: str, field: str) -> list[str]:
        return self._documents[kind][name].lists.get(field, [])  # what chooses an entry is never inherited

    def examples(self, of_user: bool = False) -> Iterator[Example]:
        """The examples of every document, or only of the user's."""
        for document in self.documents():
            if document.user or not of_user:
                yield from examples(document.tree(), f"{document.head} {document.name}")

    def documents(self) -> Iterator[Document]:
        """Every document as it stands in its file: kinds and stages, then entries."""
        yield from self._plain
        for documents in self._documents.values():
            yield from documents.values()

    def _whole(self, kind: str, name: str) -> tuple[Mapping, tuple[str, ...]]:
        if self.base is not None and self.sound(kind, name):
            return self.base._whole(kind, name)  # noqa: SLF001 - a rule set like this one
        if (kind, name) not in self._trees:
            self._trees[kind, name] = self._merged(kind, name)
        return self._trees[kind, name]

    def _merged(self, kind: str, name: str, seen: tuple[str, ...] = ()) -> tuple[Mapping, tuple[str, ...]]:
        tree = self._documents[kind][name].tree()
        wanted = tree.get("extends")
        if not isinstance(wanted, Scalar) or self._inherited > _MOST_INHERITED:
            return tree, ()
        parent = self.resolve(kind, wanted.text)
        if parent is None:
            hint = self.near(kind, wanted.text)
            self._note(problem("unknown-entry", f"no {kind} is called {wanted.text}", wanted.place, hint))
            return tree, ()
        if len(seen) == _MOST_EXTENDED:
            message = f"{kind} {name} is reached through more than {_MOST_EXTENDED} entries that extend each other"
            self._note(problem("too-deep", message, wanted.place))
            return tree, ()
        if parent in (*seen, name):
            chain = (*seen, name)
            if frozenset(chain) not in self._circles:
                self._circles.add(frozenset(chain))
                message = f"{kind} entries extend each other: {' -> '.join((*chain, parent))}"
                self._note(problem("cycle", message, wanted.place))
            return tree, ()
        base, chain_above = self._merged(kind, parent, (*seen, name))
        self._inherited += size(base)
        if self._inherited > _MOST_INHERITED:
            message = f"entries that extend others inherit more than {_MOST_INHERITED} values in all"
            self._note(problem("yaml-size", message, wanted.place))
            return tree, ()
        return merge(self.kinds[kind], base, tree), (parent, *chain_above)

    def _note(self, found: Problem) -> None:
        if found not in self.reader.problems:
            self.reader.problems.append(found)

    def near(self, kind: str, name: str) -> str:
        """A did-you-mean hint among a kind's entries, or the list of them."""
        known = [*self.names(kind), *self.aliases(kind)]
        near = nearest(name.lower(), known)
        if near or not known:
            return near or f"there is no {kind}"
        if len(known) > _MOST_NAMED:
            return f"there are {len(self.names(kind))}: vramledger list {kind} names them"
        return f"there are: {', '.join(known)}"

    def add(self, documents: Iterable[Document]) -> None:
        """Takes documents in: kinds first, then stages, then the index of entries."""
        listed = list(documents)
        for document in listed:
            if document.head == "kind":
                self._add_kind(document)
        for document in listed:
            if document.head == "stage":
                self._add_stage(document)
            elif document.head in self.kinds:
                self._add_entry(document)
            elif document.head != "kind":
                heads = ["stage", "kind", *self.kinds]
                hint = nearest(document.head, heads) or f"a spec file begins with one of: {', '.join(heads)}"
                message = f"{document.head!r} is no kind of spec"
                self.problems.append(problem("unknown-kind", message, document.place, hint))
        self.stages = sorted(self._orders, key=lambda name: self._orders[name])
        self._check_aliases()
        self._announce()

    def _announce(self) -> None:
        """Says which bundled rules and tables a user's own stages override."""
        groups: tuple[tuple[str, list[Any]], ...] = (("rule for", self.rules), ("table", self.tables))
        for word, listed in groups:
            places: dict[str, list[str]] = {}
            for one in listed:
                if one.layer != USER:
                    places.setdefault(one.name, []).append(str(one.place))
            for made in (one for one in listed if one.layer == USER and one.overrides):
                beaten = places.get(made.name)
                over = f" the one of {', '.join(beaten)}" if beaten else ""
                self.announcements.append(f"the {word} {made.name} of {made.place} overrides{over}")

    def _add_kind(self, document: Document) -> None:
        kind: Kind = built(document, self.reader)
        if kind.name in RESERVED:
            self.problems.append(problem("declared-twice", f"{kind.name} is the engine's own word", document.place))
            return
        if kind.name in self.kinds:
            self._twice(f"the kind {kind.name}", document.place, self.kinds[kind.name].place)
            return
        self.kinds[kind.name] = kind
        self._plain.append(document)
        for declaration in kind.fields.values():
            self._declare(declaration)

    def _add_stage(self, document: Document) -> None:
        stage: Stage = built(document, self.reader)
        self.rules += stage.rules
        self.tables += stage.tables
        self.notices += stage.notices
        self._plain.append(document)
        self._orders.setdefault(document.name, len(self._orders) * 10 if stage.order is None else stage.order)
        for declaration in stage.declarations:
            self._declare(declaration)

    def _add_entry(self, document: Document) -> None:
        known = self._documents.setdefault(document.head, {})
        before = known.get(document.name)
        if before is not None:
            if text_of(document.tree().get("overrides")) != "true" or before.user:
                hint = "say `overrides: true` in the one that shall win, or give it another name"
                self._twice(f"{document.head} {document.name}", document.place, before.place, hint)
                return
            self._replaced.add(document.head)
            self.announcements.append(
                f"{document.head} {document.name} of {document.place} overrides the one of {before.place}"
            )
        known[document.name] = document

    def _check_aliases(self) -> None:
        for kind, documents in self._documents.items():
            taken = self._aliases.setdefault(kind, {})
            for name, document in documents.items():
                for alias in (alias for field in _NAMES for alias in document.lists.get(field, [])):
                    other = alias if alias in documents and alias != name else taken.get(alias)
                    if other is not None and other != name:
                        self._twice(f"the name {alias} of {kind}", document.place, documents[other].place)
                    taken[alias] = name

    def _declare(self, declaration: Declaration) -> None:
        before = self.declarations.get(declaration.name)
        if before is not None and declaration.by_rule and before.type == declaration.type:
            return
        if before is not None and before.place != declaration.place:
            self._twice(f"the quantity {declaration.name}", declaration.place, before.place)
            return
        self.declarations[declaration.name] = declaration

    def _twice(self, what: str, place: Place, first: Place, *hints: str) -> None:
        also = (Label(first, "first here"),)
        self.problems.append(problem("declared-twice", f"{what} is declared twice", place, *hints, also=also))
