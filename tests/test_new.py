"""`vramledger new`: what it writes is sound as it stands, whatever it is called; what it cannot write it tells."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from textwrap import dedent
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faults import stable
from vramledger.commands import new
from vramledger.rules import templates
from vramledger.rules.format import format_text
from vramledger.rules.open import opened
from vramledger.rules.read import read_yaml
from vramledger.rules.templates import fill_in, with_schemas, word
from vramledger.rules.tree import to_data

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "specs" / "templates"
KINDS = sorted(opened().kinds)
HEADS = [*KINDS, "stage", "kind", "scenario"]
MODELINE = "# yaml-language-server: $schema="


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")


def laid_out(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return path


def in_folder():
    return sorted(path.name for path in Path().iterdir())


def documents(path):
    """The documents of a file, each with its text."""
    parts = re.split(r"^---\n", Path(path).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [(part, to_data(tree)) for part in parts for tree in read_yaml(part, str(path))[0]]


def what_it_says_next(out):
    return [shlex.split(line.removeprefix("$ vramledger ")) for line in out.splitlines() if line.startswith("$ ")]


def assert_sound(run, commands):
    """Runs the commands that `new` prints: a check passes, nothing is worth a warning, there is an answer."""
    verbs = {words[0]: words[1:] for words in commands}
    assert [*verbs] == [words[0] for words in commands]
    assert {*verbs} == {"test", "lint", "estimate"}
    code, out, err = run("test", *verbs["test"])
    assert (code, err) == (0, "")
    assert re.search(r"^[1-9]\d* passed, 0 failed$", out, re.MULTILINE), out
    assert run("lint", *verbs["lint"]) == (0, "0 errors, 0 warnings\n", "")
    code, out, err = run("estimate", *verbs["estimate"])
    assert (code, err) == (0, "")
    return out


# --- what is written ---------------------------------------------------------------------------------


def test_each_kind_has_a_template():
    assert sorted(path.stem for path in TEMPLATES.iterdir()) == sorted(HEADS)


# each kind is tried in one of two ways: as a file of its own, or in a folder with all that its examples reach
SOUND_IN_A_FOLDER = ("architecture", "convention", "hardware", "import", "kind", "loss", "optimizer", "stage")


@pytest.mark.parametrize(
    "head", [head for head in HEADS if head not in SOUND_IN_A_FOLDER or head in ("import", "kind", "stage")]
)
def test_what_is_written_is_sound(head, run):
    code, out, err = run("new", head, "thing")
    assert (code, err) == (0, "")
    assert out.startswith("wrote thing.yaml; next:\n")
    answer = assert_sound(run, what_it_says_next(out))
    assert "thing" in answer or head in ("ggml_type", "import", "kernel", "norm", "scenario")
    assert in_folder() == ["thing.yaml"]


@pytest.mark.parametrize("head", SOUND_IN_A_FOLDER)
def test_what_is_written_is_sound_in_a_folder_and_all_reached_by_its_examples(head, run):
    run("new", head, "thing", "-o", "rules/deep/thing.yaml")
    code, out, _ = run("test", "--specs", "rules")
    assert (code, "not reached" in out) == (0, False)
    assert re.match(r"[1-9]\d* passed, 0 failed\n", out)
    assert run("lint", "--specs", "rules") == (0, "0 errors, 0 warnings\n", "")


@pytest.mark.parametrize("head", HEADS)
def test_what_is_written_keeps_the_schemas_that_it_names(head, run):
    run("new", head, "thing")
    named = []
    for text, data in documents("thing.yaml"):
        address = re.search(r"\$schema=(\S+)", text)
        if address is not None:
            schema = json.loads(Path(unquote(urlsplit(address[1]).path)).read_text(encoding="utf-8"))
            jsonschema.validate(data, schema)
            named.append(schema["title"])
    assert named[0] == head
    assert named[1:] == (["stage"] if head in ("kind", "import") else [])


@pytest.mark.parametrize("head", HEADS)
def test_what_is_written_is_in_the_one_layout(head, run):
    run("new", head, "thing")
    text = Path("thing.yaml").read_text(encoding="utf-8")
    assert format_text(text, "thing.yaml") == (text, [])
    assert "NAME" not in text
    assert "# next:" not in text


def test_the_import_reads_the_file_that_it_speaks_of(run):
    run("new", "import", "my-trainer")
    laid_out("checkpoint/trainer.json", '{"gradient_accumulation_steps": 4}')
    for path in ("checkpoint", "checkpoint/trainer.json"):
        laid_out("scenario.yaml", f"model: llama-3-8b\nmy_trainer_file: {path}\nexpect: {{batch.accumulation: 4}}\n")
        assert run("test", "scenario.yaml", "--specs", "my-trainer.yaml")[:2] == (0, "1 passed, 0 failed\n")


def test_the_convention_warns(run):
    run("new", "convention", "leaflet")
    _, out, _ = run("estimate", "llama-3-8b", "--convention", "leaflet", "--specs", "leaflet.yaml")
    assert "the leaflet counts 32.121 GB of gradients, whatever their format" in out


def test_plurals_mean_the_same(run):
    assert run("new", "optimizers", "thing", "--json")[0] == 0
    assert run("new", "scenarios", "other", "--json")[0] == 0
    assert documents("thing.yaml")[0][1]["optimizer"] == "thing"
    assert documents("other.yaml")[0][1]["model"] == "llama-3-8b"


def test_json(run):
    code, out, _ = run("new", "optimizer", "mine", "-o", "rules/mine.yaml", "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "path": "rules/mine.yaml",
            "next": [
                "vramledger test --specs rules/mine.yaml -k mine",
                "vramledger lint --specs rules/mine.yaml",
                "vramledger estimate llama-3-8b --optimizer mine --specs rules/mine.yaml",
            ],
        },
    )


def test_a_file_inside_a_folder_of_specs_is_read_with_it(run):
    run("new", "kind", "probe", "-o", "rules/probe.yaml")
    _, out, _ = run("new", "optimizer", "mine", "-o", "rules/deep/mine.yaml", "--specs", "rules")
    assert {tuple(words[words.index("--specs") :][:2]) for words in what_it_says_next(out)} == {("--specs", "rules")}
    assert "rules/deep/mine.yaml" not in out.partition("next:")[2]
    _, out, _ = run("new", "optimizer", "other", "-o", "elsewhere/my other.yaml", "--specs", "rules")
    assert out.count("--specs rules --specs 'elsewhere/my other.yaml'") == 3
    assert_sound(run, what_it_says_next(out))


def test_a_file_among_the_bundled_specs_is_read_anyway():
    assert new._specs([], ROOT / "specs" / "optimizers" / "mine.yaml", "optimizer") == []
    assert new._specs(["a"], Path("b/mine.yaml"), "optimizer") == ["a", "b/mine.yaml"]


# --- schemas that editors read ------------------------------------------------------------------------


def test_beside_the_schemas_the_path_is_relative(tmp_path):
    text = (TEMPLATES / "optimizer.yaml").read_text(encoding="utf-8")
    beside = with_schemas(text, ROOT / "specs" / "optimizers" / "mine.yaml")
    assert beside.splitlines()[0] == f"{MODELINE}../../schemas/optimizer.schema.json"
    assert beside == text
    apart = with_schemas(text, tmp_path / "mine.yaml").splitlines()
    assert apart[0] == f"{MODELINE}{(ROOT / 'schemas').as_uri()}/optimizer.schema.json"
    assert apart[1].startswith("# The line above")
    assert apart[3:] == text.splitlines()[1:]


def test_a_schema_below_a_folder_with_blanks(tmp_path, monkeypatch):
    laid_out("my engine/schemas/optimizer.schema.json", "{}")
    monkeypatch.setattr(templates, "folder", lambda name: tmp_path / "my engine" / name)
    text = f"{MODELINE}../../schemas/optimizer.schema.json\noptimizer: mine\n"
    assert with_schemas(text, Path("mine.yaml")).startswith(f"{MODELINE}{tmp_path.as_uri()}/my%20engine/schemas/opt")


def test_a_schema_of_the_users_own_is_left_as_it_is():
    text = f"{MODELINE}https://our.example/schemas/gadget.json\ngadget: mine\n"
    assert with_schemas(text, Path("mine.yaml")).startswith(text.splitlines()[0] + "\n")


# --- names -------------------------------------------------------------------------------------------

NAMES = {
    "1.5": "optimizer",
    "2024-01-01": "quantization",
    "true": "precision",
    "a-b.c_d": "import",
    "x" * 100: "optimizer",
    "1": "scenario",
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:12])
def test_odd_names(name, run):
    code, out, err = run("new", NAMES[name], name)
    assert (code, err) == (0, "")
    assert_sound(run, what_it_says_next(out))


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True), st.sampled_from(sorted({*KINDS} - {"import"}))
)
def test_every_name_is_text_to_whoever_reads_it(name, head):
    text = fill_in((TEMPLATES / f"{head}.yaml").read_text(encoding="utf-8"), name)
    (tree,), problems = read_yaml(text, "mine.yaml")
    assert problems == []
    assert to_data(tree)[head] == name
    assert yaml.safe_load(text)[head] == name
    uses = [example["given"] for example in yaml.safe_load(text)["examples"]]
    assert all(name in re.findall(r"'([^']*)'", str(use)) for use in uses)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True))
def test_every_name_has_a_word(name):
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word(name))
    assert isinstance(yaml.safe_load(word(name)), str)


# --- what cannot be written ---------------------------------------------------------------------------

REFUSED = {
    "a kind that is not there": ("new", "optimiser", "mine"),
    "a kind like no other": ("new", "zzz", "mine"),
    "a name with a blank": ("new", "optimizer", "two moments"),
    "a name with a slash": ("new", "optimizer", "rules/mine"),
    "a name that begins with a dot": ("new", "optimizer", ".mine"),
    "a name of signs": ("new", "optimizer", "???"),
    "an empty name": ("new", "optimizer", ""),
    "a long name": ("new", "optimizer", "x" * 101),
    "a file for a name": ("new", "optimizer", "mine.yaml"),
    "nobody's name": ("new", "optimizer", "none"),
    "an entry that is there": ("new", "optimizer", "adamw"),
    "an alias that is there": ("new", "hardware", "3090"),
    "an entry in other letters": ("new", "optimizer", "AdamW"),
    "a stage that is there": ("new", "stage", "overhead"),
    "a kind that is there": ("new", "kind", "optimizer"),
    "a fact that is there": ("new", "kind", "batch"),
    "a table that is there": ("new", "stage", "tensors"),
    "a record that is there": ("new", "import", "config"),
    "a stage that is no word": ("new", "stage", "my-stage"),
    "a kind that is a number": ("new", "kind", "3d"),
    "a kind that is a truth": ("new", "kind", "true"),
    "a kind that scenarios use up": ("new", "kind", "expect"),
    "a kind that specs use up": ("new", "kind", "rules"),
    "a kind that its template uses up": ("new", "kind", "buffers"),
    "a file that is there": ("new", "optimizer", "mine", "-o", "taken.yaml"),
    "a folder that is there": ("new", "optimizer", "mine", "-o", "folder"),
    "a file that would not be read": ("new", "optimizer", "mine", "-o", "mine.txt"),
    "a folder that is a file": ("new", "optimizer", "mine", "-o", "taken.yaml/mine.yaml"),
    "a path that is too long": ("new", "optimizer", "mine", "-o", f"{'x' * 300}.yaml"),
    "everything at once": ("new", "optimiser", "two moments", "-o", "taken.yaml"),
    "all of an entry at once": ("new", "optimizers", "adamw", "-o", "taken.yaml"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_written_is_told(what, run, snapshot, tmp_path):
    laid_out("taken.yaml", "somebody's work\n")
    Path("folder").mkdir()
    code, out, err = run(*REFUSED[what])
    assert (code, out) == (2, "")
    assert stable(err, tmp_path) == snapshot
    assert in_folder() == ["folder", "taken.yaml"]
    assert Path("taken.yaml").read_text(encoding="utf-8") == "somebody's work\n"


def test_problems_are_json(run):
    code, _, err = run("new", "optimizer", "adamw", "--json")
    (found,) = json.loads(err)["problems"]
    assert (code, found["code"], found["labels"][0]["path"]) == (2, "declared-twice", "specs/optimizers/adamw.yaml")


def test_what_stands_in_the_users_specs_is_there_too(run):
    run("new", "optimizer", "mine", "-o", "rules/mine.yaml")
    code, _, err = run("new", "optimizer", "mine", "--specs", "rules")
    assert (code, "rules/mine.yaml:" in err, "declared-twice" in err) == (2, True, True)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device")], ids=["stop", "full"])
def test_an_interrupted_write_leaves_nothing(fault, run, monkeypatch):
    def failing(*_):
        raise fault

    monkeypatch.setattr(os, "link", failing)
    code, out, err = run("new", "optimizer", "mine")
    assert (code, out) == (130 if fault is KeyboardInterrupt else 2, "")
    assert "interrupted" in err or "No space left on device" in err
    assert in_folder() == []


def test_a_file_that_comes_meanwhile_stays(run, monkeypatch):
    def slow(text, _):
        laid_out("mine.yaml", "somebody's work\n")
        return text

    monkeypatch.setattr(templates, "with_schemas", slow)
    code, _, err = run("new", "optimizer", "mine")
    assert (code, "file-exists" in err) == (2, True)
    assert in_folder() == ["mine.yaml"]
    assert Path("mine.yaml").read_text(encoding="utf-8") == "somebody's work\n"


# --- templates of the user's own ------------------------------------------------------------------------

OURS = """
    optimizer: NAME
    says: As we write them, {which}.
    states:
      NAME state:
        bits: 32
    assumed: true
    reason: A test.
    examples:
      - given:
          model: {{tensors: [{{name: w, shape: [8]}}]}}
          optimizer: NAME
        expect:
          optimizer.bytes: 32 B
