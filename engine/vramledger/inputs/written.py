"""What a scenario writes, by the names of the facts that it gives; nothing is read into it yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Mapping as MappingOf

from vramledger.inputs.records import Noted
from vramledger.problems import Label, Problem, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Kind
from vramledger.rules.overlay import base_declarations
from vramledger.rules.tree import Mapping, Node, Scalar

ABOUT = ("says", "source", "sweep", "expect", "examples")


class Written:
    """The facts of one scenario as they are written, each once, and the problems with it so far."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self.problems: list[Problem] = []
        self.given: Noted = {}
        self.of_files: dict[str, str] = {}  # facts that are given where a configuration is, and its fields of that name
        self.kinds = {kind.key: kind for kind in ruleset.kinds.values()}
        self.selectors = {kind.selector: kind for kind in ruleset.kinds.values()}
        self.telling = {kind.matches[1] for kind in ruleset.kinds.values() if kind.matches}
        self.declarations = ruleset.declared(base_declarations)

    def take(self, tree: Mapping) -> None:
        """Takes what a scenario says, but for what it says about itself."""
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

    def lay_under(self, brought: MappingOf[str, Node], said: Collection[str]) -> None:
        """Takes what a file brings where the scenario is silent; of a kind that `said` chooses nothing is brought."""
        if brought:
            own, self.given = self.given, {}
            places = {name: node.place for name, node in brought.items()}
            keys = (Scalar(name, "", ((0, place.line, place.column),), place.path) for name, place in places.items())
            self.take(Mapping(tuple(zip(keys, brought.values(), strict=True)), next(iter(places.values()))))
            kinds = self.ruleset.kinds.values()
            chosen = [kind for kind in kinds if kind.selector in said or (kind.rest and _any_of(kind, said))]
            self.given = {**_less(self.given, chosen), **own}

    def keep(self, name: str, key: Scalar, value: Node) -> None:
        """Takes one fact by its whole name."""
        before = self.given.get(name)
        if before is not None:
            also = (Label(before[0].place, "first here"),)
            self.problems.append(problem("duplicate-key", f"{name} is given twice", key.place, also=also))
        self.given[name] = (key, value)

    def _note(self, key: Scalar, name: str, value: Node) -> None:
        kind = self.kinds.get(name)
        first, dot, rest = name.partition(".")
        if dot and name not in self.declarations and first in self.kinds and self.kinds[first].rest:
            self._note_kind(self.kinds[first], Mapping(((key._replace(text=rest), value),), key.place))
        elif kind is not None and isinstance(value, Mapping):
            self._note_kind(kind, value)
        elif kind is not None and name not in self.declarations:
            self.keep(kind.selector, key, value)
        elif name not in self.declarations and f"{name}.name" in self.declarations and isinstance(value, Scalar):
            self.keep(f"{name}.name", key, value)
        elif isinstance(value, Mapping) and not self._is_value(name) and (value.items or name not in self.declarations):
            for inner, below in value.items:
                self._note(inner, f"{name}.{inner.text}", below)
        else:
            self.keep(name, key, value)

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
                self.keep(kind.selector, inner, below)
            elif full in self.declarations or not kind.rest or full in self.selectors:
                self._note(inner, full, below)
            else:
                self.keep(f"{kind.rest}.{inner.text}", inner, below)


def _any_of(kind: Kind, given: Iterable[str]) -> bool:
    """Whether anything is given in a kind's namespace."""
    return any(name.startswith(f"{kind.namespace}.") for name in given)


def _less(given: Noted, kinds: list[Kind]) -> Noted:
    """Facts without those of some kinds."""
    spaces = tuple(f"{space}." for kind in kinds for space in (kind.namespace, kind.rest) if space)
    return {name: noted for name, noted in given.items() if not name.startswith(spaces)}
