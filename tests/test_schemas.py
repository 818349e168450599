"""The schemas: up to date with the kinds, true of the bundled files and of what the engine prints, good for editors."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import jsonschema
import pytest

import vramledger
from vramledger import cli
from vramledger.reports.ledger import to_dict
from vramledger.rules.bytes import decode_text
from vramledger.rules.open import opened
from vramledger.rules.read import read_yaml
from vramledger.rules.schema import entry_schema
from vramledger.rules.schema_files import schemas
from vramledger.rules.tree import to_data

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "schemas"
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
BAD = ROOT / "tests" / "cases" / "bad"
RULES = opened()
MADE = dict(schemas(RULES))
SCENARIO = jsonschema.Draft202012Validator(MADE["scenario.schema.json"])
MODELINE = "# yaml-language-server: $schema="


def documents(path):
    """A file's documents as plain data, or nothing where it cannot be read."""
    text, _ = decode_text(path.read_bytes(), str(path))
    return [to_data(tree) for tree in read_yaml(text, str(path))[0]]


@pytest.mark.parametrize("name", MADE)
def test_written_schema_is_up_to_date(name):
    written = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    assert written == MADE[name], "run make schemas"
    jsonschema.Draft202012Validator.check_schema(written)


@cache
def written(schema):
    """A schema as it lies beside the specs; reading and checking it takes longer than a spec does."""
    found = json.loads(schema.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_spec_names_its_schema_and_keeps_it(path):
    modeline = path.read_text(encoding="utf-8").partition("\n")[0]
    schema = (path.parent / modeline.removeprefix(MODELINE)).resolve()
    assert schema.parent == SCHEMAS, modeline
    found = written(schema)
    # a file with documents of several kinds names the schema of its first
    mine = [data for data in documents(path) if found.schema["title"] in ("scenario", next(iter(data)))]
    assert mine
    for data in mine:
        found.validate(data)


@pytest.mark.parametrize("convention", ["standard", "estimate-article"])
def test_what_is_printed_keeps_its_schema(convention):
    ledger = vramledger.evaluate(
        {"model": "llama-3-8b", "hardware": "a100-80gb", "adapter": "lora"}, convention=convention
    )
    for name, data in (("ledger", to_dict(ledger)), ("derivation", ledger.derivation("total.bytes").to_dict())):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        jsonschema.validate(json.loads(json.dumps(data)), schema)


# --- what is wrong ---------------------------------------------------------------------------------------

# Faults of shape that an editor can underline; the others need the engine.
REFUSED = (
    "billions", "boolean_no", "boolean_number", "boolean_quoted", "bytes_for_count", "catalog_number",
    "comma_number", "expect_list", "expect_no_value", "expect_unknown", "formula_with_name", "fraction", "function",
    "hexadecimal", "huggingface_number", "infinity", "list", "list_for_block", "list_for_name", "list_for_number",
    "mapping_for_number", "minus_infinity", "nan", "nan_yaml", "negative", "negative_parameters", "no_unit",
    "null_value", "number_for_block", "rule_of_boolean", "several", "tensors_no_list", "text", "time_of_day",
    "too_large_share", "unknown_key", "unknown_key_inside", "unknown_key_of_kind", "unknown_task", "unknown_unit",
    "word_for_number", "zero",
)  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_scenario_with_a_faulty_shape_is_refused(name):
    (data,) = documents(BAD / "scenarios" / f"{name}.yaml")
    assert list(SCENARIO.iter_errors(data))


VALID = """
    {model: llama-3-8b}
    {model: somebody/elses-model, optimizer: my-own, hardware: my-card, precision: fp5}
    {model: {parameters: 7e9}, adapter: null, quantization: none}
    {model: {huggingface: some/folder}}
    {model: {architecture: llama, hidden_size: 64, num_hidden_layers: 2, what_else_a_config_has: 1}}
    {model: {tensors: [{name: w, shape: [4, 4]}]}, optimizer: {name: adamw, implementation: fused}}
    {model: m, batch: {size: 4, sequence_length: 8 * 1024}, batch.accumulation: 2 ** 3}
    {model: m, activations.bytes: 10 GB .. 30 GB, activations: {bytes: 1 GiB}, dropout: 10 percent}
    {model: m, attention: eager, loss: {name: standard, keep_logits: false}, serving: {kv_precision: fp5}}
    {model: m, expect: {total.bytes: 73.6 GB, fits: undecided, parameters.count: 8030261248, config.hidden_size: 64}}
    {model: m, sweep: {batch.size: [1, 2, 4]}, says: So., source: {title: t}, config.hidden_size: 64}
    {model: m, hardware: {name: a100-80gb, count: 2}, checkpointing: full, task: inference, convention: standard}
""".strip().splitlines()


@pytest.mark.parametrize("text", VALID)
def test_what_the_engine_takes_is_valid(text):
    (tree,), _ = read_yaml(text, "x.yaml")
    assert list(SCENARIO.iter_errors(to_data(tree))) == []


@pytest.mark.parametrize("path", sorted((BAD / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_editors_refuse_an_entry_where_the_engine_refuses_its_shape(path):
    """What is suggested beside what the engine checks allows the same."""
    for data in documents(path):
        head = next(iter(data)) if isinstance(data, dict) and data else ""
        if head in RULES.kinds:
            ours = jsonschema.Draft202012Validator(entry_schema(RULES.kinds[head]))
            theirs = jsonschema.Draft202012Validator(MADE[f"{head}.schema.json"])
            assert theirs.is_valid(data) == ours.is_valid(data)


# --- what editors need --------------------------------------------------------------------------------------


def suggested(shape, whole=None):
    """The words that an editor suggests for a value."""
    whole = whole or MADE["scenario.schema.json"]
    if "$ref" in shape:
        shape = whole["$defs"][shape["$ref"].removeprefix("#/$defs/")]
    return [*shape.get("enum", ()), *(word for one in shape.get("anyOf", ()) for word in suggested(one, whole))]


def test_names_are_suggested():
    keys = MADE["scenario.schema.json"]["properties"]
    for kind in ("model", "optimizer", "hardware", "adapter", "precision", "quantization", "convention"):
        assert suggested(keys[kind]) == RULES.names(kind)
        assert suggested(keys[kind]["anyOf"][-1]["properties"]["name"]) == RULES.names(kind)
    assert suggested(keys["task"]) == ["training", "inference"]
    assert "eager" in suggested(keys["attention"]["anyOf"][0])
    serving = keys["serving"]["properties"]
    assert suggested(serving["kv_precision"]) == RULES.names("precision")
    optimizer = MADE["optimizer.schema.json"]
    assert suggested(optimizer["properties"]["extends"]) == RULES.names("optimizer")
    assert suggested(optimizer["properties"]["implementation"], optimizer)[:3] == ["foreach", "for-loop", "fused"]
    (_, rows) = optimizer["properties"]["states"]["allOf"]
    assert "t.elements" in rows["anyOf"][0]["additionalProperties"]["properties"]["elements"]["description"]


def test_what_rules_compute_is_allowed_and_not_suggested():
    """Else a scenario's few keys would be lost among all quantities."""
    schema = MADE["scenario.schema.json"]
    assert {"model", "task", "batch", "hardware", "expect"} <= {*schema["properties"]}
    assert not [name for name in schema["properties"] if "." in name or name in ("total", "allocated")]
    assert any(re.search(pattern, "total.bytes") for pattern in schema["patternProperties"])
    assert "total.bytes" in schema["properties"]["expect"]["properties"]


def shapes(node, path=""):
    """Every schema inside a schema that stands for a key, with the way to it."""
    if isinstance(node, dict):
        for name, below in node.get("properties", {}).items():
            yield f"{path}/{name}", below
        for name, below in node.items():
            yield from shapes(below, f"{path}/{name}")
    elif isinstance(node, list):
        for place, below in enumerate(node):
            yield from shapes(below, f"{path}/{place}")


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("stage.schema.json", "kind.schema.json")])
def test_the_keys_at_the_top_are_described(name):
    schema = MADE[name]
    for key, shape in schema["properties"].items():
        inner = schema["$defs"].get(shape.get("$ref", "").removeprefix("#/$defs/"), shape)
        group = name == "scenario.schema.json" and (inner.get("type") == "object" or "anyOf" in inner)
        assert shape.get("description") or inner.get("description") or group or key in RECORDS, key


RECORDS = ("config",)  # what a file brings; its fields are another's


def test_every_reference_leads_somewhere():
    for name, schema in MADE.items():
        for found in re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)):
            assert found in schema["$defs"], (name, found)


