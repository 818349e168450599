"""A scenario (a file or a dict) to facts: names checked, values typed, entries selected, all faults at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from fractions import Fraction
from typing import Any, NamedTuple

from vramledger.evaluation.brief import brief, frozen
from vramledger.evaluation.facts import Facts, Given
from vramledger.inputs.alike import form_of, learned
from vramledger.inputs.named import Chosen, chosen
from vramledger.inputs.raw import Raw, tree_of
from vramledger.inputs.records import Noted, Records, inside
from vramledger.inputs.typed import typed
from vramledger.language.syntax import Name, walk
from vramledger.problems import MOST, Label, Place, Problem, Problems, nearest, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Kind
from vramledger.rules.overlay import Program, base_declarations, program_of
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, encode, to_data

_NO_SWEEP = "the scenario's sweep is not run here; this is the answer to the scenario itself"
ABOUT = ("says", "source", "sweep", "expect", "examples")


class Scenario(NamedTuple):
    """A scenario that was read: the rules in force, the facts, and what it expects of the answer."""

    program: Program
    facts: Facts
    expect: Mapping | None
    sweep: Mapping | None


def read_scenario(ruleset: RuleSet, raw: Raw, overrides: MappingOf[str, Any] | None = None) -> Scenario:
    """A scenario's facts under a rule set; `overrides` beat what it says. Raises Problems, all at once."""
    if overrides:
        return _read(ruleset, raw, overrides)[0]
    key, nodes = form_of(raw.tree, ABOUT)
    known = ruleset.readings.get(key)
    if known is not None:
        facts = known.again(ruleset, raw, nodes, lambda: _digest(ruleset, raw))
        if facts is not None:
            return Scenario(known.program, facts, *_aside(raw.tree))
    found, given = _read(ruleset, raw)
    if key not in ruleset.readings:
        ruleset.readings[key] = learned(found.program, found.facts, given, nodes)
    return found


def _digest(ruleset: RuleSet, raw: Raw) -> str:
    return _read(ruleset, raw)[0].facts.digest()


def _read(ruleset: RuleSet, raw: Raw, overrides: MappingOf[str, Any] | None = None) -> tuple[Scenario, Noted]:
    """A scenario that was read word by word, and what gave its facts."""
    reader = _Reader(ruleset, raw)
    reader.take(raw.tree)
    if overrides:
        tree = tree_of(overrides)
        assert isinstance(tree, Mapping)
        reader.beat(tree)
    return reader.finish(), reader.given


def _aside(tree: Mapping) -> tuple[Mapping | None, Mapping | None]:
    """What a scenario expects of its answer, and what it sweeps."""
    expect, sweep = tree.get("expect"), tree.get("sweep")
    return expect if isinstance(expect, Mapping) else None, sweep if isinstance(sweep, Mapping) else None


