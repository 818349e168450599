"""A finding: a problem that is only a warning."""

from __future__ import annotations

from vramledger.codes import Code
from vramledger.problems import Place, Problem, problem


def finding(code: Code, message: str, place: Place, hint: str = "") -> Problem:
    """A warning at a place."""
    return problem(code, message, place, hint)._replace(severity="warning")
