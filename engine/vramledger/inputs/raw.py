"""A scenario as it is written (a file, a dict, a command line) to one tree of named values."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from vramledger.problems import Place, Problems, problem
from vramledger.rules.bytes import decode_text, read_bytes
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence

IN_MEMORY = "<scenario>"
_MOST_BITS = 2000
_FLAGS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}  # as other tools write them in tables


class Written(NamedTuple):
    """A fact's text as it stands on a command line, and the option that says it."""

    text: str
    option: str


class Raw(NamedTuple):
    """A scenario as a tree, and the folder that its paths are relative to; a closed one may name no file at all."""

    tree: Mapping
    origin: str
    base: Path
    closed: bool = False


def read_raw(given: str | Path | MappingOf[str, Any], base: str | Path | None = None) -> Raw:
    """A scenario's tree from a file or a dict. Raises Problems."""
    if isinstance(given, MappingOf):
        try:
            tree = tree_of(given)
        except RecursionError:
            raise Problems([problem("too-deep", "a scenario nested too deep", Place(IN_MEMORY))]) from None
        assert isinstance(tree, Mapping)
        return Raw(tree, IN_MEMORY, Path(base) if base is not None else Path())
    path = Path(given)
    content, fault = read_bytes(path)
    if fault is not None:
        raise Problems([fault])
    from vramledger.rules.read import read_yaml

    text, fault = decode_text(content, str(path))
    if fault is not None:
        raise Problems([fault])
    trees, faults = read_yaml(text, str(path))
    if faults:
        raise Problems(faults)
    if len(trees) != 1 or not isinstance(trees[0], Mapping):
        count = f"{len(trees)} documents" if len(trees) > 1 else "nothing" if not trees else "no fields"
        hint = "begin with model: NAME" if len(trees) < 2 else "one scenario a file"
        message = f"expected a scenario, found {count}"
        raise Problems([problem("not-a-mapping", message, Place(str(path), 1, 1), hint)])
    return Raw(trees[0], str(path), path.parent)


def tree_of(value: Any, path: str = IN_MEMORY) -> Node:
    """A Python value as a tree without places, but for the file that it is from."""
    nowhere = Place(path)
    if isinstance(value, Written):
        return _parsed(value)
    if isinstance(value, MappingOf):
        items = [(_scalar(str(key), "", path), tree_of(item, path)) for key, item in value.items()]
        return Mapping(tuple(items), nowhere)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(end, int | float | Fraction) for end in value):
        return _scalar(f"{_number(value[0])} .. {_number(value[1])}", "", path)
    if isinstance(value, list | tuple):
        return Sequence(tuple(tree_of(item, path) for item in value), nowhere)
    if isinstance(value, bool):
        return _scalar(str(value).lower(), "", path)
    if value is None:
        return _scalar("null", "", path)
    if isinstance(value, int | float | Fraction):
        return _scalar(_number(value), "", path)
    return _scalar(str(value), '"', path)


def _parsed(written: Written) -> Node:
    """A command line's text, read as YAML: a word, a number, a list."""
    from vramledger.rules.read import read_yaml

    trees, faults = read_yaml(_FLAGS.get(written.text, written.text), written.option)
    if len(trees) > 1:
        faults = [problem("yaml-syntax", f"{len(trees)} documents", Place(written.option), "one value a fact")]
    if faults:
        raise Problems(faults)
    found = trees[0] if trees else _scalar("", "")
    return found._replace(marks=((0, 1, 1),), path=written.option) if isinstance(found, Scalar) else found


def _scalar(text: str, style: str, path: str = IN_MEMORY) -> Scalar:
    return Scalar(text, style, ((0, 0, 0),), path)


def _number(value: Any) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        return _decimal(value) or f"{value.numerator} / {value.denominator}"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return "1e999"  # beyond all memory, and refused as such
    return repr(value) if isinstance(value, float) else str(int(value))


def _decimal(value: Fraction) -> str:
    """A fraction as a decimal of a few digits; nothing where it is none."""
    text = f"{Decimal(value.numerator) / value.denominator:f}"
    return text if Fraction(text) == value else ""
