"""What lint finds, what it leaves alone, and how a file silences it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from faults import problems_of
from vramledger.rules.lint import lint
from vramledger.rules.open import open_rules, opened

COVERED = "assumed: true\nreason: It is a test.\n"


@pytest.fixture
def findings(tmp_path, monkeypatch):
    """The findings of texts, each a spec file beside the bundled ones, as `line:column: code: message`."""
    monkeypatch.chdir(tmp_path)

    def find(*texts):
        for number, text in enumerate(texts):
            Path(f"{number}.yaml").write_text(dedent(text), encoding="utf-8")
        found = [one for one in lint(open_rules(["."])) if not one.labels[0].place.path.startswith("specs/")]
        assert {one.severity for one in found} <= {"warning"}
        return [f"{one.labels[0].place.line}:{one.labels[0].place.column}: {one.code}: {one.message}" for one in found]

    return find


def stage(rules, *, facts="", more=""):
    text = "stage: mine\nsays: What is tried.\n" + more
    text += f"facts:\n{indented(facts)}" if facts else ""
    return text + (f"rules:\n{indented(rules)}" if rules else "")


def indented(text):
    return "".join(f"  {line}\n" for line in dedent(text).strip("\n").splitlines())


def rule(formula, name="mine.count", more=""):
    return (
        f"{name}:\n  says: It is counted.\n  formula: {formula}\n  assumed: true\n  reason: A test.\n{indented(more)}"
    )


def test_the_bundled_specs_are_clean():
    assert list(lint(opened())) == []


# --- said --------------------------------------------------------------------------------------------

UNSAID = {
    "a stage": ("stage: mine\n", "1:8: unsaid: stage mine does not say what it is"),
    "a rule": (
        stage("mine.count:\n  formula: 1\n  assumed: true\n  reason: A test."),
        "4:3: unsaid: mine.count of stage mine does not say what it is",
    ),
    "a fact": (
        stage(rule("mine.size"), facts="mine.size:\n  default: 1"),
        "4:3: unsaid: mine.size of stage mine does not say what it is",
    ),
    "an entry": ("optimizer: mine\n" + COVERED, "1:12: unsaid: optimizer mine does not say what it is"),
    "a source": ("optimizer: mine\nsays: Mine.\n", "1:12: no-source: optimizer mine cites no source"),
    "a rule's source": (
        stage("mine.count:\n  says: It.\n  formula: 1"),
        "4:3: no-source: mine.count of stage mine cites no source",
    ),
    "a reason": (
        "optimizer: mine\nsays: Mine.\nassumed: true\n",
        "1:12: no-reason: optimizer mine is assumed without a reason",
    ),
    "a column": (
        stage(
            rule("sum(r.size for r in mine)"),
            more="tables:\n  mine:\n    says: Rows.\n    columns:\n      size:\n        default: 1\n",
        ),
        "7:7: unsaid: the column size of mine does not say what it is",
    ),
}


@pytest.mark.parametrize("name", UNSAID)
def test_what_readers_are_owed(name, findings):
    text, expected = UNSAID[name]
    assert findings(text) == [expected]


# --- numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", ["0", "2", "1024", "mine.size * 8", "0 * 1 MB", "1 GB"])
def test_numbers_that_only_count_need_no_source(formula, findings):
    unit = "  unit: B\n" if "B" in formula else ""
    text = stage(f"mine.count:\n  says: It.\n{unit}  formula: {formula}", facts="mine.size:\n  says: It.\n  default: 1")
    assert [line for line in findings(text) if "magic" in line] == []


@pytest.mark.parametrize(
    ("formula", "number"), [("1343 MB", "1343 MB"), ("7", "7"), ("1 - 0.15", "0.15"), ("2 B", "2 B")]
)
def test_a_number_of_the_world_needs_one(formula, number, findings):
    unit = "  unit: B\n" if "B" in formula else ""
    found = findings(stage(f"mine.count:\n  says: It.\n  formula: {formula}\n{unit}") + COVERED)
    assert found == [f"6:{14 + formula.index(number)}: magic-number: {number} has no source"]


def test_a_source_beside_the_number_vouches_for_it(findings):
    assert findings(stage(rule("1343"))) == []


def test_the_source_of_a_stage_does_not_vouch_for_numbers_and_that_of_an_entry_does(findings):
    row = "states:\n  a:\n    bits: 24\n"
    assert findings("optimizer: mine\nsays: Mine.\n" + row + COVERED) == []
    text = stage("mine.count:\n  says: It.\n  formula: 24") + COVERED
    assert findings(text) == ["6:14: magic-number: 24 has no source"]


def test_a_default_is_a_number_too(findings):
    fact = "mine.size:\n  says: It.\n  default: 2048"
    assert findings(stage(rule("mine.size"), facts=fact)) == ["6:14: magic-number: 2048 has no source"]
    vouched = fact + "\n  assumed: true\n  reason: A habit."
    assert findings(stage(rule("mine.size"), facts=vouched)) == []


# --- what nothing reads -------------------------------------------------------------------------------


def test_a_fact_that_nothing_reads(findings):
    facts = "mine.size:\n  says: It.\nmine.other:\n  says: It."
    assert findings(stage(rule("mine.size"), facts=facts)) == ["6:3: unused: no formula reads mine.other"]


def test_a_fact_is_read_by_a_condition_a_default_a_row_and_a_warning(findings):
    facts = "".join(f"mine.{name}:\n  says: It.\n  optional: true\n" for name in ("a", "b", "c", "d", "e"))
    facts += "mine.f:\n  says: It.\n  default: mine.e"
    rules = rule("mine.f", more="when: applies(mine.a)")
    more = """\
