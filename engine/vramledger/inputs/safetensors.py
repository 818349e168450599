"""The header of a safetensors file: 8 bytes that say its length, and that much JSON.

The safetensors library would do as well for sound files, but it maps the whole file, takes a name that stands twice
and cannot say where a header is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vramledger.inputs.tensors import (
    CUT,
    LONGEST_HEADER,
    MOST_DIMENSIONS,
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

_LENGTH = 8
_LONGEST_ENTRY = 4096  # characters of one tensor's dtype, shape and offsets
_METADATA = "__metadata__"
_FIELDS = ("dtype", "shape", "data_offsets")
_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n"


def read_safetensors(path: Path, layouts: Mapping[str, Layout]) -> Header | Problem:
    """The tensors of a file, or the problem with it. `layouts` are the formats that it may hold, by name."""
    return opened(path, lambda front: _read(front, layouts))


def _read(front: Opened, layouts: Mapping[str, Layout]) -> tuple[list[Tensor], dict[str, Any]]:
    if front.size < _LENGTH:
        raise Broken(f"the file has {front.size} bytes, and its header's length alone takes {_LENGTH}", 0, CUT)
    begin = front.read(_LENGTH)
    length = int.from_bytes(begin, "little")
    if length > LONGEST_HEADER:
        raise Broken(f"its header is said to take {length} bytes, more than {LONGEST_HEADER}", 0, known_by(begin))
    if length > front.size - _LENGTH:
        raise Broken(f"its header is said to take {length} bytes, and the file has {front.size}", 0, CUT)
    content = front.read(length)
    try:
        text = content.decode()
    except UnicodeDecodeError as fault:
        raise Broken("its header is not UTF-8 text", _LENGTH + fault.start, known_by(begin)) from None
    tensors = list(_tensors(text, layouts))
    laid_out(tensors, front.size, _LENGTH + length, gapless=True)
    return tensors, {}


def _tensors(text: str, layouts: Mapping[str, Layout]) -> Iterator[Tensor]:
    names: set[str] = set()
    end = 0
    for name, said, at, end in _members(text, 0, _entry):  # noqa: B007 - the last end is looked at below
        if name in names or len(names) >= MOST_TENSORS:
            what = f"tensor {short(name)} stands twice" if name in names else f"more than {MOST_TENSORS} tensors"
            raise Broken(what, _byte(text, at))
        names.add(name)
        if name != _METADATA:
            try:
                yield _tensor(name, said, layouts)
            except Broken as fault:
                raise Broken(fault.message, _byte(text, at), fault.hint) from None
    end = _past(text, _blank(text, end or 1), "}")
    if text[end:].strip(_BLANK):
        raise Broken("its header goes on after its end", _byte(text, end))


def _members(text: str, at: int, value: Any) -> Iterator[tuple[str, Any, int, int]]:
    """The members of an object that begins at a place: name, value, where that begins and where it ends."""
    at = _blank(text, _past(text, at, "{"))
    if text[at : at + 1] == "}":
        return
    while True:
        name, at = _string(text, at)
        start = _blank(text, _past(text, _blank(text, at), ":"))
        said, at = value(text, start, name)
        yield name, said, start, at
        at = _blank(text, at)
        if text[at : at + 1] == "}":
            return
        at = _blank(text, _past(text, at, ","))


def _entry(text: str, at: int, name: str) -> tuple[Any, int]:
    """What is said of a tensor, which is short, or of the metadata, which are texts and not kept."""
    if name == _METADATA:
        end = at + 1
        for _, _, _, end in _members(text, at, lambda inner, start, _: _string(inner, start)):  # noqa: B007
            pass
        return None, _past(text, _blank(text, end), "}")
    if text[at : at + 1] != "{":
        raise Broken(f"tensor {short(name)} has no fields", _byte(text, at))
    try:
        said, length = _DECODER.raw_decode(text[at : at + _LONGEST_ENTRY])
    except (ValueError, RecursionError):
        raise Broken(f"tensor {short(name)}: its entry is no JSON, or longer than any", _byte(text, at)) from None
    return said, at + length


def _string(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        raise Broken("expected a name in its header" + _found(text, at), _byte(text, at))
    try:
        found, end = _DECODER.raw_decode(text, at)
        found.encode()  # half a pair of signs is none
    except ValueError:
        raise Broken("a text in its header does not end as JSON has it", _byte(text, at)) from None
    return found, end


def _past(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise Broken(f"expected {sign} in its header" + _found(text, at), _byte(text, at))
    return at + 1


def _found(text: str, at: int) -> str:
    return f", found {text[at : at + 1]!r}" if at < len(text) else ", which ends"


def _blank(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _BLANK:
        at += 1
    return at


def _byte(text: str, at: int) -> int:
    return _LENGTH + len(text[:at].encode(errors="surrogatepass"))


def _tensor(name: str, said: dict[str, Any], layouts: Mapping[str, Layout]) -> Tensor:
    absent = next((field for field in _FIELDS if field not in said), None)
    if absent:
        raise Broken(f"tensor {short(name)} has no {absent}")
    dtype, shape, offsets = (said[field] for field in _FIELDS)
    if not isinstance(dtype, str) or dtype not in layouts:
        raise Broken(
            f"tensor {short(name)} is of an unknown format, {dtype!r:.40}", hint=f"known: {', '.join(layouts)}"
        )
    if not _whole(shape) or len(shape) > MOST_DIMENSIONS:
        raise Broken(f"tensor {short(name)}: its shape is no list of whole numbers, {str(shape)[:80]}")
    if not _whole(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise Broken(f"tensor {short(name)}: its offsets are no begin and end, {str(offsets)[:80]}")
    size = size_of(tuple(shape), layouts[dtype], name, dtype)
    if offsets[1] - offsets[0] != size:
        message = f"tensor {short(name)}: {dtype} {shape} takes {size} bytes, and its offsets {offsets} hold"
        raise Broken(f"{message} {offsets[1] - offsets[0]}")
    return Tensor(name, dtype, tuple(shape), offsets[0], size)


def _whole(found: Any) -> bool:
    return isinstance(found, list) and all(type(number) is int and 0 <= number < 2**63 for number in found)
