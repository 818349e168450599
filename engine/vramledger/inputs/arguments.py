"""Arguments of a command line, as a shell script or a plain text holds them: `--key value` as fields with places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vramledger.problems import Place
from vramledger.rules.tree import Mapping, Scalar, Sequence

_PART = re.compile(
    r"""(?P<space>(?:[ \t\r]|\\\r?\n|(?<!\S)\#[^\n]*)+)
      | (?P<word>(?:"[^"\n]*"|'[^'\n]*'|\\.|[^\s;&|()"'\\]|\((?!-)[^()\s]+\))+)
      | (?P<end>[\n;&|()])
      | (?P<open>["'\\])""",
    re.VERBOSE,
)
_OPTIONS = re.compile(r"\s*--[A-Za-z]")  # which a quoted text may hold
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'|\\(.)")
_OPTION = re.compile(r"--([A-Za-z][\w.-]*)(?:=(.*))?", re.DOTALL)
_SET = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")
_SHORT = re.compile(r"\.[0-9]+")  # .1, as programs take it
_SCRIPT = re.compile(r"-[A-Za-z].*|.*\.py")


class _Word(NamedTuple):
    text: str  # without quotes, "" at the end of a command
    quoted: bool
    place: Place


def read_arguments(text: str, path: str) -> Mapping:
    """The options of a text by name, dashes as underscores; without a value true, with several a list, the last counts.

    Values reach as far as the command's line; variables that the text sets before are put in.
    """
    set_to: dict[str, str] = {}
    found: dict[str, tuple[Scalar, list[Scalar]]] = {}
    values: list[Scalar] | None = None
    for word in _words(text, path):
        option = None if word.quoted else _OPTION.fullmatch(word.text)
        given = None if option or values is not None else _SET.fullmatch(word.text)
        if option:
            name, value = option[1].replace("-", "_"), option[2]
            values = []
            found[name] = (_scalar(word, name), values)
            if value is not None:
                values.append(_scalar(word, _filled(value, set_to)))
                values = None
        elif given:
            set_to[given[1]] = _filled(given[2], set_to)
        elif not word.text or _SCRIPT.fullmatch(word.text):
            values = None
        elif values is not None and "[@]" not in word.text and (filled := _filled(word.text, set_to)):
            values.append(_scalar(word, filled, word.quoted))
    items = [(key, _value(key, values)) for key, values in found.values()]
    return Mapping(tuple(items), Place(path, 1, 1))


def _words(text: str, path: str) -> Iterator[_Word]:
    """The words of a shell text, an empty one where a command ends; a quote that stays open on its line is left out."""
    line, start = 1, 0
    for part in _PART.finditer(text):
        place = Place(path, line, part.start() - start + 1, max(1, len(part[0])))
        if part["end"]:
            yield _Word("", False, place)
        elif part["word"]:
            inner = next((_bare(quoted) for quoted in _QUOTED.finditer(part[0]) if _OPTIONS.match(_bare(quoted))), "")
            if inner:  # which stand here, and no more where the variable does
                named = _SET.match(part[0])
                yield from [_Word(f"{named[1]}=", False, place)] if named else []
                yield from (_Word(_QUOTED.sub(_bare, one), False, place) for one in inner.split())
            else:
                yield _Word(_QUOTED.sub(_bare, part[0]), part[0][0] in "\"'", place)
        if "\n" in part[0]:
            line += part[0].count("\n")
            start = part.start() + part[0].rindex("\n") + 1


def _bare(quoted: re.Match[str]) -> str:
    return next((one for one in quoted.groups() if one is not None), "")


def _filled(text: str, known: dict[str, str]) -> str:
    def filled(name: re.Match[str]) -> str:
        return known.get(name[1] or name[3], name[0] if name[2] is None else name[2])

    return _VARIABLE.sub(filled, text)


def _scalar(word: _Word, text: str, quoted: bool = False) -> Scalar:
    style = '"' if quoted and _VARIABLE.search(word.text) is None else ""
    text = f"0{text}" if _SHORT.fullmatch(text) else text
    return Scalar(text, style, ((0, word.place.line, word.place.column),), word.place.path)


def _value(key: Scalar, values: list[Scalar]) -> Scalar | Sequence:
    if not values:
        return key._replace(text="true")
    return values[0] if len(values) == 1 else Sequence(tuple(values), values[0].place)
