"""Ledgers and derivations in a notebook: the same blocks as on a terminal, and a derivation that unfolds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from vramledger.evaluation.derivation import Derivation, Step, head
from vramledger.evaluation.ledger import Ledger
from vramledger.evaluation.timeline import Timeline
from vramledger.reports.blocks import Block, Table
from vramledger.reports.ledger import blocks
from vramledger.reports.timeline import blocks as timeline_blocks

OPEN = 2  # levels of a derivation that are unfolded at first


def of_ledger(ledger: Ledger) -> str:
    """The answer as HTML."""
    return "\n".join(_blocks(blocks(ledger)))


def of_timeline(timeline: Timeline) -> str:
    """The timeline as HTML."""
    return "\n".join(_blocks(timeline_blocks(timeline)))


def _blocks(listed: Iterable[Block]) -> Iterator[str]:
    for block in listed:
        if isinstance(block, Table) and block.rows:
            yield "\n".join(_table(block))
        elif not isinstance(block, Table) and block.lines:
            yield "".join(f"<div>{escape(line)}</div>" for line in block.lines)


def _table(table: Table) -> Iterator[str]:
    yield "<table>"
    yield f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in table.head)}</tr></thead><tbody>"
    for row in table.rows:
        cells = (
            f'<td style="text-align: {"right" if number in table.right else "left"}">{escape(cell)}</td>'
            for number, cell in enumerate(row)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table>"


def of_derivation(derivation: Derivation) -> str:
    """The derivation as HTML; a step unfolds into those below it."""
    return "\n".join(_step(derivation.step, 0))


def _step(step: Step, level: int) -> Iterator[str]:
    first, *rest = (escape(line.lstrip("│ ")) for line in head(step))
    about = "".join(f"<div><small>{line}</small></div>" for line in rest)
    if not step.steps:
        yield f'<div style="margin-left: 1.2em"><code>{first}</code>{about}</div>'
        return
    unfolded = " open" if level < OPEN else ""
    yield f'<details style="margin-left: 1.2em"{unfolded}><summary><code>{first}</code></summary>'
    yield about
    for below in step.steps:
        yield from _step(below, level + 1)
    yield "</details>"
