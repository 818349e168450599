"""Which facts a scenario still lacks for what is asked of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts, Given
from vramledger.evaluation.frame import Fault
from vramledger.evaluation.touched import ask
from vramledger.evaluation.values import NotApplicable
from vramledger.problems import Place, Problem, Problems
from vramledger.rules.model import Declaration
from vramledger.rules.overlay import Program

MOST = 50


class Missing(NamedTuple):
    """A fact that nothing gives (no name where a table's column lacks it), and the problem that says so."""

    name: str
    problem: Problem


def missing(program: Program, facts: Facts, node: str) -> list[Missing]:
    """The facts that are missing, one after the other: each is taken for the least that it may be, and asked again.

    Raises Problems for every other fault that is met before a fact is missing.
    """
    found: list[Missing] = []
    given = dict(facts.values)
    while len(found) < MOST:
        ev = Evaluation(program, facts._replace(values=given))
        try:
            ask(ev, node)
        except Fault as fault:
            if fault.problem.code != "missing-fact":
                if found:
                    break  # it may come of what was taken for the missing
                raise Problems([fault.problem]) from None
            name = _lacking(ev, fault.problem)
            found.append(Missing(name, fault.problem))
            stand_in = _least(program, program.declarations.get(name))
            if stand_in is None or name in given:
                break
            given[name] = Given(stand_in, Place(name))
        else:
            break
    return found


def _lacking(ev: Evaluation, found: Problem) -> str:
    """The quantity that a problem is about: the last that came to nothing and that the message names."""
    words = {word.strip(",:;") for word in found.message.split()}
    lacking = [name for name, value in ev.values.items() if isinstance(value, NotApplicable) and value.missing]
    return next((name for name in reversed(lacking) if name in words), "")


def _least(program: Program, declared: Declaration | None) -> Any:
    """A value that a declaration allows; None where only the user can say."""
    if declared is None or declared.type.kind not in ("number", "boolean", "text"):
        return None
    if declared.type.kind == "number":
        return max(declared.minimum or 0, 1) if declared.below is None else declared.minimum or 0
    if declared.type.kind == "boolean":
        return False
    if declared.entry:
        return next(iter(program.ruleset.names(declared.entry)), None)
    return declared.one_of[0] if declared.one_of else None