class _Reader:
    def __init__(self, ruleset: RuleSet, raw: Raw) -> None:
        self.ruleset = ruleset
        self.raw = raw
        self.problems: list[Problem] = []
        self.given: Noted = {}
        self.selected: dict[str, tuple[str, Place]] = {}
        self.reasons: dict[str, str] = {}
        self.records = Records(ruleset, raw.base, raw.closed)
        self.values: dict[str, Given] = {}
        self.asked: dict[str, Node] = {}
        self.inline: dict[str, dict[str, Any]] = {}  # parts of records that the scenario itself gives
        self.notes: list[str] = []
        self.of_files: dict[str, str] = {}  # facts that are given where a configuration is, and its fields of that name
        self.kinds = {kind.key: kind for kind in ruleset.kinds.values()}
        self.selectors = {kind.selector: kind for kind in ruleset.kinds.values()}
        self.telling = {kind.matches[1] for kind in ruleset.kinds.values() if kind.matches}
        self.declarations = ruleset.declared(base_declarations)

    # --- what is written -----------------------------------------------------------------------

    def take(self, tree: Mapping) -> None:
        for key, value in tree.items:
            if key.text in ABOUT:
                if key.text in ("expect", "sweep") and not isinstance(value, Mapping):
                    message = f"{key.text}: expected quantities and their values"
                    self.problems.append(problem("wrong-shape", message, value.place))
                continue
            self._note(key, key.text, value)

    def beat(self, tree: Mapping) -> None:
        """Takes what stands on the command line: it replaces what the scenario says, a name all of its kind's facts."""
        before, self.given = self.given, {}
        fields, self.of_files = self.of_files, {}
        self.take(tree)
        self.of_files |= {name: field for name, field in fields.items() if name not in self.given}
        chosen = [kind for kind in self.ruleset.kinds.values() if kind.selector in self.given]
        self.given = {
            **_less(before, [kind for kind in chosen if f"{kind.namespace}.name" == kind.selector]),
            **self.given,
        }

    def _lay_under(self, brought: MappingOf[str, Node], written: Noted) -> None:
        """Takes what a file brings where the scenario is silent; of what it chooses itself nothing is brought."""
        if brought:
            own, self.given = self.given, {}
            places = {name: node.place for name, node in brought.items()}
            keys = (Scalar(name, "", ((0, place.line, place.column),), place.path) for name, place in places.items())
            self.take(Mapping(tuple(zip(keys, brought.values(), strict=True)), next(iter(places.values()))))
            said = written.keys() - self.records.files.keys()  # a file that is named chooses what it brings
            kinds = self.ruleset.kinds.values()
            chosen = [kind for kind in kinds if kind.selector in said or (kind.rest and _any_of(kind, said))]
            self.given = {**_less(self.given, chosen), **own}

    def _note(self, key: Scalar, name: str, value: Node) -> None:
        kind = self.kinds.get(name)
        first, dot, rest = name.partition(".")
        if dot and name not in self.declarations and first in self.kinds and self.kinds[first].rest:
            self._note_kind(self.kinds[first], Mapping(((key._replace(text=rest), value),), key.place))
        elif kind is not None and isinstance(value, Mapping):
            self._note_kind(kind, value)
        elif kind is not None and name not in self.declarations:
            self._keep(kind.selector, key, value)
        elif name not in self.declarations and f"{name}.name" in self.declarations and isinstance(value, Scalar):
            self._keep(f"{name}.name", key, value)
        elif isinstance(value, Mapping) and not self._is_value(name) and (value.items or name not in self.declarations):
            for inner, below in value.items:
                self._note(inner, f"{name}.{inner.text}", below)
        else:
            self._keep(name, key, value)

    def _take_fields(self, program: Program) -> None:
        """What is called as a fact and stands in a configuration is the field, where the fact's rules read that one."""
        for name, field in self.of_files.items():
            if name in self.given and _reads(program, name, field):
                self.given[field] = self.given.pop(name)
                if name in self.asked:
                    self.asked[field] = self.asked.pop(name)

    def _is_value(self, name: str) -> bool:
        declared = self.declarations.get(name)
        return declared is not None and declared.type.kind in ("record", "list", "any")

    def _note_kind(self, kind: Kind, value: Mapping) -> None:
        whole = any(f"{kind.rest}.{inner.text}" in self.telling for inner, _ in value.items)
        for inner, below in value.items:
            full = f"{kind.namespace}.{inner.text}"
            if kind.rest and isinstance(below, Scalar) and below.null and inner.text not in {"name", *kind.fields}:
                continue  # a configuration says with null that it has no such thing
            if whole and inner.text not in kind.fields:
                self.of_files[full] = f"{kind.rest}.{inner.text}"
            if inner.text == "name":
                self._keep(kind.selector, inner, below)
            elif full in self.declarations or not kind.rest or full in self.selectors:
                self._note(inner, full, below)
            else:
                self._keep(f"{kind.rest}.{inner.text}", inner, below)

    def _keep(self, name: str, key: Scalar, value: Node) -> None:
        before = self.given.get(name)
        if before is not None:
            also = (Label(before[0].place, "first here"),)
            self.problems.append(problem("duplicate-key", f"{name} is given twice", key.place, also=also))
        self.given[name] = (key, value)

    # --- what it means ---------------------------------------------------------------------------

    def finish(self) -> Scenario:
        written = self.given
        self.given = self.records.read(written)
        self._lay_under(self.records.brought, written)
        self.asked = {**{name: value for name, (_, value) in written.items()}, **self.records.asked}
        self.problems += self.records.problems
        self._select()
        order = list(self.ruleset.kinds)
        selection = tuple(
            sorted(((kind, name) for kind, (name, _) in self.selected.items()), key=lambda s: order.index(s[0]))
        )
        program = program_of(self.ruleset, selection)
        if self.ruleset.reader.problems:
            raise Problems(self.ruleset.reader.problems)
        self._take_fields(program)
        for name, (key, value) in self.given.items():
            self._type(program, name, key, value)
            if len(self.problems) > MOST:
                break
        for kind, (name, place) in self.selected.items():
            why = self.reasons.get(kind, "the scenario chooses it")
            self.values[self.ruleset.kinds[kind].selector] = Given(name, place, varies=False, why=why)
        if self.problems:
            raise Problems(self.problems)
        self.records.lay(self.inline)
        facts = Facts(
            values=self.values,
            records=self.records.data,
            selection=selection,
            origin=self.raw.origin,
            records_digest=self.records.digest() if self.records.data else "",
            digest=lambda: self.records.digest(_said(written)),
            record_places=self.records.places,
            asked=self.asked,
            notes=(
                *self.ruleset.announcements,
                *self.notes,
                *self.records.notes,
                *((_NO_SWEEP,) if self.raw.tree.get("sweep") is not None else ()),
            ),
        )
        return Scenario(program, facts, *_aside(self.raw.tree))

    def _select(self) -> None:
        later = []
        for kind in self.ruleset.kinds.values():
            noted = self.given.pop(kind.selector, None)
            if noted is not None:
                self._select_named(kind, *noted)
            elif kind.matches or kind.chosen_by:
                later.append(kind)
            elif kind.default and self._wanted(kind):
                self.selected[kind.name] = (kind.default, kind.place)
                self.reasons[kind.name] = "the default"
            else:
                self._ask_name(kind)
        for kind in later:
            if kind.matches:
                self._select_matching(kind)
            else:
                self._select_chosen(kind)

    def _fields_given(self, kind: Kind) -> list[Scalar]:
        """The keys under which the scenario gives fields of a kind."""
        own = {f"{kind.namespace}.{field}" for field in kind.fields}
        return [key for name, (key, _) in self.given.items() if name in own]

    def _refuse_fields(self, kind: Kind) -> None:
        for key in self._fields_given(kind):
            message = f"{kind.key} is none, and has no {key.text}"
            self.problems.append(problem("no-name", message, key.place, f"name a {kind.name}, or leave {key.text} out"))

    def _ask_name(self, kind: Kind) -> None:
        parts = self._fields_given(kind)
        if parts and not kind.rest and not kind.reads and kind.selector == f"{kind.namespace}.name":
            message = f"{kind.key} is given, but not which {kind.name}"
            name = kind.default or next(iter(self.ruleset.names(kind.name)), "...")
            hint = f"add its name: {kind.key}: {{name: {name}, ...}}"
            self.problems.append(problem("no-name", message, parts[0].place, hint))

    def _select_named(self, kind: Kind, key: Scalar, value: Node) -> None:
        if not isinstance(value, Scalar):
            self.problems.append(problem("type-clash", f"{key.text} takes a name", key.place))
            return
        found = chosen(self.ruleset, kind, value)
        if isinstance(found, Chosen):
            self.selected[kind.name] = (found.entry, value.place)
            for name, text in found.facts:
                self._keep(name, value, text)
        elif found is not None:
            self.problems += found
        elif value.null or value.text == "none":
            self._refuse_fields(kind)
        else:
            message = f"no {kind.name} is called {value.text}"
            hint = self.ruleset.near(kind.name, value.text)
            self.problems.append(problem("unknown-entry", message, value.place, hint, *_file_hint(value.text)))

    def _wanted(self, kind: Kind) -> bool:
        if kind.when is None:
            return True
        fact, wanted = kind.when
        noted = self.given.get(fact)
        if noted is not None:
            return isinstance(noted[1], Scalar) and noted[1].text == wanted
        declared = self.declarations.get(fact)
        return declared is not None and declared.default is not None and declared.default.text == wanted

    def _select_chosen(self, kind: Kind) -> None:
        """Selects what a text names: a fact, a field of an entry that is selected, or that field's default."""
        space, _, field = kind.chosen_by.rpartition(".")
        entries = (self.ruleset.entry(name, entry) for name, (entry, _) in self.selected.items())
        giver = next((e for e in entries if self.ruleset.kinds[e.kind].namespace == space and field in e.fields), None)
        noted, declared = self.given.get(kind.chosen_by), self.declarations.get(kind.chosen_by)
        text, place, why = "", kind.place, "the default"
        if noted is not None:
            text, place, why = str(to_data(noted[1])), noted[1].place, f"{kind.chosen_by} names it"
        elif giver is not None:
            found = giver.fields[field]
            text, place, why = found.text, found.place(), f"{giver.kind} {giver.name} names it"
        elif declared is not None and declared.default is not None:
            text = declared.default.text
        entry = self.ruleset.resolve(kind.name, text)
        if entry is not None:  # a name of no entry is told where the text is read
            self.selected[kind.name] = (entry, place)
            self.reasons[kind.name] = why

    def _select_matching(self, kind: Kind) -> None:
        assert kind.matches is not None
        field, fact = kind.matches
        value, place = self._known(fact)
        if value is None:
            record, _, name = fact.partition(".")
            if record in self.records.places and not kind.may_lack:
                message = f"{place.path} has no {name}, which chooses the {kind.name}"
                hint = nearest(name, self.records.data[record])
                self.problems.append(problem("missing-fact", message, place, hint))
            return
        listed = self.ruleset.listed(kind.name, field, value) if isinstance(value, str) else None
        if kind.beside and (listed is not None or kind.otherwise):
            self.records.take(kind.beside, self._known(fact.rpartition(".")[0])[0], place)
        if listed is not None:
            self.selected[kind.name] = (listed, place)
            self.reasons[kind.name] = f"{fact} is {brief(value)}"
            return
        if kind.may_lack and not kind.otherwise:
            return
        known = self.ruleset.listing(kind.name, field)
        near = nearest(str(value), known)
        if kind.otherwise and isinstance(value, str) and value:
            self.selected[kind.name] = (kind.otherwise, place)
            self.reasons[kind.name] = f"{fact} is {brief(value)}, which no {kind.name} lists"
            self.notes += [f"no {kind.name} lists {fact} {brief(value)}; {near}"] if near else []
            return
        if kind.may_lack:
            return
        hint = near or f"there are: {', '.join(sorted(map(str, known)))}"
        message = f"no {kind.name} is for {fact} {brief(value)}"
        self.problems.append(problem("unknown-entry", message, place, hint))

    def _known(self, fact: str) -> tuple[Any, Place]:
        """A field of a record before rules are resolved: from a file, the scenario, or a selected entry."""
        record, _, field = fact.partition(".")
        if fact in self.given:
            value = self.given[fact][1]
            place = value.place
            return to_data(value), place
        read = self.records.field(record, field)
        if read is not None:
            return read
        for kind, (name, place) in self.selected.items():
            found = self.ruleset.entry(kind, name).records.get(record)
            if found is not None:
                return inside(found, field), place
        return None, Place(self.raw.origin)

    # --- types -----------------------------------------------------------------------------------

    def _type(self, program: Program, name: str, key: Scalar, value: Node) -> None:
        declared = program.declarations.get(name)
        record = program.record(name)
        if declared is None and record is not None:
            self._inline(record, name, key, value)
            return
        if declared is None:
            self.problems.append(self._unknown(program, name, key))
            return
        kind = declared.type.kind
        if isinstance(value, Mapping) and kind not in ("record", "any"):
            self.problems.append(problem("type-clash", f"expected {declared.type}, found fields", key.place))
        elif isinstance(value, Scalar) and value.null:
            self.problems.append(problem("type-clash", f"{name} has no value", key.place, "leave it out"))
        elif kind == "list" and not isinstance(value, Sequence):
            self.problems.append(problem("type-clash", f"{name}: expected a list", value.place))
        elif kind == "record" and isinstance(value, Mapping):
            self.inline.setdefault(name, {}).update(frozen(to_data(value)))
        elif kind in ("list", "record", "any"):
            self.values[name] = Given(frozen(to_data(value)), key.place, varies=False)
        elif not isinstance(value, Scalar):
            self.problems.append(problem("type-clash", f"expected {declared.type}, found a list", key.place))
        else:
            found = typed(self.ruleset, declared, value)
            if isinstance(found, Problem):
                self.problems.append(found)
            else:
                self.values[name] = found

    def _inline(self, record: str, name: str, key: Scalar, value: Node) -> None:
        data = frozen(to_data(value))
        numeric = isinstance(data, int | Fraction) and not isinstance(data, bool)
        if isinstance(data, dict):
            self.inline.setdefault(record, {})[name.partition(".")[2]] = data
        elif data is not None:
            self.values[name] = Given(data, key.place, varies=numeric)

    def _unknown(self, program: Program, name: str, key: Scalar) -> Problem:
        known = [*program.declarations, *self.kinds, *ABOUT]
        hint = nearest(name, known)
        if not hint and "." in name:
            prefix = name.rpartition(".")[0]
            inside = [other for other in known if other.startswith(f"{prefix}.")]
            hint = f"{prefix} has: {', '.join(sorted(other.rpartition('.')[2] for other in inside))}" if inside else ""
        return problem("unknown-name", f"nothing is called {name}", key.place, hint)


