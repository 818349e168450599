"""The command line: exit codes, what goes where, the same bytes every time, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults import stable
from small import SIZES
from vramledger import cli

ROOT = Path(__file__).parent.parent
FULL = str(ROOT / "specs" / "scenarios" / "llama-3-8b-full-h100.yaml")
BAD = ROOT / "tests" / "cases" / "bad"
CONFIG = {"model_type": "llama", **SIZES}
COMMANDS = cli.COMMANDS


START = (sys.executable, "-m", "vramledger")


def environment(seed="0"):
    return {**os.environ, "PYTHONPATH": str(ROOT / "engine"), "PYTHONHASHSEED": seed}


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    return folder


def process(*arguments, seed="0"):
    return subprocess.run([*START, *arguments], env=environment(seed), capture_output=True, check=False)


# arguments: the exit code, a word on stdout, a word on stderr
CALLS = {
    "model": (["estimate", "llama-3-8b"], 0, "GB", ""),
    "fits": (["estimate", "llama-3.2-1b", "--hardware", "h100-80gb"], 0, "fits", ""),
    "does not fit": (["estimate", "llama-3-8b", "--hardware", "t4"], 1, "fit", ""),
    "scenario": (["estimate", FULL], 0, "GB", ""),
    "set": (["estimate", "llama-3-8b", "--set", "batch.size=2", "--set", "optimizer=sgd"], 0, "GB", ""),
    "options": (
        ["estimate", "llama-3-8b", "--adapter", "lora", "--optimizer", "sgd", "--task", "training"],
        0,
        "GB",
        "",
    ),
    "convention": (["estimate", "llama-3-8b", "--convention", "rule-of-thumb"], 0, "rule-of-thumb", ""),
    "parameters": (["estimate", "--set", "model.parameters=7e9"], 0, "GB", ""),
    "unknown model": (["estimate", "llama-3-9b"], 2, "", "did you mean llama-3-8b"),
    "unknown option": (["estimate", "llama-3-8b", "--optimiser", "sgd"], 2, "", "--optimiser"),
    "unknown value": (["estimate", "llama-3-8b", "--optimizer", "adamv"], 2, "", "did you mean adam"),
    "unknown fact": (["estimate", "llama-3-8b", "--set", "batch.sise=2"], 2, "", "did you mean batch.size"),
    "unknown convention": (["estimate", "llama-3-8b", "--convention", "standart"], 2, "", "did you mean standard"),
    "set without a value": (["estimate", "llama-3-8b", "--set", "batch.size"], 2, "", "--set batch.size=4"),
    "set nothing": (["estimate", "llama-3-8b", "--set", "=4"], 2, "", "--set batch.size=4"),
    "set empty": (["estimate", "llama-3-8b", "--set", "batch.size="], 2, "", "batch.size"),
    "set yaml": (["estimate", "llama-3-8b", "--set", "batch.size=[1"], 2, "", "--set batch.size"),
    "set tag": (["estimate", "llama-3-8b", "--set", "batch.size=!!int 4"], 2, "", "yaml-tag"),
    "set unit": (["estimate", "--set", "model.parameters=7B"], 2, "", "7e9"),
    "set documents": (["estimate", "llama-3-8b", "--set", "batch.size=1\n---\n2"], 2, "", "batch.size"),
    "no scenario": (["estimate"], 2, "", "name a model"),
    "no such file": (["estimate", "nowhere.yaml"], 2, "", "nowhere.yaml"),
    "no such config": (["estimate", "nowhere/config.json"], 2, "", "nowhere/config.json"),
    "bad scenario": (["estimate", BAD / "scenarios" / "several.yaml"], 2, "", "several.yaml:3:15"),
    "bad specs": (["estimate", "llama-3-8b", "--specs", BAD / "specs" / "several.yaml"], 2, "", "several.yaml:7:14"),
    "no such specs": (["estimate", "llama-3-8b", "--specs", "nowhere"], 2, "", "nowhere"),
    "explain": (["explain", "llama-3-8b"], 0, "total.bytes", ""),
    "explain a quantity": (["explain", "llama-3-8b", "optimizer.bytes"], 0, "specs/stages/optimizer.yaml", ""),
    "explain markdown": (["explain", "llama-3-8b", "optimizer.bytes", "--markdown"], 0, "$", ""),
    "explain shallow": (["explain", "llama-3-8b", "--depth", "0"], 0, "total.bytes", ""),
    "explain deep": (["explain", "llama-3-8b", "--depth", "99"], 0, "hidden", ""),
    "explain no depth": (["explain", "llama-3-8b", "--depth", "x"], 2, "", "--depth"),
    "explain unknown": (["explain", "llama-3-8b", "optimzer.bytes"], 2, "", "did you mean optimizer.bytes"),
    "explain a record": (["explain", "llama-3-8b", "config.hidden_size"], 0, "4,096", ""),
    "list": (["list"], 0, "optimizer", ""),
    "list models": (["list", "models", "--like", "qwen"], 0, "qwen", ""),
    "list a kind": (["list", "optimizer"], 0, "adafactor", ""),
    "list hardware": (["list", "hardware"], 0, "t4", ""),
    "list unknown": (["list", "modles"], 2, "", "did you mean"),
    "show": (["show", "optimizer.bytes"], 0, "specs/stages/optimizer.yaml", ""),
    "show an entry": (["show", "adafactor"], 0, "specs/optimizers/adafactor.yaml", ""),
    "show a column": (["show", "states.bytes"], 0, "states.bytes", ""),
    "show unknown": (["show", "optimzer.bytes"], 2, "", "did you mean optimizer.bytes"),
    "show nothing": (["show"], 2, "", "name"),
    "misspelt command": (["estimat", "llama-3-8b"], 2, "", "did you mean estimate?"),
    "misspelt option": (["estimate", "llama-3-8b", "--optimiser", "sgd"], 2, "", "did you mean --optimizer"),
    "misspelt kind": (["list", "optimisers"], 2, "", "did you mean optimizer?"),
    "misspelt model": (["estimate", "lama-3-8b"], 2, "", "did you mean llama-3-8b"),
    "misspelt device": (["estimate", "llama-3-8b", "--hardware", "rtx-409"], 2, "", "did you mean rtx-4090"),
    "list like nothing": (["list", "models", "--like", "qwne"], 0, "did you mean qwen?", ""),
    "test": (["test", "-k", "optimizer adafactor"], 0, "0 failed", ""),
    "test a scenario": (["test", FULL], 0, "0 failed", ""),
    "test no such file": (["test", "nowhere.yaml"], 2, "0 passed", "nowhere.yaml"),
    "lint": (["lint"], 0, "0 errors", ""),
    "lint bad": (["lint", "--specs", BAD / "specs" / "several.yaml"], 2, "3 errors", "several.yaml:7:14"),
    "lint a scenario": (["lint", BAD / "scenarios" / "several.yaml"], 2, "5 errors", "several.yaml:3:15"),
    "unknown command": (["estimat"], 2, "", "estimat"),
    "no command": ([], 0, "estimate", ""),
    "version": (["--version"], 0, "vramledger", ""),
    "help": (["--help"], 0, "estimate", ""),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name, run):
    arguments, code, answer, fault = CALLS[name]
    found, out, err = run(*arguments)
    assert (found, answer in out, fault in err) == (code, True, True), (out, err)
    assert bool(out) == bool(answer), "an answer stands on stdout, and nothing else does"
    assert bool(err) == bool(fault), "problems stand on stderr, and nothing else does"


def test_an_entry_takes_a_line_of_a_list_and_a_formula_little_of_it(run):
    lines = run("list", "quantizations", "--like", "torchao")[1].splitlines()
    assert len(lines) == 2 + len(json.loads(run("list", "quantizations", "--like", "torchao", "--json")[1]))
    assert max(len(line) for line in lines) < 160
    assert "..." in next(line for line in lines if line.startswith("torchao-int4 "))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_that_runs(command, run, monkeypatch, tmp_path):
    code, out, _ = run(command, "--help")
    example = out[out.index("example: vramledger ") :].splitlines()[0].split(";")[0].split()[2:]
    assert (code, example[0]) == (0, command)
    if command == "validate":  # a page shows what it prints, and test_validate runs it
        assert f"$ vramledger {' '.join(example)} " in (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    # their examples name files of a user, and what serves does not end
    elif command not in ("lint", "batch", "verify", "fmt", "schemas", "serve"):
        monkeypatch.chdir(tmp_path)
        assert run(*example)[0] in (0, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("estimate", "llama-3-8b", "--hardware", "h100-80gb"),
        ("estimate", FULL),
        ("explain", "llama-3-8b", "total.bytes"),
        ("explain", "llama-3-8b", "parameters.count"),
        ("test", "-k", "optimizer"),
        ("list",),
        ("list", "models"),
        ("show", "optimizer.bytes"),
    ],
    ids=" ".join,
)
def test_json_is_json(arguments, run):
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out, parse_constant=pytest.fail)
    assert run(*arguments, "--json")[1] == out


@pytest.mark.parametrize(
    "arguments",
    [("estimate", "llama-3-9b"), ("lint", "--specs", BAD / "specs" / "several.yaml"), ("show", "x"), ("list", "x")],
)
def test_problems_as_json(arguments, run):
    code, out, err = run(*arguments, "--json")
    problems = json.loads(err)["problems"]
    assert (code, out) == (2, "")
    assert {*problems[0]} == {"code", "severity", "message", "labels", "hints"}


def test_json_of_every_count(run, tmp_path):
    """A derivation runs through rows, which are no JSON."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "stage: mine\nrules:\n  mine.rows:\n    formula: count(t for t in tensors)\n"
        "  mine.formats:\n    formula: count(p for p in precisions)\n",
        encoding="utf-8",
    )
    for name in ("mine.rows", "mine.formats"):
        code, out, _ = run("explain", "llama-3-8b", name, "--json", "--specs", mine)
        assert (code, bool(json.loads(out))) == (0, True)


