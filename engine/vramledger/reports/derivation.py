"""A derivation as a tree for the terminal and as Markdown with its formulas in LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramledger.evaluation.derivation import Derivation, Step, cite, head, lines


def write(derivation: Derivation, stream: Any, depth: int) -> None:
    """Writes the tree: plain in a pipe, drawn by rich on a terminal."""
    if not stream.isatty():
        print("\n".join(lines(derivation.step, depth=depth)), file=stream)
        return
    from rich.console import Console
    from rich.tree import Tree

    root = Tree(_label(derivation.step))
    _grow(root, derivation.step, depth)
    Console(file=stream).print(root)


def _grow(node: Any, step: Step, depth: int) -> None:
    for below in step.steps if depth else ():
        _grow(node.add(_label(below)), below, depth - 1)


def _label(step: Step) -> Any:
    from rich.text import Text

    first, *rest = (line.lstrip("│ ") for line in head(step))
    label = Text(first, style="bold" if step.kind == "quantity" else "")
    for line in rest:
        label.append(f"\n{line}", style="dim" if not line.startswith("=") else "")
    return label


def markdown(derivation: Derivation, depth: int) -> str:
    """The derivation as Markdown: a section a quantity, rows as tables, formulas as LaTeX."""
    stamp = ", ".join(f"{name} `{value[:12]}`" for name, value in derivation.stamp.items())
    return "\n".join([*_section(derivation.step, 2, depth), "", f"*{stamp}*", ""])


def _section(step: Step, level: int, depth: int) -> Iterator[str]:
    yield f"{'#' * min(level, 6)} `{step.name}` = {step.shown}"
    yield ""
    if step.says:
        yield step.says
        yield ""
    if step.latex:
        yield f"$$ {step.latex} $$"
        yield ""
        yield f"`= {step.substituted}`"
        yield ""
    about = [step.why, *(f"overrides {beaten}" for beaten in step.overrode)]
    about += [f"source: {cite(step.source)}"] if step.source else []
    about += [f"`{step.place}`"] if step.place else []
    for line in filter(None, about):
        yield f"- {line}"
    yield ""
    for below in step.steps if depth else ():
        if below.kind == "rows":
            yield from _rows(below, level, depth - 1)
        elif not below.again:
            yield from _section(below, level + 1, depth - 1)


def _rows(step: Step, level: int, depth: int) -> Iterator[str]:
    yield f"{step.name} = {step.shown}"
    yield ""
    yield "| row | value | with its values |"
    yield "|---|---:|---|"
    for row in step.steps:
        yield f"| {row.name} | {row.shown} | `{row.substituted}` |"
    yield ""
    for row in step.steps if depth else ():
        for below in row.steps:
            if below.kind == "quantity" and not below.again:
                yield from _section(below, level + 1, depth - 1)
