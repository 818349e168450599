"""The schemas: up to date with the kinds, true of the bundled files and of what the engine prints."""

import json
from pathlib import Path

import jsonschema
import pytest

import vramledger
from vramledger.reports.ledger import to_dict
from vramledger.rules.bytes import decode_text
from vramledger.rules.open import open_rules
from vramledger.rules.read import read_yaml
from vramledger.rules.schema_files import schemas
from vramledger.rules.tree import to_data

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "schemas"
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
MADE = dict(schemas(open_rules()))


@pytest.mark.parametrize("name", MADE)
def test_written_schema_is_up_to_date(name):
    written = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    assert written == MADE[name], "run make schemas"
    jsonschema.Draft202012Validator.check_schema(written)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_spec_names_its_schema_and_keeps_it(path):
    text, _ = decode_text(path.read_bytes(), str(path))
    modeline = text.partition("\n")[0]
    target = modeline.removeprefix("# yaml-language-server: $schema=")
    schema = (path.parent / target).resolve()
    assert schema.parent == SCHEMAS, modeline
    trees, _ = read_yaml(text, str(path))
    for tree in trees:
        jsonschema.validate(to_data(tree), json.loads(schema.read_text(encoding="utf-8")))


@pytest.mark.parametrize("convention", ["standard", "estimate-article"])
def test_what_is_printed_keeps_its_schema(convention):
    ledger = vramledger.evaluate(
        {"model": "llama-3-8b", "hardware": "a100-80gb", "adapter": "lora"}, convention=convention
    )
    for name, data in (("ledger", to_dict(ledger)), ("derivation", ledger.derivation("total.bytes").to_dict())):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        jsonschema.validate(json.loads(json.dumps(data)), schema)
