"""`vramledger fmt`: one layout, the same meaning, every comment where it was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vramledger import cli
from vramledger.rules.format import format_text
from vramledger.rules.key_order import ORDER
from vramledger.rules.layout import read_layout
from vramledger.rules.read import read_yaml
from vramledger.rules.schema import definitions
from vramledger.rules.tree import Mapping, Scalar, Sequence

ROOT = Path(__file__).parents[1]
BUNDLED = sorted([*(ROOT / "specs").rglob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")])
BAD = sorted((ROOT / "tests" / "cases" / "bad").rglob("*.yaml"))


def said(node):
    """What a tree says: texts with their quotes, lists in order, fields by name."""
    if isinstance(node, Scalar):
        return node.text, node.style
    if isinstance(node, Sequence):
        return [said(item) for item in node.items]
    return {(key.text, key.style): said(value) for key, value in node.items}


def meaning(text):
    trees, problems = read_yaml(text, "x.yaml")
    assert problems == []
    return [said(tree) for tree in trees]


def comments(text):
    return sorted(remark.text for remark in read_layout(text).remarks if remark.text)


def formatted(text):
    """The text in the one layout, after all that must hold of it was asserted."""
    found, problems = format_text(text, "x.yaml")
    assert problems == []
    assert format_text(found, "x.yaml") == (found, [])
    assert meaning(found) == meaning(text.removeprefix("\ufeff"))
    assert comments(found) == comments(text)
    assert found.endswith("\n")
    assert not found.startswith("\n")
    return found


# --- all that is there -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: str(path.relative_to(ROOT)))
def test_bundled_files_keep_meaning_comments_and_their_first_line(path):
    text = path.read_text(encoding="utf-8")
    found = formatted(text)
    assert found.partition("\n")[0] == text.partition("\n")[0]
    assert sorted(found.split()) == sorted(text.split()), "words only move"


@pytest.mark.parametrize("path", BAD, ids=lambda path: str(path.relative_to(ROOT)))
def test_faulty_files_keep_what_they_say_or_are_left_alone(path):
    text = path.read_bytes().decode("utf-8", errors="replace")
    found, problems = format_text(text, str(path))
    if problems:
        assert found == text
    else:
        assert (meaning(found), comments(found)) == (meaning(text), comments(text))


def test_the_order_names_every_key_that_a_schema_names():
    known = definitions()
    for sort, words in ORDER.items():
        if sort in ("case", "declaration", "example", "row", "rule", "table", "warning"):
            kept = {"each", "when", "remove"} if sort == "row" else set()  # they stand among the row's columns
            assert {*known[sort]["properties"]} - {*words.split()} == kept, sort
    blocks = known["kind"]["properties"]["blocks"]["additionalProperties"]["properties"]
    assert {*blocks} <= {*ORDER["block"].split()}


SAME = "laid out already"

# --- what it does ------------------------------------------------------------------------------------

LAID_OUT = {
    "indent": ("a:\n      b:\n            c: 1\n", "a:\n  b:\n    c: 1\n"),
    "dashes under the key": ("a:\n- 1\n- x: 1\n  y: 2\n", "a:\n  - 1\n  - x: 1\n    y: 2\n"),
    "dashes far in": ("a:\n      -   1\n      -    x: 1\n           y: 2\n", "a:\n  - 1\n  - x: 1\n    y: 2\n"),
    "lists of lists": ("a:\n- - 1\n  - 2\n-\n  - 3\n", "a:\n  - - 1\n    - 2\n  - - 3\n"),
    "blanks at the end": ("a: 1   \nb: 2\t\n\n\n", "a: 1\nb: 2\n"),
    "no line feed at the end": ("a: 1", "a: 1\n"),
    "blank lines": ("\n\na: 1\n\n\n\nb:\n\n  c: 1\n", "a: 1\n\nb:\n  c: 1\n"),
    "blanks between": ("a:    1\nb : [ 1,2 ,  3 ]\nc: { x: 1 , 'y': 2 }\n", "a: 1\nb: [1, 2, 3]\nc: {x: 1, 'y': 2}\n"),
    "a value on the next line": ("a:\n  word\nb:\n  'x y'\n", "a: word\nb: 'x y'\n"),
    "a formula in braces": (
        "a: {when: x >= 2, bits: 16}\nb: {bytes: sum(t.n for t in u)}\n",
        "a:\n  when: x >= 2\n  bits: 16\nb:\n  bytes: sum(t.n for t in u)\n",
    ),
    "values in braces": ("a: {size: 10 GB .. 30 GB, name: for-loop}\n", "a: {size: 10 GB .. 30 GB, name: for-loop}\n"),
    "brackets over lines": ("a: [x,\n  y]\n", "a: [x, y]\n"),
    "brackets with comments": (
        "a: [ # these\n  1, # one\n  # and\n  2,\n  # no more\n]\nb: 1\n",
        "a: # these\n  - 1 # one\n  # and\n  - 2\n  # no more\nb: 1\n",
    ),
    "brackets too long": (f"a: [{'x' * 60}, {'y' * 60}]\n", f"a:\n  - {'x' * 60}\n  - {'y' * 60}\n"),
    "brackets that just fit": (f"ab: [{'x' * 57}, {'y' * 55}]\n", f"ab: [{'x' * 57}, {'y' * 55}]\n"),
    "nothing in brackets": ("a: { }\nb: [ ]\nc: {  # why\n  }\n", "a: {}\nb: []\n# why\nc: {}\n"),
    "long texts": (f"a: {'word ' * 60}end\n", f"a: {'word ' * 60}end\n"),
    "texts over lines": ("a: one\n       two\n\n       three\nb: 'x\n y'\n", "a: one\n  two\n\n  three\nb: 'x\n  y'\n"),
    "block texts": (
        "a:\n    b: |\n          f(x,\n            y)\n\n    c: 1\n",
        "a:\n  b: |\n    f(x,\n      y)\n\n  c: 1\n",
    ),
    "block texts with an indent": (
        "a:\n    b: |4\n            x\n          y\n",
        "a:\n  b: |2\n        x\n      y\n",
    ),
    "ends of block texts": ("a: |+\n   x\n\n\nb: |-\n   y\n\n\n\nc: 1\n", "a: |+\n  x\n\n\nb: |-\n  y\n\nc: 1\n"),
    "blanks in block texts stay": ("a: |\n   x  \n    \n   y\n", "a: |\n  x  \n   \n  y\n"),
    "keys in quotes": ("o: x\n'rules': {}\n\"says\": x\n", "o: x\n\"says\": x\n'rules': {}\n"),
    "explicit keys": ("? a\n: 1\n", "a: 1\n"),
    "documents": ("a: 1\n---\nb: 2\n...\n---   # next\nc: 3\n", "a: 1\n---\nb: 2\n...\n---   # next\nc: 3\n"),
    "a scenario in braces": ("{model: x, batch: {size: 1}} # so\n", "{model: x, batch: {size: 1}} # so\n"),
    "scalars as they are": (
        'a: TRUE\nb: ~\nc:\nd: 010\ne: +5\nf: 1.50\ng: 2024-01-01T10:00:00.50Z\nh: "\\x41"\n',
        SAME,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAID_OUT)
def test_one_layout(name):
    text, wanted = LAID_OUT[name]
    assert formatted(text) == (text if wanted is SAME else wanted)


ORDERED = {
    "an entry": (
        """
        optimizer: x
        examples:
          - expect: {a: 1}
            given: {model: y}
            says: So.
        source:
          url: u
          title: t
        states:
          b: {}
          a: {}
        warnings: {}
        aliases: [z]
        rules:
          q.bytes:
            source: {section: s, title: t}
            formula: 1 B
            when: a > b
            unit: B
            overrides: true
            says: It is.
          a.bytes:
            otherwise: 0 B
            cases:
              - formula: 1 B
                when: c
        tables: {}
        says: What it is.
        """,
        """
        optimizer: x
        says: What it is.
        states:
          b: {}
          a: {}
        aliases: [z]
        tables: {}
        rules:
          q.bytes:
            says: It is.
            overrides: true
            unit: B
            when: a > b
            formula: 1 B
            source: {title: t, section: s}
          a.bytes:
            cases:
              - when: c
                formula: 1 B
            otherwise: 0 B
        warnings: {}
        source:
          title: t
          url: u
        examples:
          - says: So.
            given: {model: y}
            expect: {a: 1}
        """,
    ),
    "a stage": (
        """
        stage: x
        tables:
          t:
            fill:
              - bytes: 1
                name: b
              - name: a
            columns:
              bytes: {default: 0, unit: B, says: Bytes.}
            says: Rows.
        facts:
          z: {default: 1, says: Z.}
        says: So.
        order: 5
        """,
        """
        stage: x
        order: 5
        says: So.
        facts:
          z: {says: Z., default: 1}
        tables:
          t:
            says: Rows.
            columns:
              bytes: {says: Bytes., unit: B, default: 0}
            fill:
              - name: b
                bytes: 1
              - name: a
        """,
    ),
    "a scenario": (
        "model: m\nexpect: {a: 1}\nbatch: {size: 1}\nsays: So.\ntask: training\n",
        "model: m\nsays: So.\nbatch: {size: 1}\ntask: training\nexpect: {a: 1}\n",
    ),
    "what is no word of ours": ("model: m\nconfig:\n  source: 1\n  says: 2\n", SAME),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERED)
def test_one_order_of_keys(name):
    text, wanted = ORDERED[name]
    assert formatted(dedent(text).lstrip()) == dedent(text if wanted is SAME else wanted).lstrip()


def test_the_first_key_stays_first_for_it_names_the_kind():
    assert formatted("says: x\nsource: {title: t}\nmodel: m\n").startswith("says: x\nmodel: m\nsource:")
    assert formatted("examples: x\nsays: y\n") == "examples: x\nsays: y\n"


# --- comments -----------------------------------------------------------------------------------------


def test_comments_go_with_what_they_are_about():
    text = dedent("""
        # the file
        optimizer: x   # its name
        # above the examples
        examples: []   # beside them
        # above the rules
        rules:         # beside the rules
            # above the rule
            b.bytes:
                # above the formula
                formula: |   # beside the bar
                    1 B
                # above what it says
                says: B.     # beside it
                # at the end of the rule
            # at the end of the rules
        # above what it says
        says: X.
        # at the end
    """).lstrip()
    wanted = dedent("""
        # the file
        optimizer: x   # its name
        # above what it says
        says: X.
        # above the rules
        rules:         # beside the rules
          # above the rule
          b.bytes:
            # above what it says
            says: B.     # beside it
            # above the formula
            formula: |   # beside the bar
              1 B
            # at the end of the rule
          # at the end of the rules
        # above the examples
        examples: []   # beside them
        # at the end
    """).lstrip()
    assert formatted(text) == wanted


ODD = {
    "between a key and its list": ("a:\n  # first\n- 1\n", "a:\n  # first\n  - 1\n"),
    "between a key and its word": ("a:  # so\n  # why\n  word\n", "# so\n# why\na: word\n"),
    "between a dash and its fields": (
        "a:\n-\n  # in\n  x: 1\n- # at\n  y: 1\n",
        "a:\n  -\n    # in\n    x: 1\n  - # at\n    y: 1\n",
    ),
    "without a blank before it": ("a: [1,#one\n 2]\n", "a:\n  - 1 #one\n  - 2\n"),
    "after a block text": ("a:\n  b: |\n    x\n  # b's\n# next\nc: 1\n", "a:\n  b: |\n    x\n  # b's\n# next\nc: 1\n"),
    "what looks like one": ("a: 'x # y'\nb: x#y\nc: |\n  # no\n  x\n", "a: 'x # y'\nb: x#y\nc: |\n  # no\n  x\n"),
    "between documents": ("a: 1\n# end\n---\n# begin\nb: 1\n# last\n", "a: 1\n# end\n---\n# begin\nb: 1\n# last\n"),
    "around dots": ("a: 1\n... # a\n# b\n---  # c\nd: 1\n", "a: 1\n... # a\n# b\n---  # c\nd: 1\n"),
    "far to the right": ("a: 1                    # one\nlonger: 2               # two\n", SAME),
    "in between by its indent": (
        "a:\n    b:\n        c: 1\n      # of b\n  # of a\nd: 1\n",
        "a:\n  b:\n    c: 1\n  # of b\n# of a\nd: 1\n",
    ),
    "of an explicit key": ("? # why\n  a\n: # what\n  1\n", "# why\n# what\na: 1\n"),
    "unicode": ("é: 😀 日本  # ñ 日\n", "é: 😀 日本  # ñ 日\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_comments_in_odd_places(name):
    text, wanted = ODD[name]
    assert formatted(text) == (text if wanted is SAME else wanted)


def test_comments_stay_above_the_same_line():
    """By another way than the writer's: each comment of a bundled file leads the words that it led before."""
    for path in BUNDLED[::3]:
        text = path.read_text(encoding="utf-8")
        assert led(formatted(text)) == led(text), path


