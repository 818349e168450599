"""What a report is made of, and its plain form; a terminal gets the same blocks drawn by rich."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Rows of text under a head; columns named in `right` are aligned to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()
    title: str = ""


class Lines(NamedTuple):
    """Plain lines, with a style that a terminal may show."""

    lines: Sequence[str]
    style: str = ""


Block = Table | Lines


def plain(blocks: Iterable[Block]) -> str:
    """The blocks as text, the same in every terminal and pipe."""
    parts = (_plain_table(block) if isinstance(block, Table) else "\n".join(block.lines) for block in blocks)
    return "\n\n".join(part for part in parts if part)


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks as Markdown."""
    parts = (
        _markdown_table(block) if isinstance(block, Table) else "\n".join(f"{line}  " for line in block.lines)
        for block in blocks
        if (block.rows if isinstance(block, Table) else block.lines)
    )
    return "\n\n".join(parts)


def _markdown_table(table: Table) -> str:
    ruler = ["---:" if column in table.right else "---" for column in range(len(table.head))]
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (table.head, ruler, *table.rows)]
    title = f"**{table.title}**\n\n" if table.title else ""
    return title + "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _plain_table(table: Table) -> str:
    rows = [list(table.head), *map(list, table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.head))]
    lines = [table.title] if table.title else []
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(width) if column in table.right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
        if not number:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def write(blocks: Iterable[Block], stream: Any) -> None:
    """Writes the blocks to a stream: plain in a pipe, drawn by rich on a terminal."""
    listed = [block for block in blocks if (block.rows if isinstance(block, Table) else block.lines)]
    if not stream.isatty():
        print(plain(listed), file=stream)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=stream)
    for block in listed:
        if isinstance(block, Lines):
            for line in block.lines:
                console.print(Text(line, style=block.style))
        else:
            drawn = RichTable(box=box.SIMPLE_HEAD, title=block.title or None, title_justify="left")
            for number, name in enumerate(block.head):
                drawn.add_column(name, justify="right" if number in block.right else "left")
            for row in block.rows:
                drawn.add_row(*(Text(cell) for cell in row))
            console.print(drawn)
