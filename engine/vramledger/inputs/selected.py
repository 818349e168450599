"""The entries that a scenario selects: those it names, those its files or other entries point at, and defaults."""

from __future__ import annotations

from typing import Any

from vramledger.evaluation.brief import brief
from vramledger.evaluation.facts import Given
from vramledger.inputs.named import Chosen, chosen
from vramledger.inputs.records import Records, inside
from vramledger.inputs.written import Written
from vramledger.problems import Place, nearest, problem
from vramledger.rules.model import Kind
from vramledger.rules.tree import Node, Scalar, to_data


class Selected:
    """The entry of each kind, where it was chosen, and why; what chose it is no fact any more."""

    def __init__(self, written: Written, records: Records, origin: str) -> None:
        self.ruleset = written.ruleset
        self.written = written
        self.given = written.given
        self.problems = written.problems
        self.records = records
        self.origin = origin
        self.entries: dict[str, tuple[str, Place]] = {}
        self.reasons: dict[str, str] = {}
        self.notes: list[str] = []

    def select(self) -> None:
        """Selects an entry of each kind that has one; where another's fields choose it, after all others."""
        later = []
        for kind in self.ruleset.kinds.values():
            noted = self.given.pop(kind.selector, None)
            if noted is not None:
                self._select_named(kind, *noted)
            elif kind.matches or kind.chosen_by:
                later.append(kind)
            elif kind.default and self._wanted(kind):
                self.entries[kind.name] = (kind.default, kind.place)
                self.reasons[kind.name] = "the default"
            else:
                self._ask_name(kind)
        for kind in later:
            if kind.matches:
                self._select_matching(kind)
            else:
                self._select_chosen(kind)

    def selection(self) -> tuple[tuple[str, str], ...]:
        """The kinds and their entries, in the order of the rule set's kinds."""
        order = list(self.ruleset.kinds)
        return tuple(
            sorted(((kind, name) for kind, (name, _) in self.entries.items()), key=lambda s: order.index(s[0]))
        )

    def facts(self) -> dict[str, Given]:
        """The names of the entries as facts."""
        return {
            self.ruleset.kinds[kind].selector: Given(
                name, place, varies=False, why=self.reasons.get(kind, "the scenario chooses it")
            )
            for kind, (name, place) in self.entries.items()
        }

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
            self.entries[kind.name] = (found.entry, value.place)
            for name, text in found.facts:
                self.written.keep(name, value, text)
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
        declared = self.written.declarations.get(fact)
        return declared is not None and declared.default is not None and declared.default.text == wanted

    def _select_chosen(self, kind: Kind) -> None:
        """Selects what a text names: a fact, a field of an entry that is selected, or that field's default."""
        space, _, field = kind.chosen_by.rpartition(".")
        entries = (self.ruleset.entry(name, entry) for name, (entry, _) in self.entries.items())
        giver = next((e for e in entries if self.ruleset.kinds[e.kind].namespace == space and field in e.fields), None)
        noted, declared = self.given.get(kind.chosen_by), self.written.declarations.get(kind.chosen_by)
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
            self.entries[kind.name] = (entry, place)
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
            self.entries[kind.name] = (listed, place)
            self.reasons[kind.name] = f"{fact} is {brief(value)}"
            return
        if kind.may_lack and not kind.otherwise:
            return
        known = self.ruleset.listing(kind.name, field)
        near = nearest(str(value), known)
        if kind.otherwise and isinstance(value, str) and value:
            self.entries[kind.name] = (kind.otherwise, place)
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
        for kind, (name, place) in self.entries.items():
            found = self.ruleset.entry(kind, name).records.get(record)
            if found is not None:
                return inside(found, field), place
        return None, Place(self.origin)


def _file_hint(text: str) -> tuple[str, ...]:
    if text.endswith(".json") or "/" in text:
        return (f"a file is given as {{huggingface: {text}}}",)
    return ()
