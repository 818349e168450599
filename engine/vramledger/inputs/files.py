"""Files that specs know how to read: the fields of a JSON object, of YAML or of a command line become a record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from vramledger.evaluation.values import exact
from vramledger.problems import Place, Problem, problem
from vramledger.rules.bytes import LARGEST_FILE, decode_text, read_bytes
from vramledger.rules.read import DEEPEST, read_yaml
from vramledger.rules.tree import Mapping, to_data


def find(given: str, base: Path, name: str) -> Path:
    """The file that a scenario means: itself, or the file of that name in the folder it names."""
    path = base / Path(given).expanduser()
    return path / name if os.path.isdir(path) else path  # noqa: PTH112 - a path of any length and signs is asked


def read_fields(path: Path, form: str) -> tuple[dict[str, Any], bytes, list[Problem]]:
    """The fields of a file as a record, its bytes, and what is wrong with it; a form is json, yaml or arguments."""
    if form == "json":
        data, content, fault = read_json(path)
        return data, content, [fault] if fault else []
    content, fault = read_bytes(path)
    if fault is not None:
        return {}, b"", [fault]
    tree, faults = _tree(content, path, form)
    return ({}, b"", faults) if tree is None else (to_data(tree), content, [])


def places(path: Path, content: bytes, form: str) -> Mapping | None:
    """The tree of a file that was read, for the places of its fields."""
    return _tree(content.replace(b"\t", b" "), path, "yaml" if form == "json" else form)[0]


def _tree(content: bytes, path: Path, form: str) -> tuple[Mapping | None, list[Problem]]:
    text, fault = decode_text(content, str(path))
    if fault is not None:
        return None, [fault]
    if form == "arguments":
        from vramledger.inputs.arguments import read_arguments  # few files are command lines

        return read_arguments(text, path.as_posix()), []
    trees, faults = read_yaml(text, path.as_posix())
    if faults:
        return None, faults
    if len(trees) == 1 and isinstance(trees[0], Mapping):
        return trees[0], []
    found = "nothing" if not trees else f"{len(trees)} documents" if len(trees) > 1 else "no fields"
    return None, [problem("not-a-mapping", f"expected fields, found {found}", Place(path.as_posix(), 1, 1))]


def read_json(path: Path, most: int = LARGEST_FILE) -> tuple[dict[str, Any], bytes, Problem | None]:
    """A JSON object with exact numbers, its bytes, and what is wrong with it."""
    content, fault = read_bytes(path, most)
    if fault is not None:
        return {}, b"", fault
    data, fault = parse_json(content, str(path))
    return (data, content, None) if fault is None else ({}, b"", fault)


def parse_json(content: bytes, shown: str) -> tuple[dict[str, Any], Problem | None]:
    """The same of bytes, wherever they are from; `shown` is what places in them are called."""
    text, fault = decode_text(content, shown)
    if fault is not None:
        return {}, fault
    try:
        data = json.loads(
            text, parse_float=_decimal, parse_int=_whole, parse_constant=_constant, object_pairs_hook=_fields
        )
    except json.JSONDecodeError as wrong:
        cut = wrong.pos >= len(text.rstrip()) or wrong.msg.startswith("Unterminated")
        noted = text[wrong.pos : wrong.pos + 1] in ("/", "#")
        hint = (
            "the file ends too early: was it cut off?" if cut else "JSON has no comments: leave it out" if noted else ""
        )
        place = Place(shown, wrong.lineno, wrong.colno)
        return {}, problem("json-syntax", wrong.msg[0].lower() + wrong.msg[1:], place, hint)
    except _Twice as wrong:
        faults = read_yaml(text.replace("\t", " "), shown)[1]  # which knows where
        twice = next((fault for fault in faults if fault.code == "duplicate-key"), None)
        return {}, twice or problem("duplicate-key", f"{wrong} is given twice", Place(shown, 1, 1))
    except (ValueError, RecursionError) as wrong:
        message = "nested too deep" if isinstance(wrong, RecursionError) else str(wrong)
        return {}, problem("json-syntax", message, Place(shown, 1, 1))
    if _deeper_than(data, DEEPEST):
        return {}, problem("json-syntax", f"nested more than {DEEPEST} deep", Place(shown, 1, 1))
    if not isinstance(data, dict):
        found = {list: "a list", str: "a text", type(None): "null"}.get(type(data), f"{data}"[:40])
        message = f"expected an object of fields, found {found}"
        return {}, problem("json-shape", message, Place(shown, 1, 1))
    return data, None


class _Twice(Exception):
    """A name that stands twice in one object; the second would silently be taken."""


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _deeper_than(data: Any, most: int) -> bool:
    level = [data]
    for _ in range(most + 1):
        level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
    return bool(level)


def _items(one: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return one.values() if isinstance(one, dict) else one


def _decimal(text: str) -> Any:
    if len(text) > 60 or abs(int(text.lower().partition("e")[2] or 0)) > 60:
        raise ValueError(f"a number outside what can be meant: {text[:40]}")
    return exact(Fraction(text))


_MOST_DIGITS = 1000


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number outside what can be meant: {text[:40]}")
    return int(text)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")
