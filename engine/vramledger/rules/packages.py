"""Installed packages that bring specs: each names its folder as an entry point of the group `vramledger.specs`.

    [project.entry-points."vramledger.specs"]
    ours = "our_rules:specs"        # the folder specs of the package our_rules; our_rules alone is the package's own

No code of such a package runs.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vramledger.problems import Place, Problem, problem

GROUP = "vramledger.specs"
VARIABLE = "VRAMLEDGER_PACKAGES"  # `off` leaves them out


class Package(NamedTuple):
    """An entry point of the group: its name, the distribution that brings it, and its folder."""

    name: str
    distribution: str
    folder: str


def packages() -> tuple[list[Package], list[Problem]]:
    """The packages that are installed, in order of name, and those whose folder is not there."""
    if os.environ.get(VARIABLE) == "off":
        return [], []
    found, problems = [], []
    for name, value, distribution, folder in _entry_points(tuple(sys.path)):
        if folder is not None and folder.is_dir():
            found.append(Package(name, distribution, str(folder)))
        else:
            message = f"the package {distribution} brings specs as {value}, and there is no such folder"
            hint = f"install it again, remove it, or leave packages out with {VARIABLE}=off"
            problems.append(problem("broken-package", message, Place(distribution), hint))
    return found, problems


@cache
def _entry_points(path: tuple[str, ...]) -> list[tuple[str, str, str, Path | None]]:
    if not any(map(_mentions, path)):
        return []  # the library below costs as much to import as a whole answer may take
    from importlib.metadata import entry_points

    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return [(p.name, p.value, p.dist.name if p.dist else p.name, _folder(p.module, p.attr or "")) for p in points]


def _mentions(base: str) -> bool:
    """Whether a folder of installed packages holds an entry point of the group."""
    try:
        with os.scandir(base or ".") as listed:
            infos = [one.path for one in listed if one.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return False
    return any(GROUP in _text(os.path.join(info, "entry_points.txt")) for info in infos)  # noqa: PTH118 - hundreds of them


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - likewise
            return file.read()
    except OSError:
        return ""


def _folder(module: str, inside: str) -> Path | None:
    """The folder of a package, found without importing it, or one inside it."""
    from importlib.util import find_spec

    first, *rest = module.split(".")
    try:
        spec = find_spec(first)
    except (ImportError, ValueError):
        return None
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places)), *rest, *filter(None, inside.split("."))) if places else None
