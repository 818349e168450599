"""Where the files are that come with the package: inside it when installed, beside engine/ in a checkout."""

from __future__ import annotations

from pathlib import Path


def folder(name: str) -> Path:
    """The folder `specs`, `schemas` or `checked`."""
    inside = Path(__file__).parent / name
    return inside if inside.is_dir() else Path(__file__).parents[2] / name
