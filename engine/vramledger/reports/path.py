"""Ways through the rules in words: each link as what needs what, and the formula that says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vramledger.problems import Problem, problem
from vramledger.reports.blocks import Block, Lines
from vramledger.rules.network import (
    CELL,
    CHOICE,
    CHOSEN,
    DEFAULT,
    OF_TABLE,
    READ,
    ROWS,
    WHEN,
    Edge,
    Link,
    Network,
    neighbours,
    reached,
)

NEAREST = 6  # names that are told where nothing connects two
_ENTRY = ("stage ", "kind ", "the ")  # origins that go without saying


def blocks(network: Network, ends: Edge, paths: Sequence[Sequence[Edge]], turned: bool) -> Iterator[Block]:
    """Each way as its links, from the first end to the last; `turned` where only the other direction was asked."""
    start, end = ends
    if start == end:
        yield Lines([f"{start} is where it starts and where it ends."])
        return
    head = f"{end} does not lead to {start}; the other way round, " if turned else ""
    for number, path in enumerate(paths, 1):
        which = f"{number}: " if len(paths) > 1 else ""
        steps = "1 step" if len(path) == 1 else f"{len(path)} steps"
        yield Lines([f"{which}{'' if number > 1 else head}{start} leads to {end} in {steps}:"], "bold")
        yield Lines([in_words(network, network.edges[edge]) for edge in path])


def in_words(network: Network, links: Sequence[Link]) -> str:
    """Why one node needs another: the firmest reason, and how many more there are."""
    first, *others = links
    more = f", and in {len(others)} more place{'s' if len(others) > 1 else ''}" if others else ""
    return f"{first.node} needs {first.needs} because{_because(network, first)} ({first.place}{more})"


def _because(network: Network, link: Link) -> str:
    row = f'row "{link.row}"' if link.row else "rows"
    origin = "" if link.origin.startswith(_ENTRY) else f" in {link.origin}"
    if link.why == OF_TABLE:
        return f" it is a column of {link.needs}"
    if link.why == READ:
        return f" it is read from the file that {link.needs} names"
    if link.why == CHOSEN:
        return _choice(network, link)
    if link.why == CELL:
        return f"{origin} its {row} has: {link.text}"
    if link.why == ROWS:
        return f"{origin} it has {row} for each: {link.text}"
    if link.why == WHEN:
        return f"{origin} it {f'has {row}' if link.row else 'applies'} when: {link.text}"
    if link.why == DEFAULT:
        return f"{origin} its default is: {link.text}"
    return f"{origin}: {link.text}"


def _choice(network: Network, link: Link) -> str:
    if network.nodes[link.needs].kind == CHOICE:
        giver = (
            link.origin if link.origin.partition(" ")[0] != "kind" else f"the chosen {link.origin.partition(' ')[2]}"
        )
        return f" {giver} gives it"
    return f" {link.needs} tells which {network.nodes[link.node].type} to choose"


def to_dict(network: Network, ends: Edge, paths: Sequence[Sequence[Edge]], turned: bool) -> dict[str, Any]:
    """The same as JSON; `turned` is true where the second name leads to the first."""
    return {
        "from": ends[0],
        "to": ends[1],
        "turned": turned,
        "paths": [[link_dict(network.edges[edge][0]) for edge in path] for path in paths],
    }


def link_dict(link: Link) -> dict[str, Any]:
    """A link as JSON."""
    place = {"path": link.place.path, "line": link.place.line, "column": link.place.column}
    return {
        "node": link.node,
        "needs": link.needs,
        "why": link.why,
        "text": link.text,
        "origin": link.origin,
        "row": link.row,
        "place": place,
    }


def not_connected(network: Network, one: str, other: str) -> Problem:
    """The problem of two names between which there is no way, with what is nearest on each side."""
    feeds = neighbours(network, up=False).get(one, [])
    needs = neighbours(network, up=True).get(other, [])
    both = reached(network, other, up=False)
    common = [name for name in reached(network, one, up=False) if name in both]
    return problem(
        "not-connected",
        f"{one} does not lead to {other}, nor {other} to {one}",
        None,
        f"{one} feeds {_some(feeds)}; {other} needs {_some(needs)}",
        f"both lead to {common[0]}" if common else "",
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NEAREST]) or "nothing"
    return f"{shown} and {len(names) - NEAREST} more" if len(names) > NEAREST else shown
