"""vramledger: how much GPU memory does this need, and why?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vramledger.version import ENGINE

if TYPE_CHECKING:
    from vramledger.api import evaluate, evaluate_table, solve, sweep
    from vramledger.evaluation.derivation import Derivation
    from vramledger.evaluation.ledger import Ledger
    from vramledger.evaluation.values import NotApplicable
    from vramledger.problems import Problem, Problems

__version__ = ENGINE

_HOMES = {
    "evaluate": "vramledger.api",
    "evaluate_table": "vramledger.api",
    "solve": "vramledger.api",
    "sweep": "vramledger.api",
    "Derivation": "vramledger.evaluation.derivation",
    "Ledger": "vramledger.evaluation.ledger",
    "NotApplicable": "vramledger.evaluation.values",
    "Problem": "vramledger.problems",
    "Problems": "vramledger.problems",
}

__all__ = [
    "Derivation",
    "Ledger",
    "NotApplicable",
    "Problem",
    "Problems",
    "__version__",
    "evaluate",
    "evaluate_table",
    "solve",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first used."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'vramledger' has no attribute {name!r}")