"""


def test_a_template_of_the_user_wins_and_is_no_spec(run):
    laid_out("one/templates/optimizer.yaml", OURS.format(which="first"))
    laid_out("two/templates/optimizer.yaml", OURS.format(which="second"))
    code, out, err = run("new", "optimizer", "3", "--specs", "one", "--specs", "two")
    assert (code, err) == (0, "")
    ((_, data),) = documents("3.yaml")
    assert (data["optimizer"], data["says"], [*data["states"]]) == ("3", "As we write them, second.", ["3 state"])
    assert_sound(run, what_it_says_next(out))
    assert "NAME" not in run("list", "optimizers", "--specs", "one", "--specs", "two")[1]


FAULTY = {
    "yaml": ("optimizer: NAME\nsays: [\n", "yaml-syntax"),
    "nobody": ("optimizer: NAMES\nsays: x\n", "no-name"),
    "another kind": ("precision: NAME\nbits: 4\n", "no-name"),
    "a formula": ("optimizer: NAME\nstates:\n  NAME:\n    elements: t.elementz\n", "unknown-column"),
    "a key": ("optimizer: NAME\nstate: {}\n", "unknown-key"),
    "nothing": ("", "no-name"),
}


@pytest.mark.parametrize("what", FAULTY)
def test_a_faulty_template_of_the_user_is_told(what, run, snapshot):
    text, expected = FAULTY[what]
    laid_out("rules/templates/optimizer.yaml", text)
    code, _, err = run("new", "optimizer", "mine", "--specs", "rules")
    assert code == 2
    assert re.match(rf"rules/templates/optimizer\.yaml:\d+:\d+: error: {expected}: ", err), err
    assert err == snapshot
    assert not Path("mine.yaml").exists()


def test_a_template_that_is_no_text(run):
    path = laid_out("rules/templates/optimizer.yaml", "")
    path.write_bytes(b"optimizer: NAME \xff")
    code, _, err = run("new", "optimizer", "mine", "--specs", "rules")
    assert (code, "rules/templates/optimizer.yaml:1:17: error: not-utf-8" in err) == (2, True)


def test_a_template_from_another_system(run):
    path = laid_out("rules/templates/optimizer.yaml", "")
    path.write_bytes(dedent(OURS.format(which="elsewhere")).lstrip().replace("\n", "\r\n").encode())
    assert run("new", "optimizer", "mine", "--specs", "rules")[0] == 0
    assert b"\r" not in Path("mine.yaml").read_bytes()


# --- a kind without a template --------------------------------------------------------------------------

GADGET = """
    kind: gadget
    key: toy
    says: What a trainer keeps beside the model.
    fields:
      width: {says: Bytes of one element., unit: B}
      share: {says: How much of it is kept., unit: share, minimum: 0, below: 1}
      least: {says: No fewer than these., unit: elements, integer: true, minimum: 12}
      where: {says: The memory that it lies in., type: text, one_of: [device, host]}
      format: {says: A number format., type: text, entry: precision}
      label: {says: What users call it., type: text}
      eager: {says: Whether it is made at once., type: boolean}
      targets: {says: Which modules., type: list}
      settings: {says: What else its code says., type: record}
      stride: {says: One of so many is kept., unit: elements, default: 4 * 2}
      remark: {says: "What %s is about: everything.", type: text, optional: true}
    blocks:
      buffers:
        says: What is kept of a tensor t.
        table: gadget_buffers
        each: t in tensors if t.ndim == 2
      dimensions:
        says: The fields as its code calls them.
        fields: true
    assumed: true
    reason: A test.
    ---
    stage: gadgets
    order: 45
    says: What gadgets keep.
    tables:
      gadget_buffers:
        says: What is kept.
        columns:
          elements: {says: Elements of a buffer., unit: elements}
          sort: {says: What it is., type: text}
          kept: {says: Whether it stays., type: boolean}
          copies: {says: How many there are., unit: buffers, default: 1}
    rules:
      gadget.bytes:
        says: All of it.
        unit: B
        when: applies(gadget.name) and gadget.where == "device" and not gadget.eager and gadget.label != gadget.format
        formula: |
          ceil(max(gadget.least, sum(b.elements * b.copies for b in gadget_buffers if b.kept and b.sort != "none")
                                 * gadget.share) * gadget.width // gadget.stride)
          + (1 B if length(gadget.targets) > 0 or applies(gadget.remark) else 0 B)
    assumed: true
    reason: A test.
"""


@pytest.fixture
def gadgets():
    return laid_out("rules/gadget.yaml", GADGET).parent


def test_a_template_is_made_of_the_kind_itself(gadgets, run, snapshot):
    assert run("new", "gadgets", "thing", "--specs", gadgets)[0] == 0
    assert Path("thing.yaml").read_text(encoding="utf-8") == snapshot


@pytest.mark.parametrize("name", ["thing", "1.5", "true"])
def test_what_is_made_of_the_kind_itself_is_sound(name, gadgets, run):
    code, out, err = run("new", "gadget", name, "--specs", gadgets)
    assert (code, err) == (0, "")
    assert f"gadget {name}" in assert_sound(run, what_it_says_next(out))


def test_what_is_made_is_in_the_one_layout(gadgets, run):
    run("new", "gadget", "thing", "--specs", gadgets)
    text = Path("thing.yaml").read_text(encoding="utf-8")
    assert format_text(text, "thing.yaml") == (text, [])


def test_a_kind_with_nothing_to_give(run):
    laid_out("rules/kind.yaml", "kind: gadget\nsays: Nothing in it.\nassumed: true\nreason: A test.\n")
    code, out, err = run("new", "gadget", "thing", "--specs", "rules")
    assert (code, err) == (0, "")
    assert_sound(run, what_it_says_next(out))


def test_a_kind_that_reads_files(run):
    kind = """
        kind: reader
        says: Reads.
        reads: true
        fields:
          given: {says: The fact that names the file., type: text}
          file: {says: The file's name., type: text}
          into: {says: The record., type: text}
        assumed: true
        reason: A test.
    """
    laid_out("rules/kind.yaml", kind)
    code, _, err = run("new", "reader", "thing", "--specs", "rules")
    assert (code, err) == (0, "")
    assert run("lint", "--specs", "rules", "--specs", "thing.yaml") == (0, "0 errors, 0 warnings\n", "")


def test_a_template_beside_the_kind_comes_first(gadgets, run):
    laid_out(gadgets / "templates" / "gadget.yaml", "gadget: NAME\nsays: Ours.\nassumed: true\nreason: A test.\n")
    assert run("new", "gadget", "thing", "--specs", gadgets)[0] == 0
    assert documents("thing.yaml")[0][1]["says"] == "Ours."
