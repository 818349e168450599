"""Regular expressions that others wrote, such as the lists of modules in a config.json, matched in bounded time.

Python's own matcher may take forever with one; `regex`, which reads the same expressions, can be told when to stop.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import prod
from typing import Any

_LONGEST = 1000  # signs of an expression
_SECONDS = 0.2  # for one text
_MOST = 1000  # repetitions, those within others multiplied: `regex` writes them out
_TIMES = re.compile(r"\{\d*,?\d*\}")


@lru_cache(maxsize=65536)
def matches(text: str, expression: str, mark: str = "") -> bool:
    """Whether an expression matches a text from its first sign on.

    With a mark, it does so up to one, just past one, or to the end. Raises ValueError that says what is wrong with it.
    """
    return _pattern(expression, mark).matches(text)


class _Pattern:
    """An expression that was read; once one text took it too long, no other is tried."""

    def __init__(self, read: Any) -> None:
        self.read = read
        self.slow = False

    def matches(self, text: str) -> bool:
        """Whether a text begins with it."""
        try:
            if not self.slow:
                return self.read.match(text, timeout=_SECONDS) is not None
        except TimeoutError:
            self.slow = True
        raise ValueError("it takes too long to be matched")


@lru_cache(maxsize=1024)
def _pattern(expression: str, mark: str) -> _Pattern:
    import regex  # takes longer to import than most questions to be answered

    if len(expression) > _LONGEST:
        raise ValueError(f"it has {len(expression)} signs, more than {_LONGEST}")
    if prod(max(map(int, re.findall(r"\d+", times)), default=1) or 1 for times in _TIMES.findall(expression)) > _MOST:
        raise ValueError("it repeats too much")
    end = regex.escape(mark)
    try:
        return _Pattern(regex.compile(f"(?:{expression})(?:\\Z|(?={end})|(?<={end}))" if mark else expression))
    except (regex.error, RecursionError, OverflowError) as fault:
        raise ValueError(str(fault)) from None
