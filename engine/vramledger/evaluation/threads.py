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


def in_threads(work: Callable[[int, int], None], count: int) -> None:
    """Does the work for rows from one on to another, in threads where they are many."""
    workers = max(1, min(threads.most, count // ENOUGH))
    parts = list(pairwise(count * number // workers for number in range(workers + 1)))
    at_once(lambda part: work(*part), parts, count)


def at_once(work: Callable[[Any], Any], parts: Sequence[Any], count: int) -> list[Any]:
    """What the work gives for each part, in threads where the rows are many."""
    if count < 2 * ENOUGH or threads.most == 1 or len(parts) == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(min(threads.most, len(parts))) as pool:
        return list(pool.map(work, parts))
