"""A scenario's text to the value that its quantity's declaration asks for, or the problem with it."""

from __future__ import annotations

from vramledger.evaluation.brief import out_of_bounds
from vramledger.evaluation.facts import Given
from vramledger.evaluation.values import Range
from vramledger.problems import Problem, nearest, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration
from vramledger.rules.tree import Scalar

_YES_OR_NO = ("yes", "no", "on", "off", "y", "n", "true", "false")


def typed(ruleset: RuleSet, declared: Declaration, value: Scalar) -> Given | Problem:
    """The value of a text, a flag or a number."""
    if declared.type.kind == "text":
        return _text(ruleset, declared, value)
    return _boolean(declared, value) if declared.type.kind == "boolean" else _number(declared, value)


def _text(ruleset: RuleSet, declared: Declaration, value: Scalar) -> Given | Problem:
    text = value.text
    if declared.entry:
        found = ruleset.resolve(declared.entry, text)
        if found is None:
            message = f"no {declared.entry} is called {text}"
            return problem("unknown-entry", message, value.place, ruleset.near(declared.entry, text))
        text = found
    if declared.one_of and text not in declared.one_of:
        known = ", ".join(declared.one_of)
        message = f"{declared.name} is {text!r}, expected one of {known}"
        return problem("out-of-bounds", message, value.place, nearest(text, declared.one_of) or f"there are: {known}")
    return Given(text, value.place, varies=False)


def _boolean(declared: Declaration, value: Scalar) -> Given | Problem:
    if value.style or value.text not in ("true", "false"):
        hint = "write true or false" if value.text.lower() in _YES_OR_NO else ""
        message = f"{declared.name} is {value.text!r}, expected true or false"
        return problem("type-clash", message, value.place, hint)
    return Given(value.text == "true", value.place, varies=False)


def _number(declared: Declaration, value: Scalar) -> Given | Problem:
    from vramledger.inputs.constants import constant

    found = constant(value, declared)
    if isinstance(found, Problem):
        return found
    fault = out_of_bounds(declared, found)
    low = found.low if isinstance(found, Range) else found
    if not fault and declared.type.bytes == 1 and declared.minimum is None and low < 0:
        fault = "is negative"
    return problem("out-of-bounds", f"{declared.name} {fault}", value.place) if fault else Given(found, value.place)
