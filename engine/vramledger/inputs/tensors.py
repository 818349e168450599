"""Tensors as a checkpoint's header lists them, and what is wrong with a header."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

from vramledger.evaluation.values import exact
from vramledger.problems import Place, Problem, problem

LONGEST_HEADER = 100_000_000  # bytes, as the safetensors library has it
MOST_TENSORS = 300_000
MOST_DIMENSIONS = 64
_MOST_NUMBER = 2**63
_NUMBERS = re.compile(r"(?<![^.])[0-9]+(?![^.])")
_PICKLED, _ZIPPED = b"\x80\x02", b"PK\x03\x04"
_KNOWN = (
    (b"GGUF", "it is a GGUF file: {gguf: FILE}"),
    (b"version https://git-lfs", "it is a pointer of Git LFS: fetch the file itself with git lfs pull"),
    (_ZIPPED, "it is a file of torch.save: save it as safetensors"),
    (_PICKLED, "it is a file of torch.save: save it as safetensors"),
    (b"<", "it is a web page: was the download refused?"),
)


class Layout(NamedTuple):
    """How a format stores numbers: so many elements in a block of so many bytes."""

    elements: int
    bytes: int


class Tensor(NamedTuple):
    """A tensor as a header names it: the format by its name, dimensions from the outermost, bytes from `begin`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    bytes: int


class Header(NamedTuple):
    """What a file's header says, and a hash of it."""

    path: Path
    tensors: tuple[Tensor, ...]
    fields: dict[str, Any]
    digest: bytes


class Broken(Exception):
    """A header that is not as its format demands: what is wrong, at which byte of the file, what to do."""

    def __init__(self, message: str, at: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.at, self.hint = message, at, hint


class Opened:
    """The front of a file, read forward and hashed; it ends where the longest header would."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        self.at = 0
        self.hash = hashlib.sha256()

    def read(self, count: int) -> bytes:
        """The next bytes, all of them. Raises Broken where the file ends before."""
        found = self._file.read(count) if self.at + count <= self.size else b""
        if len(found) < count:
            raise Broken(f"the file ends at byte {self.size}, within its header", self.at, CUT)
        self.at += count
        self.hash.update(found)
        return found


CUT = "was it cut off? fetch it again"


def opened(path: Path, read: Any) -> Header | Problem:
    """The header that `read` finds in a file, or the problem with the file; only its front is read."""
    shown = path.as_posix()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return problem("unreadable-file", f"{shown[:200]} is no file", Place(shown[:200]), "give a file")
        with path.open("rb", buffering=0) as file:
            front = Opened(file)
            try:
                tensors, fields = read(front)
            except Broken as fault:
                where = "" if fault.at is None else f" (at byte {fault.at})"
                return problem("broken-header", f"{fault.message}{where}", Place(shown), fault.hint)
    except OSError as fault:
        message = f"cannot read {shown[:200]}: {fault.strerror}"
        return problem("unreadable-file", message, Place(shown[:200]))
    except ValueError:
        return problem("unreadable-file", f"{shown[:200]!r} is not a file name", Place("<input>"))
    return Header(path, tuple(tensors), fields, front.hash.digest())


def known_by(front: bytes) -> str:
    """What a file of another make is, by its first bytes, as a hint."""
    return next((hint for sign, hint in _KNOWN if front.startswith(sign)), "")


def size_of(shape: tuple[int, ...], layout: Layout, name: str, dtype: str, by_row: bool = False) -> int:
    """The bytes of a tensor, which is a whole number of blocks, and each row of it where blocks go `by_row`.

    Raises Broken.
    """
    elements = prod(shape)
    if elements >= _MOST_NUMBER:
        raise Broken(f"tensor {short(name)} has more than 2^63 elements: {list(shape)}")
    if (shape[-1] if by_row and shape else elements) % layout.elements:
        raise Broken(f"tensor {short(name)}: {list(shape)} is no whole number of {dtype} blocks of {layout.elements}")
    return elements // layout.elements * layout.bytes


def laid_out(tensors: Iterable[Tensor], size: int, start: int, gapless: bool) -> None:
    """That tensors lie one after another in the file's data, which begins at `start`. Raises Broken."""
    end, before = 0, ""
    for tensor in sorted(tensors, key=lambda one: (one.begin, one.bytes)):
        if tensor.begin < end or (gapless and tensor.begin > end):
            overlaps = f"inside {short(before)}, which ends at {end}"
            what = overlaps if tensor.begin < end else f"and byte {end} is no tensor's"
            raise Broken(f"tensor {short(tensor.name)} begins at byte {tensor.begin} of the data, {what}")
        end, before = tensor.begin + tensor.bytes, tensor.name
        if end > size - start:
            message = f"tensor {short(tensor.name)} ends at byte {start + end}, and the file at {size}"
            raise Broken(message, start + tensor.begin, CUT)
    if gapless and end < size - start:
        raise Broken(f"the file goes on to byte {size}, and its last tensor ends at {start + end}", start + end)


def short(name: str) -> str:
    """A name as a message can hold it."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in name[:100])
    return shown if len(name) <= 100 else f"{shown} ..."


def grouped(tensors: Iterable[Tensor], layouts: Mapping[str, Layout]) -> Iterator[dict[str, Any]]:
    """Tensors as rows: those that differ in a number within their name only are one row with copies.

    `first` and `last` are the least and greatest of their first numbers, such as layers; a single tensor keeps its
    name.
    """
    groups: dict[tuple[str, str, tuple[int, ...]], list[Any]] = {}
    for tensor in tensors:
        number = _NUMBERS.search(tensor.name)
        name = _NUMBERS.sub("*", tensor.name) if number else tensor.name
        at = int(number[0][:9]) if number else 0
        found = groups.setdefault((name, tensor.dtype, tensor.shape), [tensor.name, 0, at, at])
        found[1:] = [found[1] + 1, min(found[2], at), max(found[3], at)]
    for (name, dtype, shape), (single, copies, first, last) in groups.items():
        layout = layouts[dtype]
        shown = name if copies > 1 else single
        yield {
            "name": shown,
            "module": shown.rpartition(".")[0],
            "parameter": shown.rpartition(".")[2],
            "dtype": dtype,
            "bits": exact(Fraction(8 * layout.bytes, layout.elements)),
            "shape": shape,
            "copies": copies,
            "numbered": name != single or bool(_NUMBERS.search(single)),
            "first": first,
            "last": last,
        }
