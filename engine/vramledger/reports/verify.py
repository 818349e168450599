"""Whether a stored answer still holds, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.evaluation.show import show
from vramledger.inputs.result import Change, Verdict
from vramledger.reports.blocks import Block, Lines, Table


def blocks(verdict: Verdict) -> Iterator[Block]:
    """The verdict, the numbers that changed, and the rules behind them."""
    then, now = verdict.stamp, verdict.ledger.stamp
    if not verdict.numbers:
        yield Lines([f"The same: {verdict.compared} values, {_whence(then, now)}."], "green")
    else:
        yield Lines([f"{len(verdict.numbers)} of {verdict.compared} values have changed, {_whence(then, now)}."], "red")
    yield Table(("value", "then", "now"), [_row(verdict, change) for change in verdict.numbers], frozenset({1, 2}))
    yield Lines([line for change in verdict.rules for line in _rule(change)])
    if verdict.numbers and not verdict.rules:
        yield Lines(["No rule has changed: the engine, or a file that the scenario names, has."])


def _whence(then: dict[str, str], now: dict[str, str]) -> str:
    if then == now:
        return f"by the same rules {now['rules'][:12]} and engine {now['engine']}"
    parts = [(name, then.get(name, ""), now[name]) for name in ("engine", "rules") if then.get(name) != now[name]]
    return ", ".join(f"{name} {old[:12]} then and {new[:12]} now" for name, old, new in parts) or "by the same rules"


def _row(verdict: Verdict, change: Change) -> tuple[str, str, str]:
    declared = verdict.ledger.program.declarations.get(change.name)
    unit = declared.unit if declared is not None else "B"
    return (change.name, _shown(change.then, unit), _shown(change.now, unit))


def _shown(value: Any, unit: str) -> str:
    if isinstance(value, dict):
        return "not applicable"
    if isinstance(value, list) and len(value) == 2 and all(isinstance(end, int) for end in value):
        return show(tuple(value), unit)
    return "" if value is None else show(value, unit)


def _rule(change: Change) -> Iterator[str]:
    if change.then is None:
        yield f"new: {change.name} = {change.now}"
    elif change.now is None:
        yield f"gone: {change.name} = {change.then}"
    else:
        yield f"changed: {change.name}"
        yield f"  then: {change.then}"
        yield f"  now:  {change.now}"


def to_dict(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON."""
    return {
        "same": not verdict.numbers,
        "values": verdict.compared,
        "changed": [change._asdict() for change in verdict.numbers],
        "rules": [change._asdict() for change in verdict.rules],
        "then": verdict.stamp,
        "now": verdict.ledger.stamp,
    }
