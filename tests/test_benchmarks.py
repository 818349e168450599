"""What the engine is timed beside comes to the same numbers, else the figures mean nothing."""

from __future__ import annotations

import pytest

import columns
import speed
from by_formula import by_formula
from by_hand import by_hand
from vramledger.evaluation.ledger import HEADLINES
from vramledger.evaluation.specialise import Plan
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.rules.open import opened
from vramledger.tables.evaluate import Evaluator
from vramledger.tables.wanted import wanted

RULES = opened()


def test_one_scenario_by_hand():
    read = read_scenario(RULES, read_raw(speed.SCENARIO))
    plan = Plan(read.program, read.facts, [name for name in HEADLINES if name in read.program.declarations])
    speed.same(plan.run(read.facts), speed.by_hand(*speed.NUMBERS))


@pytest.mark.parametrize("other", [by_formula, by_hand])
def test_columns_by_formula_and_by_hand(other):
    table = columns.drawn(columns.BOUNDS, 2000)
    answer = Evaluator(RULES, read_raw(columns.SCENARIO), wanted(RULES)).table(table)
    columns.same(answer, other(*(table[name].to_numpy() for name in columns.BOUNDS)))
