"""Files as bytes and text, or the problem with them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vramledger.problems import Place, Problem, problem

LARGEST_FILE = 8_000_000


def read_bytes(path: str | Path, most: int = LARGEST_FILE) -> tuple[bytes, Problem | None]:
    """A file's content, or why it cannot be read."""
    shown = str(path)
    try:
        fault = endless(path)
        if fault is not None:
            return b"", fault
        with open(path, "rb") as file:  # noqa: PTH123
            size = min(os.fstat(file.fileno()).st_size, most)
            content = file.read(size + 1)  # room for all that is allowed would cost more than most files
            if len(content) > size:  # it grew, or never said its size
                content += file.read(most + 1 - len(content))
    except IsADirectoryError:
        return b"", problem("unreadable-file", f"{shown} is a folder", Place(shown), "give a file")
    except OSError as fault:
        return b"", problem("unreadable-file", f"cannot read {shown[:200]}: {fault.strerror}", Place(shown[:200]))
    except ValueError:
        return b"", problem("unreadable-file", f"{shown!r} is not a file name", Place("<input>"))
    if len(content) > most:
        return b"", problem("file-too-large", f"{shown} is larger than {most} bytes", Place(shown))
    return content, None


def endless(path: str | Path) -> Problem | None:
    """Why a path is not to be read to its end: devices and pipes may have none. Raises OSError for nothing."""
    mode = os.stat(path).st_mode  # noqa: PTH116 - a path object for each of the specs costs more than its file
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    shown = str(path)[:200]
    message = f"{shown} is a device or a pipe, which may never end"
    return problem("unreadable-file", message, Place(shown), "give a file")


def decode_text(content: bytes, path: str) -> tuple[str, Problem | None]:
    """UTF-8 text, or where it stops being that."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        content = fault.object  # without the byte order mark
        before = content[: fault.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        place = Place(path, line, column)
        return "", problem("not-utf-8", f"byte 0x{content[fault.start]:02x} is not UTF-8 text", place)
    return text, None