def led(text):
    """The comments that stand alone, each with the next line that is none; those of the end with nothing."""
    found, waiting = [], []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            waiting.append(line)
        elif line:
            found += [(comment, line) for comment in waiting]
            waiting = []
    return sorted([*found, *((comment, "") for comment in waiting)])


# --- anything at all -----------------------------------------------------------------------------------

PIECES = (
    "# remark", "  # é beside", "#x", "\n", "\n\n", "   # deep\n", "- ", "  ", "[a, b]", "{a: 1, b: [c, d]}", "---\n",
    "|\n    x\n\n      y\n", "|+\n  x\n\n\n", "|2-\n    x\n", "'it''s'", '"q\\u00e9 \\\n   z"', ": ", "? ", "a:\n",
    "...\n", "[\n # in\n a, # b\n c]", "{x: f(1, 2)}", "> folded\n", "日本", "\r\n", '"a\n\n  b"', "- - x\n", "~",
    "\t", "{}", "[[1,2],[3]]", "|", "!", "&a", "*a", "%", "@", "[a: b]", "\u2028", "\x85", "\r",
)  # fmt: skip
TEXTS = [text for text in (path.read_text(encoding="utf-8") for path in BUNDLED) if len(text) < 3000]


@st.composite
def mutated(draw):
    """A bundled file with pieces put in, comments added, lines moved, swapped and indented."""
    lines = draw(st.sampled_from(TEXTS)).split("\n")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 6)):
            case 0:
                lines.insert(at, " " * draw(st.integers(0, 9)) + draw(st.sampled_from(["# one", "#two: three", ""])))
            case 1:
                lines[at] += " " * draw(st.integers(1, 4)) + "# beside"
            case 2:
                lines[at] = " " * draw(st.integers(0, 4)) + lines[at]
            case 3:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case 4:
                times = draw(st.integers(2, 4))
                lines = [" " * (len(line) - len(line.lstrip())) * times + line.lstrip() for line in lines]
            case 5:
                lines[at] = lines[at].partition(": ")[0] + ": " + draw(st.sampled_from(PIECES))
            case _:
                text = "\n".join(lines)
                place = draw(st.integers(0, len(text)))
                lines = (text[:place] + draw(st.sampled_from(PIECES)) + text[place:]).split("\n")
    return "\n".join(lines)


