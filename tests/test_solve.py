"""The largest and the smallest number that will do, against every number asked one by one."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

import vramledger
from vramledger import Problems
from vramledger.inputs.raw import read_raw
from vramledger.rules.open import opened
from vramledger.tables.lines import lines
from vramledger.tables.solve import Solver, _Search

LORA = {"model": "llama-3-8b", "adapter": "lora", "hardware": "h100-80gb"}
SERVED = {"model": "llama-3-8b", "task": "inference", "hardware": "l40s"}

# what fits goes up and down: whole pages of 37, and a fee for every number that 11 divides
ODD = """
    stage: odd
    says: A total that does not grow steadily.
    facts:
      shelf.boxes: {says: Boxes on it., unit: boxes, integer: true, minimum: 1, default: 1}
    rules:
      total.bytes:
        unit: B
        overrides: true
        formula: |
          (round_up(shelf.boxes, 37) * 3 + (900 if shelf.boxes % 11 == 0 else 0)) * 1 B
        source: {title: A test., section: whole}
      shelf.pages:
        unit: pages
        formula: shelf.boxes % 100
        source: {title: A test., section: whole}
"""


def fits(scenario, specs=()):
    return vramledger.evaluate(scenario, specs=specs).fits


def test_the_answer_fits_and_the_next_does_not():
    found = vramledger.solve(LORA, maximize="batch.size")
    assert found.value is not None
    assert found.ledger.fits is True
    assert found.beyond.fits is not True
    sizes = [size for size in range(1, 12) if fits({**LORA, "batch": {"size": size}})]
    assert (int(found), found.value) == (max(sizes), max(sizes))


@pytest.mark.parametrize(
    ("scenario", "fact"),
    [
        (LORA, "batch.sequence_length"),
        (LORA, "adapter.rank"),
        (SERVED, "batch.size"),
        (SERVED, "serving.sequences"),
        ({**SERVED, "quantization": "gptq"}, "batch.sequence_length"),
    ],
)
def test_every_number_about_the_answer(scenario, fact):
    found = vramledger.solve(scenario, maximize=fact).value
    assert found is not None
    for number in range(max(1, found - 3), found + 4):
        said = {**scenario, fact: number}
        if fact == "adapter.rank":
            said["adapter"] = {"name": "lora", "rank": number}
            del said[fact]
        assert (fits(said) is True) == (number <= found)


@pytest.fixture
def odd(tmp_path):
    (tmp_path / "odd.yaml").write_text(dedent(ODD), encoding="utf-8")
    return [tmp_path]


@pytest.mark.parametrize("limit", [100, 111, 500, 1000, 1011, 1200, 4000, 40000])
def test_what_does_not_grow_steadily(odd, limit):
    def total(number):
        return -(-number // 37) * 37 * 3 + (900 if number % 11 == 0 else 0)

    will_do = [number for number in range(1, limit) if total(number) <= limit]
    where = f"total.bytes <= {limit} B"
    largest = vramledger.solve({"model": "gpt2"}, "shelf.boxes", where=where, specs=odd)
    smallest = vramledger.solve({"model": "gpt2"}, minimize="shelf.boxes", where=where, specs=odd)
    assert (largest.value, smallest.value) == ((max(will_do), min(will_do)) if will_do else (None, None))


def test_holes_are_found(odd):
    where = "shelf.pages == 42 and shelf.boxes < 1000000"
    assert vramledger.solve({"model": "gpt2"}, "shelf.boxes", where=where, specs=odd).value == 999_942
    assert vramledger.solve({"model": "gpt2"}, minimize="shelf.boxes", where=where, specs=odd).value == 42


def test_where_nothing_fits():
    scenario = {"model": "llama-3-8b", "hardware": "rtx-4090"}
    found = vramledger.solve(scenario)
    assert (found.value, found.beyond, found.ledger.fits) == (None, None, False)
    with pytest.raises(ValueError, match="no batch"):
        int(found)
    changes = found.changes
    totals = [change.total[1] for change in changes]
    assert totals == sorted(totals)
    assert totals[-1] < found.ledger.total[1]
    for change in changes[::9]:
        said = {**scenario, "batch.size": 1, change.fact: change.value}
        assert vramledger.evaluate(said).total == change.total
    facts = {change.fact for change in changes}
    assert {"optimizer", "precision", "adapter", "batch.sequence_length"} <= facts
    assert all(change.enough == (change.total[1] <= found.ledger["capacity.bytes"]) for change in changes)


def test_where_no_number_of_devices_will_do():
    """More devices hold less each until padding and what each has whole outweigh it; the answer there is told."""
    scenario = {"model": "llama-3-8b", "hardware": "t4", "parallel.sharding": "fsdp", "batch.size": 64}
    found = vramledger.solve(scenario, minimize="parallel.data")
    totals = [vramledger.evaluate({**scenario, "parallel.data": 2**n}).total[1] for n in range(11)]
    assert found.value is None
    assert found.number > 16
    assert found.ledger.total[1] <= min(totals)


def test_numbers_that_shape_the_rules():
    scenario = {
        "model": {
            "architecture": "llama",
            "hidden_size": 1024,
            "num_attention_heads": 8,
            "num_hidden_layers": 2,
            "intermediate_size": 4096,
            "vocab_size": 32000,
        }
    }
    found = vramledger.solve(scenario, "config.num_hidden_layers", where="parameters.count < 200000000")
    assert found.ledger["parameters.count"] < 200_000_000 <= found.beyond["parameters.count"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"scenario": {"model": "gpt2"}}, "missing-fact"),
        ({"scenario": LORA, "maximize": "batch.sise"}, "unknown-name"),
        ({"scenario": LORA, "maximize": "task"}, "type-clash"),
        ({"scenario": LORA, "where": "total.bytes <"}, "formula-syntax"),
        ({"scenario": LORA, "where": "total.bytes"}, "type-clash"),
        ({"scenario": {**LORA, "optimizer": "adamv"}}, "unknown-entry"),
    ],
)
def test_wrong_input(arguments, code):
    with pytest.raises(Problems) as caught:
        vramledger.solve(**arguments)
    assert [found.code for found in caught.value.problems] == [code]


def test_no_limit():
    found = vramledger.solve(LORA, "batch.accumulation")
    assert (found.bound, found.beyond, found.value) == (True, None, found.last)


def test_the_command(run):
    code, out, err = run("solve", "llama-3-8b", "--adapter", "lora", "--hardware", "h100-80gb")
    assert (code, err) == (0, "")
    first, second = filter(None, out.splitlines())
    assert "left" in first
    assert "too much" in second


def test_the_command_as_json(run):
    code, out, _ = run("solve", "--set", "model.parameters=8e9", "--hardware", "rtx-4090", "--json")
    found = json.loads(out)
    assert (code, found["value"]) == (1, None)
    assert found["changes"][0]["total"][1] < found["total"][1]


def test_the_command_over_devices(run):
    arguments = ("--adapter", "lora", "--over", "hardware=t4,h100-80gb,h200", "--json")
    code, out, _ = run("solve", "llama-3-8b", *arguments)
    found = {row["hardware"]: row["value"] for row in json.loads(out)}
    assert (code, found["t4"]) == (0, None)
    assert 1 < found["h100-80gb"] < found["h200"]


STAGED = {"model": "llama-3-8b", "hardware": "b200", "parallel": {"pipeline": 4}}


def test_stages_whose_fullest_depends_on_the_number():
    found = vramledger.solve(STAGED, maximize="batch.accumulation")
    about = [1, 2, 3, 4, 64, 132, 133, 134, 135, 200, 2**40]
    assert [fits({**STAGED, "batch": {"accumulation": one}}) is True for one in about] == [one <= 133 for one in about]
    assert found.value == 133


@pytest.mark.parametrize("fact", ["batch.accumulation", "batch.sequence_length"])
def test_lines_enclose_every_step(fact):
    search = _Search(Solver(opened(), read_raw(STAGED), {}, "fits"), fact, 1)
    kernel = search.shape.kernel(search.shape.plan.root)
    for low, top in ((1, 9), (100, 160), (2**20, 2**40)):
        found = lines(kernel.steps, low, top)
        for number in {low, low + 1, (low + top) // 2, top}:
            exact = kernel.steps.bounds(dict.fromkeys(kernel.facts, (number, number)))
            for line, (value, same) in zip(found, exact, strict=True):
                assert value == same
                assert line.slope * number + line.least <= value <= line.slope * number + line.most


def test_the_fewest_devices_and_what_is_said_of_them():
    split = {"model": "llama-3-8b", "hardware": "a100-40gb"}
    found = vramledger.solve(split, minimize="parallel.pipeline")
    assert (found.value, found.beyond.fits) == (3, False)
    found = vramledger.solve(split, minimize="parallel.tensor")
    assert (found.value, found.ledger.fits) == (3, True)
    assert any("cannot have as many of the" in said for said in found.ledger.warnings)
    found = vramledger.solve(split, minimize="parallel.tensor", where="fits and model.heads % parallel.tensor == 0")
    assert (found.value, found.ledger["parallel.devices"]) == (4, 4)
