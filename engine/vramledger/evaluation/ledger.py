"""The answer to a scenario: any quantity by name, the components of the total, the phases, the warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from vramledger.evaluation.blame import blamed
from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.values import NotApplicable, public
from vramledger.problems import Problems
from vramledger.rules.model import Formula, Notice, Scope
from vramledger.rules.overlay import Program
from vramledger.version import ENGINE

if TYPE_CHECKING:
    from vramledger.evaluation.derivation import Derivation
    from vramledger.evaluation.timeline import Timeline

# The tables and quantities that make an answer, by the names that users hold.
COMPONENTS, PHASES, CLASSES = "components", "phases", "classes"
TOTAL, FITS, PEAK_PHASE = "total.bytes", "fits", "peak.phase"
PEAK_MOMENT, HARDWARE, CAPACITY, HEADROOM = "peak.moment", "hardware.name", "capacity.bytes", "headroom.bytes"
MARKETED, COUNT, FAMILY, CLOUD = "hardware.marketed", "hardware.count", "hardware.family", "hardware.cloud"
COUNTS = ("parameters.count", "trainable.count", "active.count")
HEADLINES = (
    *COUNTS,
    "parameters.bytes",
    "master.bytes",
    "gradients.bytes",
    "optimizer.bytes",
    "optimizer.host_bytes",
    "saved.bytes",
    "activations.bytes",
    "logits.bytes",
    "kv_cache.bytes",
    "kv_cache.bytes_per_token",
    "allocated.bytes",
    "reserved.bytes",
    "overhead.bytes",
    TOTAL,
    FITS,
)

# what a row of many shows of its scenario, where nothing else is asked for
SELECTED = (
    "parameters.bytes",
    "gradients.bytes",
    "optimizer.bytes",
    "activations.bytes",
    "logits.bytes",
    "kv_cache.bytes",
    "overhead.bytes",
    TOTAL,
)


class Ledger:
    """The values of one scenario. Quantities are evaluated when they are asked for and remembered."""

    def __init__(
        self,
        program: Program,
        facts: Facts,
        known: Mapping[str, Any] | None = None,
        held: Mapping[int, Any] | None = None,
        evaluation: Evaluation | None = None,
    ) -> None:
        self.program = program
        self.facts = facts
        self.evaluation = evaluation or Evaluation(program, facts)
        self._known = {name: self._own(name, value) for name, value in (known or {}).items()}
        self._held = held or {}  # of the notices that have a test, by number, whether it holds

    def _own(self, name: str, value: Any) -> Any:
        """A value that compiled code gave; why it is not applicable is found when somebody asks."""
        if isinstance(value, NotApplicable):
            return NotApplicable(lambda: str(self.raw(name).reason), value.missing, value.hint)
        return value

    def __getitem__(self, name: str) -> Any:
        """The value of a quantity: int, Fraction, (low, high), bool, str or NotApplicable; bytes where its unit is B.

        Raises Problems where the scenario does not give what it needs, KeyError where nothing has that name.
        """
        if name in self._known:
            return self._known[name]
        if name not in self.program.declarations and self.program.record(name) is None:
            from vramledger.problems import nearest

            raise KeyError(f"nothing is called {name}. {nearest(name, self.program.declarations)}".strip())
        value = public(self.raw(name))
        if value is None and self.program.declarations[name].type.kind != "boolean":
            value = NotApplicable("ranges leave it open")
        self._known[name] = value
        return value

    def raw(self, name: str) -> Any:
        """The value as the engine holds it. Raises Problems."""
        self.evaluation.allow()
        try:
            return self.evaluation.quantity(name)
        except Fault as fault:
            raise Problems([fault.problem]) from None

    def value_of(self, formula: Formula) -> Any:
        """What a formula comes to, with names as a scenario has them. Raises Problems."""
        self.evaluation.allow()
        try:
            return public(self.evaluation.evaluate(formula.tree, Frame(formula, Scope())))
        except Fault as fault:
            raise Problems([fault.problem]) from None

    @property
    def total(self) -> Any:
        """What the device must have, in bytes: an int or (low, high)."""
        return self[TOTAL]

    @property
    def fits(self) -> bool | None:
        """Whether the total fits the hardware; None where it is a range that straddles, or no hardware is chosen."""
        value = self[FITS]
        return value if isinstance(value, bool) else None

    @property
    def peak_phase(self) -> str | None:
        """The phase in which the peak is reached, where the convention knows phases."""
        value = self[PEAK_PHASE]
        return value if isinstance(value, str) else None

    @property
    def components(self) -> dict[str, Any]:
        """The shares of the total, in bytes, by component; they add up to it."""
        return self._table(COMPONENTS)

    @property
    def phases(self) -> dict[str, Any]:
        """The peak of each phase, in bytes."""
        return self._table(PHASES)

    @property
    def classes(self) -> list[dict[str, Any]]:
        """Devices that hold alike, each with what it holds at its fullest moment; none where one device works alone."""
        return self.table(CLASSES) if CLASSES in self.program.tables else []

    @property
    def timeline(self) -> Timeline:
        """The moments of the step, what lives at each, and what the peak would be without a component."""
        from vramledger.evaluation.timeline import Timeline

        return Timeline(self)

    @property
    def warnings(self) -> list[str]:
        """What the rules warn of, and what a user's specs override."""
        return [*self.facts.notes, *(text for _, text in self.notices())]

    @property
    def stamp(self) -> dict[str, str]:
        """What the answer rests on: engine version, hashes of the rules and the scenario, the convention."""
        said = {"engine": ENGINE, "rules": self.program.ruleset.digest, "scenario": self.facts.digest()}
        return {**said, "convention": self.convention}

    @property
    def convention(self) -> str:
        """The convention in force, or ""."""
        found = self.program.entries.get("convention")
        return found.name if found is not None else ""

    def notices(self) -> Iterator[tuple[Notice, str]]:
        """The specs' warnings that hold, with their text."""
        tests = count()
        for notice in self.program.notices:
            if notice.when is not None and self._held.get(next(tests), True) is not True:
                continue
            self.evaluation.allow()
            try:
                text = self._notice(notice)
            except Fault as fault:
                if fault.problem.code != "missing-fact":
                    raise Problems([fault.problem]) from None
                continue
            if text is not None:
                yield notice, text

    def _notice(self, notice: Notice) -> str | None:
        if notice.when is not None:
            frame = Frame(notice.when, notice.scope)
            held = blamed(self.evaluation, frame)
            if held is not True:
                return None
        return "".join(self._part(part, notice) for part in notice.parts)

    def _part(self, part: str | Formula, notice: Notice) -> str:
        from vramledger.evaluation.show import is_bytes, named, show

        if isinstance(part, str):
            return part
        value = public(self.evaluation.evaluate(part.tree, Frame(part, notice.scope)))
        if isinstance(value, list):
            return named(value)
        unit = self.evaluation.unit_of(part.tree, notice.scope)
        return show(value, unit if is_bytes(unit) else "")

    def _table(self, name: str) -> dict[str, Any]:
        self.evaluation.allow()
        try:
            rows = self.evaluation.rows(name) if name in self.program.tables else ()
            found = {row.label: self.evaluation.cell(row, "bytes") for row in rows}
        except Fault as fault:
            raise Problems([fault.problem]) from None
        return {name: public(value) for name, value in found.items() if not isinstance(value, NotApplicable)}

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table: each row's name, then its columns' values, as `ledger[name]` gives values.

        Raises Problems where the scenario does not give what a column needs, KeyError where no table has that name.
        """
        declared = self.program.tables[name].columns
        ruled = (rule.name for rules in self.program.candidates.values() for rule in rules if rule.per is not None)
        columns = dict.fromkeys([*declared, *(r.partition(".")[2] for r in ruled if r.partition(".")[0] == name)])
        self.evaluation.allow()
        try:
            return [
                {"name": row.label, **{column: public(self.evaluation.cell(row, column)) for column in columns}}
                for row in self.evaluation.rows(name)
            ]
        except Fault as fault:
            raise Problems([fault.problem]) from None

    def _repr_html_(self) -> str:
        from vramledger.reports.html import of_ledger

        return of_ledger(self)

    def derivation(self, name: str, rows: str = "") -> Derivation:
        """How a quantity's value came: a tree of steps. str() is readable, .to_dict() is JSON.

        `rows` keeps, of tables, only the rows whose name holds that text. Raises as `ledger[name]` does.
        """
        from vramledger.evaluation.derive import derive

        self[name]
        spent = self.evaluation.work
        self.evaluation.allow()
        try:
            return derive(self, name, rows)
        except Fault as fault:
            raise Problems([fault.problem]) from None
        finally:
            self.evaluation.work = spent  # what is told again is not worked out again