SEEN = re.compile("^%|[\r\x85\u2028\u2029\ufeff]", re.MULTILINE)  # what the layout leaves to its author
NO_KEY = re.compile(r"(?m)^[-\s]*\?|^\s*:|[{\[,]\s*\?")


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_whatever_is_read_is_laid_out_with_the_same_meaning(text):
    trees, faults = read_yaml(text, "x.yaml")
    found, problems = format_text(text, "x.yaml")
    if faults or not trees or not all(isinstance(tree, Mapping) for tree in trees):
        assert problems
    if problems:
        assert found == text
        odd = SEEN.search(text.replace("\r\n", "\n")) or NO_KEY.search(text)
        assert faults or not trees or odd or not all(isinstance(tree, Mapping) for tree in trees)
        return
    assert meaning(found.replace("\r\n", "\n")) == meaning(text)
    assert comments(found.replace("\r\n", "\n")) == comments(text.replace("\r\n", "\n"))
    assert format_text(found, "x.yaml") == (found, [])


# --- what is left alone ----------------------------------------------------------------------------------

LEFT = {
    "no YAML": ("a: b: c\n", "yaml-syntax", (1, 5)),
    "a tab": ("a:\n\tb: 1\n", "yaml-syntax", (2, 1)),
    "an anchor": ("a: &x 1\nb: 2\n", "yaml-alias", (1, 4)),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "duplicate-key", (3, 1)),
    "a cut formula": ("a: {elements: max(t.rows, t.cols)}\n", "cut-formula", (1, 27)),
    "nothing": ("", "empty-file", (1, 1)),
    "only comments": ("# a\n", "empty-file", (1, 1)),
    "a list": ("- a: 1\n", "not-a-mapping", (1, 1)),
    "a word": ("a: 1\n---\nword\n", "not-a-mapping", (3, 1)),
    "a directive": ("%YAML 1.1\n---\na: 1\n", "yaml-syntax", (1, 1)),
    "a line break that is not seen": ("a: 1\nb: 'x\u2028y'\n", "yaml-syntax", (2, 6)),
    "an empty key": ("? \na: 1\n", "yaml-syntax", (1, 1)),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_cannot_be_laid_out_is_told_and_left(name):
    text, code, place = LEFT[name]
    found, problems = format_text(text, "x.yaml")
    label = problems[0].labels[0].place
    assert (found, problems[0].code, (label.line, label.column)) == (text, code, place)


