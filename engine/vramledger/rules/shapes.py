"""JSON Schemas as plain functions: whether data has a shape. What is wrong where it has not, their library tells.

Nearly all that is asked has its shape, and importing and asking the library takes most of the time of a check.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

Test = Callable[[Any], bool]
_SILENT = ("$schema", "$defs", "title", "description")
_TYPES: dict[str, Test] = {
    "object": lambda data: type(data) is dict,
    "array": lambda data: type(data) is list,
    "string": lambda data: type(data) is str,
    "boolean": lambda data: type(data) is bool,
    "null": lambda data: data is None,
    "number": lambda data: type(data) in (int, float),
    "integer": lambda data: type(data) is int or (type(data) is float and data.is_integer()),
}


def shape(schema: dict[str, Any]) -> Test:
    """The test of a schema that uses the keywords below."""
    parts = schema.get("$defs", {})

    @cache
    def of_part(name: str) -> Test:
        return made(parts[name])

    def made(part: dict[str, Any] | bool) -> Test:
        if isinstance(part, bool):
            return lambda _: part
        words = [word for word in part if word not in (*_SILENT, "$ref")]
        if "properties" in words and "additionalProperties" in words:
            words.remove("properties")  # the other's test asks for both
        tests = [_KEYWORDS[word](part[word], part, made) for word in words]
        if "$ref" in part:
            tests.append(_met(of_part, part["$ref"].removeprefix("#/$defs/")))
        return tests[0] if len(tests) == 1 else lambda data: all(test(data) for test in tests)

    return made(schema)


def _met(of_part: Callable[[str], Test], name: str) -> Test:
    """A part's test, made when it is met: a part may be part of itself."""

    def test(data: Any) -> bool:
        return of_part(name)(data)

    return test


Make = Callable[[Any], Test]


def _type(wanted: Any, _: Any, __: Make) -> Test:
    tests = [_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
    return tests[0] if len(tests) == 1 else lambda data: any(test(data) for test in tests)


def _fields(_: Any, part: dict[str, Any], made: Make) -> Test:
    known = {name: made(inner) for name, inner in part.get("properties", {}).items()}
    other = made(part.get("additionalProperties", True))
    return lambda data: type(data) is not dict or all(known.get(name, other)(value) for name, value in data.items())


def _required(names: Any, _: Any, __: Make) -> Test:
    return lambda data: type(data) is not dict or all(name in data for name in names)


def _items(inner: Any, _: Any, made: Make) -> Test:
    test = made(inner)
    return lambda data: type(data) is not list or all(map(test, data))


def _enum(allowed: Any, _: Any, __: Make) -> Test:
    return lambda data: any(data == one and type(data) is type(one) for one in allowed)


def _pattern(text: Any, _: Any, __: Make) -> Test:
    search = re.compile(text).search
    return lambda data: type(data) is not str or search(data) is not None


def _least(kind: type[str | list[Any]]) -> Callable[[Any, Any, Make], Test]:
    return lambda least, _, __: lambda data: not isinstance(data, kind) or len(data) >= least


def _any(parts: Any, _: Any, made: Make) -> Test:
    tests = [made(part) for part in parts]
    return lambda data: any(test(data) for test in tests)


def _all(parts: Any, _: Any, made: Make) -> Test:
    tests = [made(part) for part in parts]
    return lambda data: all(test(data) for test in tests)


def _not(part: Any, _: Any, made: Make) -> Test:
    test = made(part)
    return lambda data: not test(data)


_KEYWORDS: dict[str, Callable[[Any, Any, Make], Test]] = {
    "type": _type,
    "properties": _fields,
    "additionalProperties": _fields,
    "required": _required,
    "items": _items,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": _least(str),
    "minItems": _least(list),
    "anyOf": _any,
    "allOf": _all,
    "not": _not,
}
