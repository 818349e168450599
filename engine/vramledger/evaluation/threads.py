"""Work on many rows in several threads: NumPy, Arrow and machine code let others run meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from vramledger.cores import cores

ENOUGH = 2**17  # rows that are worth a thread


class _Threads:
    """How many threads may be used: the cores that are there, or one where processes share them."""

    most = cores()


threads = _Threads()


def in_threads(work: Callable[[int, int], Any], count: int, most: int | None = None) -> list[Any]:
    """What the work gives for rows from one on to another, `most` at a time, in threads where they are many."""
    parts = max(1, min(threads.most, count // ENOUGH), -(-count // most) if most else 1)
    ends = pairwise(count * number // parts for number in range(parts + 1))
    return at_once(lambda part: work(*part), list(ends), count)


def at_once(work: Callable[[Any], Any], parts: Sequence[Any], count: int) -> list[Any]:
    """What the work gives for each part, in threads where the rows are many."""
    if count < 2 * ENOUGH or threads.most == 1 or len(parts) == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(min(threads.most, len(parts))) as pool:
        return list(pool.map(work, parts))
