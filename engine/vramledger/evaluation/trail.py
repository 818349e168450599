"""What an evaluation went by: what each quantity, table and column read, and the guards that code for it needs."""

from __future__ import annotations

from collections.abc import Iterable

from vramledger.evaluation.residual import Graph, Node

Part = str | tuple[str, str]  # a quantity or a table, a column of a table


class Trail:
    """What was read for one of them, what it took, and what must not be zero and not hold where it is compiled."""

    __slots__ = ("divisors", "read", "refused", "work")

    def __init__(self) -> None:
        self.work = 0  # steps, without those of what was read
        self.read: set[Part] = set()
        self.divisors: set[Node] = set()
        self.refused: set[Node] = set()


def guarded(graph: Graph, trails: Iterable[Trail]) -> Graph:
    """A graph with the guards of some trails."""
    listed = list(trails)
    divisors: set[Node] = set().union(*(trail.divisors for trail in listed))
    refused: set[Node] = set().union(*(trail.refused for trail in listed))
    return graph.under(divisors, refused)
