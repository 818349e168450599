"""A scenario (a file or a dict) to facts: names checked, values typed, entries selected, all faults at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as MappingOf
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from vramledger.evaluation.brief import brief, frozen, out_of_bounds
from vramledger.evaluation.facts import Facts, Given
from vramledger.evaluation.values import Range
from vramledger.inputs.files import find, read_json
from vramledger.problems import Label, Place, Problem, Problems, nearest, problem
from vramledger.rules.bytes import decode_text, read_bytes
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration, Kind
from vramledger.rules.overlay import Program, base_declarations, compose
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, encode, to_data

ABOUT = ("says", "source", "sweep", "expect", "examples")
IN_MEMORY = "<scenario>"


class Scenario(NamedTuple):
    """A scenario that was read: the rules in force, the facts, and what it expects of the answer."""

    program: Program
    facts: Facts
    expect: Mapping | None
    sweep: Mapping | None


class Written(NamedTuple):
    """A fact's text as it stands on a command line, and the option that says it."""

    text: str
    option: str


class Raw(NamedTuple):
    """A scenario as a tree, and the folder that its paths are relative to."""

    tree: Mapping
    origin: str
    base: Path


def read_raw(given: str | Path | MappingOf[str, Any], base: str | Path | None = None) -> Raw:
    """A scenario's tree from a file or a dict. Raises Problems."""
    if isinstance(given, MappingOf):
        tree = tree_of(given)
        assert isinstance(tree, Mapping)
        return Raw(tree, IN_MEMORY, Path(base) if base is not None else Path())
    path = Path(given)
    content, fault = read_bytes(path)
    if fault is not None:
        raise Problems([fault])
    from vramledger.rules.read import read_yaml

    text, fault = decode_text(content, str(path))
    if fault is not None:
        raise Problems([fault])
    trees, faults = read_yaml(text, str(path))
    if faults:
        raise Problems(faults)
    if len(trees) != 1 or not isinstance(trees[0], Mapping):
        count = f"{len(trees)} documents" if len(trees) != 1 else "no fields"
        hint = "begin with model: NAME" if len(trees) < 2 else "one scenario a file"
        message = f"expected a scenario, found {count}"
        raise Problems([problem("not-a-mapping", message, Place(str(path), 1, 1), hint)])
    return Raw(trees[0], str(path), path.parent)


def tree_of(value: Any) -> Node:
    """A Python value as a tree without places."""
    nowhere = Place(IN_MEMORY)
    if isinstance(value, Written):
        return _parsed(value)
    if isinstance(value, MappingOf):
        items = [(_scalar(str(key), ""), tree_of(item)) for key, item in value.items()]
        return Mapping(tuple(items), nowhere)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(end, int | float | Fraction) for end in value):
        return _scalar(f"{_number(value[0])} .. {_number(value[1])}", "")
    if isinstance(value, list | tuple):
        return Sequence(tuple(tree_of(item) for item in value), nowhere)
    if isinstance(value, bool):
        return _scalar(str(value).lower(), "")
    if value is None:
        return _scalar("null", "")
    if isinstance(value, int | float | Fraction):
        return _scalar(_number(value), "")
    return _scalar(str(value), '"')


def _parsed(written: Written) -> Node:
    """A command line's text, read as YAML: a word, a number, a list."""
    from vramledger.rules.read import read_yaml

    trees, faults = read_yaml(written.text, written.option)
    if faults:
        raise Problems(faults)
    found = trees[0] if trees else _scalar("", "")
    return found._replace(marks=((0, 1, 1),), path=written.option) if isinstance(found, Scalar) else found


def _scalar(text: str, style: str) -> Scalar:
    return Scalar(text, style, ((0, 0, 0),), IN_MEMORY)


def _number(value: Any) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        return f"{value.numerator} / {value.denominator}"
    return repr(value) if isinstance(value, float) else str(int(value))


def read_scenario(ruleset: RuleSet, raw: Raw, overrides: MappingOf[str, Any] | None = None) -> Scenario:
    """A scenario's facts under a rule set; `overrides` beat what it says. Raises Problems, all at once."""
    reader = _Reader(ruleset, raw)
    reader.take(raw.tree)
    if overrides:
        tree = tree_of(overrides)
        assert isinstance(tree, Mapping)
        reader.beat(tree)
    return reader.finish()


