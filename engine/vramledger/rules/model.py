"""What spec files say, as frozen values: declarations, rules, tables, kinds, entries."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from types import MappingProxyType
from typing import Any, NamedTuple

from vramledger.language.syntax import Expr, Span
from vramledger.language.units import Type
from vramledger.problems import Place
from vramledger.rules.tree import Mapping, Scalar

STANDARD, ENTRY, CONVENTION, USER = range(4)
LAYERS = ("standard", "entry", "convention", "user")


class Scope(NamedTuple):
    """Where a formula's bare names are looked up first: the fields of an entry, the columns of a row."""

    namespace: str = ""
    table: str = ""


class Formula:
    """A formula in a file: its text, its tree, and the place of each of its parts."""

    __slots__ = ("_scalar", "_tree", "shift", "text")

    def __init__(self, scalar: Any, tree: Any, shift: int = 0, text: str | None = None) -> None:
        self._scalar = scalar  # the two, or what gives them when they are asked for
        self._tree = tree
        self.shift = shift  # of the text that was read before that of the file
        self.text = scalar.text if text is None else text

    @property
    def scalar(self) -> Scalar:
        if callable(self._scalar):
            self._scalar = self._scalar()
        return self._scalar  # type: ignore[no-any-return]

    @property
    def tree(self) -> Expr:
        if callable(self._tree):
            self._tree = self._tree()
        return self._tree  # type: ignore[no-any-return]

    def place(self, span: Span | None = None) -> Place:
        if span is None:
            return self.scalar.place
        return self.scalar.at((max(0, span[0] - self.shift), span[1]))


class Declaration(NamedTuple):
    """A quantity's meaning: what it says, its type and unit, its default, what is allowed."""

    name: str
    says: str
    type: Type
    unit: str
    place: Place
    default: Formula | None = None
    scope: Scope = Scope()
    one_of: tuple[str, ...] = ()
    entry: str = ""  # the kind of entry that its text names
    optional: bool = False
    integer: bool = False
    minimum: int | None = None
    below: int | None = None
    missing: str = ""  # what to do about a value that nothing gives
    lever: bool = False  # whether users change it to save memory
    by_rule: bool = False  # whether a rule says it of its own quantity, which others may say again
    source: MappingOf[str, Any] | None = None  # where its default was read


class Case(NamedTuple):
    when: Formula | None
    formula: Formula
    says: str = ""


class Rule(NamedTuple):
    """One way to a quantity (or, with `per`, to a column of a table)."""

    name: str
    says: str
    cases: tuple[Case, ...]
    place: Place
    layer: int
    origin: str  # the stage or entry that brings it
    when: Formula | None = None
    per: tuple[str, str] | None = None  # variable, table
    overrides: bool = False
    scope: Scope = Scope()
    stage: str = ""
    source: MappingOf[str, Any] | None = None


class Fill(NamedTuple):
    """Rows of a table: one, or one for each row of another; `cells` give their columns."""

    name: str
    cells: MappingOf[str, Formula]
    place: Place
    origin: str
    each: Formula | None = None  # an Aggregate: the variable, the table, the condition
    when: Formula | None = None
    scope: Scope = Scope()
    source: MappingOf[str, Any] | None = None


class Table(NamedTuple):
    name: str
    says: str
    columns: MappingOf[str, Declaration]
    fills: tuple[Fill, ...]
    place: Place
    layer: int = STANDARD
    overrides: bool = False


class Notice(NamedTuple):
    """A warning that a spec gives when its test holds; `says` is text with {formulas} in it."""

    name: str
    parts: tuple[str | Formula, ...]
    place: Place
    origin: str
    layer: int
    when: Formula | None = None
    scope: Scope = Scope()
    source: MappingOf[str, Any] | None = None


class Block(NamedTuple):
    """A block of a kind's entries: the table its rows feed, what is bound for them, or the record it fills."""

    name: str
    table: str = ""
    each: Scalar | None = None
    when: Scalar | None = None
    record: str = ""
    fields: bool = False
    unfolds: tuple[str, ...] = ()  # records inside the record whose fields are taken for its own
    around: str = ""  # the record as it is written, where one inside it was unfolded
    says: str = ""


class Kind(NamedTuple):
    """A kind of entry: how one is selected, the quantities it gives, the tables its blocks feed."""

    name: str
    says: str
    namespace: str
    selector: str
    key: str  # the scenario's key
    fields: MappingOf[str, Declaration]
    blocks: MappingOf[str, Block]
    place: Place
    layer: int = ENTRY
    default: str = ""
    when: tuple[str, str] | None = None  # select only where this fact has this value
    catalog: str = ""
    matches: tuple[str, str] | None = None  # the entries' list, the fact it must hold
    otherwise: str = ""  # the entry for a fact that no entry lists
    may_lack: bool = False  # whether nothing need match
    chosen_by: str = ""  # the text of another kind's entries that names the default
    beside: str = ""  # the record that takes what stands beside the fact, where the fact chooses
    rest: str = ""  # the record that takes the scenario's other keys
    reads: bool = False  # entries say how to read files
    missing: str = ""
    listed: tuple[str, ...] = ()  # fields that lists of entries show
    lever: bool = False  # whether users choose another to save memory


class Entry(NamedTuple):
    """An entry with what it extends merged in."""

    kind: str
    name: str
    says: str
    place: Place
    fields: MappingOf[str, Formula]
    rules: tuple[Rule, ...] = ()
    tables: tuple[Table, ...] = ()
    fills: tuple[tuple[str, Fill], ...] = ()  # (table, fill)
    declarations: tuple[Declaration, ...] = ()
    notices: tuple[Notice, ...] = ()
    records: MappingOf[str, Any] = MappingProxyType({})
    source: MappingOf[str, Any] | None = None
    extends: tuple[str, ...] = ()


class Stage(NamedTuple):
    """What the document of a stage says."""

    name: str
    order: int | None
    rules: tuple[Rule, ...] = ()
    tables: tuple[Table, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    notices: tuple[Notice, ...] = ()


class Example(NamedTuple):
    """A test that stands beside the rules: a scenario and what must come out."""

    given: Mapping
    expect: Mapping
    place: Place
    origin: str
    tolerance: Scalar | None = None
