"""One scenario with each of several entries of a kind; what does not depend on the choice is worked out once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vramledger.evaluation.again import again
from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.ledger import Ledger
from vramledger.inputs.raw import Raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Place, Problems, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Kind

ALL = "all"


def entries(ruleset: RuleSet, kind: Kind, given: Sequence[str], place: str) -> list[str]:
    """The entries that words name, `all` standing for every one. Raises Problems with all that name none."""
    found: dict[str, None] = {}
    problems = []
    for word in given:
        name = ruleset.resolve(kind.name, word)
        if word == ALL:
            found.update(dict.fromkeys(ruleset.names(kind.name)))
        elif name is not None:
            found[name] = None
        else:
            hint = ruleset.near(kind.name, word)
            problems.append(problem("unknown-entry", f"no {kind.name} is called {word}", Place(place), hint))
    if problems:
        raise Problems(problems)
    return list(found)


def ledgers(
    ruleset: RuleSet, raw: Raw, given: Mapping[str, Any], kind: Kind, names: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[str, Ledger | Problems]]:
    """The ledger with each entry, in which `wanted` is known, or what is wrong with that one."""
    first: Evaluation | None = None
    for name in names:
        try:
            read = read_scenario(ruleset, raw, {**given, kind.key: name})
            started = again(first, read.program, read.facts) if first is not None else None
            ledger = Ledger(read.program, read.facts, evaluation=started)
            for quantity in wanted:
                _ = ledger[quantity]
        except Problems as faults:
            yield name, faults
            continue
        first = first or ledger.evaluation
        yield name, ledger
