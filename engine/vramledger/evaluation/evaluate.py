"""Quantities by need, each evaluated once.

The same walk interprets (every fact a number) and specialises (facts that vary are residual nodes); what is left
open then stays in the nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from vramledger.evaluation import interpret, resolve, rows
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.frame import Fault, Frame, Resolution
from vramledger.evaluation.names import full_name
from vramledger.evaluation.residual import Graph
from vramledger.evaluation.tables import CatalogRow, Row
from vramledger.evaluation.trail import Part, Trail
from vramledger.language.syntax import Expr, Name, Span
from vramledger.language.units import ANY, Type, check
from vramledger.problems import Label, Place, problem
from vramledger.rules.model import Scope
from vramledger.rules.overlay import Program
from vramledger.rules.tree import Scalar as RuleScalar

DEEPEST = 60
MOST_WORK, MOST_IN_ALL = 3_000_000, 10_000_000  # steps of one question, and of all
Branch = tuple[RuleScalar, Span, bool]  # the formula, where its conditional stands, which way


class Evaluation:
    """The values of one scenario under one program. With a graph, facts that vary become its atoms."""

    def __init__(self, program: Program, facts: Facts, graph: Graph | None = None) -> None:
        self.program = program
        self.facts = facts
        self.graph = graph
        self.values: dict[str, Any] = {}
        self.resolutions: dict[str, Resolution] = {}
        self.tables: dict[str, tuple[Row, ...]] = {}
        self.catalogs: dict[tuple[str, str], CatalogRow] = {}
        self.running: dict[str, Place] = {}
        self.running_rows: set[tuple[Row, str]] = set()
        self.work = 0
        self.most = MOST_WORK
        self.trails: dict[Part, Trail] = {}  # of each quantity, table and column that was worked out
        self.reads: set[Part] = set()  # of what is being worked out
        self.trail = Trail()
        self.noted = 0  # work up to here is noted in trails
        self.follow(self.trail)
        self.branches: set[Branch] | None = None  # those of conditionals that were taken, where somebody asks

    def allow(self) -> None:
        """Begins a question, which may take so much work, as long as all questions have not taken too much."""
        self.most = min(self.work + MOST_WORK, MOST_IN_ALL)

    def spend(self, steps: int, where: Callable[[], Place]) -> None:
        """Notes work that is worth more than a step. Raises Fault where it is too much."""
        self.work += steps
        if self.work > self.most:
            raise Fault(problem("too-much-work", f"more than {MOST_WORK} steps of work", where()))

    def follow(self, trail: Trail) -> None:
        """What is read and takes work from here on is noted in a trail."""
        self.trail.work += self.work - self.noted
        self.trail, self.reads, self.noted = trail, trail.read, self.work
        if self.graph is not None:
            self.graph.divisors, self.graph.refused = trail.divisors, trail.refused

    def begin(self, part: Part) -> Trail:
        """Begins to work out a quantity, a table or a column; the trail to go on with afterwards comes back."""
        outer, own = self.trail, self.trails.get(part)
        if own is None:
            own = self.trails[part] = Trail()
        self.follow(own)
        return outer

    def all_trails(self) -> list[Trail]:
        """Every trail, with that of what was asked for itself."""
        return [self.trail, *self.trails.values()]

    def quantity(self, name: str) -> Any:
        """The value of a quantity. Raises Fault, and Undecided where a graph leaves the shape open."""
        self.reads.add(name)
        if name in self.values:
            return self.values[name]
        self.enter(name, self.place(name))
        outer = self.begin(name)
        try:
            value, resolution = resolve.resolve(self, name)
            declared = self.program.declarations.get(name)
            if declared is not None:
                value = resolve.checked(self, declared, value, resolution)
        except RecursionError:
            raise Fault(problem("too-deep", f"{name} is nested too deep", self.place(name))) from None
        finally:
            self.running.pop(name, None)
            self.follow(outer)
        self.values[name] = value
        self.resolutions[name] = resolution
        return value

    def rows(self, name: str) -> tuple[Row, ...]:
        """The rows of a table, those whose guard is not known to be false."""
        return rows.rows_of(self, name)

    def cell(self, row: Row, name: str) -> Any:
        """A column of a row."""
        return rows.row_column(self, row, name)

    def column(self, row: Any, name: str, frame: Frame, tree: Expr) -> Any:
        """A column of whatever a formula holds: a row, an entry, an item of a list."""
        return rows.column_of(self, row, name, frame, tree)

    def catalog(self, kind: str, name: Any, frame: Frame, tree: Expr) -> CatalogRow:
        """The entry of a catalog that a text names."""
        return rows.catalog_row(self, kind, name, frame, tree)

    def catalog_column(self, row: CatalogRow, name: str) -> Any:
        """A field of an entry, as its file gives it."""
        return rows.catalog_column(self, row, name)

    def evaluate(self, tree: Expr, frame: Frame) -> Any:
        """The value of a formula."""
        return interpret.evaluate(self, tree, frame)

    def enter(self, name: str, place: Place | None) -> None:
        """Notes that a quantity is being evaluated. Raises Fault where it already is, with the chain."""
        if name in self.running:
            names = list(self.running)
            chain = [*names[names.index(name) :], name]
            also = tuple(Label(self.running[part], f"{part} needs {after}") for part, after in pairwise(chain))
            raise Fault(problem("cycle", f"{name} needs itself: {' -> '.join(chain)}", None, also=also))
        if len(self.running) >= DEEPEST:
            raise Fault(problem("too-deep", f"{name} is reached through more than {DEEPEST} quantities", place))
        self.running[name] = place or Place(name)

    def place(self, name: str) -> Place | None:
        found = self.program.candidates.get(name)
        if found:
            return found[0].place
        declared = self.program.declarations.get(name)
        return declared.place if declared is not None else None

    def unit_of(self, tree: Expr, scope: Scope) -> str:
        """The unit that a formula's value is shown in, as far as its names tell."""
        if isinstance(tree, Name):
            declared = self.program.declarations.get(full_name(self, tree.name, scope))
            return declared.unit if declared is not None else ""
        return "B" if is_byte_formula(tree, self.program, Frame(None, scope)) else ""


def is_byte_formula(tree: Expr, program: Program, frame: Frame) -> bool:
    """Whether the static type of a formula is bytes."""
    faults: list[Any] = []
    variables = {
        name: Type("row", 0, row.table.name) if isinstance(row, Row) else ANY for name, row in frame.rows.items()
    }
    return check(tree, _Types(program, frame), variables, faults).bytes == 1


class _Types:
    """The types of a program's names, for the units of what is shown."""

    def __init__(self, program: Program, frame: Frame) -> None:
        self.program = program
        self.frame = frame

    def quantity(self, name: str) -> Type | None:
        scope = self.frame.scope
        if scope.table and name in self.program.tables[scope.table].columns:
            return self.column(scope.table, name)
        for full in (f"{scope.namespace}.{name}", name):
            declared = self.program.declarations.get(full)
            if declared is not None:
                return declared.type
        return Type("table", 0, name) if name in self.program.tables else ANY

    def column(self, table: str, name: str) -> Type | None:
        found = self.program.tables.get(table)
        declared = found.columns.get(name) if found is not None else None
        declared = declared or self.program.declarations.get(f"{table}.{name}")
        return declared.type if declared is not None else ANY

    def near(self, name: str, table: str = "") -> str:
        return ""
