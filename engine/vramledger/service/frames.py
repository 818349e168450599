"""What the service and a worker say to each other: frames, each its length, a letter, and bytes."""

from __future__ import annotations

import socket
import struct
import time
from typing import NamedTuple

ASKED = b"?"
ANSWER = b"+"  # JSON; of a batch, lines of it
PROBLEMS = b"-"  # JSON: what is wrong with the question
BROKEN = b"!"  # our own fault
END = b"."

_HEAD = struct.Struct(">IcH")  # the length of the content, the letter, the length of the name
_MOST = 1 << 16


class Frame(NamedTuple):
    """A letter, a name that says more, and the content."""

    letter: bytes
    content: bytes = b""
    name: bytes = b""


def send(connection: socket.socket, frame: Frame) -> None:
    """Sends a frame whole."""
    head = _HEAD.pack(len(frame.content), frame.letter, len(frame.name))
    connection.sendall(head + frame.name + frame.content)


def receive(connection: socket.socket, until: float | None = None) -> Frame | None:
    """The next frame, None where the other end is closed. Raises TimeoutError at the time `until`."""
    head = _exactly(connection, _HEAD.size, until)
    if head is None:
        return None
    length, letter, named = _HEAD.unpack(head)
    name, content = _exactly(connection, named, until), _exactly(connection, length, until)
    return None if name is None or content is None else Frame(letter, content, name)


def _exactly(connection: socket.socket, count: int, until: float | None) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        if until is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        try:
            part = connection.recv(min(count - len(parts), _MOST))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
