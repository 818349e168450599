"""Which files leave the rules that they join as they were: only such are checked alone."""

from __future__ import annotations

import pytest

from vramledger.problems import Problems
from vramledger.rules.open import open_rules
from vramledger.rules.outlined import apart

ROWS = "stage: ours\ntables:\n  components:\n    fill:\n      ours:\n{}        bytes: 4 B\n"
RULE = "    says: Ours.\n    formula: 4 B\n    assumed: true\n    reason: A test.\n"
FILES = {
    "an entry": ("optimizer: ours\nstates:\n  m: {}\n", True),
    "another entry in the place of one": ("optimizer: adamw\noverrides: true\nstates:\n  m: {}\n", False),
    "a rule that overrides": (
        f"stage: ours\nrules:\n  optimizer.bytes:\n    overrides: true\n    unit: B\n{RULE}",
        True,
    ),
    "a rule of its own": (f"stage: ours\nrules:\n  ours.bytes:\n    unit: B\n{RULE}", True),
    "rows": (ROWS.format(""), True),
    "rows that hide a name": (ROWS.format("        each: task in tensors\n"), False),
    "a column": ("stage: ours\ntables:\n  tensors:\n    columns:\n      mine: {default: 1}\n", False),
    "a fact that hides a name": ("stage: ours\nfacts:\n  optimizer.task: {default: 1}\n", False),
    "a fact of its own": ("stage: ours\nfacts:\n  optimizer.mine: {default: 1}\n", True),
}


@pytest.mark.parametrize("name", FILES)
def test_what_leaves_the_others_as_they_were(name, tmp_path):
    text, expected = FILES[name]
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    found = open_rules([tmp_path])
    assert found.base is not None
    assert found.base.outline is not None
    assert apart(found, found.base.outline()) == expected


def test_a_circle_through_a_stage_and_an_entry_is_found(tmp_path):
    """Neither the stage nor the entry goes round alone."""
    convention = "convention: ours\nrules:\n  ours.bytes:\n    unit: B\n    formula: theirs.bytes\n"
    stage = "stage: ours\nrules:\n  theirs.bytes:\n    unit: B\n    formula: ours.bytes\n"
    (tmp_path / "ours.yaml").write_text(f"{stage}---\n{convention}", encoding="utf-8")
    with pytest.raises(Problems, match="cycle"):
        open_rules([tmp_path])
