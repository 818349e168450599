"""The types of formulas over declared names, and what is said where they clash."""

from __future__ import annotations

import pytest

from vramledger.language.parse import parse
from vramledger.language.units import ANY, BOOLEAN, BYTES, PLAIN, TEXT, Type, check

QUANTITIES = {
    "memory": BYTES,
    "other": BYTES,
    "n": PLAIN,
    "flag": BOOLEAN,
    "word": TEXT,
    "anything": ANY,
    "items": Type("list"),
    "rows": Type("table", 0, "rows"),
    "anything.x": ANY,
}
COLUMNS = {"bytes": BYTES, "count": PLAIN, "name": TEXT, "on": BOOLEAN}


class Declared:
    def quantity(self, name):
        return QUANTITIES.get(name)

    def column(self, table, name):
        assert table == "rows"
        return COLUMNS.get(name)

    def near(self, name, table=""):
        return f"near {name} in {table or 'quantities'}"


def checked(text):
    faults = []
    return check(parse(text), Declared(), {}, faults), faults


PLAIN_, BYTES_, TRUTH = "a plain number", "bytes (B)", "true or false"
GOOD = [
    ("memory + other", BYTES_),
    ("memory + 0", BYTES_),
    ("0 + memory", BYTES_),
    ("0.0 - memory", BYTES_),
    ("max(0, memory, 0)", BYTES_),
    ("memory if flag else 0", BYTES_),
    ("0 if flag else memory", BYTES_),
    ("memory > 0", TRUTH),
    ("0 == memory", TRUTH),
    ("0 + 0", PLAIN_),
    ("n + 0", PLAIN_),
    ("0 .. memory", BYTES_),
    ("memory % 2 MiB", BYTES_),
    ("memory * other", "B^2"),
    ("memory / other", PLAIN_),
    ("1 / memory", "B^-1"),
    ("memory // 2", BYTES_),
    ("memory * other / memory", BYTES_),
    ("memory ** 2", "B^2"),
    ("memory ** 0", PLAIN_),
    ("memory ** 2.0", "B^2"),
    ("n ** n", PLAIN_),
    ("sqrt(memory * other)", BYTES_),
    ("sqrt(2)", PLAIN_),
    ("1 bit", BYTES_),
    ("1 TiB", BYTES_),
    ("20 percent * memory", BYTES_),
    ("-memory", BYTES_),
    ("ceil_div(memory, 2 MiB)", PLAIN_),
    ("round_up(memory, 2 MiB)", BYTES_),
    ("floor(memory)", BYTES_),
    ("value(anything, memory)", BYTES_),
    ("value(word, 'none')", "text"),
    ("length(items) + length(rows)", PLAIN_),
    ("applies(memory)", TRUTH),
    ("anything + memory", BYTES_),
    ("anything * memory", str(ANY)),
    ("word == 'x' and not flag", TRUTH),
    ("word in items or n not in items", TRUTH),
    ("rows['w'].bytes", BYTES_),
    ("rows['w']", "a row of rows"),
    ("first(r for r in rows)", "a row of rows"),
    ("first(r for r in rows).count", PLAIN_),
    ("sum(r.bytes for r in rows if r.on)", BYTES_),
    ("max(r.bytes * r.count for r in rows)", BYTES_),
    ("product(r.count for r in rows)", PLAIN_),
    ("count(r for r in rows)", PLAIN_),
    ("any(r.on for r in rows) or all(i == n for i in items)", TRUTH),
    ("sum(sum(s.bytes for s in rows if s.name == r.name) for r in rows)", BYTES_),
]


@pytest.mark.parametrize(("text", "shown"), GOOD)
def test_types(text, shown):
    found, faults = checked(text)
    assert faults == []
    assert str(found) == shown