def test_patterns_are_those_of_editors_too():
    """Editors read patterns as Unicode ones, where only signs with a meaning may be escaped."""
    for schema in MADE.values():
        patterns = [
            key for _, shape in shapes({"properties": {"": schema}}) for key in shape.get("patternProperties", ())
        ]
        for pattern in patterns:
            assert not re.search(r"\\[^.*+?^${}()|\[\]\\/bd]", pattern), pattern


# --- the command -----------------------------------------------------------------------------------------------


def test_schemas_of_the_users_own_rules(tmp_path, capsys):
    mine, out = tmp_path / "mine", tmp_path / "out" / "schemas"
    mine.mkdir()
    (mine / "probe.yaml").write_text(
        "kind: probe\nsays: Hooks.\nfields:\n  depth: {says: How deep., integer: true, minimum: 1}\n"
        "  style: {says: Which., type: text, one_of: [thin, wide]}\n---\n"
        "probe: narrow\nsays: One.\ndepth: 1\n---\n"
        "optimizer: my-own\nsays: Mine.\nextends: adamw\n---\n"
        "stage: mine\nfacts:\n  mine.share/all: {says: A share., minimum: 0, below: 1, default: 0}\n",
        encoding="utf-8",
    )
    assert cli.main(["schemas", str(out), "--specs", str(mine)]) == 0
    assert capsys.readouterr().out == f"{len(MADE) + 1} schemas in {out}\n"
    assert sorted(path.name for path in out.iterdir()) == sorted([*MADE, "probe.schema.json"])
    scenario, probe = (json.loads((out / f"{name}.schema.json").read_text("utf-8")) for name in ("scenario", "probe"))
    assert "my-own" in suggested(scenario["properties"]["optimizer"], scenario)
    for schema, data, valid in (
        (scenario, {"model": "m", "probe": "narrow"}, True),
        (scenario, {"model": "m", "probe": {"name": "narrow", "depth": 2, "style": "thin"}}, True),
        (scenario, {"model": "m", "probe": {"depth": 0}}, False),
        (scenario, {"model": "m", "probe": {"style": "round"}}, False),
        (scenario, {"model": "m", "mine": {"share/all": 0.5}}, True),
        (scenario, {"model": "m", "mine.share/all": 1.5}, False),
        (probe, {"probe": "mine", "depth": "2 * 3"}, True),
        (probe, {"probe": "mine", "deep": 1}, False),
    ):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert jsonschema.Draft202012Validator(schema).is_valid(data) == valid, data


