"""`vramledger show`: everything under a name, as data and for people."""

from __future__ import annotations

import json

import pytest

from lasting import lasting
from vramledger import cli
from vramledger.problems import Problems
from vramledger.reports.blocks import plain
from vramledger.reports.describe import Book, describe
from vramledger.reports.show import blocks
from vramledger.rules.open import opened

RULES = opened()
BOOK = Book(RULES)


def described(name):
    return {one["what"]: one for one in describe(BOOK, name)}


def test_a_quantity_with_what_beats_what_and_who_uses_it():
    found = described("overhead.bytes")["quantity"]
    layers = [rule["layer"] for rule in found["rules"]]
    assert layers == sorted(layers, key=["convention", "standard"].index)
    beaten = {place for rule in found["rules"] for place in rule["overrides"]}
    (standard,) = (rule for rule in found["rules"] if rule["layer"] == "standard")
    assert beaten == {f"{standard['origin']} ({standard['place']})"}
    assert "total.bytes" in found["used by"]
    assert any(place.startswith("specs/conventions/rule-of-thumb.yaml:") for place in found["examples"])


def test_a_fact():
    found = described("task")["quantity"]
    assert (found["one of"], found["default"], found["rules"]) == (["training", "inference"], "training", [])
    assert {"gradients.bytes", "optimizer.bytes"} <= set(found["used by"])


def test_an_entry():
    found = described("adamw")["optimizer"]
    assert (found["extends"], found["aliases"]) == (["adam"], ["adamw_torch", "torch.AdamW"])
    assert found["used by"] == ["kind optimizer, by default", "optimizer adamw-fused extends it"]
    assert [row["name"] for row in found["rows"]] == ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step"]
    assert found["examples"]
    assert "optimizer adamw extends it" in described("adam")["optimizer"]["used by"]
    assert described("torch.AdamW")["optimizer"]["name"] == "adamw"
    masters = described("fp32")["precision"]["used by"]
    assert any(user.startswith("precision.master of precision ") for user in masters)


def test_a_table_its_columns_and_rows():
    found = described("states")["table"]
    assert [column["name"] for column in found["columns"]] == ["elements", "bits", "copies", "on_host"]
    assert {rule["quantity"] for rule in found["computed"]} == {"states.bytes", "states.on_device"}
    assert {row["origin"] for row in found["rows"]} >= {"optimizer adam", "optimizer adafactor"}
    assert "optimizer.bytes" in found["used by"]


def test_a_name_of_several_things():
    found = described("optimizer")
    assert set(found) == {"stage", "kind"}
    assert found["kind"]["default"] == "adamw"
    assert "adafactor" in found["kind"]["entries"]


def test_a_problem_shows_its_page():
    assert described("later-stage")["problem"]["page"].startswith("# later-stage\n")


def test_what_has_a_name_can_be_shown():
    """All that there is few of, and one in eight of the rest, the first and the last of each kind among them."""
    names = {*RULES.kinds, *RULES.stages, *(table.name for table in RULES.tables)}
    for many in (RULES.declarations, {rule.name for rule in RULES.rules}, *map(RULES.names, RULES.kinds)):
        listed = sorted(many)
        names |= {*listed[::8], *listed[-1:]}
    for name in sorted(names):
        found = describe(BOOK, name)
        json.dumps(found)
        assert name in plain(blocks(found)), name


@pytest.mark.parametrize("name", ["optimizer.bytes", "adamw", "states", "optimizer", "precision.name", "nf4-double"])
def test_for_people(name, snapshot):
    assert lasting(plain(blocks(describe(BOOK, name)))) == snapshot


@pytest.mark.parametrize(
    ("name", "hint"),
    [("optimzer.bytes", "optimizer.bytes"), ("adamv", "adam"), ("tensor", "tensors"), ("later-stages", "later-stage")],
)
def test_a_name_of_nothing(name, hint):
    with pytest.raises(Problems) as caught:
        describe(BOOK, name)
    (found,) = caught.value.problems
    assert (found.code, hint in found.hints[0]) == ("unknown-name", True)


def test_json(capsys):
    assert cli.main(["show", "adamw", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["found"][0]["what"]) == ("adamw", "optimizer")