def _reads(program: Program, name: str, field: str) -> bool:
    """Whether a rule of a quantity, or what stands for it where none is in force, names a record's field."""
    declared = program.declarations[name].default if name in program.declarations else None
    formulas = [case.formula for rule in program.candidates.get(name, ()) for case in rule.cases]
    found = (part for formula in (*formulas, *((declared,) if declared else ())) for part in walk(formula.tree))
    return any(isinstance(part, Name) and part.name == field for part in found)


def _any_of(kind: Kind, given: Iterable[str]) -> bool:
    """Whether anything is given in a kind's namespace."""
    return any(name.startswith(f"{kind.namespace}.") for name in given)


def _less(given: Noted, kinds: list[Kind]) -> Noted:
    """Facts without those of some kinds."""
    spaces = tuple(f"{space}." for kind in kinds for space in (kind.namespace, kind.rest) if space)
    return {name: noted for name, noted in given.items() if not name.startswith(spaces)}


def _said(written: MappingOf[str, tuple[Scalar, Node]]) -> str:
    """What a scenario says, wherever it stands in its file."""
    said = {name: _without_places(encode(value)) for name, (_, value) in sorted(written.items())}
    return json.dumps(said, sort_keys=True)


def _without_places(data: Any) -> Any:
    if isinstance(data[0], str):
        return data[:2]
    kind, _, _, items = data
    if kind == 0:
        return [_without_places(item) for item in items]
    return [[key[0], _without_places(value)] for key, value in items]


def _file_hint(text: str) -> tuple[str, ...]:
    if text.endswith(".json") or "/" in text:
        return (f"a file is given as {{huggingface: {text}}}",)
    return ()
