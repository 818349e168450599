"""Specs and scenarios with random damage: they work or they raise Problems, and nothing else ever comes out."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vramledger
from vramledger.inputs.scenario import read_raw, read_scenario
from vramledger.evaluation.ledger import Ledger
from vramledger.language.parse import FormulaError, parse
from vramledger.problems import Problems
from vramledger.rules.open import open_rules
from vramledger.rules.read import read_yaml

SPECS = Path(__file__).parent.parent / "specs"
FILES = sorted(path.relative_to(SPECS).as_posix() for path in SPECS.rglob("*.yaml") if path.parts[-2] != "scenarios")
SPLICES = (
    "", "null", "[]", "{}", "[a, b]", "{a: 1}", "0", "-1", "1e9", "0.5", "true", "no", "x", "4 B", "1 .. 2", "9**9**9",
    "parameters.bytes", "sum(t.bytes for t in tensors)", "modules", "config", "config.x", "w.shape[-1]", "a b", "(", "{",
    "'", '"', "|", ">", "- ", ": ", "#", "*a", "&a", "!!int", "\t", "\x00", "é", "name", "first(t for t in tensors)",
    "not_applicable('no')", "'a' in model.tensors", "per: t in tensors", "overrides: true", "remove: true",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch):
    monkeypatch.setenv("VRAMLEDGER_CACHE", "off")


def damaged(text: str, random: Random) -> str:
    """A text with some of its lines lost, doubled, moved, indented, or with another value."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 3)):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        line = lines[at]
        match random.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, line)
            case 2:
                lines[at], lines[other] = lines[other], line
            case 3:
                lines[at] = f"  {line}" if random.random() < 0.5 else line.removeprefix("  ")
            case 4:
                spot = random.randint(0, len(line))
                lines[at] = line[:spot] + random.choice(SPLICES) + line[spot + random.randint(0, 3) :]
            case 5 | 6:
                key, colon, _ = line.partition(": ")
                lines[at] = f"{key}: {random.choice(SPLICES)}" if colon else line
            case _:
                key, _, _ = line.partition(":")
                _, _, value = lines[other].partition(":")
                lines[at] = f"{key}:{value}"
        lines = lines or [""]
    return "\n".join(lines)


def exercise(ledger: Ledger) -> None:
    """Everything that a user asks of a ledger; a fault of theirs is Problems."""
    for ask in (
        lambda: ledger.total,
        lambda: ledger.components,
        lambda: ledger.phases,
        lambda: ledger.warnings,
        lambda: ledger.fits,
        lambda: str(ledger.derivation("total.bytes")),
    ):
        try:
            ask()
        except Problems as faults:
            assert faults.problems
            str(faults)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_specs_load_or_tell_why(seed, tmp_path):
    random = Random(seed)
    name = random.choice(FILES)
    text = damaged((SPECS / name).read_text(encoding="utf-8"), random)
    mine = tmp_path / "mine.yaml"
    mine.write_text(text, encoding="utf-8")
    try:
        ruleset = open_rules([mine])
        read = read_scenario(ruleset, read_raw({"model": "llama-3-8b", "adapter": {"name": "lora", "rank": 8}}))
        exercise(Ledger(read.program, read.facts))
    except Problems as faults:
        assert all(found.labels for found in faults.problems), faults
