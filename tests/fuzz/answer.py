"""All that is asked of an answer, and what a rule set learns meanwhile, forgotten before it grows too large."""

from __future__ import annotations

from vramledger.evaluation.ledger import Ledger
from vramledger.rules.load import RuleSet

_MOST_PLANS = 200


def ask(ledger: Ledger) -> None:
    """Reads the total, how it came, its parts and the warnings. Raises Problems."""
    ledger["total.bytes"]
    str(ledger.derivation("total.bytes"))
    assert isinstance(ledger.components, dict)
    assert isinstance(ledger.warnings, list)


def forget(ruleset: RuleSet) -> None:
    """Drops the plans of the shapes met so far, once there are many."""
    if len(ruleset.plans) > _MOST_PLANS:
        ruleset.plans.clear()
        ruleset.programs.clear()
