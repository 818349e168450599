"""Formula text: read, printed, read again, checked, and evaluated where it is sound."""

from __future__ import annotations

import runner  # first, so that all else is watched

from vramledger.api import evaluate
from vramledger.evaluation.frame import Fault, Frame
from vramledger.language.parse import FormulaError, parse
from vramledger.language.printing import to_latex, to_text
from vramledger.language.syntax import Expr
from vramledger.language.units import check
from vramledger.problems import Place
from vramledger.rules.model import Formula, Scope
from vramledger.rules.open import open_rules
from vramledger.rules.tree import Scalar
from vramledger.rules.world import Names, World

RULES = open_rules()
WORLD = World(RULES, [RULES.entry(kind, name) for kind in RULES.kinds for name in RULES.names(kind)])
NAMES = Names(WORLD, Scope())
SCENARIO = {"model": "llama-3-8b", "adapter": {"name": "lora", "rank": 8}, "batch.size": (1, 4)}


def read(text: str) -> tuple[Expr | None, FormulaError | None]:
    try:
        return parse(text), None
    except FormulaError as fault:
        return None, fault


def one(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    tree, fault = read(text)
    if tree is None:
        assert fault is not None
        assert fault.message
        assert 0 <= fault.span[0] <= len(text), fault.span
        return
    assert parse(to_text(tree)) == tree, to_text(tree)
    to_latex(tree)
    faults: list[object] = []
    check(tree, NAMES, {}, faults)
    if faults:
        return
    formula = Formula(Scalar(text, "", ((0, 1, 1),), "made.yaml"), tree)
    assert isinstance(formula.place(tree.span), Place)
    ledger = evaluate(SCENARIO)
    try:
        ledger.evaluation.evaluate(tree, Frame(formula))
    except Fault as fault:
        str(fault.problem)


if __name__ == "__main__":
    runner.run("formulas", one, sorted({f.text.encode() for f, _ in WORLD.formulas()}), longest=4200)
