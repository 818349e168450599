"""Questions to answers, of one rule set. Nothing that is sent may name a file of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.ledger import SELECTED, Ledger
from vramledger.inputs.files import parse_json
from vramledger.inputs.many import answer, known
from vramledger.inputs.raw import Raw, read_raw
from vramledger.inputs.scenario import Scenario, read_scenario
from vramledger.problems import Place, Problems, nearest, problem
from vramledger.reports import ledger as ledgers
from vramledger.reports import solve as solutions
from vramledger.rules.load import RuleSet
from vramledger.service.bodies import PLACE, Body, Estimate, Explain, Solve, read

Answers = Iterator[dict[str, Any]]


def answers(ruleset: RuleSet, asked: str, options: dict[str, Any], content: bytes) -> Answers:
    """The answers to one question: one, or of a batch one a line. Raises Problems before the first of them."""
    return _ASKED[asked](ruleset, options, content)


def _estimate(ruleset: RuleSet, _: dict[str, Any], content: bytes) -> Answers:
    body = read(content, Estimate)
    known(ruleset, body.select, "select")
    said = _read(ruleset, body)
    yield ledgers.to_dict(ledger_of(said.program, said.facts), body.select)


def _explain(ruleset: RuleSet, _: dict[str, Any], content: bytes) -> Answers:
    body = read(content, Explain)
    said = _read(ruleset, body)
    try:
        yield Ledger(said.program, said.facts).derivation(body.quantity, body.row).to_dict()
    except KeyError:
        hint = nearest(body.quantity, said.program.declarations)
        message = f"nothing is called {body.quantity}"
        raise Problems([problem("unknown-name", message, Place("quantity"), hint)]) from None


def _solve(ruleset: RuleSet, _: dict[str, Any], content: bytes) -> Answers:
    from vramledger.tables.solve import Solver

    body = read(content, Solve)
    if body.maximize is not None and body.minimize is not None:
        message = "maximize and minimize are given both"
        raise Problems([problem("wrong-shape", message, Place(PLACE), "ask for one at a time")])
    solver = Solver(ruleset, _closed(body.scenario), _beats(body.convention), body.where)
    found = solver.solve(body.minimize or body.maximize or "batch.size", largest=body.minimize is None)
    yield solutions.to_dict(found, found.changes if body.changes else ())


def _batch(ruleset: RuleSet, options: dict[str, Any], content: bytes) -> Answers:
    names = tuple(name.strip() for name in options.get("select", "").split(",") if name.strip()) or SELECTED
    known(ruleset, names, "select")
    beats = _beats(options.get("convention") or None)
    for number, line in lines(content):
        found = answer(ruleset, _line(line, f"line {number}"), f"line {number}", names, beats).to_dict()
        yield {"line": number, **{name: value for name, value in found.items() if name != "scenario"}}


def lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a batch that are not blank, with their numbers from 1 on."""
    return ((number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip())


def _line(line: bytes, name: str) -> Callable[[], Raw]:
    def raw() -> Raw:
        data, fault = parse_json(line, name)
        if fault is not None:
            raise Problems([fault])
        return _closed(data)

    return raw


def _read(ruleset: RuleSet, body: Body) -> Scenario:
    return read_scenario(ruleset, _closed(body.scenario), _beats(body.convention))


def _closed(scenario: dict[str, Any]) -> Raw:
    return read_raw(scenario)._replace(closed=True)


def _beats(convention: str | None) -> dict[str, Any]:
    return {} if convention is None else {"convention": convention}


_ASKED: dict[str, Callable[[RuleSet, dict[str, Any], bytes], Answers]] = {
    "estimate": _estimate,
    "explain": _explain,
    "solve": _solve,
    "batch": _batch,
}


def as_text(data: Any) -> bytes:
    """JSON in ASCII: what is sent back may hold signs that no text has."""
    return json.dumps(data, separators=(",", ":")).encode()