class _Reader:
    def __init__(self, ruleset: RuleSet, raw: Raw) -> None:
        self.ruleset = ruleset
        self.raw = raw
        self.problems: list[Problem] = []
        self.given: dict[str, tuple[Scalar, Node]] = {}
        self.selected: dict[str, tuple[str, Place]] = {}
        self.reasons: dict[str, str] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.record_places: dict[str, Place] = {}
        self.values: dict[str, Given] = {}
        self.content = hashlib.sha256()
        self.kinds = {kind.key: kind for kind in ruleset.kinds.values()}
        self.selectors = {kind.selector: kind for kind in ruleset.kinds.values()}
        self.declarations = base_declarations(ruleset)

    # --- what is written -----------------------------------------------------------------------

    def take(self, tree: Mapping) -> None:
        for key, value in tree.items:
            if key.text in ABOUT:
                continue
            self._note(key, key.text, value)

    def beat(self, tree: Mapping) -> None:
        """Takes what stands on the command line: it replaces what the scenario says."""
        before, self.given = self.given, {}
        self.take(tree)
        for name in list(before):
            if any(name == own or name.startswith(f"{own}.") for own in self.given if own in self.selectors):
                continue
        self.given = {**before, **self.given}

    def _note(self, key: Scalar, name: str, value: Node) -> None:
        kind = self.kinds.get(name)
        if kind is not None and isinstance(value, Mapping):
            self._note_kind(kind, value)
        elif kind is not None and name not in self.declarations:
            self._keep(kind.selector, key, value)
        elif name not in self.declarations and f"{name}.name" in self.declarations and isinstance(value, Scalar):
            self._keep(f"{name}.name", key, value)
        elif isinstance(value, Mapping) and not self._is_value(name):
            for inner, below in value.items:
                self._note(inner, f"{name}.{inner.text}", below)
        else:
            self._keep(name, key, value)

    def _is_value(self, name: str) -> bool:
        declared = self.declarations.get(name)
        return declared is not None and declared.type.kind in ("record", "list", "any")

    def _note_kind(self, kind: Kind, value: Mapping) -> None:
        for inner, below in value.items:
            full = f"{kind.namespace}.{inner.text}"
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
        self._read_files()
        self._select()
        order = list(self.ruleset.kinds)
        selection = tuple(
            sorted(((kind, name) for kind, (name, _) in self.selected.items()), key=lambda s: order.index(s[0]))
        )
        program = program_of(self.ruleset, selection)
        if self.ruleset.reader.problems:
            raise Problems(self.ruleset.reader.problems)
        for name, (key, value) in self.given.items():
            self._type(program, name, key, value)
        for kind, (name, place) in self.selected.items():
            why = self.reasons.get(kind, "the scenario chooses it")
            self.values[self.ruleset.kinds[kind].selector] = Given(name, place, varies=False, why=why)
        if self.problems:
            raise Problems(self.problems)
        facts = Facts(
            values=self.values,
            records=self.records,
            selection=selection,
            origin=self.raw.origin,
            records_digest=self.content.hexdigest() if self.records else "",
            digest=self._digest(),
            record_places=self.record_places,
            notes=tuple(self.ruleset.announcements),
        )
        expect, sweep = self.raw.tree.get("expect"), self.raw.tree.get("sweep")
        return Scenario(
            program,
            facts,
            expect if isinstance(expect, Mapping) else None,
            sweep if isinstance(sweep, Mapping) else None,
        )

    def _digest(self) -> str:
        said = {name: _without_places(encode(value)) for name, (_, value) in self.given.items()}
        self.content.update(json.dumps(said, sort_keys=True).encode())
        return self.content.hexdigest()

    def _read_files(self) -> None:
        for kind in self.ruleset.kinds.values():
            if kind.reads:
                for entry in self.ruleset.names(kind.name):
                    self._read_file(kind, entry)

    def _read_file(self, kind: Kind, entry: str) -> None:
        says = to_data(self.ruleset.tree(kind.name, entry))
        noted = self.given.pop(says["given"], None)
        if noted is None:
            return
        key, value = noted
        if not isinstance(value, Scalar) or value.null:
            self.problems.append(problem("type-clash", f"{key.text} names a file or folder", key.place))
            return
        path = find(value.text, self.raw.base, says["file"])
        data, content, fault = read_json(path)
        if fault is not None:
            also = (*fault.labels, Label(value.place, "named here"))
            self.problems.append(fault._replace(labels=also))
            return
        self.content.update(content)
        self.records[says["into"]] = data
        self.record_places[says["into"]] = Place(_shown(path), 1, 1)

    def _select(self) -> None:
        later = []
        for kind in self.ruleset.kinds.values():
            noted = self.given.pop(kind.selector, None)
            if noted is not None:
                self._select_named(kind, *noted)
            elif kind.matches:
                later.append(kind)
            elif kind.default and self._wanted(kind):
                self.selected[kind.name] = (kind.default, kind.place)
                self.reasons[kind.name] = "the default"
            else:
                self._ask_name(kind)
        for kind in later:
            self._select_matching(kind)

    def _ask_name(self, kind: Kind) -> None:
        parts = [key for name, (key, _) in self.given.items() if name.startswith(f"{kind.namespace}.")]
        if parts and not kind.rest and not kind.reads and kind.selector == f"{kind.namespace}.name":
            message = f"{kind.key} is given, but not which {kind.name}"
            hint = f"add its name: {kind.key}: {{name: {(self.ruleset.names(kind.name) or ['...'])[0]}, ...}}"
            self.problems.append(problem("no-name", message, parts[0].place, hint))

    def _select_named(self, kind: Kind, key: Scalar, value: Node) -> None:
        if not isinstance(value, Scalar):
            self.problems.append(problem("type-clash", f"{key.text} takes a name", key.place))
            return
        found = self.ruleset.resolve(kind.name, value.text)
        if found is None and (value.null or value.text == "none"):
            return
        if found is None:
            message = f"no {kind.name} is called {value.text}"
            hint = self.ruleset.near(kind.name, value.text)
            self.problems.append(problem("unknown-entry", message, value.place, hint, *_file_hint(value.text)))
            return
        self.selected[kind.name] = (found, value.place)

    def _wanted(self, kind: Kind) -> bool:
        if kind.when is None:
            return True
        fact, wanted = kind.when
        noted = self.given.get(fact)
        if noted is not None:
            return isinstance(noted[1], Scalar) and noted[1].text == wanted
        declared = self.declarations.get(fact)
        return declared is not None and declared.default is not None and declared.default.text == wanted

    def _select_matching(self, kind: Kind) -> None:
        assert kind.matches is not None
        field, fact = kind.matches
        value, place = self._known(fact)
        if value is None:
            return
        for name in self.ruleset.names(kind.name):
            listed = to_data(self.ruleset.tree(kind.name, name).get(field))
            if isinstance(listed, list) and value in listed:
                self.selected[kind.name] = (name, place)
                self.reasons[kind.name] = f"{fact} is {brief(value)}"
                return
        known = [
            item
            for name in self.ruleset.names(kind.name)
            for item in to_data(self.ruleset.tree(kind.name, name).get(field)) or []
        ]
        hint = nearest(str(value), known) or f"there are: {', '.join(sorted(known))}"
        message = f"no {kind.name} is for {fact} {brief(value)}"
        self.problems.append(problem("unknown-entry", message, place, hint))

    def _known(self, fact: str) -> tuple[Any, Place]:
        """A field of a record before rules are resolved: from a file, the scenario, or a selected entry."""
        record, _, field = fact.partition(".")
        if fact in self.given:
            value = self.given[fact][1]
            place = value.place
            return to_data(value), place
        if record in self.records:
            return self.records[record].get(field), self.record_places[record]
        for kind, (name, place) in self.selected.items():
            found = self.ruleset.entry(kind, name).records.get(record)
            if found is not None:
                return found.get(field), place
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
        elif kind in ("list", "record", "any"):
            self.values[name] = Given(frozen(to_data(value)), key.place, varies=False)
        elif not isinstance(value, Scalar):
            self.problems.append(problem("type-clash", f"expected {declared.type}, found a list", key.place))
        elif kind == "text":
            self._text(declared, value)
        elif kind == "boolean":
            self._boolean(declared, value)
        else:
            self._numeric(declared, value)

    def _inline(self, record: str, name: str, key: Scalar, value: Node) -> None:
        data = frozen(to_data(value))
        numeric = isinstance(data, int | Fraction) and not isinstance(data, bool)
        if isinstance(data, dict):
            self.records.setdefault(record, {})[name.partition(".")[2]] = data
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

    def _text(self, declared: Declaration, value: Scalar) -> None:
        text = value.text
        if declared.entry:
            found = self.ruleset.resolve(declared.entry, text)
            if found is None:
                message = f"no {declared.entry} is called {text}"
                self.problems.append(
                    problem("unknown-entry", message, value.place, self.ruleset.near(declared.entry, text))
                )
                return
            text = found
        if declared.one_of and text not in declared.one_of:
            hint = nearest(text, declared.one_of) or f"there are: {', '.join(declared.one_of)}"
            message = f"{declared.name} is {text!r}, expected one of {', '.join(declared.one_of)}"
            self.problems.append(problem("out-of-bounds", message, value.place, hint))
            return
        self.values[declared.name] = Given(text, value.place, varies=False)

    def _boolean(self, declared: Declaration, value: Scalar) -> None:
        if value.style or value.text not in ("true", "false"):
            hint = "write true or false" if value.text.lower() in ("yes", "no", "on", "off", "y", "n") else ""
            message = f"{declared.name} is {value.text!r}, expected true or false"
            self.problems.append(problem("type-clash", message, value.place, hint))
            return
        self.values[declared.name] = Given(value.text == "true", value.place, varies=False)

    def _numeric(self, declared: Declaration, value: Scalar) -> None:
        from vramledger.inputs.constants import constant

        found = constant(value, declared)
        if isinstance(found, Problem):
            self.problems.append(found)
            return
        fault = out_of_bounds(declared, found)
        if fault:
            self.problems.append(problem("out-of-bounds", f"{declared.name} {fault}", value.place))
            return
        low = found.low if isinstance(found, Range) else found
        if declared.type.bytes == 1 and declared.minimum is None and low < 0:
            self.problems.append(problem("out-of-bounds", f"{declared.name} is negative", value.place))
            return
        self.values[declared.name] = Given(found, value.place)


def program_of(ruleset: RuleSet, selection: tuple[tuple[str, str], ...]) -> Program:
    """The program of a selection, composed once a rule set."""
    if selection not in ruleset.programs:
        ruleset.programs[selection] = compose(ruleset, selection)
    found: Program = ruleset.programs[selection]
    return found


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


def _shown(path: Path) -> str:
    return path.as_posix()
