"""Numbers in formulas that nothing vouches for: a constant of the world is cited where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vramledger.language.syntax import Number, walk
from vramledger.problems import Problem
from vramledger.rules.lint.extent import Extent, Extents, extent
from vramledger.rules.lint.finding import finding
from vramledger.rules.load import Document
from vramledger.rules.said import source_of
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence
from vramledger.rules.world import World

# Numbers that count or convert and state nothing of the world; with a unit, only 0 and 1 do so.
PLAIN = frozenset((0, 1, 2, 3, 4, 8, 10, 16, 32, 64, 100, 1000, 1024))
UNITS = frozenset((0, 1))


def magic_numbers(world: World, documents: Iterable[Document], paths: frozenset[str]) -> Iterator[Problem]:
    """Numbers of some documents, which have these paths, that cite no source: in a stage beside the formula, in an
    entry anywhere.
    """
    cited: list[Extent] = []
    for document in documents:
        tree = document.tree()
        whole = document.head in world.ruleset.kinds and source_of(tree) is not None
        cited += [extent(tree)] if whole else _sourced(tree, None, top=True)
    vouched = Extents(cited)
    for formula in (formula for formula, _ in world.formulas() if formula.scalar.place.path in paths):
        for part in walk(formula.tree):
            if not isinstance(part, Number) or part.value in (PLAIN if part.unit is None else UNITS):
                continue
            place = formula.place(part.span)
            if not any(vouched.around(place)):
                hint = "cite it beside the formula with source:, or with assumed: true and its reason"
                yield finding("magic-number", f"{_written(formula.text, part)} has no source", place, hint)


def _written(text: str, part: Number) -> str:
    start, length = part.span
    return text[start : start + length] or str(part.value)


def _sourced(node: Node, key: Scalar | None, top: bool = False) -> Iterator[Extent]:
    """The nodes below a stage or kind that cite something themselves."""
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _sourced(item, None)
    elif isinstance(node, Mapping):
        if not top and source_of(node) is not None:
            yield extent(node, key)
        else:
            for name, value in node.items:
                yield from _sourced(value, name)
