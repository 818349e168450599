"""What hostile input costs: memory and time of a command, measured beside an ordinary run; and never a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 2 * 2**30  # of address space: what goes beyond is stopped
START = f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))\n"
START += "from vramledger.cli import main; sys.exit(main())"
MIB = 2**20

# Beside an ordinary run of the same command: so many times its processor time, and so much memory more.
MOST_TIMES, MOST_MORE = 40, 400 * MIB


class Cost(NamedTuple):
    """A finished command: exit code, processor seconds, bytes of memory at most, what it said of problems."""

    code: int
    seconds: float
    memory: int
    said: str


def measured(folder, *arguments):
    """What a command costs, with nothing remembered from before."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine"), "VRAMLEDGER_CACHE": "off"}
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *map(str, arguments)],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        signal.signal(signal.SIGALRM, lambda *_: process.kill())
        signal.alarm(300)
        _, status, usage = os.wait4(process.pid, 0)
        signal.alarm(0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    return Cost(process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """What ordinary runs cost: a spec file checked, a scenario answered."""
    place = tmp_path_factory.mktemp("ordinary")
    (place / "rules.yaml").write_text(STAGE.format("1"), encoding="utf-8")
    (place / "run.yaml").write_text("model: llama-3-8b\n", encoding="utf-8")
    spec, scenario = measured(place, "lint", "--specs", "rules.yaml"), measured(place, "estimate", "run.yaml")
    assert (spec.code, scenario.code) == (0, 0)
    return {"specs": spec, "scenarios": scenario}


STAGE = (
    "stage: mine\nsays: It.\nassumed: true\nreason: A test.\nrules:\n  mine.count:\n    says: It.\n    formula: {}\n"
)


def aliases():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines)


def entries(count, extends):
    texts = []
    for number in range(count):
        parent = f"extends: e{extends(number)}\n" if extends(number) is not None else ""
        texts.append(f"optimizer: e{number}\nsays: It.\n{parent}states:\n  s{number}:\n    bits: 8\n")
    return "---\n".join(texts)


SPECS = {
    "aliases within aliases": aliases(),
    "nested brackets": "stage: " + "[" * 100_000,
    "nested blocks": "\n".join(" " * n + "a:" for n in range(3000)),
    "half a bracket in a formula, often": STAGE.format("'" + "(" * 100_000 + "'"),
    "sums within sums": STAGE.format("sum(sum(sum(1 for c in tensors) for b in tensors) for a in tensors)"),
    "a tower of powers": STAGE.format("9 ** 9 ** 9 ** 9"),
    "a power of a power": STAGE.format("((2 ** 4096) ** 4096) ** 4096"),
    "a number of a million digits": STAGE.format("9" * 1_000_000),
    "a name of a million letters": STAGE.format("a" * 1_000_000),
    "a line of eight million blanks": "stage: mine" + " " * 7_900_000,
    "a million lines": "\n" * 1_000_000 + "stage: mine\n",
    "fifty thousand rules": "stage: mine\nrules:\n" + "".join(f"  m.r{n}:\n    formula: 1\n" for n in range(50_000)),
    "rules that need each other in a ring": "stage: mine\nrules:\n"
    + "".join(f"  m.r{n}:\n    formula: m.r{(n + 1) % 3000}\n" for n in range(3000)),
    "a long chain of entries": entries(2000, lambda n: n - 1 if n else None),
    "entries that all extend one": entries(2000, lambda n: 0 if n else None),
    "entries in a ring": entries(500, lambda n: (n + 1) % 500),
    "thousands of unknown names": "stage: mine\nrules:\n"
    + "".join(f"  m.r{n}:\n    formula: unknown{n} + strange{n}\n" for n in range(4000)),
    "braces in a warning": "stage: mine\nwarnings:\n  w:\n    says: '" + "{" * 200_000 + "'\n",
    "a per of blanks": "stage: mine\nrules:\n  m.a:\n    per: 't " + " " * 100_000 + "'\n    formula: 1\n",
    "escapes": 'stage: "' + "\\x41" * 500_000 + '"',
    "tabs": "stage: mine\n" + "\t" * 1_000_000,
    "separators": "---\n" * 200_000,
    "tags": "%TAG ! tag:x,2000:\n" * 50_000 + "---\nstage: mine\n",
    "zeros": "\0" * 8_000_000,
}
TENSORS = ", ".join("{name: w, shape: [2, 4]}" for _ in range(100_000))
SCENARIOS = {
    "a hundred thousand tensors": f"model: {{tensors: [{TENSORS}]}}\n",
    "a tensor of a hundred thousand dimensions": f"model: {{tensors: [{{name: w, shape: [{'2, ' * 100_000}2]}}]}}\n",
    "a hundred thousand facts": "model: llama-3-8b\n" + "".join(f"f{n}: {n}\n" for n in range(100_000)),
    "a billion billion layers": "model: {architecture: llama, num_hidden_layers: 1e18, hidden_size: 4096, "
    "num_attention_heads: 32, intermediate_size: 11008, vocab_size: 32000}\n",
    "a number of many digits": f"model: llama-3-8b\nbatch.size: {'9' * 500_000}\n",
    "an exponent": "model: llama-3-8b\nbatch.size: 1e999999999\n",
    "a product of everything": f"model: llama-3-8b\nbatch.size: {' * '.join(['4096'] * 20_000)}\n",
    "nested fields": "model: llama-3-8b\n" + "\n".join(" " * n + "a:" for n in range(2000)),
    "a name of a million letters": "model: " + "a" * 1_000_000,
    "dots": "model: llama-3-8b\n" + "a." * 500_000 + ": 1\n",
    "targets": "model: llama-3-8b\nadapter: {name: lora, targets: [" + "x, " * 100_000 + "y]}\n",
    "what is expected": "model: llama-3-8b\nexpect: {total.bytes: " + "1" * 500_000 + "}\n",
}


def assert_bounded(cost, beside):
    assert "Traceback" not in cost.said
    assert "MemoryError" not in cost.said
    assert cost.code in (0, 1, 2), (cost.code, cost.said[:300])
    assert cost.memory <= beside.memory + MOST_MORE, f"{cost.memory / MIB:.0f} MiB"
    assert cost.seconds <= MOST_TIMES * beside.seconds, f"{cost.seconds:.1f} s beside {beside.seconds:.2f} s"


@pytest.mark.parametrize("name", SPECS)
def test_specs(name, ordinary, tmp_path):
    (tmp_path / "rules.yaml").write_text(SPECS[name], encoding="utf-8")
    cost = measured(tmp_path, "lint", "--specs", "rules.yaml")
    assert_bounded(cost, ordinary["specs"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name, ordinary, tmp_path):
    (tmp_path / "run.yaml").write_text(SCENARIOS[name], encoding="utf-8")
    cost = measured(tmp_path, "estimate", "run.yaml")
    assert_bounded(cost, ordinary["scenarios"])


@pytest.mark.parametrize("content", ["[" * 1_000_000, '{"a": ' * 200_000, '{"hidden_size": ' + "9" * 4_000_000 + "}"])
def test_a_config(content, ordinary, tmp_path):
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    cost = measured(tmp_path, "estimate", "config.json")
    assert_bounded(cost, ordinary["scenarios"])
    assert cost.code == 2


def test_rules_that_run_over_all_rows_thrice(ordinary, tmp_path):
    """What loads and costs only when it is asked for is stopped as well."""
    (tmp_path / "rules.yaml").write_text(SPECS["sums within sums"], encoding="utf-8")
    tensors = ", ".join("{name: w, shape: [2, 4]}" for _ in range(2000))
    (tmp_path / "run.yaml").write_text(f"model: {{tensors: [{tensors}]}}\n", encoding="utf-8")
    cost = measured(tmp_path, "explain", "run.yaml", "mine.count", "--specs", "rules.yaml")
    assert_bounded(cost, ordinary["scenarios"])
    assert (cost.code, "too-much-work" in cost.said) == (2, True)


def test_ten_thousand_files(ordinary, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number}.yaml").write_text("stage: 1\n", encoding="utf-8")
    assert_bounded(measured(tmp_path, "lint", "--specs", "rules"), ordinary["specs"])


def test_a_file_without_end(ordinary, tmp_path):
    """A device gives bytes for ever; only so many are read."""
    for command in (("lint", "--specs", "/dev/zero"), ("estimate", "/dev/zero"), ("verify", "/dev/zero")):
        cost = measured(tmp_path, *command)
        assert_bounded(cost, ordinary["specs"])
        assert cost.code == 2
