"""What a scenario writes to values, as the declarations of its facts ask for them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from vramledger.evaluation.brief import frozen
from vramledger.evaluation.facts import Given
from vramledger.inputs.typed import typed
from vramledger.inputs.written import ABOUT, Written
from vramledger.problems import Problem, nearest, problem
from vramledger.rules.overlay import Program
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, to_data


class Values:
    """The values of facts by name, and the parts of records that the scenario itself gives."""

    def __init__(self, written: Written, program: Program) -> None:
        self.ruleset = written.ruleset
        self.written = written
        self.problems = written.problems
        self.program = program
        self.facts: dict[str, Given] = {}
        self.parts: dict[str, dict[str, Any]] = {}

    def take(self, name: str, key: Scalar, value: Node) -> None:
        """Takes one fact, or one field of a record."""
        declared = self.program.declarations.get(name)
        record = self.program.record(name)
        if declared is None and record is not None:
            self._part(record, name, key, value)
            return
        if declared is None:
            self.problems.append(self._unknown(name, key))
            return
        kind = declared.type.kind
        if isinstance(value, Mapping) and kind not in ("record", "any"):
            self.problems.append(problem("type-clash", f"expected {declared.type}, found fields", key.place))
        elif isinstance(value, Scalar) and value.null:
            self.problems.append(problem("type-clash", f"{name} has no value", key.place, "leave it out"))
        elif kind == "list" and not isinstance(value, Sequence):
            self.problems.append(problem("type-clash", f"{name}: expected a list", value.place))
        elif kind == "record" and isinstance(value, Mapping):
            self.parts.setdefault(name, {}).update(frozen(to_data(value)))
        elif kind in ("list", "record", "any"):
            self.facts[name] = Given(frozen(to_data(value)), key.place, varies=False)
        elif not isinstance(value, Scalar):
            self.problems.append(problem("type-clash", f"expected {declared.type}, found a list", key.place))
        else:
            found = typed(self.ruleset, declared, value)
            if isinstance(found, Problem):
                self.problems.append(found)
            else:
                self.facts[name] = found

    def _part(self, record: str, name: str, key: Scalar, value: Node) -> None:
        data = frozen(to_data(value))
        numeric = isinstance(data, int | Fraction) and not isinstance(data, bool)
        if isinstance(data, dict):
            self.parts.setdefault(record, {})[name.partition(".")[2]] = data
        elif data is not None:
            self.facts[name] = Given(data, key.place, varies=numeric)

    def _unknown(self, name: str, key: Scalar) -> Problem:
        known = [*self.program.declarations, *self.written.kinds, *ABOUT]
        hint = nearest(name, known)
        if not hint and "." in name:
            prefix = name.rpartition(".")[0]
            inside = [other for other in known if other.startswith(f"{prefix}.")]
            hint = f"{prefix} has: {', '.join(sorted(other.rpartition('.')[2] for other in inside))}" if inside else ""
        return problem("unknown-name", f"nothing is called {name}", key.place, hint)
