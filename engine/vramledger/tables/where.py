"""A formula that says which rows are kept."""

from __future__ import annotations

from vramledger.language.units import BOOLEAN, Fault, check
from vramledger.problems import Label, Problem, Problems, problem
from vramledger.rules.formulas import FormulaReader
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Formula, Scope
from vramledger.rules.tree import Scalar
from vramledger.rules.world import Names, World


def formula(ruleset: RuleSet, text: str, origin: str = "--where") -> Formula:
    """The formula of a text, true or false. Raises Problems where it is no such thing."""
    reader = FormulaReader()
    found = reader.formula(Scalar(text, "", ((0, 1, 1),), origin))
    if reader.problems:
        raise Problems(reader.problems)
    faults: list[Problem] = []
    wrong: list[Fault] = []
    result = check(found.tree, Names(World(ruleset, ()), Scope()), {}, wrong)
    if wrong:  # it may name what only some entries know, and to read them all takes long
        entries = [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)]
        wrong = []
        result = check(found.tree, Names(World(ruleset, entries), Scope()), {}, wrong)
    for one in wrong:
        labels = tuple(Label(found.place(span), said) for span, said in one.spans)
        faults.append(Problem(one.code, one.message, labels, one.hints))
    if not faults and result.kind not in ("any", BOOLEAN.kind):
        message = f"expected {BOOLEAN}, and the formula gives {result}"
        faults.append(problem("type-clash", message, found.place(), "compare it: total.bytes < 80 GB"))
    if faults:
        raise Problems(faults)
    return found
