"""Scenarios of one form: what is remembered of the first gives the others just what reading them would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vramledger
from vramledger import Problems
from vramledger.inputs import scenario as reading
from vramledger.inputs.raw import read_raw
from vramledger.locate import folder
from vramledger.rules.open import opened

RULES = opened()
FILES = sorted((folder("specs") / "scenarios").glob("*.yaml"))
TEAM = """\
says: Run 3 of a team.
model: gpt2
optimizer: {name: adamw, state_precision: fp32}
batch: {size: 4, sequence_length: 128}
dropout: 0.1
activations.bytes: 3 GB
sweep: {batch.size: [1, 2]}
expect: {parameters.count: 124439808}
"""


def both(path):
    """A scenario by what is remembered, and word by word."""
    raw = read_raw(path)
    found, whole = reading.read_scenario(RULES, raw), reading._read(RULES, raw)[0]
    assert found.facts.digest() == whole.facts.digest()
    same = found.facts._replace(digest=str), whole.facts._replace(digest=str)
    return found._replace(facts=same[0]), whole._replace(facts=same[1])


def other(text, of=r"(?<=[ :\[{])([1-9][0-9]*)(?=[\s,}\]])"):
    """The same scenario with other numbers, further down."""
    return "# a comment\n\n" + re.sub(of, lambda found: str(int(found[0]) * 3 + 7), text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scenario_alike_is_read_as_if_it_were_the_first(file, tmp_path):
    text = file.read_text(encoding="utf-8")
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(text, encoding="utf-8")
    second.write_text(other(text), encoding="utf-8")
    for path in (first, second):
        found, whole = both(path)
        assert found == whole


def test_what_is_remembered_is_used_and_keeps_places(tmp_path, monkeypatch):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(TEAM, encoding="utf-8")
    second.write_text(TEAM.replace("Run 3", "Run 4").replace("size: 4", "size: 41"), encoding="utf-8")
    reading.read_scenario(RULES, read_raw(first))
    found, whole = both(second)
    assert found == whole
    assert found.facts.values["batch.size"].value == 41
    place = found.facts.values["batch.sequence_length"].place
    assert (Path(place.path), place.line, place.column) == (second, 4, 36)
    monkeypatch.setattr(reading, "_read", None)
    assert reading.read_scenario(RULES, read_raw(second)).facts.values["batch.size"].value == 41


@pytest.mark.parametrize("wrong", ["0", "1.5"])
def test_a_number_that_may_not_be_is_told_all_the_same(wrong):
    scenario = {"model": "gpt2", "batch": {"size": 3, "sequence_length": 64}}
    vramledger.evaluate(scenario)
    with pytest.raises(Problems) as caught:
        vramledger.evaluate({**scenario, "batch": {"size": float(wrong), "sequence_length": 0}})
    assert [found.code for found in caught.value.problems] == ["out-of-bounds"] * 2
