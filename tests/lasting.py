"""Answers as snapshots keep them: of a place in the bundled specs only the file, since lines move with every word."""

import re
from pathlib import Path

_ROOT = str(Path(__file__).parents[1]) + "/"
_LINE = re.compile(r"(\bspecs/[\w/.-]+\.yaml):\d+:\d+")


def lasting(text: str) -> str:
    return _LINE.sub(r"\1", text.replace(_ROOT, ""))
