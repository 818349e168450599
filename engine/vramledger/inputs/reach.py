"""What checks reach of the rules: the cases, rows and branches that some check went through, or none did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vramledger.evaluation.evaluate import Branch, Evaluation
from vramledger.language.printing import to_text
from vramledger.language.syntax import Conditional, walk
from vramledger.problems import Place
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Rule
from vramledger.rules.world import World

KINDS = ("rule", "row", "branch")


class Part(NamedTuple):
    """Something that a check can go through: a rule's case, a row, a branch of an `if`."""

    kind: str
    what: str
    place: Place
    reached: bool


class Reach:
    """Gathers what evaluations went through."""

    def __init__(self) -> None:
        self.formulas: set[Place] = set()
        self.rows: set[Place] = set()
        self.branches: set[Branch] = set()

    def follow(self, evaluation: Evaluation) -> None:
        """Has an evaluation note its branches."""
        evaluation.branches = self.branches

    def gather(self, evaluation: Evaluation) -> None:
        """Notes what an evaluation has resolved."""
        for resolution in evaluation.resolutions.values():
            if resolution.formula is not None:
                self.formulas.add(resolution.formula.place())
        for rows in evaluation.tables.values():
            for row in rows:
                self.rows.add(row.fill.place)
                self.formulas.update(cell.formula.place() for cell in row.formulas.values())

    def parts(self, ruleset: RuleSet, of_user: bool) -> list[Part]:
        """Everything that can be reached, of the user's files or of all, in the order of the files."""
        paths = {document.path for document in ruleset.documents() if document.user or not of_user}
        entries = [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
        rules = [*ruleset.rules, *(rule for entry in entries for rule in entry.rules)]
        world = World(ruleset, entries)
        found = [*self._cases(rules), *self._rows(world), *self._branches(world)]
        own = dict.fromkeys(part for part in found if part.place.path in paths)
        return sorted(own, key=lambda part: (part.place.path, part.place.line, part.place.column))

    def _cases(self, rules: list[Rule]) -> Iterator[Part]:
        for rule in rules:
            for number, case in enumerate(rule.cases, 1):
                what = rule.name if len(rule.cases) == 1 else f"{rule.name}, case {number}"
                place = case.formula.place()
                yield Part("rule", what, place, place in self.formulas)

    def _rows(self, world: World) -> Iterator[Part]:
        for table, fill in world.fills:
            yield Part("row", f"{fill.name} of {table}", fill.place, fill.place in self.rows)

    def _branches(self, world: World) -> Iterator[Part]:
        for formula, _ in world.formulas():
            for part in walk(formula.tree):
                if isinstance(part, Conditional):
                    for way, taken in ((True, part.then), (False, part.otherwise)):
                        what = f"{to_text(taken)} {'if' if way else 'unless'} {to_text(part.test)}"
                        reached = (formula.scalar, part.span, way) in self.branches
                        yield Part("branch", what, formula.place(taken.span), reached)
