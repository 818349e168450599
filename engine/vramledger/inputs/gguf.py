"""The header of a GGUF file: counts, metadata as keys and values, and where each tensor lies.

The gguf library would do for small files, but it makes an array of every text: ten seconds and 700 MB for the
vocabulary of Llama 3, and no end for an array that claims to be long.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from struct import Struct
from typing import Any

from vramledger.inputs.tensors import (
    LONGEST_HEADER,
    MOST_TENSORS,
    Broken,
    Header,
    Layout,
    Opened,
    Tensor,
    known_by,
    laid_out,
    opened,
    short,
    size_of,
)
from vramledger.problems import Problem

_MAGIC, _VERSIONS = b"GGUF", (2, 3)
_PIECE = 65536  # bytes that are read at once
_MOST_KEYS, _MOST_TEXTS = 100_000, 4_000_000
_LONGEST_NAME, _LONGEST_TEXT, _LONGEST_LIST = 65_535, 1000, 10_000  # of keys and names; what is kept of values
_MOST_DIMENSIONS = 4
_ALIGNMENT = 32
# by the number that the format gives each type of value: uint8 to float32, bool; text; list; 64 bits
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_BOOLEAN, _TEXT, _LIST, _LENGTH, _WORD = 7, 8, 9, "Q", "I"


def read_gguf(path: Path, types: Mapping[str, str], layouts: Mapping[str, Layout]) -> Header | Problem:
    """The tensors and metadata of a file, or the problem with it.

    `types` names the format of each number that a tensor's type may have, `layouts` says how those are stored. Of long
    lists and texts, such as a vocabulary, the length is kept.
    """
    return opened(path, lambda front: _Reader(front).header(types, layouts))


class _Reader:
    """Takes numbers and texts from the front of a file, piece by piece."""

    def __init__(self, front: Opened) -> None:
        self.front = front
        self.held, self.next = b"", 0
        self.forms: dict[str, Struct] = {}
        self.texts = 0

    @property
    def at(self) -> int:
        return self.front.at - len(self.held) + self.next

    def header(self, types: Mapping[str, str], layouts: Mapping[str, Layout]) -> tuple[list[Tensor], dict[str, Any]]:
        self._begin()
        tensor_count, key_count = self._count(24, MOST_TENSORS, "tensors"), self._count(13, _MOST_KEYS, "keys")
        fields: dict[str, Any] = {}
        for _ in range(key_count):
            start = self.at
            key = self._name("a key")
            if key in fields:
                raise Broken(f"the key {short(key)} stands twice", start)
            fields[key] = self._value(self._number(_WORD))
        alignment = fields.get("general.alignment", _ALIGNMENT)
        if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
            raise Broken(f"general.alignment is {alignment!r:.40}, expected a power of two")
        tensors = {}
        for _ in range(tensor_count):
            start = self.at
            tensor = self._tensor(types, layouts, alignment)
            if tensor.name in tensors:
                raise Broken(f"tensor {short(tensor.name)} stands twice", start)
            tensors[tensor.name] = tensor
        data = -(-self.at // alignment) * alignment
        laid_out(tensors.values(), self.front.size, data, gapless=False)
        return list(tensors.values()), fields

    def _begin(self) -> None:
        begin = self._take(min(8, self.front.size))
        if begin[:4] != _MAGIC:
            raise Broken(f"it begins with {begin[:4]!r}, expected {_MAGIC!r}", 0, known_by(begin))
        version = int.from_bytes(begin[4:], "little")
        order = "<" if version & 0xFFFF else ">"  # a small number with its bytes the other way round
        version = version if order == "<" else int.from_bytes(begin[4:], "big")
        if version not in _VERSIONS:
            raise Broken(f"GGUF version {version}, expected one of {', '.join(map(str, _VERSIONS))}", 4)
        self.forms = {sign: Struct(order + sign) for sign in (*_NUMBERS.values(), _WORD, _LENGTH)}

    # --- pieces ----------------------------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        if self.next + count > len(self.held):
            self._more(count)
        self.next += count
        return self.held[self.next - count : self.next]

    def _more(self, count: int) -> None:
        """Reads on until so many bytes are held."""
        left = self.held[self.next :]
        if self.front.at - len(left) + count > LONGEST_HEADER:
            raise Broken(f"its header takes more than {LONGEST_HEADER} bytes", self.at)
        wanted = max(count - len(left), min(_PIECE, self.front.size - self.front.at))
        self.held, self.next = left + self.front.read(wanted), 0

    def _pass(self, count: int) -> None:
        while count > 0:
            part = min(count, _PIECE)
            self._take(part)
            count -= part

    def _number(self, sign: str) -> Any:
        form = self.forms[sign]
        return form.unpack(self._take(form.size))[0]

    def _count(self, least: int, most: int, what: str) -> int:
        """A number of things each of which takes so many bytes at least."""
        start = self.at
        count: int = self._number(_LENGTH)
        if count > most:
            raise Broken(f"it is said to have {count} {what}, more than {most}", start)
        if count * least > self.front.size - self.at:
            raise Broken(f"it is said to have {count} {what}, more than the file has room for", start)
        return count

    def _name(self, what: str) -> str:
        start = self.at
        length = self._number(_LENGTH)
        if not 0 < length <= _LONGEST_NAME:
            raise Broken(f"{what} of {length} bytes, expected 1 to {_LONGEST_NAME}", start)
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise Broken(f"{what} is not UTF-8 text", start) from None

    # --- values ----------------------------------------------------------------------------------

    def _value(self, sort: int) -> Any:
        if sort == _TEXT:
            return self._text()
        if sort == _LIST:
            return self._list()
        return self._plain(sort)

    def _plain(self, sort: int) -> Any:
        start = self.at - 4
        if sort not in _NUMBERS:
            raise Broken(f"a value of unknown type {sort}", start)
        found = self._number(_NUMBERS[sort])
        if sort == _BOOLEAN and found > 1:
            raise Broken(f"true or false is written as {found}", self.at - 1)
        return found == 1 if sort == _BOOLEAN else found

    def _text(self) -> Any:
        length = self._long(self._number(_LENGTH), 1)
        if length > _LONGEST_TEXT:
            self._pass(length)
            return {"length": length}
        return self._take(length).decode(errors="replace")

    def _long(self, count: int, size: int) -> int:
        """A length that the file has room for."""
        if count * size > min(LONGEST_HEADER, self.front.size) - self.at:
            raise Broken(f"{count} values of {size} bytes, more than the header has room for", self.at - 8)
        return count

    def _list(self) -> Any:
        sort = self._number(_WORD)
        if sort in _NUMBERS:
            form = self.forms[_NUMBERS[sort]]
            count = self._long(self._number(_LENGTH), form.size)
            if count <= _LONGEST_LIST:
                return [self._plain(sort) for _ in range(count)]
            self._pass(count * form.size)
            return {"length": count}
        if sort != _TEXT:
            raise Broken(f"a list of values of unknown type {sort}", self.at - 4)
        count = self._long(self._number(_LENGTH), 8)
        self.texts += count
        if self.texts > _MOST_TEXTS:
            raise Broken(f"more than {_MOST_TEXTS} texts", self.at - 8)
        self._pass_texts(count)
        return {"length": count}

    def _pass_texts(self, count: int) -> None:
        """Passes texts, of which there may be hundreds of thousands."""
        length_at = self.forms[_LENGTH].unpack_from
        while count:
            if self.next + 8 > len(self.held):
                self._more(8)
            held, at, last = self.held, self.next, len(self.held) - 8
            while count and at <= last:
                (length,) = length_at(held, at)
                at += 8 + length
                count -= 1
            if at <= len(held):
                self.next = at
            else:
                self.next = at - length
                self._pass(self._long(length, 1))

    # --- tensors ---------------------------------------------------------------------------------

    def _tensor(self, types: Mapping[str, str], layouts: Mapping[str, Layout], alignment: int) -> Tensor:
        start = self.at
        name = self._name("a tensor's name")
        dimensions = self._number(_WORD)
        if dimensions > _MOST_DIMENSIONS:
            raise Broken(f"tensor {short(name)} has {dimensions} dimensions, more than {_MOST_DIMENSIONS}", start)
        shape = tuple(self._number(_LENGTH) for _ in range(dimensions))[::-1]
        sort = self._number(_WORD)
        dtype = types.get(str(sort))
        if dtype is None or dtype not in layouts:
            raise Broken(
                f"tensor {short(name)} is of an unknown type, {sort}", self.at - 4, f"known: {', '.join(types)}"
            )
        begin = self._number(_LENGTH)
        if begin % alignment:
            raise Broken(f"tensor {short(name)} begins at byte {begin} of the data, which {alignment} does not divide")
        try:
            return Tensor(name, dtype, shape, begin, size_of(shape, layouts[dtype], name, dtype, by_row=True))
        except Broken as fault:
            raise Broken(fault.message, start) from None
