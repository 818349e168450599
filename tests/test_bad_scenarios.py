"""Scenarios and config.json files that are wrong: the code, the place and the words, and never a silent answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import vramledger
from faults import codes, problems_of, stable
from small import SIZES
from vramledger.inputs.checks import run_scenario
from vramledger.problems import Problems
from vramledger.rules.open import opened

FILES = Path(__file__).parent / "cases" / "bad" / "scenarios"

# file: the codes of its problems, in order
FAULTY = {
    "adapter_without_name": "no-name",
    "alias": "yaml-alias",
    "backwards_range": "arithmetic",
    "billions": "unit-clash",
    "boolean_no": "type-clash",
    "boolean_number": "type-clash",
    "boolean_quoted": "type-clash",
    "bytes_for_count": "unit-clash",
    "catalog_number": "type-clash",
    "comma_number": "formula-syntax",
    "cut_flow": "cut-formula",
    "date": "formula-syntax",
    "division_by_zero": "arithmetic",
    "duplicate_key": "duplicate-key",
    "empty": "not-a-mapping",
    "expect_list": "wrong-shape",
    "expect_many_digits": "type-clash",
    "expect_no_value": "type-clash",
    "expect_unknown": "unknown-name",
    "folder_traversal": "unknown-entry",
    "formula_with_name": "type-clash",
    "fraction": "out-of-bounds",
    "function": "type-clash",
    "half_range": "formula-syntax",
    "hexadecimal": "formula-syntax",
    "huge_number": "formula-syntax",
    "huge_product": "arithmetic",
    "huggingface_missing": "unreadable-file",
    "huggingface_number": "type-clash",
    "infinity": "formula-syntax",
    "list": "not-a-mapping",
    "list_for_block": "unknown-name",
    "list_for_name": "type-clash",
    "list_for_number": "type-clash",
    "many_digits": "formula-syntax",
    "mapping_for_number": "unknown-name",
    "minus_infinity": "type-clash",
    "nan": "type-clash",
    "nan_yaml": "formula-syntax",
    "negative": "out-of-bounds",
    "negative_bytes": "out-of-bounds",
    "negative_parameters": "out-of-bounds",
    "no_unit": "unit-clash",
    "null_value": "type-clash",
    "number_for_block": "unknown-name",
    "number_for_name": "unknown-entry",
    "octal": "formula-syntax",
    "only_comment": "not-a-mapping",
    "optimizer_without_name": "no-name",
    "python_tag": "yaml-tag",
    "range_below_minimum": "out-of-bounds",
    "range_units": "unit-clash",
    "rule_of_boolean": "type-clash",
    "several": "unknown-entry unknown-name out-of-bounds out-of-bounds out-of-bounds",
    "tab": "yaml-syntax",
    "tensors_bad_shape": "type-clash",
    "tensors_negative_shape": "out-of-bounds",
    "tensors_no_list": "type-clash",
    "tensors_of_numbers": "not-a-row",
    "tensors_scalar_shape": "not-a-table",
    "tensors_without_shape": "missing-fact",
    "text": "not-a-mapping",
    "text_in_config": "type-clash",
    "time_of_day": "formula-syntax",
    "too_large_share": "out-of-bounds",
    "twice_name": "duplicate-key",
    "twice_nested_and_dotted": "duplicate-key",
    "two_documents": "not-a-mapping",
    "unknown_convention": "unknown-entry",
    "unknown_gpu": "unknown-entry",
    "unknown_key": "unknown-name",
    "unknown_key_inside": "unknown-name",
    "unknown_key_of_kind": "unknown-name",
    "unknown_model": "unknown-entry",
    "strange_model_type": "unknown-entry",
    "unknown_optimizer": "unknown-entry",
    "unknown_precision": "unknown-entry",
    "unknown_state_precision": "unknown-entry",
    "unknown_task": "out-of-bounds",
    "unknown_unit": "formula-syntax",
    "word_for_number": "type-clash",
    "zero": "out-of-bounds",
}
# what is wrong is that something is not there: no line of the scenario is at fault, the rule that needs it is named
INCOMPLETE = {
    "adafactor_on_a_count": "missing-fact",
    "architecture_without_sizes": "missing-fact",
    "empty_model": "missing-fact",
    "lora_on_a_count": "missing-fact",
    "no_model": "missing-fact",
    "only_says": "missing-fact",
}
LLAMA = {"model_type": "llama", **SIZES}


def changed(**fields):
    return json.dumps({name: value for name, value in {**LLAMA, **fields}.items() if value != "absent"}).encode()


# a config.json: its content and the code
CONFIGS = {
    "empty": (b"", "json-syntax"),
    "truncated": (changed()[:60], "json-syntax"),
    "trailing comma": (changed()[:-1] + b",}", "json-syntax"),
    "a list": (b"[1, 2]", "json-shape"),
    "a text": (b'"llama"', "json-shape"),
    "null": (b"null", "json-shape"),
    "NaN": (changed().replace(b"64", b"NaN"), "json-syntax"),
    "Infinity": (changed().replace(b"64", b"-Infinity"), "json-syntax"),
    "1e400": (changed().replace(b"64", b"1e400"), "json-syntax"),
    "huge exponent": (changed().replace(b"64", b"1.0e999999999999999999999"), "json-syntax"),
    "many digits": (changed().replace(b"64", b"6" * 5000), "json-syntax"),
    "deep": (b'{"a": ' * 100_000, "json-syntax"),
    "not utf-8": (changed(model_type="x").replace(b"x", b"\xff"), "not-utf-8"),
    "binary": (bytes(range(256)), "not-utf-8"),
    "nul": (b"\0" * 100, "json-syntax"),
    "two objects": (b"{}{}", "json-syntax"),
    "yaml": (b"model_type: llama\n", "json-syntax"),
    "type a number": (changed(model_type=3), "unknown-entry"),
    "type a list": (changed(model_type=["llama"]), "unknown-entry"),
    "type null": (changed(model_type=None), "missing-fact"),
    "no type": (changed(model_type="absent"), "missing-fact"),
    "nothing": (b"{}", "missing-fact"),
    "no size": (changed(hidden_size="absent"), "missing-fact"),
    "size null": (changed(hidden_size=None), "missing-fact"),
    "size text": (changed(hidden_size="64"), "type-clash"),
    "size list": (changed(hidden_size=[64]), "type-clash"),
    "size object": (changed(hidden_size={"a": 1}), "type-clash"),
    "size true": (changed(hidden_size=True), "type-clash"),
    "size negative": (changed(hidden_size=-64), "out-of-bounds"),
    "size fraction": (changed(hidden_size=64.5), "out-of-bounds"),
    "layers negative": (changed(num_hidden_layers=-2), "out-of-bounds"),
    "no heads": (changed(num_attention_heads=0), "out-of-bounds"),
    "tie text": (changed(tie_word_embeddings="yes"), "type-clash"),
}


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch):
    monkeypatch.chdir(FILES)


def answer(scenario: object) -> None:
    """Everything that one asks of a scenario, its expectations included."""
    ledger = vramledger.evaluate(scenario)
    assert ledger.total
    assert ledger.components
    if isinstance(scenario, str):
        for result in run_scenario(opened(), Path(scenario)):
            if isinstance(result, Problems):
                raise result


def test_every_file_is_tested():
    assert {path.stem for path in FILES.iterdir()} == {*FAULTY, *INCOMPLETE}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_scenario_tells_what_is_wrong(name, snapshot):
    faults = problems_of(lambda: answer(f"{name}.yaml"))
    assert (codes(faults), stable(faults)) == (FAULTY[name], snapshot)
    for found in faults.problems:
        assert any(label.place.path == f"{name}.yaml" and label.place.line for label in found.labels), found


@pytest.mark.parametrize("name", INCOMPLETE)
def test_an_incomplete_scenario_tells_what_is_missing(name, snapshot):
    faults = problems_of(lambda: answer(f"{name}.yaml"))
    assert (codes(faults), stable(faults)) == (INCOMPLETE[name], snapshot)
    assert all(found.labels[0].place.line and found.hints for found in faults.problems)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_faulty_config_tells_what_is_wrong(name, snapshot, tmp_path, monkeypatch):
    content, code = CONFIGS[name]
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_bytes(content)
    faults = problems_of(lambda: answer({"model": {"huggingface": "config.json"}}))
    assert (codes(faults), [found.message[:300] for found in faults.problems]) == (code, snapshot)
    assert any("config.json" in label.place.path for found in faults.problems for label in found.labels), faults


def test_a_config_without_a_type_is_told_so(tmp_path):
    (tmp_path / "config.json").write_bytes(changed(model_type="absent"))
    assert "model_type" in str(problems_of(lambda: answer({"model": {"huggingface": str(tmp_path)}})))


def test_the_config_itself_is_sound(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf" + changed())
    ledger = vramledger.evaluate({"model": {"huggingface": "."}}, base=tmp_path)
    assert ledger["parameters.count"] == 2 * 100 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 128 + 2 * 64) + 64


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e9", 10**9), ("7_000", 7000), ("7.5e9", 7_500_000_000), ("8 * 1024", 8192), ('"42"', 42), ("2**10", 1024)],
)
def test_numbers_that_yaml_would_take_for_text(written, value, tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text(f"model:\n  parameters: {written}\n", encoding="utf-8")
    assert vramledger.evaluate(path)["parameters.count"] == value


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (bytes(range(256)), "not-utf-8"),
        (b"model: \xe9", "not-utf-8"),
        (b"model: a\0b", "yaml-syntax"),
        (b"model: " + b"[" * 10_000, "yaml-depth"),
        (b"model: " + b"x" * 100_000, "unknown-entry"),
        (b"batch.size: " + b"(" * 5000, "formula-syntax"),
        (b"a." * 400 + b"b: 1", "unknown-name"),
    ],
)
def test_a_scenario_file_that_is_no_text_or_too_much(content, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("made.yaml").write_bytes(content)
    faults = problems_of(lambda: answer("made.yaml"))
    assert codes(faults) == code
    assert faults.problems[0].labels[0].place.line
    assert len(faults.problems[0].message) < 1000


@pytest.mark.parametrize("given", [".", "no-such-file.yaml", "a\0b.yaml", "x" * 5000 + ".yaml"])
def test_a_scenario_path_that_is_no_file(given):
    assert codes(problems_of(lambda: vramledger.evaluate(given))) == "unreadable-file"


@pytest.mark.parametrize("given", ["a\0b", "x" * 5000, "\n", "~nobody/config.json", "/dev/null/x"])
def test_a_config_path_that_is_no_file(given):
    assert codes(problems_of(lambda: vramledger.evaluate({"model": {"huggingface": given}}))) == "unreadable-file"


STRANGE = [float("nan"), float("inf"), -1, 10**5000, True, None, [], {}, (), object(), b"x", "", "\0", (4, 1), set()]


@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
def test_python_values_that_are_no_size(value):
    problems_of(lambda: answer({"model": "llama-3-8b", "batch": {"size": value}}))


def test_nesting_of_python_values():
    nested: dict[str, object] = {}
    for _ in range(100_000):
        nested = {"a": nested}
    problems_of(lambda: answer({"model": "llama-3-8b", "batch": nested}))
