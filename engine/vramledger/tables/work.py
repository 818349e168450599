"""What a batch asks: rows of tables, or scenario files. It can be sent to another process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from vramledger.evaluation.ledger import FITS
from vramledger.inputs.many import AT_FAULT, CHECK_FAILED, NOT_FITTING, Answer, answers
from vramledger.inputs.raw import Raw
from vramledger.inputs.scenario import Scenario
from vramledger.problems import render
from vramledger.rules.bytes import read_bytes
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules
from vramledger.tables.evaluate import Evaluator, told_of
from vramledger.tables.job import MOST_TOLD, Counts
from vramledger.tables.sources import Source, Span
from vramledger.tables.wanted import PROBLEM, base_of, check_names, schema, wanted
from vramledger.tables.where import formula
from vramledger.version import ENGINE

FILES_A_PART = 500


class Asked(NamedTuple):
    """What is asked of every row."""

    specs: tuple[str, ...]
    overrides: Mapping[str, Any]
    select: tuple[str, ...]
    where: str = ""
    keep: tuple[str, ...] = ()


class _Ruled:
    """Work that opens its rules where it is done."""

    def __init__(self, asked: Asked, rules: RuleSet, base: Scenario | None = None) -> None:
        self.asked = asked
        self._opened: RuleSet | None = rules
        self.columns = wanted(rules, asked.select, base, "--select")
        self.where = formula(rules, asked.where) if asked.where else None
        self.rules_digest = rules.digest

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_opened": None, "where": None}
        state.pop("evaluator", None)
        return state

    @property
    def rules(self) -> RuleSet:
        """The rule set, which is opened anew in another process. Raises Problems where it is another one by then."""
        if self._opened is None:
            self._opened = open_rules(self.asked.specs)
            self.where = formula(self._opened, self.asked.where) if self.asked.where else None
        return self._opened

    def identify(self, *more: Any) -> str:
        """A hash of what is asked, of the rules and of more."""
        asked = [*self.asked.select, self.asked.where, *self.asked.keep]
        told = {name: str(value) for name, value in self.asked.overrides.items()}
        parts = [ENGINE, self.rules_digest, asked, told, *more]
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


class TableWork(_Ruled):
    """Rows of a source, each laid over a scenario."""

    def __init__(self, source: Source, raw: Raw, asked: Asked, rules: RuleSet) -> None:
        super().__init__(asked, rules, base_of(rules, raw, asked.overrides))
        self.source = source
        self.raw = raw
        check_names(source.schema.names, asked.keep, self.columns)
        taken = set(source.schema.names)
        added = [field for field in schema(self.columns) if field.name not in taken]
        self.schema = pa.schema([*source.schema, *added])
        self.identity = self.identify(source.identity, repr(raw.tree))

    def spans(self) -> Sequence[Span]:
        return self.source.spans()

    @cached_property
    def evaluator(self) -> Evaluator:
        return Evaluator(self.rules, self.raw, self.columns, self.asked.overrides, self.where)

    def answer(self, span: Span) -> tuple[pa.Table, Counts]:
        """The answers to a part, those rows left out that are not asked for."""
        part = self.source.read(span)
        return self.of_table(part.table, part.faults, span.row)

    def of_table(
        self, given: pa.Table, faults: Mapping[int, str] = MappingProxyType({}), start: int = 0
    ) -> tuple[pa.Table, Counts]:
        """The same of rows that were read; they begin at row `start` of all."""
        table, kept = self.evaluator.kept(given, self.asked.keep, faults)
        fitting = table[FITS] if FITS in table.column_names else None
        large = 0 if fitting is None else table.num_rows - fitting.null_count - (pc.sum(fitting).as_py() or 0)
        bad = table.num_rows - table[PROBLEM].null_count
        counts = Counts(table.num_rows, bad, large, told=_told(table, start) if bad else ())
        if kept is not None:
            table = table.filter(pa.array(kept))
        return table, counts


class FileWork(_Ruled):
    """Scenario files, each answered on its own."""

    def __init__(self, paths: Sequence[Path], asked: Asked, rules: RuleSet, lines: bool = False) -> None:
        super().__init__(asked, rules)
        self.paths = list(paths)
        self.lines = lines  # whether each answer is wanted as JSON as well
        head = [pa.field("scenario", pa.string()), pa.field("status", pa.string())]
        line = [pa.field("json", pa.string(), metadata={"json": "the row"})] if lines else []
        self.schema = pa.schema([*head, *schema(self.columns), pa.field("warnings", pa.string()), *line])
        self.identity = self.identify([[str(path), _content(path)] for path in self.paths])

    def spans(self) -> Sequence[Span]:
        count = len(self.paths)
        return [Span(row, min(FILES_A_PART, count - row)) for row in range(0, count, FILES_A_PART)]

    def answer(self, span: Span) -> tuple[pa.Table, Counts]:
        """The answers to some files, those left out that are not asked for."""
        names = list(dict.fromkeys(one.quantity for one in self.columns))
        paths = self.paths[span.row : span.row + span.size]
        found = list(answers(self.rules, paths, names, dict(self.asked.overrides), self.where))
        rows = [self._row(one) for one in found if one.kept]
        arrays = [pa.array([row[at] for row in rows], field.type) for at, field in enumerate(self.schema)]
        statuses = [one.status for one in found]
        faults = [fault for one in found for fault in one.problems][:MOST_TOLD]
        counts = Counts(
            len(found),
            statuses.count(AT_FAULT),
            statuses.count(NOT_FITTING),
            statuses.count(CHECK_FAILED),
            tuple({"text": render(fault), "problem": fault.to_dict()} for fault in faults),
        )
        return pa.Table.from_arrays(arrays, schema=self.schema), counts

    def _row(self, answer: Answer) -> list[Any]:
        values, said = Evaluator.cells(self.columns, answer.values)
        said = told_of(answer.problems) if answer.problems else said
        line = [json.dumps(answer.to_dict(), ensure_ascii=False)] if self.lines else []
        return [answer.scenario, answer.status, *values, said, "; ".join(answer.warnings) or None, *line]


def _told(table: pa.Table, start: int) -> tuple[dict[str, Any], ...]:
    """The first rows at fault, as they are counted in the whole input from 1 on."""
    rows = pc.indices_nonzero(pc.is_valid(table[PROBLEM])).to_pylist()[:MOST_TOLD]
    return tuple({"text": f"row {start + row + 1}: {table[PROBLEM][row].as_py()}"} for row in rows)


def _content(path: Path) -> str:
    content, fault = read_bytes(path)
    return hashlib.sha256(content).hexdigest() if fault is None else fault.message