def test_the_same_bytes_whatever_the_hash_seed(tmp_path, monkeypatch):
    for arguments in (("estimate", FULL, "--json"), ("explain", "llama-3-8b", "--json")):
        seen = set()
        for seed in ("0", "1", "4242"):
            monkeypatch.setenv("VRAMLEDGER_CACHE", str(tmp_path / seed))
            done = process(*arguments, seed=seed)
            assert (done.returncode, done.stderr) == (0, b"")
            seen.add(done.stdout)
        assert len(seen) == 1


def test_a_closed_pipe_is_no_fault():
    arguments = [*START, "explain", "llama-3-8b", "--depth", "99"]
    with subprocess.Popen(arguments, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() in (0, 141)


def test_a_terminal_that_knows_only_ascii(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    for arguments in (("explain", "llama-3-8b"), ("estimate", "llama-3-8b"), ("explain", "llama-3-8b", "--json")):
        done = process(*arguments)
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_config_by_file_and_by_folder(run, config):
    of_file, of_folder = (json.loads(run("estimate", path, "--json")[1]) for path in (config / "config.json", config))
    assert of_file["quantities"] == of_folder["quantities"]
    assert of_file["quantities"]["parameters.count"] == 95040


def test_a_config_whatever_its_file_is_called_and_whatever_lies_beside_it(run, config):
    (config / "ds_config.json").write_text('{"zero_optimization": {"stage": 3}}', encoding="utf-8")
    (config / "adapter_config.json").write_text("{}", encoding="utf-8")
    other = config.parent / "tiny-of-mine.json"
    other.write_bytes((config / "config.json").read_bytes())
    for given in (other, config):
        assert json.loads(run("estimate", given, "--json")[1])["quantities"]["parameters.count"] == 95040


def test_a_scenario_written_as_json(run, tmp_path):
    given = tmp_path / "mine.json"
    given.write_text('{"model": "gpt2", "batch": {"size": 2}}', encoding="utf-8")
    assert json.loads(run("estimate", given, "--json")[1])["quantities"]["parameters.count"] == 124439808
    given.write_text('{"modle": "gpt2"}', encoding="utf-8")
    code, _, err = run("estimate", given)
    assert (code, "unknown-name" in err, "did you mean model?" in err) == (2, True, True)


def test_a_set_fact_beats_the_file(run):
    base = json.loads(run("estimate", FULL, "--json")[1])
    changed = json.loads(run("estimate", FULL, "--json", "--set", "optimizer=sgd")[1])
    assert base["quantities"]["optimizer.bytes"] != changed["quantities"]["optimizer.bytes"]
    assert base["stamp"]["scenario"] != changed["stamp"]["scenario"]


def test_a_set_that_replaces_a_whole_block(run, config):
    """Another model on the command line leaves nothing of the file's model."""
    given = config.parent / "scenario.yaml"
    given.write_text("model: {huggingface: tiny}\nhardware: {name: t4, count: 2}\n", encoding="utf-8")
    code, out, err = run("estimate", given, "--model", "llama-3-8b", "--json")
    assert (code in (0, 1), err) == (True, "")
    assert json.loads(out)["quantities"]["parameters.count"] == 8030261248


def test_the_stamp_tells_scenarios_apart(run):
    stamps = [
        json.loads(run("estimate", name, "--json")[1])["stamp"]["scenario"] for name in ("qwen3-8b", "llama-3-8b")
    ]
    assert stamps[0] != stamps[1]


def test_an_expectation_that_fails(run, tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text("model: llama-3-8b\nexpect:\n  parameters.count: 7e9\n", encoding="utf-8")
    for command in ("estimate", "test"):
        code, out, err = run(command, path)
        assert code == 1
        assert "scenario.yaml:3:21" in out + err


def test_a_users_override_is_announced(run, tmp_path):
    (tmp_path / "adamw.yaml").write_text(
        "optimizer: adamw\noverrides: true\nextends: adam\nsays: Ours.\n", encoding="utf-8"
    )
    (tmp_path / "rule.yaml").write_text(
        "stage: mine\nrules:\n  gradients.bytes:\n    overrides: true\n    formula: 4 B\n", encoding="utf-8"
    )
    code, out, err = run("estimate", "llama-3-8b", "--specs", tmp_path)
    assert (code, err) == (0, "")
    assert "overrides" in out
    assert "adamw.yaml" in out
    code, out, _ = run("show", "gradients.bytes", "--specs", tmp_path)
    assert (code, "rule.yaml" in out, "specs/stages/grads.yaml" in out) == (0, True, True)


def test_problems_quote_the_line_and_point_at_it(run):
    _, _, err = run("estimate", BAD / "scenarios" / "zero.yaml")
    first, quoted, caret = err.splitlines()[:3]
    assert first.endswith("zero.yaml:3:9: error: out-of-bounds: batch.size is 0, expected at least 1")
    assert (quoted[caret.index("^")], caret.count("^")) == ("0", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("estimate", "llama-3-8b", "--hardware", "h100-80gb"),
        ("estimate", FULL),
        ("estimate", "llama-3-8b", "--adapter", "lora", "--convention", "rule-of-thumb"),
        ("explain", "llama-3-8b", "optimizer.bytes", "--depth", "2"),
        ("explain", "llama-3-8b", "optimizer.bytes", "--depth", "2", "--markdown"),
        ("list", "models", "--like", "llama-2"),
        ("show", "optimizer.bytes"),
        ("show", "adafactor"),
    ],
    ids=lambda arguments: " ".join(Path(word).name for word in arguments),
)
def test_plain_output(arguments, run, snapshot):
    code, out, err = run(*arguments)
    assert (code, err, stable(out, ROOT)) == (0, "", snapshot)