tables:
  components:
    fill:
      mine:
        when: applies(mine.b)
        bytes: mine.c * 1 B
warnings:
  mine:
    says: it is {mine.d}
"""
    assert findings(stage(rules, facts=facts, more=more)) == []


def test_tables_and_columns_that_nothing_reads(findings):
    more = """\
tables:
  shelves:
    says: Rows.
    columns:
      height:
        says: Read.
        default: 1
      colour:
        says: Not read.
        default: 1
  drawers:
    says: Rows that nothing runs over.
    columns:
      height:
        says: Read, of another table.
        default: 1
"""
    assert findings(stage(rule("sum(s.height for s in shelves)"), more=more)) == [
        "10:7: unused: no formula reads the column colour of shelves",
        "13:3: unused: no formula reads the table drawers",
        "16:7: unused: no formula reads the column height of drawers",
    ]


def test_a_fact_is_not_read_because_another_has_its_last_word(findings):
    facts = "mine.width:\n  says: It.\nyours.width:\n  says: It."
    assert findings(stage(rule("yours.width"), facts=facts)) == ["4:3: unused: no formula reads mine.width"]


def test_a_field_of_a_kind_is_read_through_its_catalog(findings):
    kind = """
        kind: shelf
        says: Where it stands.
        catalog: shelves
        fields:
          height:
            says: How high.
          colour:
            says: Nobody asks.
            optional: true
    """
    entry = "shelf: low\nsays: Low.\nheight: 1\n" + COVERED
    found = findings(dedent(kind).strip(), entry, stage(rule('shelves["low"].height')))
    assert found == ["7:3: unused: no formula reads shelf.colour"]


# --- tests that never hold ----------------------------------------------------------------------------

NEVER = {
    'task == "trainning"': 'task is never "trainning"',
    '("trainning" == task)': 'task is never "trainning"',
    'precision.name == "bf61"': 'precision.name is never "bf61"',
    "false": "it is false",
    "not true": "it is false",
    'task == "training" and task == "inference"': 'task cannot be both "training" and "inference"',
    'task == "a" or task == "b"': 'task is never "a"',
    'mine.size > 1 and task == "a"': 'task is never "a"',
}


@pytest.mark.parametrize("test", NEVER)
def test_a_rule_that_never_applies(test, findings):
    text = stage(rule("1", more=f"when: {test}"), facts="mine.size:\n  says: It.\n  default: 1")
    found = [line for line in findings(text) if "unused" not in line]
    assert [line.split(": ", 1)[1] for line in found] == [f"never-applies: never holds: {NEVER[test]}"]


@pytest.mark.parametrize(
    "test",
    ['task == "training"', 'task == "a" or task == "training"', 'not (task == "a")', 'mine.word == "anything"', "true"],
)
def test_a_rule_that_may_apply(test, findings):
    text = stage(rule("1", more=f"when: {test}"), facts="mine.word:\n  says: It.\n  type: text\n  default: a")
    assert [line for line in findings(text) if "never" in line] == []


def test_a_row_is_asked_for_a_text_that_its_column_never_is(findings):
    text = stage(rule('count(1 for m in modules if m.kind == "norm")'))
    assert findings(text) == []
    each = 'each: m in modules if m.kind == "nrom"'
    row = f"tables:\n  components:\n    fill:\n      mine:\n        {each}\n        bytes: 1 B\n"
    (found,) = findings(stage(rule("1"), more=row))
    assert found == '7:31: never-applies: never holds: m.kind is never "nrom"'


def test_a_case_after_one_that_always_holds(findings):
    text = stage("""
        mine.count:
          says: It.
          assumed: true
          reason: A test.
          cases:
            - formula: 1
            - when: task == "training"
              formula: 2
    """)
    assert findings(text) == ["11:18: never-applies: the case before this one of mine.count always holds"]


# --- stages -------------------------------------------------------------------------------------------


def test_a_later_stage(findings):
    text = "stage: params\nsays: More of them.\nrules:\n" + indented(rule("total.bytes", more="unit: B"))
    assert findings(text) == [
        "6:14: later-stage: mine.count of stage params leans on total.bytes of the later stage total"
    ]


# --- silence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["rule", "document"])
def test_a_file_silences_what_is_meant(where, findings):
    inside = {"rule": "", "document": "", where: "silence:\n  magic-number: It is a test.\n"}
    text = stage(f"mine.count:\n  says: It.\n  formula: 24\n{indented(inside['rule'])}", more=inside["document"])
    assert findings(text + COVERED) == []


def test_a_silence_holds_only_for_its_code_and_its_node(findings):
    silence = "  silence:\n    magic-number: It is a test.\n"
    text = stage(f"mine.a:\n  says: It.\n  formula: 24\n{silence}mine.b:\n  says: It.\n  formula: 25")
    assert findings(text + COVERED) == ["11:14: magic-number: 25 has no source"]


def test_a_silence_that_is_not_needed(findings):
    text = stage(rule("24", more="silence:\n  magic-number: It has a source."))
    assert findings(text) == ["10:7: needless-silence: nothing here is a case of magic-number"]


def test_an_unknown_code_and_an_empty_reason_are_refused(tmp_path):
    for silence, code in (("magic-numbers: Why.", "unknown-key"), ("magic-number:", "wrong-shape")):
        (tmp_path / "mine.yaml").write_text(stage(rule("24", more=f"silence:\n  {silence}")), encoding="utf-8")
        faults = problems_of(lambda: open_rules([tmp_path]))
        assert [found.code for found in faults.problems] == [code]


def test_what_an_entry_silences_is_not_inherited(findings):
    silence = "silence:\n  no-source: A test.\n  magic-number: A test.\n"
    parent = "optimizer: parent\nsays: Mine.\nstates:\n  a:\n    bits: 24\n" + silence
    child = "optimizer: child\nsays: Mine.\nextends: parent\nstates:\n  b:\n    bits: 24\n"
    assert findings(parent, child) == [
        "1:12: no-source: optimizer child cites no source",
        "6:11: magic-number: 24 has no source",
    ]
