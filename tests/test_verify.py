"""A stored answer: it holds under the same rules, and names the rule that changed under others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCENARIOS = sorted((ROOT / "specs" / "scenarios").glob("*.yaml"))
OVERHEAD = (
    "stage: ours\nsays: Ours.\nrules:\n  overhead.bytes:\n    says: It.\n    overrides: true\n    formula: 500 MB\n"
)
COLUMN = """\
stage: ours
says: Ours.
rules:
  states.bytes:
    says: Rounded up to 512.
    overrides: true
    per: s in states
    formula: round_up(ceil(s.elements * s.bits * 1 bit), 512 B)
"""


@pytest.fixture(autouse=True)
def _place(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stored(run):
    def store(*arguments):
        code, out, _ = run("estimate", *arguments, "--json")
        assert code in (0, 1)
        Path("result.json").write_text(out, encoding="utf-8")
        return json.loads(out)

    return store


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_every_bundled_scenario_holds(scenario, stored, run):
    answer = stored(scenario)
    code, out, err = run("verify", "result.json", "--json")
    found = json.loads(out)
    assert (code, err, found["same"], found["changed"], found["rules"]) == (0, "", True, [], [])
    assert found["values"] == len(answer["quantities"]) + len(answer["components"]) + len(answer["phases"])


def test_what_the_command_line_gave_is_in_the_answer(stored, run):
    answer = stored("llama-3-8b", "--adapter", "lora", "--set", "batch.size=3", "--set", "overhead.bytes=1 GB .. 2 GB")
    assert answer["asked"] == {
        "adapter.name": "lora",
        "batch.size": 3,
        "model.name": "llama-3-8b",
        "overhead.bytes": "1 GB .. 2 GB",
    }
    assert run("verify", "result.json")[0] == 0


def test_a_file_that_the_scenario_names_is_found_from_the_working_directory(stored, run):
    Path("deep/checkpoint").mkdir(parents=True)
    config = json.loads((ROOT / "examples" / "llama-3-8b" / "config.json").read_text(encoding="utf-8"))
    Path("deep/checkpoint/config.json").write_text(json.dumps(config), encoding="utf-8")
    Path("deep/run.yaml").write_text("model: {huggingface: checkpoint}\n", encoding="utf-8")
    stored("deep/run.yaml")
    assert run("verify", "result.json")[0] == 0
    Path("deep/checkpoint/config.json").write_text(json.dumps({**config, "vocab_size": 1000}), encoding="utf-8")
    code, out, _ = run("verify", "result.json")
    assert (code, "No rule has changed: the engine, or a file that the scenario names, has." in out) == (1, True)


@pytest.mark.parametrize(
    ("rule", "name", "then", "now", "moved"),
    [
        (OVERHEAD, "overhead.bytes", "sum(o.bytes for o in overheads)", "500 MB", "total.bytes"),
        (
            COLUMN,
            "states.bytes",
            "ceil(s.elements * s.bits * 1 bit)",
            "round_up(ceil(s.elements * s.bits * 1 bit), 512 B)",
            "optimizer.host_bytes",
        ),
    ],
    ids=["a quantity", "a column"],
)
def test_the_rule_that_changed_is_named(rule, name, then, now, moved, stored, run):
    stored("llama-3-8b")
    Path("ours.yaml").write_text(rule, encoding="utf-8")
    code, out, _ = run("verify", "result.json", "--specs", "ours.yaml", "--json")
    found = json.loads(out)
    assert (code, found["same"]) == (1, False)
    first, *others = found["rules"]
    assert first == {"name": name, "then": then, "now": now}
    assert all(change["now"] is None for change in others)  # what the rule that is beaten read alone
    assert moved in {change["name"] for change in found["changed"]}
    assert found["then"]["rules"] != found["now"]["rules"]


def test_a_rule_with_other_words_and_the_same_numbers_holds(stored, run):
    stored("llama-3-8b")
    text = OVERHEAD.replace("500 MB", "287047680 B .. 666632191 B + 1 B")
    Path("ours.yaml").write_text(text, encoding="utf-8")
    code, out, _ = run("verify", "result.json", "--specs", "ours.yaml")
    assert (code, out.startswith("The same: "), "changed: overhead.bytes" in out) == (0, True, True)


def test_the_report(stored, run, snapshot):
    stored("llama-3-8b")
    Path("ours.yaml").write_text(OVERHEAD, encoding="utf-8")
    code, out, _ = run("verify", "result.json", "--specs", "ours.yaml")
    hashes = json.loads(Path("result.json").read_text(encoding="utf-8"))["stamp"]["rules"][:12]
    first, rest = out.split("\n", 1)
    assert (code, hashes in first, rest) == (1, True, snapshot)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{}", "not-a-result"),
        ('{"quantities": {}, "asked": [], "rules": {}}', "not-a-result"),
        ("model: llama-3-8b", "json-syntax"),
        ("[1]", "json-shape"),
        (None, "unreadable-file"),
    ],
)
def test_what_is_no_answer(content, code, run):
    if content is not None:
        Path("result.json").write_text(content, encoding="utf-8")
    got, out, err = run("verify", "result.json")
    assert (got, out) == (2, "")
    assert f"error: {code}: " in err


def test_an_answer_that_today_has_none(stored, run):
    answer = stored("llama-3-8b")
    answer["asked"]["model.name"] = "llama-9"
    Path("result.json").write_text(json.dumps(answer), encoding="utf-8")
    code, _, err = run("verify", "result.json")
    assert (code, "no model is called llama-9" in err) == (2, True)
