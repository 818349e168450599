"""What an answer rests on: the text of every formula that was evaluated for it, by what it gives."""

from __future__ import annotations

from collections.abc import Iterable

from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts
from vramledger.rules.model import Formula
from vramledger.rules.overlay import Program


def basis(program: Program, facts: Facts, names: Iterable[str]) -> dict[str, str]:
    """Formulas by quantity, by TABLE.COLUMN where a rule computes it, by TABLE.COLUMN of ROW where the row gives it.

    `names` are the quantities of the answer. They are evaluated anew, since a ledger may hold more than they need, or
    have their values from compiled code.
    """
    evaluation = Evaluation(program, facts)
    for name in names:
        evaluation.quantity(name)
    found: dict[str, set[str]] = {}
    for name, resolution in evaluation.resolutions.items():
        if resolution.formula is not None:
            found[name] = {_text(resolution.formula)}
    for table, rows in evaluation.tables.items():
        for row in rows:
            for column, cell in row.formulas.items():
                of = "" if cell.variable else f" of {row.name}"
                found.setdefault(f"{table}.{column}{of}", set()).add(_text(cell.formula))
    return {name: " | ".join(sorted(texts)) for name, texts in sorted(found.items())}


def _text(formula: Formula) -> str:
    return " ".join(formula.text.split())
