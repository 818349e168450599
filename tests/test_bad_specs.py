"""Spec files that are wrong in one way each: the code, the place in the file and the words, and never a traceback."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest

import vramledger
from faults import assert_placed, codes, problems_of, stable
from vramledger.rules.open import open_rules

FILES = Path(__file__).parent / "cases" / "bad" / "specs"

# file: the codes of its problems, in order, when it is loaded
LOADED = {
    "alias_bomb": "yaml-alias",
    "alias_twice": "declared-twice",
    "assignment": "formula-syntax",
    "bad_type": "wrong-shape",
    "bare_colon": "yaml-syntax",
    "boolean_no": "unknown-name",
    "branches_differ": "unit-clash",
    "case_without_formula": "missing-key",
    "chained_comparison": "formula-syntax",
    "column_given_and_computed": "declared-twice",
    "column_name": "column-name",
    "conflict": "conflict",
    "cut_flow_formula": "cut-formula",
    "cycle_itself": "cycle",
    "cycle_rows": "cycle",
    "cycle_table": "cycle",
    "cycle_two": "cycle",
    "decimal_comma": "formula-syntax",
    "duplicate_key": "duplicate-key",
    "duplicate_rule": "duplicate-key",
    "each_is_no_loop": "formula-syntax",
    "empty": "empty-file",
    "entry_of_bundled": "declared-twice",
    "entry_unknown_column": "unknown-column",
    "entry_unknown_variable": "unknown-name unknown-name",
    "extends_cycle": "cycle",
    "extends_itself": "cycle",
    "extends_too_long": "too-deep",
    "extends_unknown": "unknown-entry",
    "folded_formula": "folded-formula",
    "formula_and_cases": "wrong-shape",
    "formula_over_lines": "unit-clash",
    "huge_number": "formula-syntax",
    "import_without_given": "missing-key",
    "key_no_word": "yaml-key",
    "kind_default_missing": "unknown-entry",
    "kind_key_taken": "declared-twice",
    "kind_twice": "declared-twice",
    "list_document": "not-a-mapping",
    "merge_key": "yaml-alias",
    "nan": "unknown-name",
    "nan_yaml": "formula-syntax",
    "no_formula": "no-formula",
    "no_name": "no-name",
    "not_an_aggregate": "formula-syntax",
    "octal": "formula-syntax",
    "only_comment": "empty-file",
    "override_mismatch": "override-mismatch override-nothing",
    "override_nothing": "override-nothing",
    "per_syntax": "per-syntax",
    "percent_sign": "formula-syntax",
    "python_attribute": "formula-syntax",
    "python_import": "formula-syntax",
    "python_lambda": "formula-syntax",
    "python_tag": "yaml-tag",
    "quantity_twice": "declared-twice",
    "row_without_name": "missing-key",
    "scalar_document": "not-a-mapping",
    "second_document_bad": "unknown-key",
    "several": "unknown-name unit-clash wrong-arguments",
    "sexagesimal": "formula-syntax",
    "source_without_title": "missing-key",
    "tab": "yaml-syntax",
    "tag_directives": "yaml-tag",
    "template": "formula-syntax",
    "template_name": "unknown-name",
    "text_of_formulas": "wrong-shape",
    "text_plus_number": "type-clash",
    "two_entries": "declared-twice",
    "unclosed_quote": "yaml-syntax",
    "unit_clash_comparison": "unit-clash",
    "unit_clash_declared": "unit-clash",
    "unit_clash_sum": "unit-clash",
    "unknown_column": "unknown-column",
    "unknown_function": "unknown-function",
    "unknown_key": "unknown-key",
    "unknown_kind": "unknown-kind",
    "unknown_name": "unknown-name",
    "unknown_table": "unknown-name",
    "unknown_table_per": "unknown-table",
    "unknown_unit": "formula-syntax",
    "when_is_number": "type-clash",
    "wrong_arguments": "wrong-arguments",
    "wrong_shape": "wrong-shape",
}
# file: the quantity that brings the fault to light, and its code
EVALUATED = {
    "columns_too_deep": ("mine.count", "too-deep"),
    "conflict_bundled": ("optimizer.bytes", "conflict"),
    "conflict_when": ("mine.bytes", "conflict"),
    "division_by_range": ("mine.share", "division-by-zero"),
    "division_by_zero": ("mine.share", "division-by-zero"),
    "fraction_of_a_byte": ("mine.bytes", "fraction-of-a-byte"),
    "missing_entry_at_run": ("mine.bits", "unknown-entry"),
    "modulo_by_zero": ("mine.rest", "division-by-zero"),
    "nested_sums": ("mine.count", "too-much-work"),
    "number_as_test": ("mine.count", "type-clash"),
    "out_of_bounds_rule": ("mine.ways", "out-of-bounds"),
    "power_of_power": ("mine.count", "overflow"),
    "power_tower": ("mine.count", "overflow"),
    "root_of_negative": ("mine.root", "arithmetic"),
    "too_deep": ("mine.last", "too-deep"),
    "too_many_rows": ("mine.count", "too-many-rows"),
    "undecided": ("mine.count", "undecided"),
}
STAGE = "stage: mine\nrules:\n  mine.count:\n    formula: {}\n"
# contents that no editor would show well, made here: name, content, code
MADE = {
    "binary": (bytes(range(256)), "not-utf-8"),
    "latin-1": (b"stage: mine\nsays: caf\xe9\n", "not-utf-8"),
    "latin-1 behind a byte order mark": (b"\xef\xbb\xbfs\xe9: mine\n", "not-utf-8"),
    "utf-16": ("stage: mine\n".encode("utf-16"), "not-utf-8"),
    "nul": (b"stage: mine\nsays: a\0b\n", "yaml-syntax"),
    "bell": (b"stage: mine\nsays: a\x07b\n", "yaml-syntax"),
    "deep flow": (b"stage: " + b"[" * 10_000 + b"]" * 10_000, "yaml-depth"),
    "deep block": (b"stage: mine\nrules:\n" + b"\n".join(b" " * n + b"a:" for n in range(1, 1000)), "yaml-depth"),
    "deep sums": (STAGE.format("1" + " + (1" * 300 + ")" * 300).encode(), "formula-syntax"),
    "deep minus": (STAGE.format("-" * 1500 + "1").encode(), "formula-syntax"),
    "deep if": (STAGE.format("1 if true else " * 200 + "1").encode(), "formula-syntax"),
    "long formula": (STAGE.format(" + ".join(["1"] * 1250)).encode(), "formula-syntax"),
    "long number": (STAGE.format("9" * 3000).encode(), "formula-syntax"),
    "long name": (STAGE.format("a" * 3000).encode(), "unknown-name"),
    "many values": (b"stage: mine\nsays: [" + b"a, " * 450_000 + b"]", "yaml-size"),
    "many lines": (b"\n" * 100_000 + b"stage: [", "yaml-syntax"),
    "unclosed brackets": (b"[" * 30, "yaml-syntax"),
}


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch):
    monkeypatch.chdir(FILES)


def test_every_file_is_tested():
    assert {path.stem for path in FILES.iterdir()} == {*LOADED, *EVALUATED}


@pytest.mark.parametrize("name", LOADED)
def test_loading_tells_what_is_wrong(name, snapshot):
    faults = problems_of(lambda: open_rules([f"{name}.yaml"]))
    assert_placed(faults, f"{name}.yaml")
    assert (codes(faults), stable(faults)) == (LOADED[name], snapshot)


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluating_tells_what_is_wrong(name, snapshot):
    quantity, code = EVALUATED[name]
    scenario = {"model": {"parameters": 1000}, "config.hidden_size": 64}
    ledger = vramledger.evaluate(scenario, specs=[f"{name}.yaml"])
    faults = problems_of(lambda: ledger[quantity])
    assert_placed(faults, f"{name}.yaml")
    assert (codes(faults), stable(faults)) == (code, snapshot)
    # a fault in one quantity leaves the others alone
    assert (ledger["parameters.bytes"], bool(ledger.warnings)) == (2000, True)


@pytest.mark.parametrize("name", MADE)
def test_content_that_is_no_text_or_too_much(name, snapshot, tmp_path, monkeypatch):
    content, code = MADE[name]
    monkeypatch.chdir(tmp_path)
    Path("made.yaml").write_bytes(content)
    start = perf_counter()
    faults = problems_of(lambda: open_rules(["made.yaml"]))
    assert perf_counter() - start < 5
    assert_placed(faults, "made.yaml")
    assert (codes(faults), len(str(faults)) < 8000) == (code, True)
    assert [f"{found.labels[0].place} {found.message[:150]} {found.hints}" for found in faults.problems] == snapshot


def test_parentheses_alone_are_no_depth(tmp_path):
    (tmp_path / "made.yaml").write_text(STAGE.format("(" * 1900 + "1" + ")" * 1900), encoding="utf-8")
    assert open_rules([tmp_path]).digest


def test_python_tags_run_nothing(tmp_path):
    problems_of(lambda: open_rules(["python_tag.yaml"]))
    assert not Path("executed").exists()


def test_a_folder_tells_of_all_its_files():
    names = ["several.yaml", "chained_comparison.yaml", "tab.yaml", "unknown_kind.yaml"]
    faults = problems_of(lambda: open_rules(names))
    assert {found.labels[0].place.path for found in faults.problems} >= {*names} - {"several.yaml"}


@pytest.mark.parametrize(
    ("given", "code"),
    [("no-such-folder", "unreadable-file"), ("a\0b", "unreadable-file"), ("x" * 5000, "unreadable-file")],
)
def test_a_folder_that_is_not_there(given, code):
    faults = problems_of(lambda: open_rules([given]))
    assert codes(faults) == code


def test_a_file_that_is_too_large(tmp_path):
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 9_000_000)
    assert codes(problems_of(lambda: open_rules([large]))) == "file-too-large"


def test_links_in_circles(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "mine.yaml").write_text(STAGE.format(1), encoding="utf-8")
    assert open_rules([tmp_path]).digest
    (tmp_path / "self.yaml").symlink_to(tmp_path / "self.yaml")
    assert codes(problems_of(lambda: open_rules([tmp_path]))) == "unreadable-file"


def test_an_override_may_state_the_unit_again(tmp_path):
    """A rule copied from the bundled specs, with its unit, and changed."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "stage: mine\nrules:\n  optimizer.bytes:\n    overrides: true\n    unit: B\n    formula: 4 B\n",
        encoding="utf-8",
    )
    assert vramledger.evaluate({"model": {"parameters": 1000}}, specs=[mine])["optimizer.bytes"] == 4
