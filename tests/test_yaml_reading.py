"""YAML text to trees: every character keeps its place, and what YAML does behind an author's back is refused."""

from __future__ import annotations

import json
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import FILE, yaml_trees
from vramledger.problems import Place
from vramledger.rules.bytes import LARGEST_FILE, decode_text, read_bytes
from vramledger.rules.read import DEEPEST, read_yaml
from vramledger.rules.tree import Mapping, Scalar, Sequence, decode, encode, find, to_data


def read(text):
    documents, problems = read_yaml(text, FILE)
    assert problems == []
    return documents


def scalars(node):
    match node:
        case Scalar():
            yield node
        case Sequence(items):
            for item in items:
                yield from scalars(item)
        case Mapping(items):
            for key, value in items:
                yield from (key, *scalars(value))


def assert_placed(text):
    """Every visible character of every scalar stands where its place says."""
    lines = text.split("\n")
    for scalar in (found for document in read(text) for found in scalars(document)):
        for offset, character in enumerate(scalar.text):
            if not character.isspace():
                path, line, column, length = scalar.at((offset, 1))
                assert (path, lines[line - 1][column - 1], length) == (FILE, character, 1), (scalar, offset)


words = st.text("abé*(+'日", min_size=1, max_size=4).map(lambda word: f"w{word}")
rows = st.lists(st.lists(words, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=4)
STYLES = {
    "plain": ("", ""),
    "double": ('"', '"'),
    "literal": ("|\n    ", "\n"),
    "kept": ("|+\n    ", "\n\n"),
    "stripped": ("|-\n    ", "\n"),
}


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=100, deadline=None)
@given(
    rows=rows,
    blanks=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    extra=st.lists(st.integers(0, 2), min_size=4, max_size=4),
)
def test_each_character_of_a_scalar_over_several_lines_has_its_place(style, rows, blanks, extra):
    before, after = STYLES[style]
    body = rows[0]
    for row, empty, more in zip(rows[1:], blanks, extra, strict=False):
        body += "\n" * (1 + empty) + " " * (4 + more) + row
    text = f"é: 1\nfirst:\n  formula: {before}{body}{after}\nlast: [1, x y]\n"
    assert_placed(text)
    value = find(read(text)[0], ["first", "formula"]).text
    assert value.split() == body.split()


PLACED = [
    "a: hello world\nb: 'it is'\nc: \"so\"\n",
    "a:   spaced   # remark\n",
    "- - x\n  - y z\n- {k: v w, 'q': [1, 2]}\n",
    "? |\n  key\n: value\n",
    "a: one\n  two\n\n  three\n",
    "a: one\n\n\n  two x\n",
    "a: 'one\n\n\n\n  two x'\nb: y\n",
    'a: "\n  one\n  two"\n',
    "a: |\n  one\n    two\n\n  three\nb: 1\n",
    "a: |  # remark\n  one\n",
    "a: |\n\n  one\n  two\n",
    "a: |2\n    one\n  two\n",
    "a:\n  b: |1-\n     one\n    two\n",
    "a: |\n  é x\n  日 y\nb: 😀 z\n",
    "a: 1\r\nb: one\r\n  two\r\nc: |\r\n  x\r\n  y\r\n",
    "a: 'it''s x'\n",
    'a: "q\\u0020x \\\\ y \\x20z"\n',
    'a: "x\\\n  y z"\n',
    "a: 1\n---\nb: 2\n...\n---\n- c\n",
]


@pytest.mark.parametrize("text", PLACED)
def test_places(text):
    assert_placed(text)


def test_places_of_spans_keys_and_collections():
    text = "a:\n  formula: |\n    f(x,\n      yy)\n  flow: {k: [1]}\n"
    (document,) = read(text)
    formula = find(document, ["a", "formula"])
    assert formula.text == "f(x,\n  yy)"
    assert formula.at((7, 2)) == Place(FILE, 4, 7, 2)
    assert formula.place == Place(FILE, 3, 5, 10)
    assert document.key("a").place == Place(FILE, 1, 1, 1)
    assert document.get("a").key("flow").place == Place(FILE, 5, 3, 4)
    assert document.get("a").place == Place(FILE, 2, 3)
    assert find(document, ["a", "flow"]).place == Place(FILE, 5, 9)
    assert find(document, ["a", "flow", "k"]).place == Place(FILE, 5, 13)
    assert find(document, ["a", "flow", "nothing", 0]).place == Place(FILE, 5, 9)


