"""Checks and what they reached, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vramledger.evaluation.show import is_bytes, show
from vramledger.evaluation.values import as_json, exact
from vramledger.inputs.checks import Check
from vramledger.inputs.reach import KINDS, Part
from vramledger.reports.blocks import Block, Lines, Table

SHOWN = 12  # of what nothing reached, unless all is asked for


def blocks(checks: Sequence[Check], parts: Sequence[Part], verbose: bool) -> Iterator[Block]:
    """Failures (or every check), the count, the check that is nearest to failing, and what was not reached."""
    failed = [check for check in checks if not check.passed]
    if verbose:
        rows = [(c.where, c.quantity, c.expected, c.found, _margin(c), "ok" if c.passed else "FAILED") for c in checks]
        yield Table(("where", "quantity", "expected", "found", "off by, of", ""), rows, frozenset({2, 3, 4}))
    else:
        yield Lines([_failure(check) for check in failed], "red")
    lines = [f"{len(checks) - len(failed)} passed, {len(failed)} failed"]
    nearest = max((c for c in checks if c.passed and c.gap), key=lambda c: c.gap.used if c.gap else 0, default=None)
    if nearest is not None and nearest.gap and nearest.gap.off:
        used = f"{float(nearest.gap.used):.0%}"
        lines.append(f"nearest to failing: {nearest.quantity} at {nearest.place}, off by {used} of what it may be")
    yield Lines(lines)
    yield from _unreached(parts, verbose)


def _failure(check: Check) -> str:
    return f"{check.place}: {check.where}: expected {check.quantity} {check.expected}, found {check.found}"


def _margin(check: Check) -> str:
    if check.gap is None:
        return ""
    unit = "B" if is_bytes(check.unit) else ""
    off, allowed = exact(check.gap.off), exact(check.gap.allowed)
    return f"{show(off, unit)}, {show(allowed, unit)}" if off else "exact"


def _unreached(parts: Sequence[Part], verbose: bool) -> Iterator[Block]:
    if not parts:
        return
    counts = [(kind, [part for part in parts if part.kind == kind]) for kind in KINDS]
    said = [f"{sum(p.reached for p in own)} of {len(own)} {_plural(kind)}" for kind, own in counts if own]
    missed = [part for part in parts if not part.reached]
    lines = [f"reached: {', '.join(said)}"]
    lines += [f"not reached: {part.place}: {part.kind} {part.what}" for part in missed[: None if verbose else SHOWN]]
    if len(missed) > SHOWN and not verbose:
        lines.append(f"... and {len(missed) - SHOWN} more; -v shows all")
    yield Lines(lines)


def _plural(kind: str) -> str:
    return "branches" if kind == "branch" else f"{kind}s"


def to_dict(checks: Sequence[Check], parts: Sequence[Part]) -> dict[str, Any]:
    """Checks with their margins, and what was reached, as JSON; numbers are exact."""
    passed = sum(check.passed for check in checks)
    return {
        "checks": [_check(check) for check in checks],
        "passed": passed,
        "failed": len(checks) - passed,
        "reached": {
            kind: {"reached": sum(p.reached for p in parts if p.kind == kind), "of": sum(p.kind == kind for p in parts)}
            for kind in KINDS
        },
        "unreached": [
            {"kind": part.kind, "what": part.what, "place": str(part.place)} for part in parts if not part.reached
        ],
    }


def _check(check: Check) -> dict[str, Any]:
    found: dict[str, Any] = {
        "where": check.where,
        "place": str(check.place),
        "quantity": check.quantity,
        "expected": check.expected,
        "found": check.found,
        "passed": check.passed,
    }
    if check.gap is not None:
        found.update(off=as_json(exact(check.gap.off)), allowed=as_json(exact(check.gap.allowed)))
    return found
