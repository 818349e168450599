"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from vramledger.problems import Place, Problem, Problems, problem


@contextmanager
def whole_file(path: str | Path, overwrite: bool = True) -> Iterator[IO[str]]:
    """A file to write text to, which takes its name once all of it is written; until then the old one stays.

    Its folder is made where it is missing. Raises Problems where it cannot be written, or is there and shall stay.
    """
    target = Path(path)
    replaceable(target)
    if not overwrite and os.path.lexists(target):
        raise Problems([_exists(target)])
    part = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        if overwrite:
            part.replace(target)
        else:
            os.link(part, target)  # unlike a rename, it fails where the name was taken meanwhile
    except OSError as fault:
        if isinstance(fault, FileExistsError) and os.path.lexists(target):
            raise Problems([_exists(target)]) from None
        message = f"cannot write {str(target)[:200]}: {fault.strerror or fault}"
        raise Problems([problem("unwritable-file", message, Place(str(target)[:200]))]) from None
    finally:
        with suppress(OSError):
            part.unlink()


def replaceable(target: Path) -> None:
    """Raises Problems for what is no file, such as a device: another file would take its place."""
    if os.path.exists(target) and not target.is_file() and not target.is_dir():  # noqa: PTH110 - Path's raises for long names
        hint = "without -o answers go to standard output"
        raise Problems([problem("unwritable-file", f"{target} is no file", Place(str(target)), hint)])


def _exists(target: Path) -> Problem:
    return problem("file-exists", f"{target} is there already", Place(str(target)), "give another name with -o")