# name: text, then code, message, line, column and a hint of each problem
ALIAS, TAG, CUT = (
    "aliases and anchors are not read",
    "tags are not read",
    "cuts a formula in two: write it in block style",
)
TABS = "indent with spaces, never with tabs"
REFUSED = {
    "duplicate": ("a: 1\nb: 2\na: 3\n", ("duplicate-key", "'a' is given twice", 3, 1, "")),
    "duplicate in flow": ("x: {a: 1, 'a': 2}\n", ("duplicate-key", "'a' is given twice", 1, 12, "")),
    "anchor": ("a: &x 1\nb: *x\n", ("yaml-alias", "anchor &x", 1, 4, ALIAS)),
    "anchored mapping": ("a: &x\n  b: 1\n", ("yaml-alias", "anchor &x", 1, 4, ALIAS)),
    "alias": ("a: 1\nb: *x\n", ("yaml-alias", "alias *x", 2, 4, "write the value out")),
    "bomb": ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", ("yaml-alias", "anchor &a", 1, 4, ALIAS)),
    "object": (
        "a: !!python/object/apply:os.system [x]\n",
        ("yaml-tag", "tag tag:yaml.org,2002:python/object/apply:os.system", 1, 4, TAG),
    ),
    "own tag": ("a: 1\nb: !own {}\n", ("yaml-tag", "tag !own", 2, 4, TAG)),
    "core tag": ("a: !!str 1\n", ("yaml-tag", "tag tag:yaml.org,2002:str", 1, 4, TAG)),
    "deep flow": ("[" * 10_000 + "]" * 10_000, ("yaml-depth", f"nested more than {DEEPEST} deep", 1, DEEPEST + 1, "")),
    "deep unclosed": ("{a: " * 10_000, ("yaml-depth", f"nested more than {DEEPEST} deep", 1, 4 * DEEPEST + 1, "")),
    "deep list": ("- " * 10_000 + "a", ("yaml-depth", f"nested more than {DEEPEST} deep", 1, 2 * DEEPEST + 1, "")),
    "tab": ("a:\n\tb: 1\n", ("yaml-syntax", "found character that cannot start any token", 2, 1, TABS)),
    "tab after spaces": ("a:\n  b: 1\n  \tc: 1\n", ("yaml-syntax", None, 3, 3, TABS)),
    "nul": ("a: 1\nb: x\0y\n", ("yaml-syntax", "control characters are not allowed", 2, 5, "")),
    "control after others": ("é: ü\nb: x\x07y\n", ("yaml-syntax", "control characters are not allowed", 2, 5, "")),
    "lone surrogate": ("a: 1\nb: \ud800\n", ("yaml-syntax", None, 2, 4, "")),
    "cut": ("{formula: f(x, y)}\n", ("cut-formula", "'y)' has no value", 1, 16, CUT)),
    "cut before more": ("a: {formula: f(x, y), b: 2}\n", ("cut-formula", "'y)' has no value", 1, 19, CUT)),
    "list as key": ("? [a]\n: 1\n", ("yaml-key", "a key that is not a word", 1, 3, "")),
    "unclosed list": ("a: [1, 2\nb: 3\n", ("yaml-syntax", None, 2, 2, "")),
    "colon": ("a: b: c\n", ("yaml-syntax", "mapping values are not allowed in this context", 1, 5, "")),
    "at sign": ("a: @x\n", ("yaml-syntax", "found character that cannot start any token", 1, 4, "")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    text, (code, message, line, column, hint) = REFUSED[name]
    documents, problems = read_yaml(text, FILE)
    assert documents == []
    assert [found.code for found in problems] == [code]
    assert message in (None, problems[0].message)
    place = problems[0].labels[0].place
    assert (place.path, place.line, place.column) == (FILE, line, column)
    assert hint in " ".join(problems[0].hints)


def test_a_duplicate_names_the_first():
    _, (found,) = read_yaml("key: 1\nb: 2\nkey: 3\n", FILE)
    assert [(label.place, label.text) for label in found.labels] == [
        (Place(FILE, 3, 1, 3), ""),
        (Place(FILE, 1, 1, 3), "first here"),
    ]


def test_all_faults_of_a_text_are_told():
    _, problems = read_yaml("a: {b: f(x, y)}\nc: {d: 1, d: 2}\na: 1\n", FILE)
    assert [found.code for found in problems] == ["cut-formula", "duplicate-key", "duplicate-key"]


def test_deep_block_mappings_are_refused():
    text = "".join(" " * depth + "a:\n" for depth in range(2_000))
    documents, (found,) = read_yaml(text, FILE)
    assert (documents, found.code, found.labels[0].place) == ([], "yaml-depth", Place(FILE, DEEPEST + 1, DEEPEST + 1))


def test_the_deepest_that_is_read():
    node = read("[" * DEEPEST + "]" * DEEPEST)[0]
    for _ in range(DEEPEST - 1):
        (node,) = node.items
    assert node.items == ()


def test_many_block_scalars_take_time_in_proportion():
    def seconds(count):
        text = "".join(f"k{number}: |\n  a + b\n" for number in range(count))
        start = perf_counter()
        assert len(read(text)[0].items) == count
        return perf_counter() - start

    few, many = (min(seconds(count) for _ in range(3)) for count in (500, 8_000))
    assert many < 16 * 4 * max(0.01, few)


DATA = {
    "": [],
    "# only a remark\n": [],
    "---\n": [None],
    "a: 1\n---\nb: 2\n": [{"a": 1}, {"b": 2}],
    "a: 010\nb: 1e3\nc: 1_000\nd: 0x10\ne: 12:30\nf: -2.5\n": [
        {"a": "010", "b": 1000.0, "c": "1_000", "d": "0x10", "e": "12:30", "f": -2.5}
    ],
    "a: yes\nb: true\nc: 'true'\nd: ~\ne:\nf: null\ng: No\n": [
        {"a": "yes", "b": True, "c": "true", "d": None, "e": None, "f": None, "g": "No"}
    ],
    "a: 2001-01-01\n<<: {b: .inf}\n1: x\n": [{"a": "2001-01-01", "<<": {"b": ".inf"}, "1": "x"}],
    "a: |\n  one\n  two\n\nb: >\n  one\n  two\n": [{"a": "one\ntwo", "b": "one two"}],
    "[f(x, y)]": [["f(x", "y)"]],
    "{a: '', b: [], c: {}}": [{"a": "", "b": [], "c": {}}],
    "\ufeffa: 1\n": [{"a": 1}],
}


@pytest.mark.parametrize("text", DATA)
def test_scalars_are_what_they_look_like(text):
    assert [to_data(document) for document in read(text)] == DATA[text]


def test_styles_are_kept():
    text = "a: x\nb: 'x'\nc: \"x\"\nd: |\n  x\ne: >\n  x\n  y\nf: >-\n  x\n"
    assert [(key.style, value.style) for key, value in read(text)[0].items] == [
        ("", style) for style in ["", "'", '"', "|", ">", ">"]
    ]


BYTES = [
    (b"", "", None),
    ("é: 1".encode(), "é: 1", None),
    (b"\xef\xbb\xbfa: 1", "a: 1", None),
    (b"a: \xff", "", (1, 4, "0xff")),
    (b"a: 1\nb: \xc3", "", (2, 4, "0xc3")),
    (b"\xff\xfea\0", "", (1, 1, "0xff")),
    (b"\x7fELF\x02\x01\0\xfe\n\xed\xa0\x80", "", (1, 8, "0xfe")),
    (b"x: \xed\xa0\x80", "", (1, 4, "0xed")),
    ("é: ".encode() + b"\xff", "", (1, 4, "0xff")),
]


@pytest.mark.parametrize(("content", "text", "fault"), BYTES, ids=repr)
def test_bytes_to_text(content, text, fault):
    found, problem = decode_text(content, FILE)
    assert found == text
    if fault is None:
        assert problem is None
        return
    place = problem.labels[0].place
    assert (problem.code, place.path, place.line, place.column) == ("not-utf-8", FILE, *fault[:2])
    assert problem.message == f"byte {fault[2]} is not UTF-8 text"


def test_files_that_cannot_be_read(tmp_path):
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    (tmp_path / "fine.yaml").write_bytes(b"a: 1")
    assert read_bytes(tmp_path / "fine.yaml") == (b"a: 1", None)
    cases = {
        tmp_path: "unreadable-file",
        large: "file-too-large",
        tmp_path / "none.yaml": "unreadable-file",
        tmp_path / "a\0b": "unreadable-file",
    }
    for path, code in cases.items():
        content, problem = read_bytes(path)
        assert (content, problem.code) == (b"", code)


@settings(max_examples=200, deadline=None)
@given(yaml_trees)
def test_encode_then_decode_is_the_identity(tree):
    assert decode(json.loads(json.dumps(encode(tree))), FILE) == tree


@settings(max_examples=200, deadline=None)
@given(st.text("ab:- \n\t[]{},'\"|>&*!%#?\0é", max_size=25))
def test_any_text_is_trees_or_problems_inside_it(text):
    documents, problems = read_yaml(text, FILE)
    assert not (documents and problems)
    for problem in problems:
        place = problem.labels[0].place
        assert 1 <= place.line <= text.count("\n") + 2
        assert place.column >= 1
    for document in documents:
        assert decode(encode(document), FILE) == document
        for scalar in scalars(document):
            assert scalar.marks[0][0] == 0
            assert all(line >= 1 and column >= 1 for _, line, column in scalar.marks)
            assert [mark[0] for mark in scalar.marks] == sorted({mark[0] for mark in scalar.marks})
