"""`vramledger test`: what passed, by how much, and which rules, rows and branches no check went through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from vramledger.evaluation.expect import Gap, gap, holds

ROOT = Path(__file__).parent.parent
OURS = """\
optimizer: ours
says: Three kinds of state.
states:
  always:
    bits: 8 if t.ndim >= 2 else 16
  matrices:
    when: t.ndim >= 2
    bits: 8
  stacks:
    when: t.ndim >= 3
    bits: 8
assumed: true
reason: It is a test.
examples:
  - given:
      model:
        tensors:
          - name: w
            shape: [256, 1024]
      precision: fp32
      optimizer: ours
    expect:
      optimizer.bytes: 524288 B
"""


@pytest.fixture(autouse=True)
def _place(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ours():
    Path("rules").mkdir()
    Path("rules/ours.yaml").write_text(OURS, encoding="utf-8")
    return "rules"


def test_what_no_example_reached(ours, run, snapshot):
    code, out, err = run("test", "--specs", ours)
    assert (code, out, err) == (0, snapshot, "")


def test_an_example_more_reaches_more(ours, run):
    more = OURS[OURS.index("  - given") :].replace("[256, 1024]", "[1024]").replace("524288", "2048")
    Path("rules/ours.yaml").write_text(OURS + more, encoding="utf-8")
    found = json.loads(run("test", "--specs", ours, "--json")[1])
    assert (found["passed"], found["failed"]) == (2, 0)
    assert found["reached"]["branch"] == {"reached": 2, "of": 2}
    assert [part["what"] for part in found["unreached"]] == ["stacks of states"]


def test_only_the_users_examples_and_files_count(ours, run):
    found = json.loads(run("test", "--specs", ours, "--json")[1])
    assert {check["where"].partition(" (")[0] for check in found["checks"]} == {"optimizer ours"}
    assert {part["place"].partition(":")[0] for part in found["unreached"]} == {"rules/ours.yaml"}


def test_rules_and_cases(run):
    Path("ours.yaml").write_text(
        """\
stage: ours
says: Ours.
facts:
  ours.size:
    says: It.
    default: 1
rules:
  ours.count:
    says: It.
    cases:
      - when: ours.size == 1
        formula: 1
      - when: ours.size == 2
        formula: 2
    otherwise: 3
  ours.other:
    says: It.
    formula: 4
examples:
  - given: {ours.size: 2}
    expect: {ours.count: 2}
""",
        encoding="utf-8",
    )
    found = json.loads(run("test", "--specs", "ours.yaml", "--json")[1])
    assert found["reached"]["rule"] == {"reached": 1, "of": 4}
    assert [part["what"] for part in found["unreached"]] == ["ours.count, case 1", "ours.count, case 3", "ours.other"]


def test_scenarios_beside_the_rules_are_checks_too(ours, run):
    Path("rules/scenarios").mkdir()
    Path("rules/scenarios/one.yaml").write_text(
        "model: {tensors: [{name: w, shape: [2, 4, 8]}]}\noptimizer: ours\nexpect: {optimizer.bytes: 192 B}\n",
        encoding="utf-8",
    )
    code, out, _ = run("test", "--specs", ours)
    assert (code, "2 passed, 0 failed" in out, "3 of 3 rows" in out) == (0, True, True)


def test_the_bundled_specs_pass_and_most_is_reached(run):
    code, out, err = run("test", "--json")
    found = json.loads(out)
    assert (code, err, found["failed"]) == (0, "", 0)
    assert found["passed"] > 800
    shares = {kind: part["reached"] / part["of"] for kind, part in found["reached"].items()}
    assert shares["rule"] > 0.88
    assert shares["row"] > 0.9
    assert shares["branch"] > 0.7


def test_margins(run):
    Path("ours.yaml").write_text(OURS.replace("524288 B", "0.52 MB") + "    tolerance: 1 percent\n", encoding="utf-8")
    code, out, _ = run("test", "--specs", "ours.yaml", "--json")
    (check,) = json.loads(out)["checks"]
    assert (code, check["off"], check["allowed"]) == (0, 4288, 5200)
    code, out, _ = run("test", "--specs", "ours.yaml", "-v")
    assert "4.288 kB, 5.2 kB  ok" in out
    assert "nearest to failing: optimizer.bytes at ours.yaml:23:24, off by 82% of what it may be" in out


@pytest.mark.parametrize(
    ("value", "printed", "tolerance", "expected"),
    [
        (105, "100", None, Gap(Fraction(5), Fraction(1, 2))),
        (100, "100", None, Gap(Fraction(0), Fraction(1, 2))),
        (99, "100", Fraction(1, 50), Gap(Fraction(1), Fraction(2))),
        ((1, 25), "1 .. 20", None, Gap(Fraction(5), Fraction(1, 2))),
        (0, "0", Fraction(1, 50), Gap(Fraction(0), Fraction(0))),
        (1, "0", Fraction(1, 50), Gap(Fraction(1), Fraction(0))),
        (True, "true", None, None),
        ("a", "1", None, None),
        (1, "1 .. 2", None, None),
        (1, "one", None, None),
    ],
)
def test_the_gap_and_whether_it_holds(value, printed, tolerance, expected):
    found = gap(value, printed, tolerance)
    assert found == expected
    if found is not None:
        assert holds(value, printed, tolerance) == (found.off <= found.allowed)


def test_watch_runs_again_when_a_file_changes(ours, tmp_path):
    command = [sys.executable, "-m", "vramledger", "test", "--specs", ours, "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        try:
            _until(log, "1 passed, 0 failed", process)
            Path("rules/ours.yaml").write_text(OURS.replace("524288", "524289"), encoding="utf-8")
            _until(log, "0 passed, 1 failed", process)
            Path("rules/ours.yaml").write_text(OURS.replace("bits: 8\n", "bits: 8 +\n"), encoding="utf-8")
            _until(log, "formula-syntax", process)
            Path("rules/ours.yaml").unlink()
            _until(log, "0 passed, 0 failed", process)
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text(encoding="utf-8")


def _until(log, text, process):
    for _ in range(600):
        if text in log.read_text(encoding="utf-8"):
            return
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))