UNIT = "a number of bytes is written with its unit: 4 B"
# formula, code, what the message says, what each span covers, a hint
BAD = [
    ("memory + n", "unit-clash", "different units are added", ["memory", "n"], ""),
    ("memory - other / 2 B", "unit-clash", "different units are subtracted", ["memory", "other / 2 B"], ""),
    ("memory * n + 4", "unit-clash", "different units are added", ["memory * n", "4"], UNIT),
    ("memory > n", "unit-clash", "different units are compared", ["memory", "n"], ""),
    ("memory % n", "unit-clash", "different units are divided", ["memory", "n"], ""),
    ("4 .. memory", "unit-clash", "different units are joined to a range", ["4", "memory"], UNIT),
    ("memory == n", "unit-clash", "these two cannot be equal", ["memory", "n"], ""),
    ("word != 0", "unit-clash", "these two cannot be equal", ["word", "0"], ""),
    ("memory if flag else n", "unit-clash", "the two branches differ", ["memory", "n"], ""),
    ("0 if flag else word", "unit-clash", "the two branches differ", ["0", "word"], ""),
    ("n ** memory", "unit-clash", "an exponent is a plain number", ["memory"], ""),
    ("max(memory, n, other)", "unit-clash", "max cannot take these together", ["memory", "n", "other"], ""),
    ("max(memory, 0, 4)", "unit-clash", "max cannot take these together", ["memory", "0", "4"], UNIT),
    ("round_up(memory, 512)", "unit-clash", "round_up cannot take these together", ["memory", "512"], UNIT),
    ("value(word, memory)", "unit-clash", "value cannot take these together", ["word", "memory"], ""),
    ("sqrt(memory)", "unit-clash", "sqrt cannot take these together", ["memory"], ""),
    ("length(n)", "unit-clash", "length cannot take these together", ["n"], ""),
    ("product(r.bytes for r in rows)", "unit-clash", "a product over rows takes plain numbers", ["r.bytes"], ""),
    ("word + n", "type-clash", "expected a number, found text", ["word"], ""),
    ("-flag", "type-clash", "expected a number, found true or false", ["flag"], ""),
    ("n if n else n", "type-clash", "expected true or false, found a plain number", ["n"], ""),
    ("flag and memory", "type-clash", "expected true or false, found bytes (B)", ["memory"], ""),
    ("not 0", "type-clash", "expected true or false, found a plain number", ["0"], ""),
    ("n in n", "type-clash", "expected a list, found a plain number", ["n"], ""),
    ("n[word]", "type-clash", "a plain number has no items", ["n[word"], ""),
    ("sum(x for x in n)", "type-clash", "a plain number has no rows", ["n"], ""),
    ("sum(r.name for r in rows)", "type-clash", "expected a number, found text", ["r.name"], ""),
    ("all(r.count for r in rows)", "type-clash", "expected true or false, found a plain number", ["r.count"], ""),
    ("count(r for r in rows if r.name)", "type-clash", "expected true or false, found text", ["r.name"], ""),
    (
        "first(r for r in rows) + 1",
        "type-clash",
        "expected a number, found a row of rows",
        ["first(r for r in rows"],
        "",
    ),
    ("nope + 1", "unknown-name", "nothing is called nope", ["nope"], "near nope in quantities"),
    ("r.bytes", "unknown-name", "nothing is called r.bytes", ["r.bytes"], "near r.bytes"),
    ("sum(r.nope for r in rows)", "unknown-column", "rows has no column nope", ["r.nope"], "near nope in rows"),
    ("rows[word].nope", "unknown-column", "rows has no column nope", ["rows[word].nope"], "near nope in rows"),
    ("flor(n)", "unknown-function", "no function flor", ["flor(n"], "did you mean floor?"),
    ("qqq(n)", "unknown-function", "no function qqq", ["qqq(n"], "there are: min, max"),
    ("sqrt(n, n)", "wrong-arguments", "sqrt takes 1, found 2", ["sqrt(n, n"], ""),
    ("min()", "wrong-arguments", "min takes at least 1, found 0", ["min"], ""),
    (
        f"min({', '.join('n' * 21)})",
        "wrong-arguments",
        "min takes at most 20, found 21",
        [f"min({', '.join('n' * 21)}"],
        "",
    ),
    ("(memory + n) * 2 + other", "unit-clash", "different units are added", ["memory", "n"], ""),  # and no second fault
]


@pytest.mark.parametrize(("text", "code", "message", "parts", "hint"), BAD, ids=[text[:40] for text, *_ in BAD])
def test_faults(text, code, message, parts, hint):
    _, faults = checked(text)
    assert [(fault.code, fault.message) for fault in faults] == [(code, message)]
    assert [text[start : start + length] for (start, length), _ in faults[0].spans] == parts
    assert hint in " ".join(faults[0].hints)
    assert bool(hint) == bool(faults[0].hints)


def test_a_clash_says_what_each_operand_is():
    _, (fault,) = checked("memory * other < n")
    assert [label for _, label in fault.spans] == ["B^2", "a plain number"]


def test_every_fault_of_a_formula_is_found():
    _, faults = checked("(memory + 1) * (nope + word)")
    assert [fault.code for fault in faults] == ["unit-clash", "unknown-name", "type-clash"]


@pytest.mark.parametrize("text", ["anything.x", "items[0].x", "anything[1]", "sum(i.size for i in items)"])
def test_what_is_not_declared_is_not_judged(text):
    assert checked(text) == (ANY, [])
