"""Ledgers whose main quantities come from compiled code, once a shape of scenario has been met before."""

from __future__ import annotations

from vramledger.evaluation.again import near
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.ledger import HEADLINES, Ledger
from vramledger.rules.overlay import Program


def ledger_of(program: Program, facts: Facts) -> Ledger:
    """The ledger of a scenario; the second one of a shape compiles it, since one alone is sooner interpreted."""
    key, plans = facts.shape(), program.ruleset.plans
    if key not in plans:
        plans[key] = None
        return Ledger(program, facts, evaluation=near(program, facts))
    plan = plans.get(key)
    if plan is None:
        from vramledger.evaluation.specialise import Plan, Test

        tests = [Test(notice.when, notice.scope) for notice in program.notices if notice.when is not None]
        plan = plans[key] = Plan(program, facts, [name for name in HEADLINES if name in program.declarations], tests)
    values, held = plan.answer(facts)
    return Ledger(program, facts, values, held)