def test_schemas_as_json_and_twice(tmp_path, capsys):
    for _ in range(2):
        assert cli.main(["schemas", str(tmp_path), "--json"]) == 0
        written = json.loads(capsys.readouterr().out)["written"]
    assert [Path(name).name for name in written] == list(MADE)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(MADE)
    for name in MADE:
        assert (tmp_path / name).read_bytes() == (SCHEMAS / name).read_bytes()


def test_a_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "schemas").write_text("mine", encoding="utf-8")
    assert cli.main(["schemas", str(tmp_path / "schemas")]) == 2
    assert "unwritable-file" in capsys.readouterr().err
    assert (tmp_path / "schemas").read_text(encoding="utf-8") == "mine"


def test_faulty_rules_write_nothing(tmp_path):
    (tmp_path / "faulty.yaml").write_text("optimizer: x\nstates: 1\n", encoding="utf-8")
    assert cli.main(["schemas", str(tmp_path / "out"), "--specs", str(tmp_path / "faulty.yaml")]) == 2
    assert not (tmp_path / "out").exists()


# --- the settings of an editor ------------------------------------------------------------------------------------

SETTINGS = json.loads((ROOT / "examples" / "vscode-settings.json").read_text(encoding="utf-8"))["yaml.schemas"]


def test_the_settings_name_every_schema_of_files_that_people_write():
    assert {*SETTINGS} == {f"schemas/{name}" for name in MADE}
    assert all((ROOT / name).is_file() for name in SETTINGS)


@pytest.mark.parametrize(
    "path", [path for path in SPECS if path.parent.name != "templates"], ids=lambda path: path.stem
)
def test_the_settings_lead_each_file_to_the_schema_that_it_names(path):
    found = [schema for schema, globs in SETTINGS.items() if any(path.match(one) for one in globs)]
    assert found == [f"schemas/{path.read_text(encoding='utf-8').partition(chr(10))[0].rpartition('/')[2]}"]


def test_the_document_shows_the_settings_and_the_modeline():
    text = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    for line in re.findall(r'^  ("schemas/.*\])', text, re.MULTILINE):
        assert json.loads(f"{{{line}}}").items() <= SETTINGS.items()
    assert f"{MODELINE}../schemas/optimizer.schema.json" in text
    for command in re.findall(r"^\$ .*?vramledger ([a-z]+)", text, re.MULTILINE):
        assert command in cli.COMMANDS
    for link in re.findall(r"\]\((\.\./[^)]+)\)", text):
        assert (ROOT / "docs" / link).exists()