@pytest.mark.parametrize("broken", ["value", "comment", "order"])
def test_a_writer_that_errs_writes_nothing(broken, monkeypatch):
    """What was written is read again, whatever the writer did."""
    from vramledger.rules import format as layout

    text = "a: 1  # why\nb: 2\n"
    wrong = {"value": "a: '1'  # why\nb: 2\n", "comment": "a: 1\nb: 2\n", "order": "b: 2\na: 1  # why\n"}[broken]
    monkeypatch.setattr(layout._Writer, "text", lambda self: wrong)
    found, problems = format_text(text, "x.yaml")
    assert (found, [one.code for one in problems]) == (text, ["yaml-syntax"])


# --- files ------------------------------------------------------------------------------------------------

UGLY = "optimizer: x\nsource:\n    title: t\nsays: X.\n"
NEAT = "optimizer: x\nsays: X.\nsource:\n  title: t\n"


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """A command's exit code, its answer, its problems, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = cli.main(["fmt", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_files_and_folders(run, tmp_path):
    rules = tmp_path / "rules" / "optimizers"
    rules.mkdir(parents=True)
    (tmp_path / "rules" / ".git").mkdir()
    for name in ("b.yaml", "a.yml", "c.txt"):
        (rules / name).write_text(UGLY, encoding="utf-8")
    (rules / "neat.yaml").write_text(NEAT, encoding="utf-8")
    (tmp_path / "rules" / ".git" / "x.yaml").write_text(UGLY, encoding="utf-8")
    (tmp_path / "one").write_text(UGLY, encoding="utf-8")
    listed = "rules/optimizers/a.yml", "rules/optimizers/b.yaml", "one"
    assert run("--check", "rules", "one") == (1, "".join(f"would change {name}\n" for name in listed), "")
    assert (rules / "b.yaml").read_text(encoding="utf-8") == UGLY
    assert run("rules", "one", "rules/optimizers/b.yaml") == (0, "".join(f"changed {name}\n" for name in listed), "")
    assert [(tmp_path / name).read_text(encoding="utf-8") for name in listed] == [NEAT] * 3
    assert (rules / "c.txt").read_text(encoding="utf-8") == UGLY
    assert (tmp_path / "rules" / ".git" / "x.yaml").read_text(encoding="utf-8") == UGLY
    assert run("--check", "rules", "one") == (0, "", "")
    assert sorted(path.name for path in rules.iterdir()) == ["a.yml", "b.yaml", "c.txt", "neat.yaml"]


def test_a_diff(run, tmp_path):
    (tmp_path / "x.yaml").write_text("a:   1\nb: 2", encoding="utf-8")
    code, out, err = run("--diff", "x.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "--- x.yaml", "+++ x.yaml", "@@ -1,2 +1,2 @@",
        "-a:   1", "-b: 2", "\\ No newline at end of file", "+a: 1", "+b: 2",
    ]  # fmt: skip
    assert run("--diff", "--check", "x.yaml") == (1, out, "")
    assert (tmp_path / "x.yaml").read_text(encoding="utf-8") == "a:   1\nb: 2"


def test_as_json(run, tmp_path):
    (tmp_path / "x.yaml").write_text(UGLY, encoding="utf-8")
    (tmp_path / "y.yaml").write_text(NEAT, encoding="utf-8")
    code, out, err = run("--check", "x.yaml", "y.yaml", "--json")
    assert (code, json.loads(out), err) == (1, {"changed": ["x.yaml"], "unchanged": 1}, "")


def test_a_faulty_file_stops_no_other(run, tmp_path):
    (tmp_path / "a.yaml").write_text("a: [1\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(UGLY, encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes(b"a: \xff\n")
    code, out, err = run("a.yaml", "b.yaml", "c.yaml", "none.yaml")
    assert (code, out) == (2, "changed b.yaml\n")
    assert [line.split(": error: ")[1].split(":")[0] for line in err.splitlines() if ": error: " in line] == [
        "yaml-syntax", "not-utf-8", "unreadable-file",
    ]  # fmt: skip
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == "a: [1\n"
    assert (tmp_path / "c.yaml").read_bytes() == b"a: \xff\n"


def test_line_ends_and_the_byte_order_mark_stay(run, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa:   1  # x\r\nb: |\r\n     y\r\n     z\r\n")
    assert run("x.yaml")[0] == 0
    assert path.read_bytes() == b"\xef\xbb\xbfa: 1  # x\r\nb: |\r\n  y\r\n  z\r\n"
    assert run("--check", "x.yaml") == (0, "", "")


def test_links_and_permissions_stay(run, tmp_path):
    path, link = tmp_path / "x.yaml", tmp_path / "link.yaml"
    path.write_text(UGLY, encoding="utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    assert run("link.yaml")[0] == 0
    assert link.is_symlink()
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == (NEAT, 0o640)


def test_a_file_that_cannot_be_written_stops_no_other(run, tmp_path, monkeypatch):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(UGLY, encoding="utf-8")
    replace = Path.replace

    def full(self, target):
        if target.name == "a.yaml":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    code, _, err = run("a.yaml", "b.yaml")
    assert (code, "unwritable-file" in err) == (2, True)
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == UGLY
    assert (tmp_path / "b.yaml").read_text(encoding="utf-8") == NEAT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "b.yaml"]
