"""The codes of problems: stable names that scripts and readers lean on, each with a page under docs/problems/."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    # text that cannot be read
    "empty-file",
    "file-too-large",
    "json-shape",
    "json-syntax",
    "not-a-mapping",
    "not-utf-8",
    "unreadable-file",
    "yaml-alias",
    "yaml-depth",
    "yaml-key",
    "yaml-size",
    "yaml-syntax",
    "yaml-tag",
    "duplicate-key",
    "cut-formula",
    "folded-formula",
    # shapes of spec files
    "missing-key",
    "no-name",
    "unknown-key",
    "unknown-kind",
    "wrong-shape",
    # formulas
    "formula-syntax",
    "per-syntax",
    "type-clash",
    "unit-clash",
    "unknown-column",
    "unknown-function",
    "unknown-table",
    "wrong-arguments",
    "no-formula",
    # rules together
    "column-name",
    "conflict",
    "cycle",
    "declared-twice",
    "override-mismatch",
    "override-nothing",
    "broken-package",
    # names and facts of scenarios
    "missing-fact",
    "out-of-bounds",
    "set-syntax",
    "unknown-entry",
    "unknown-name",
    # evaluation
    "arithmetic",
    "division-by-zero",
    "fraction-of-a-byte",
    "not-a-row",
    "not-a-table",
    "overflow",
    "too-deep",
    "too-many-rows",
    "too-much-work",
    "undecided",
    # worth a word, by `lint`
    "later-stage",
    "magic-number",
    "needless-silence",
    "never-applies",
    "no-reason",
    "no-source",
    "unsaid",
    "unused",
    # commands
    "bad-name",
    "cannot-resume",
    "file-exists",
    "no-graphviz",
    "unwritable-file",
    "not-a-result",
    "not-connected",
]
