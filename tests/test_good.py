"""Spec files and scenarios that lie beside what is refused, and are right: loaded, checked, and printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import stable
from vramledger.evaluation.ledger import Ledger
from vramledger.inputs.checks import run_examples, run_scenario
from vramledger.inputs.raw import Raw, read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Problems
from vramledger.reports import ledger as answer
from vramledger.reports.blocks import plain
from vramledger.rules.lint import lint
from vramledger.rules.open import open_rules, opened

GOOD = Path(__file__).parent / "cases" / "good"
SPECS = sorted(path.stem for path in (GOOD / "specs").glob("*.yaml"))
SCENARIOS = sorted(path.stem for path in (GOOD / "scenarios").glob("*.yaml"))
LEAST = 25
# file: what its bytes hold and no editor may take away
BYTES = {
    "specs/documents.yaml": b"\xef\xbb\xbf---\n",
    "specs/line_ends.yaml": b"\r\n",
    "scenarios/byte_order_mark.yaml": b"\xef\xbb\xbfmodel",
    "scenarios/line_ends.yaml": b"\r\n",
    "scenarios/no_last_line_end.yaml": b"total.bytes: 16 GB",
}


def failed(results):
    """The checks that do not hold, and the problems, as text; and how many checks there are."""
    results = list(results)
    wrong = [str(one) for one in results if isinstance(one, Problems)]
    wrong += [
        f"{one.place}: {one.quantity} is {one.found}, expected {one.expected}"
        for one in results
        if not isinstance(one, Problems) and not one.passed
    ]
    return wrong, len(results)


def test_there_are_many_and_every_file_is_tested():
    assert (len(SPECS) >= LEAST, len(SCENARIOS) >= LEAST) == (True, True)
    named = "".join(path.read_text(encoding="utf-8") for path in (GOOD / "scenarios").glob("*.yaml"))
    strangers = {
        path.relative_to(GOOD).as_posix()
        for path in GOOD.rglob("*")
        if path.is_file() and (path.suffix != ".yaml" or path.parent.name not in ("specs", "scenarios"))
    }
    # what is no case is a file that a case names, by itself or by its folder
    assert {path for path in strangers if path.split("/")[1] not in named} == set()
    assert {path.name for path in GOOD.iterdir()} == {"specs", "scenarios"}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_are_as_they_were_written(name):
    content = (GOOD / name).read_bytes()
    expected = BYTES[name]
    assert content.endswith(expected) if name.endswith("no_last_line_end.yaml") else expected in content
    if expected == b"\r\n":
        assert content.count(b"\r\n") == content.count(b"\n")


@pytest.mark.parametrize("name", SPECS)
def test_a_good_spec_is_accepted(name, snapshot, monkeypatch):
    monkeypatch.chdir(GOOD / "specs")
    ruleset = open_rules([f"{name}.yaml"])
    assert [str(found) for found in lint(ruleset)] == []
    wrong, many = failed(run_examples(ruleset, of_user=True))
    assert (wrong, many > 0) == ([], True)
    first = next(ruleset.examples(True))
    read = read_scenario(ruleset, Raw(first.given, first.place.path, Path()))
    ledger = Ledger(read.program, read.facts)
    assert stable(ledger.derivation(first.expect.items[0][0].text)) == snapshot
    if name == "warning_formulas":
        assert "2,000 parameters take 4 kB, twice that is 8 kB" in ledger.warnings  # 2 bytes of each
        assert ledger.warnings == snapshot(name="warnings")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_good_scenario_is_accepted(name, snapshot, monkeypatch):
    monkeypatch.chdir(GOOD / "scenarios")
    ruleset, path = opened(), Path(f"{name}.yaml")
    wrong, many = failed(run_scenario(ruleset, path))
    assert (wrong, many > 0) == ([], True)
    read = read_scenario(ruleset, read_raw(path))
    assert stable(plain(answer.blocks(Ledger(read.program, read.facts)))) == snapshot
