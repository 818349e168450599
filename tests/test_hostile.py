"""What hostile input costs: memory and time of a command, measured beside an ordinary run of it; and never a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 2 * 2**30  # of address space: what goes beyond is stopped
START = f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))\n"
START += "from vramledger.cli import script; script()"
# A small process starts the command and waits for it: the most memory of a process counts that of who started it.
WAIT = "import os, subprocess, sys\n"
WAIT += "started = subprocess.Popen(sys.argv[1:])\n"
WAIT += "_, status, usage = os.wait4(started.pid, 0)\n"
WAIT += "seconds = usage.ru_utime + usage.ru_stime\n"
WAIT += "print(os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss, file=open('cost', 'w'))"
MIB = 2**20

# Beside an ordinary run of the same command: so many times its processor time (or that of the least that is counted),
# and so much memory more.
MOST_TIMES, LEAST, MOST_MORE = 50, 0.4, 640 * MIB


class Cost(NamedTuple):
    """A finished command: exit code, processor seconds, bytes of memory at most, what it said of problems."""

    code: int
    seconds: float
    memory: int
    said: str


def measured(folder, *arguments):
    """What a command costs beside the bundled specs, which were read before."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    with (folder / "said").open("w+b") as said:
        subprocess.run(
            [sys.executable, "-c", WAIT, sys.executable, "-c", START, *map(str, arguments)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            timeout=300,
            check=True,
        )
        said.seek(0)
        text = said.read().decode(errors="replace")
    code, seconds, memory = (folder / "cost").read_text(encoding="utf-8").split()
    return Cost(int(code), float(seconds), int(memory) * 1024, text)


STAGE = (
    "stage: mine\nsays: It.\nassumed: true\nreason: A test.\nrules:\n  mine.count:\n    says: It.\n    formula: {}\n"
)
ORDINARY = {
    "lint": ("--specs", "rules.yaml"),
    "list": ("--specs", "rules.yaml"),
    "show": ("mine.count", "--specs", "rules.yaml"),
    "graph": ("mine.count", "--specs", "rules.yaml"),
    "path": ("batch.size", "tokens.batch", "--specs", "rules.yaml"),
    "estimate": ("run.yaml",),
    "explain": ("run.yaml", "mine.count", "--specs", "rules.yaml"),
    "batch": ("run.yaml", "run.yaml", "run.yaml", "--specs", "rules.yaml"),
    "test": ("run.yaml",),
    "verify": ("result.json",),
    "fmt": ("--check", "run.yaml"),
}


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """What an ordinary run of a command costs; each is measured once."""
    place = tmp_path_factory.mktemp("ordinary")
    (place / "rules.yaml").write_text(STAGE.format("1"), encoding="utf-8")
    (place / "run.yaml").write_text("model: llama-3-8b\n", encoding="utf-8")
    (place / "result.json").write_text("{}", encoding="utf-8")
    known = {}

    def cost(command):
        if command not in known:
            known[command] = measured(place, command, *ORDINARY[command])
            assert known[command].code == (2 if command == "verify" else 0), known[command].said
        return known[command]

    return cost


def assert_bounded(cost, beside):
    assert "Traceback" not in cost.said
    assert "MemoryError" not in cost.said
    assert cost.code in (0, 1, 2), (cost.code, cost.said[:300])
    assert len(cost.said) < 500_000
    assert cost.memory <= beside.memory + MOST_MORE, f"{cost.memory / MIB:.0f} MiB"
    assert cost.seconds <= MOST_TIMES * max(beside.seconds, LEAST), (
        f"{cost.seconds:.1f} s beside {beside.seconds:.2f} s"
    )


# what takes longest; others that are like it stay
LONG = {
    "a choice in each row",
    "a maximum in each row",
    "any of many",
    "any of many, often",
    "blank lines",
    "columns of all rows",
    "counts within counts",
    "comments",
    "entries that extend a large one",
    "formulas of four thousand letters",
    "forty thousand tensors",
    "lists in all rows",
    "names in all rows",
    "rows within rows",
    "rules that need each other in a ring",
    "sums within sums",
    "tables of all rows",
    "targets",
    "unknown kinds",
}


def cases(names):
    """The cases of a test, those marked that are left to a longer run."""
    return [pytest.param(name, marks=pytest.mark.thorough if name in LONG else ()) for name in names]


# --- spec files ----------------------------------------------------------------------------------------


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


def rules(count, formula, more=""):
    """A stage with so many rules, m.r0 and so on."""
    lines = (f"  m.r{n}:\n    formula: {formula(n)}\n{more.format(n)}" for n in range(count))
    return "stage: mine\nrules:\n" + "".join(lines)


SPECS = {
    "aliases within aliases": aliases(),
    "nested brackets": "stage: " + "[" * 100_000,
    "nested blocks": "\n".join(" " * n + "a:" for n in range(3000)),
    "half a bracket in a formula, often": STAGE.format("'" + "(" * 100_000 + "'"),
    "a tower of powers": STAGE.format("9 ** 9 ** 9 ** 9"),
    "a power of a power": STAGE.format("((2 ** 4096) ** 4096) ** 4096"),
    "a number of a million digits": STAGE.format("9" * 1_000_000),
    "a name of a million letters": STAGE.format("a" * 1_000_000),
    "a line of eight million blanks": "stage: mine" + " " * 7_900_000,
    "a million lines": "\n" * 1_000_000 + "stage: mine\n",
    "eight million letters": "a" * 7_900_000,
    "blanks in a text over two lines": 'stage: mine\nsays: "a' + " " * 1_000_000 + 'b\n  c"\n',
    "blanks in a plain text over two lines": "stage: mine\nsays: a" + " " * 1_000_000 + "b\n  c\n",
    "a text of two million lines": "stage: mine\nsays: |\n" + "  a\n" * 1_900_000,
    "a quoted text of two million lines": 'stage: "a' + "\n" * 4_000_000 + '"',
    "fifty thousand rules": rules(50_000, lambda _: 1),
    "a hundred thousand keys": "stage: mine\n" + "".join(f"k{n}: 1\n" for n in range(100_000)),
    "one key, often": "stage: mine\n" + "says: 1\n" * 90_000,
    "rules that need each other in a ring": rules(3000, lambda n: f"m.r{(n + 1) % 3000}"),
    "a long chain of entries": entries(2000, lambda n: n - 1 if n else None),
    "entries that all extend one": entries(2000, lambda n: 0 if n else None),
    "entries in a ring": entries(500, lambda n: (n + 1) % 500),
    "entries that extend a large one": "optimizer: e\nstates:\n"
    + "".join(f"  s{n}: {{}}\n" for n in range(10_000))
    + "".join(f"---\noptimizer: e{n}\nextends: e\n" for n in range(5000)),
    "entries beside many rules": rules(8000, lambda n: n)
    + "".join(f"---\noptimizer: e{n}\nstates:\n  s: {{elements: t.rows}}\n" for n in range(5000)),
    "thousands of unknown names": rules(4000, lambda n: f"unknown{n} + strange{n}"),
    "unknown names that are nearly known": "stage: mine\nrules:\n"
    + "".join(f"  {'a' * 40}{n}:\n    formula: {'a' * 40}b{n}\n" for n in range(4000)),
    "unknown kinds": "---\nstrange: mine\n" * 50_000,
    "unknown columns": "stage: mine\ntables:\n  t:\n    columns:\n"
    + "".join(f"      c{n}: {{}}\n" for n in range(10_000))
    + "    fill:\n"
    + "".join(f"      r{n}: {{d{n}: 1}}\n" for n in range(10_000)),
    "rules that override nothing": rules(20_000, lambda n: n, "    overrides: true\n"),
    "stages that give one quantity": "".join(f"---\nstage: s{n}\nrules:\n  q: {{formula: 1}}\n" for n in range(5000)),
    "silences": rules(10_000, lambda n: n, "    silence: {{unsaid: x, no-source: y}}\n"),
    "sources": rules(5000, lambda n: f"{n} + 7777", "    source: {{title: x}}\n"),
    "tests that never hold": "stage: mine\ntables:\n  t:\n    columns: {c: {type: text}}\n    fill:\n"
    + "".join(f"      r{n}: {{c: {{text: a}}}}\n" for n in range(5000))
    + "rules:\n"
    + "".join(f'  t.x{n}: {{per: r in t, when: r.c == "b", formula: 1}}\n' for n in range(5000)),
    "formulas of four thousand letters": rules(1500, lambda n: f"{n}" + " + 1" * 990),
    "braces in a warning": "stage: mine\nwarnings:\n  w:\n    says: '" + "{" * 200_000 + "'\n",
    "formulas in a warning": "stage: mine\nwarnings:\n  w:\n    says: '"
    + "".join(f"{{{n} + 1}}" for n in range(100_000))
    + "'\n",
    "a per of blanks": "stage: mine\nrules:\n  m.a:\n    per: 't " + " " * 100_000 + "'\n    formula: 1\n",
    "escapes": 'stage: "' + "\\x41" * 500_000 + '"',
    "tabs": "stage: mine\n" + "\t" * 1_000_000,
    "separators": "---\n" * 200_000,
    "tags": "%YAML 1.2\n" + "".join(f"%TAG !t{n}! tag:x,2000:\n" for n in range(100_000)) + "---\nstage: mine\n",
    "zeros": "\0" * 8_000_000,
}


@pytest.mark.parametrize("name", cases(SPECS))
def test_specs(name, ordinary, tmp_path):
    (tmp_path / "rules.yaml").write_text(SPECS[name], encoding="utf-8")
    assert_bounded(measured(tmp_path, "lint", "--specs", "rules.yaml"), ordinary("lint"))


def test_ten_thousand_files(ordinary, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number}.yaml").write_text("stage: 1\n", encoding="utf-8")
    assert_bounded(measured(tmp_path, "lint", "--specs", "rules"), ordinary("lint"))


def test_files_that_are_large_together(ordinary, tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.yaml").write_bytes(b"#" * 7_900_000)
    cost = measured(tmp_path, "lint", "--specs", ".")
    assert_bounded(cost, ordinary("lint"))
    assert (cost.code, "file-too-large" in cost.said) == (2, True)


# every name leads to two, so that there are more ways than atoms
LAYERS = "stage: mine\nrules:\n  m.a0: {formula: 1}\n  m.b0: {formula: 1}\n" + "".join(
    f"  m.{side}{n}: {{formula: m.a{n - 1} + m.b{n - 1}}}\n" for n in range(1, 300) for side in "ab"
)


@pytest.mark.parametrize(
    "command", [("graph", "m.a299"), ("path", "m.a0", "m.a299"), ("path", "--all", "m.a0", "m.a40"), ("show", "m.a0")]
)
def test_networks(command, ordinary, tmp_path):
    (tmp_path / "rules.yaml").write_text(LAYERS, encoding="utf-8")
    cost = measured(tmp_path, *command, "--specs", "rules.yaml")
    assert_bounded(cost, ordinary(command[0]))
    assert cost.code == 0


@pytest.mark.parametrize("command", [("graph",), ("show", "m.r7"), ("list", "optimizers")])
def test_networks_without_links(command, ordinary, tmp_path):
    (tmp_path / "rules.yaml").write_text(rules(10_000, lambda n: n), encoding="utf-8")
    cost = measured(tmp_path, *command, "--specs", "rules.yaml")
    assert_bounded(cost, ordinary(command[0]))
    assert cost.code == 0


# --- scenarios and what they name ----------------------------------------------------------------------


def tensors(count, shape="2, 4"):
    return f"model: {{tensors: [{', '.join([f'{{name: w, shape: [{shape}]}}'] * count)}]}}\n"


KEYS = "model: llama-3-8b\n"
SCENARIOS = {
    "a hundred thousand tensors": tensors(100_000),
    "forty thousand tensors": tensors(40_000),
    "a tensor of a hundred thousand dimensions": tensors(1, "2, " * 100_000 + "2"),
    "a hundred thousand facts": KEYS + "".join(f"f{n}: {n}\n" for n in range(100_000)),
    "a hundred thousand facts in a block": KEYS + "batch:\n" + "".join(f"  f{n}: {n}\n" for n in range(100_000)),
    "a hundred thousand expectations": KEYS + "expect:\n" + "".join(f"  f{n}.x: {n}\n" for n in range(100_000)),
    "a billion billion layers": "model: {architecture: llama, num_hidden_layers: 1e18, hidden_size: 4096, "
    "num_attention_heads: 32, intermediate_size: 11008, vocab_size: 32000}\n",
    "a number of many digits": f"{KEYS}batch.size: {'9' * 500_000}\n",
    "an exponent": f"{KEYS}batch.size: 1e999999999\n",
    "a tower": f"{KEYS}batch.size: 10 ** 60 ** 60\n",
    "a product of everything": f"{KEYS}batch.size: {' * '.join(['4096'] * 20_000)}\n",
    "nested fields": KEYS + "\n".join(" " * n + "a:" for n in range(2000)),
    "a name of a million letters": "model: " + "a" * 1_000_000,
    "dots": KEYS + "a." * 500_000 + ": 1\n",
    "targets": KEYS + "adapter: {name: lora, targets: [" + "x, " * 100_000 + "y]}\n",
    "what is expected": KEYS + "expect: {parameters.count: " + "1" * 500_000 + "}\n",
}


@pytest.mark.parametrize("name", cases(SCENARIOS))
def test_scenarios(name, ordinary, tmp_path):
    (tmp_path / "run.yaml").write_text(SCENARIOS[name], encoding="utf-8")
    assert_bounded(measured(tmp_path, "estimate", "run.yaml"), ordinary("estimate"))


CONFIGS = {
    "brackets": "[" * 1_000_000,
    "objects": '{"a": ' * 200_000,
    "digits": '{"hidden_size": ' + "9" * 4_000_000 + "}",
    "lists in lists": '{"model_type": ' + "[" * 900 + "]" * 900 + "}",
    "small lists": '{"model_type": "llama", "a": [' + "[]," * 2_500_000 + "[]]}",
    "small objects": '{"model_type": "llama", "a": [' + "{}," * 2_500_000 + "{}]}",
    "names that are nearly right": '{"model_type": "llama"'
    + "".join(f', "num_hidden_layer{n}": 1' for n in range(200_000))
    + "}",
    "a long text": '{"model_type": "' + "a" * 7_900_000 + '"}',
    "blanks": '{"model_type": "llama", "hidden_size"' + " " * 7_000_000 + ': "a"}',
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config(name, ordinary, tmp_path):
    (tmp_path / "config.json").write_text(CONFIGS[name], encoding="utf-8")
    cost = measured(tmp_path, "estimate", "config.json")
    assert_bounded(cost, ordinary("estimate"))
    assert cost.code == 2


def test_a_stored_answer(ordinary, tmp_path):
    blocks = "".join(f', "{name}": {{}}' for name in ("rules", "quantities", "components", "phases", "stamp"))
    (tmp_path / "result.json").write_text('{"asked": ' + '{"a": ' * 800 + "1" + "}" * 800 + blocks + "}")
    cost = measured(tmp_path, "verify", "result.json")
    assert_bounded(cost, ordinary("verify"))
    assert cost.code == 2


# --- rules that load, and cost only once they are asked ------------------------------------------------

TOTAL = "  overhead.bytes:\n    overrides: true\n    formula: ceil(1 B * (mine.q))\n"
SQUARES = "  m.r0: {{formula: {}}}\n" + "".join(
    f"  m.r{n}: {{{{formula: m.r{n - 1} * m.r{n - 1}}}}}\n" for n in range(1, 50)
)
COLUMNS = "  s.c0: {per: r in s, formula: r.first}\n" + "".join(
    f"  s.c{n}: {{per: r in s, formula: r.c{n - 1} + 1}}\n" for n in range(1, 400)
)
STEPS = "tables:\n  s:\n    columns: {first: {}}\n    fill:\n      only: {first: 1}\n"
UNSAID = "  m.a0: {when: false, formula: 1}\n  m.b0: {when: false, formula: 1}\n" + "".join(
    f"  m.{side}{n}: {{when: m.a{n - 1} > 0 or m.b{n - 1} > 0, formula: 1}}\n" for n in range(1, 40) for side in "ab"
)


def asked(formula, more="", above=""):
    """A stage whose mine.q is that formula and is part of the total."""
    return f"stage: mine\n{above}rules:\n{TOTAL}{more}  mine.q:\n    formula: {formula}\n"


# worked out from the first one on, and told from the last one on
CHAIN = (
    "  m.q0: {formula: 1}\n"
    + "".join(f"  m.q{n}: {{formula: m.q{n - 1} + 1}}\n" for n in range(1, 400))
    + "".join(f"  m.w{n}: {{formula: {' + '.join(f'm.q{k}' for k in range(n, n + 40))}}}\n" for n in range(0, 400, 40))
    + f"  m.all: {{when: {' and '.join(f'm.w{n} > 0' for n in range(0, 400, 40))}, formula: m.q399}}\n"
)
TABLES = "".join(
    f"  t{n}:\n    columns: {{x: {{default: 1}}}}\n    fill:\n"
    + "".join(f"      r{k}: {{each: t in tensors}}\n" for k in range(9))
    for n in range(50)
)
WIDE = "".join(f"      c{n}: {{default: 1}}\n" for n in range(50))
CASES = "".join(f"    - {{when: batch.size == {n}, formula: {n}}}\n" for n in range(2000))


class Asked(NamedTuple):
    """Rules, how many tensors the scenario has, the command, and the code of the problem where it is refused."""

    rules: str
    tensors: int
    command: str
    refused: str = ""


ASKED = {
    "sums within sums": Asked(
        asked("sum(sum(sum(1 for c in tensors) for b in tensors) for a in tensors)"), 2000, "estimate", "too-much-work"
    ),
    "rows within rows": Asked(
        asked("sum(sum(a.rows + b.rows for a in tensors) for b in tensors)"), 600, "explain mine.q", "too-much-work"
    ),
    "counts within counts": Asked(
        asked("count(1 for a in tensors if count(1 for b in tensors) > 0)"), 8000, "estimate", "too-much-work"
    ),
    "names in all rows": Asked(asked('count(1 for t in tensors if "a" in tensors)'), 8000, "estimate", "too-much-work"),
    "lists in all rows": Asked(
        asked("count(1 for t in model.tensors if count(1 for s in model.tensors if s.shape[0] > 1) > 0)"),
        4000,
        "estimate",
        "too-much-work",
    ),
    "long quotients": Asked(
        asked(
            "sum(sum(sqrt(m.big * t.rows + s.rows) for t in tensors) for s in tensors)",
            "  m.big: {formula: 3 ** 1200 / 7 ** 700}\n",
        ),
        2000,
        "estimate",
        "too-much-work",
    ),
    "a sum of quotients": Asked(asked("sum(1 / (t.rows + 4096) ** 9 for t in tensors)"), 2000, "estimate", "overflow"),
    "reasons that hold reasons": Asked(
        asked("1", UNSAID + "  m.why: {when: m.a39 > 0, formula: 1}\n"), 1, "explain m.why"
    ),
    "reasons that are faults": Asked(
        asked("1", '  m.bad: {formula: 1 / 0}\n  m.why: {when: task == "inference" and m.bad > 0, formula: 1}\n'),
        1,
        "explain m.why",
    ),
    "a derivation without end": Asked(asked("1", CHAIN), 1, "explain m.all", "too-deep"),
    "columns that need columns": Asked(asked("sum(r.c399 for r in s)", COLUMNS, STEPS), 1, "estimate", "too-deep"),
    "columns that components need": Asked(
        asked("1", COLUMNS, STEPS + "  components:\n    fill:\n      mine: {bytes: 1 B * sum(r.c399 for r in s)}\n"),
        1,
        "estimate",
        "too-deep",
    ),
    "columns that a warning needs": Asked(
        asked("1", COLUMNS, STEPS + "warnings:\n  w:\n    when: sum(r.c399 for r in s) > 0\n    says: It.\n"),
        1,
        "estimate",
        "too-deep",
    ),
    "columns, compiled": Asked(asked("sum(r.c399 for r in s)", COLUMNS, STEPS), 1, "batch", "too-deep"),
    "tables of all rows": Asked(
        asked(" + ".join(f"length(t{n})" for n in range(50)), "", f"tables:\n{TABLES}"),
        5000,
        "estimate",
        "too-much-work",
    ),
    "columns of all rows": Asked(
        asked(
            " + ".join(f"sum(r.c{n} for r in s)" for n in range(50)),
            "",
            f"tables:\n  s:\n    columns:\n{WIDE}    fill:\n      r: {{each: t in tensors}}\n",
        ),
        8000,
        "estimate",
        "too-much-work",
    ),
    "many cases": Asked(asked("1").replace("    formula: 1\n", f"    cases:\n{CASES}"), 1, "estimate"),
    "squares of squares": Asked(asked("m.r49", SQUARES.format("batch.size * 3")), 1, "batch", "overflow"),
    "squares of one": Asked(asked("m.r49", SQUARES.format("batch.size / batch.size")), 1, "batch"),
    "squares of sums": Asked(asked("m.r49", SQUARES.format("1 + batch.size // 1000 + batch.size // 1001")), 1, "batch"),
    "a choice in each row": Asked(asked("count(1 for t in tensors if sqrt(batch.size + t.rows) > 3)"), 1000, "batch"),
    "a maximum in each row": Asked(asked("sum(max(batch.size, t.rows) for t in tensors)"), 3000, "batch"),
    "any of many": Asked(asked("1 if any(batch.size > t.rows for t in tensors) else 2"), 3000, "batch"),
    "any of many, often": Asked(
        asked("count(1 for s in tensors if any(batch.size * s.rows > t.cols for t in tensors))"),
        1500,
        "batch",
        "too-much-work",
    ),
}


def scenario(folder, name, count, size):
    """A scenario with so many tensors, no two neighbours alike."""
    shapes = ", ".join(f"{{name: w, shape: [{n % 100 + 2}, 4]}}" for n in range(count))
    (folder / name).write_text(f"model: {{tensors: [{shapes}]}}\nbatch.size: {size}\n", encoding="utf-8")
    return name


@pytest.mark.parametrize("name", cases(ASKED))
def test_rules_that_cost_once_they_are_asked(name, ordinary, tmp_path):
    text, count, words, refused = ASKED[name]
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    command, *quantity = words.split()
    names = [scenario(tmp_path, "run.yaml", count, 2), *quantity]
    if command == "batch":
        names.append(scenario(tmp_path, "again.yaml", count, 3))  # the second one is compiled
    cost = measured(tmp_path, command, *names, "--specs", "rules.yaml")
    assert_bounded(cost, ordinary(command))
    assert (cost.code, refused in cost.said, not refused) == (2 if refused else 0, True, cost.said == ""), cost.said


def test_cases_that_ranges_leave_open(ordinary, tmp_path):
    """Each case is followed both ways, one inside the other."""
    (tmp_path / "rules.yaml").write_text(ASKED["many cases"].rules, encoding="utf-8")
    names = [scenario(tmp_path, "run.yaml", 1, "1 .. 5000"), "mine.q"]
    cost = measured(tmp_path, "explain", *names, "--specs", "rules.yaml")
    assert_bounded(cost, ordinary("explain"))
    assert (cost.code, "too-deep" in cost.said) == (2, True)


# --- files that are no files ---------------------------------------------------------------------------

ENDLESS = [
    ("lint", "--specs", "FILE"),
    ("lint", "FILE"),
    ("list", "--specs", "FOLDER"),
    ("batch", "FILE"),
    ("batch", "folder/pipe.csv"),
    ("test", "FILE"),
    ("fmt", "FILE"),
    ("verify", "FILE"),
    ("estimate", "--set", "model.huggingface=FILE"),
]


@pytest.mark.parametrize("command", ENDLESS, ids=" ".join)
def test_devices_and_pipes(command, ordinary, tmp_path):
    """A device gives bytes for ever, and a pipe that nobody writes to lets one wait for ever; neither is read."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "pipe.yaml")
    os.mkfifo(tmp_path / "folder" / "pipe.csv")
    for path in ("folder/pipe.yaml", "/dev/zero"):
        words = [word.replace("FILE", path).replace("FOLDER", "folder") for word in command]
        cost = measured(tmp_path, *words)
        assert_bounded(cost, ordinary(command[0]))
        assert (cost.code, "unreadable-file" in cost.said) == (2, True), cost.said


@pytest.mark.parametrize("name", ["run.yaml", "config.json", "rules.yaml"])
def test_a_file_that_grows(name, ordinary, tmp_path):
    """It is written to for as long as the command runs; as much is read as there may be."""
    (tmp_path / "run.yaml").write_text("model: {huggingface: config.json}\nbatch.sise: 1\n", encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": "a"', encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(STAGE.format("1"), encoding="utf-8")
    done = threading.Event()

    def grow():
        with (tmp_path / name).open("ab") as file:
            for _ in range(300):
                if done.is_set():
                    return
                file.write((b" " if name == "config.json" else b"\n") * 500_000)
                file.flush()
                time.sleep(0.005)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        cost = measured(tmp_path, "estimate", "run.yaml", "--specs", "rules.yaml")
    finally:
        done.set()
        writer.join()
    assert_bounded(cost, ordinary("estimate"))
    assert cost.code == 2


# --- layout --------------------------------------------------------------------------------------------

LAID = {
    "documents": "a: 1\n---\n" * 40_000,
    "nested lists": "a: " + "[" * 39 + "1," * 60_000 + "]" * 39 + "\n",
    "comments": "# x\n" * 1_000_000 + "a: 1\n",
    "blank lines": "\n" * 2_000_000 + "a: 1\n",
    "words": "a: " + "x " * 2_000_000 + "\n",
    "a text over lines": 'a: "' + "x\n\n  " * 80_000 + '"\n',
    "comments beside": "a:\n" + "  - [a, b, c]  # x\n" * 25_000,
    "blanks before a comment": "a: 1" + " " * 4_000_000 + "# x\nb: 2\n",
    "blanks before a comma": "{a: 1" + " " * 1_000_000 + ",\n b: 2}\n",
}


@pytest.mark.parametrize("name", cases(LAID))
def test_layout(name, ordinary, tmp_path):
    (tmp_path / "rules.yaml").write_text(LAID[name], encoding="utf-8")
    assert_bounded(measured(tmp_path, "fmt", "--check", "rules.yaml"), ordinary("fmt"))


def test_what_is_left_to_a_longer_run_is_there():
    assert {*SPECS, *SCENARIOS, *ASKED, *LAID} >= LONG
