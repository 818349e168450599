"""What the tests of faulty input share: problems as text that is the same on every machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from vramledger.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Callable

_BUNDLED = re.compile(r"(specs/\w+/[\w.-]+\.yaml):\d+:\d+")
_ENGINE = re.compile(r"(?<=engine )\d+\.\d+\.\d+")
_HASH = re.compile(r"\b[0-9a-f]{64}\b|(?<=rules )[0-9a-f]{12}\b|(?<=`)[0-9a-f]{12}(?=`)")


def problems_of(call: Callable[[], object]) -> Problems:
    """The problems that a call raises; anything else that it raises is an error of the test."""
    with pytest.raises(Problems) as caught:
        call()
    assert caught.value.problems
    return caught.value


def codes(faults: Problems) -> str:
    return " ".join(found.code for found in faults.problems)


def assert_placed(faults: Problems, path: str) -> None:
    """Every problem has a first label with a line and a column in the file at fault."""
    for found in faults.problems:
        assert found.labels, found
        place = found.labels[0].place
        assert (place.path, place.line > 0, place.column > 0) == (path, True, True), found


def stable(text: object, *secrets: object) -> str:
    """A text without what changes though nothing is wrong: paths, lines of the bundled specs, hashes, the version."""
    shown = str(text)
    for secret in secrets:
        shown = shown.replace(f"{secret}/", "").replace(str(secret), "PATH")
    shown = _ENGINE.sub("VERSION", shown)
    return _HASH.sub("HASH", _BUNDLED.sub(r"\1:LINE:COLUMN", shown))
