"""Tables of scenarios: `sweep` and `evaluate_table`, what shapes rows, what is wrong with some of them."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

import vramledger
from small import SIZES
from vramledger import Problems
from vramledger.evaluation import machine, threads
from vramledger.evaluation.ledger import FITS, SELECTED
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.rules.open import open_rules, opened
from vramledger.tables import evaluate, fleet, laid, loops
from vramledger.tables.best import Aim, front, unbeaten
from vramledger.tables.evaluate import Evaluator
from vramledger.tables.rows import Rows
from vramledger.tables.wanted import ranges, wanted

BASE = {"model": "llama-3-8b", "adapter": "lora", "hardware": "h100-80gb"}
RULES = opened()


def alone(said, *names):
    ledger = vramledger.evaluate({**BASE, **said})
    return [ledger[name] for name in names]


def test_a_sweep_is_every_combination_the_last_changing_fastest():
    table = vramledger.sweep(
        {"model": "llama-3-8b"},
        {"optimizer": ["adamw", "sgd"], "batch.size": range(1, 4)},
        select=["optimizer.bytes", "total.bytes"],
    )
    assert table.column_names == [
        "optimizer",
        "batch.size",
        "optimizer.bytes",
        "total.bytes.low",
        "total.bytes.high",
        "problem",
    ]
    rows = table.to_pylist()
    assert [(row["optimizer"], row["batch.size"]) for row in rows] == list(product(["adamw", "sgd"], [1, 2, 3]))
    for row in rows:
        scenario = {"model": "llama-3-8b", "optimizer": row["optimizer"], "batch": {"size": row["batch.size"]}}
        ledger = vramledger.evaluate(scenario)
        assert row["optimizer.bytes"] == ledger["optimizer.bytes"]
        assert (row["total.bytes.low"], row["total.bytes.high"]) == ledger.total
        assert row["problem"] is None


def test_a_sweep_over_all_of_a_kind():
    table = vramledger.sweep(BASE, {"precision": "all"}, select=["parameters.bytes", "precision.name"])
    assert table["precision"].to_pylist() == RULES.names("precision") == table["precision.name"].to_pylist()
    assert len({*table["parameters.bytes"].to_pylist()}) > 5


@pytest.mark.thorough
def test_a_sweep_over_all_devices():
    table = vramledger.sweep(BASE, {"hardware": "all"}, select=["fits", "hardware.name"])
    assert table["hardware"].to_pylist() == RULES.names("hardware") == table["hardware.name"].to_pylist()
    assert {True, False} <= {*table["fits"].to_pylist()}


def test_a_sweep_over_models_and_ways_to_count():
    over = {"model": ["gpt2", "llama-3-8b"], "convention": ["standard", "rule-of-thumb"], "batch.size": [1, 8]}
    for row in vramledger.sweep({}, over, select=["total.bytes"]).to_pylist():
        scenario = {"model": row["model"], "batch": {"size": row["batch.size"]}}
        total = vramledger.evaluate(scenario, convention=row["convention"]).total
        low, high = total if isinstance(total, tuple) else (total, total)
        assert (row["total.bytes.low"], row["total.bytes.high"]) == (low, high)


@pytest.mark.parametrize(
    ("over", "select", "code"),
    [
        ({"batch.size": []}, (), "wrong-shape"),
        ({"batch.size": "all"}, (), "wrong-shape"),
        ({"batch.size": [1]}, ["total.byte"], "unknown-name"),
    ],
)
def test_what_no_row_can_answer(over, select, code):
    with pytest.raises(Problems) as caught:
        vramledger.sweep(BASE, over, select=select)
    assert [found.code for found in caught.value.problems] == [code]


def test_a_table_keeps_its_rows_their_order_and_columns():
    table = pa.table(
        {
            "job": ["a", "b", "c", "d"],
            "model": ["gpt2", "llama-3-8b", "gpt2", None],
            "batch.size": [2, 1, None, 4],
            "optimizer.state_precision": pa.array([None, None, "fp32", None]),
        }
    )
    found = vramledger.evaluate_table(table, scenario={"model": "llama-3-8b"}, select=["optimizer.bytes"], keep=["job"])
    assert found.select(table.column_names).equals(table)
    expected = [
        vramledger.evaluate(scenario)["optimizer.bytes"]
        for scenario in (
            {"model": "gpt2", "batch": {"size": 2}},
            {"model": "llama-3-8b"},
            {"model": "gpt2", "optimizer": {"name": "adamw", "state_precision": "fp32"}},
            {"model": "llama-3-8b", "batch": {"size": 4}},
        )
    ]
    assert found["optimizer.bytes"].to_pylist() == expected


def test_one_bad_row_among_good_ones():
    sizes = [1, 0, 2, -3, 4]
    found = vramledger.evaluate_table(pa.table({"batch.size": sizes}), BASE, select=["activations.bytes"])
    told = found["problem"].to_pylist()
    assert [said is None for said in told] == [True, False, True, False, True]
    assert told[1] == "out-of-bounds: batch.size is 0, expected at least 1"
    assert told[3] == "out-of-bounds: batch.size is -3, expected at least 1"
    for size, value in zip(sizes, found["activations.bytes"].to_pylist(), strict=True):
        assert value == (alone({"batch": {"size": size}}, "activations.bytes")[0] if size > 0 else None)


@pytest.mark.parametrize(
    ("column", "good", "told"),
    [
        (["1", "2", "x", "3"], [True, True, False, True], "column batch.size: type-clash"),
        ([1.0, 2.0, 2.5, 3.0], [True, True, False, True], "expected a whole number"),
        ([1.0, float("inf"), 2.0, 3.0], [True, False, True, True], "batch.size"),
        ([1, 2**62, 2, 3], [True, False, True, True], "64 bits"),
    ],
)
def test_odd_cells_in_a_column_of_numbers(column, good, told):
    found = vramledger.evaluate_table(pa.table({"batch.size": column}), BASE, select=["activations.bytes"])
    assert [value is not None for value in found["activations.bytes"].to_pylist()] == good
    (bad,) = [said for said in found["problem"].to_pylist() if said is not None]
    assert told in bad


def test_flags_and_texts_as_other_tools_write_them():
    flags = ["true", "True", "FALSE", None]
    found = vramledger.evaluate_table(pa.table({"loss.keep_logits": flags}), BASE, select=["loss.keep_logits"])
    assert (found["loss.keep_logits"].to_pylist(), found["problem"].null_count) == (flags, 4)
    pieces = pa.table({"model": pa.chunked_array([["gpt2", None], ["llama-3-8b", None]])})
    assert vramledger.evaluate_table(pieces, BASE)["problem"].null_count == 4
    models = pa.table({"model": pa.array(["gpt2", None], pa.string_view())})
    assert vramledger.evaluate_table(models, BASE)["problem"].null_count == 2


def test_two_namesof_one_name_are_refused():
    table = pa.table({"batch.size": [1], "batch": [{"size": 2}]})
    with pytest.raises(Problems) as caught:
        vramledger.evaluate_table(table, BASE)
    assert [found.message for found in caught.value.problems] == ["two columns are called batch.size"]


def test_a_whole_group_at_fault_is_told_in_every_row():
    table = pa.table({"model": ["gpt22"] * 2000, "batch.size": range(1, 2001)})
    told = vramledger.evaluate_table(table)["problem"].to_pylist()
    assert {*told} == {"column model: unknown-entry: no model is called gpt22 (did you mean gpt2 or gpt2-xl?)"}


def test_a_fault_of_the_rules_is_told_in_every_row(tmp_path):
    """Told after a few rows, and not worked out for each of them."""
    links = "".join(
        f"  links.at_{n}: {{unit: B, formula: links.at_{n - 1} + 1 B, source: {{title: A test.}}}}\n"
        for n in range(1, 90)
    )
    first = "  links.at_0: {unit: B, formula: batch.size * 1 B, source: {title: A test.}}\n"
    text = f"stage: links\nrules:\n{first}{links}"
    (tmp_path / "links.yaml").write_text(text, encoding="utf-8")
    table = pa.table({"batch.size": range(1, 20_001)})
    found = vramledger.evaluate_table(table, {"model": "gpt2"}, select=["links.at_89"], specs=[tmp_path])
    (told,) = {*found["problem"].to_pylist()}
    assert "too-deep" in told


@pytest.mark.parametrize(("column", "keep"), [("problem", []), ("problem", ["problem"]), ("fits", ["fits"])])
def test_no_column_of_the_input_hides_an_answer(column, keep):
    with pytest.raises(Problems) as caught:
        vramledger.evaluate_table(pa.table({"batch.size": [0], column: [True]}), BASE, keep=keep)
    assert [found.code for found in caught.value.problems] == ["wrong-shape"]


def test_a_part_that_is_all_at_fault_says_nothing_of_the_next():
    base = {"model": "gpt2"}
    evaluator = Evaluator(RULES, read_raw(base), wanted(RULES, ["activations.bytes"]))
    assert {*evaluator.table(pa.table({"batch.size": [0] * 9}))["problem"].to_pylist()} != {None}
    found = evaluator.table(pa.table({"batch.size": list(range(1, 10))}))
    assert found["problem"].null_count == 9
    assert found.equals(vramledger.evaluate_table(pa.table({"batch.size": range(1, 10)}), base, ["activations.bytes"]))


def test_a_few_numbers_beyond_64_bits_hold_up_no_other():
    sizes = [number % 50 + 1 for number in range(50_000)]
    for row in (7, 31_000, 49_999):
        sizes[row] = 10**12
    found = vramledger.evaluate_table(pa.table({"batch.size": sizes}), BASE, select=["activations.bytes"])
    told = {row: said for row, said in enumerate(found["problem"].to_pylist()) if said is not None}
    assert told == dict.fromkeys((7, 31_000, 49_999), "activations.bytes takes more than 64 bits")
    assert found["activations.bytes"].null_count == 3


def test_numbers_that_shape_the_rules_part_the_rows():
    table = pa.table({"model.num_hidden_layers": [2, 3, 2, 5], "batch.size": [1, 2, 3, 4]})
    llama = {
        "architecture": "llama",
        "hidden_size": 64,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 256,
    }
    found = vramledger.evaluate_table(table, {"model": {**llama, "num_hidden_layers": 2}}, ["activations.bytes"])
    for row in found.to_pylist():
        model = {**llama, "num_hidden_layers": row["model.num_hidden_layers"]}
        ledger = vramledger.evaluate({"model": model, "batch": {"size": row["batch.size"]}})
        assert row["activations.bytes"] == ledger["activations.bytes"]


def test_a_range_where_the_rules_know_none_asks_for_its_ends():
    table = pa.table({"activations.bytes": ["10 GB .. 12 GB", "11 GB"]})
    found = vramledger.evaluate_table(table, BASE, select=["saved.bytes", "saved.bytes.low", "saved.bytes.high"])
    assert "saved.bytes is a range here; select saved.bytes.low" in found["problem"].to_pylist()[0]
    assert found["saved.bytes"].to_pylist()[0] is None
    low, high = alone({"activations.bytes": "10 GB .. 12 GB"}, "saved.bytes")[0]
    assert (found["saved.bytes.low"].to_pylist()[0], found["saved.bytes.high"].to_pylist()[0]) == (low, high)


def test_a_base_with_a_range_has_both_ends():
    names = [one.column for one in wanted(RULES, ["activations.bytes"])]
    assert names == ["activations.bytes"]
    found = vramledger.sweep({**BASE, "activations.bytes": (10**9, 2 * 10**9)}, {"batch.size": [1]})
    assert {"activations.bytes.low", "activations.bytes.high"} <= {*found.column_names}


def test_which_quantities_the_stages_leave_a_range():
    assert {"total.bytes", "reserved.bytes", "overhead.bytes"} <= ranges(RULES)
    assert {"parameters.bytes", "optimizer.bytes", "saved.bytes"}.isdisjoint(ranges(RULES))


def test_empty_tables_and_tables_without_columns():
    empty = vramledger.evaluate_table(pa.table({"batch.size": pa.array([], pa.int64())}), BASE)
    assert (empty.num_rows, empty.schema) == (0, vramledger.evaluate_table(pa.table({"batch.size": [1]}), BASE).schema)


def test_parts_of_a_table_answered_apart_are_the_table():
    random = np.random.default_rng(3)
    table = pa.table(
        {
            "batch.size": random.integers(1, 9, 400),
            "optimizer": random.choice(["adamw", "sgd", "lion"], 400),
            "precision": random.choice(["bf16", "fp32"], 400),
        }
    )
    whole = vramledger.evaluate_table(table, BASE)
    parts = [vramledger.evaluate_table(table.slice(start, 70), BASE) for start in range(0, 400, 70)]
    assert pa.concat_tables(parts).equals(whole)


def test_rows_of_many_shapes_are_answered_as_each_alone():
    """Shapes that share code and those that do not, a fork between rows, numbers of one row beyond 64 bits."""
    random = np.random.default_rng(5)
    count = 24
    lengths = random.integers(500, 530, count)  # gemma-3-1b looks back over 512
    sizes = random.integers(1, 9, count)
    sizes[[3, 20]] = 10**14, 0
    columns = {
        "model": random.choice(["gpt2", "gemma-3-1b", "qwen2.5-0.5b"], count),
        "precision": random.choice(["bf16", "fp32"], count),
        "batch.size": sizes,
        "batch.sequence_length": lengths,
    }
    evaluator = Evaluator(RULES, read_raw({"optimizer": "sgd"}), wanted(RULES))
    found = evaluator.table(pa.table(columns))
    names = [one.column for one in evaluator.columns]
    for row, answer in enumerate(found.to_pylist()):
        said = {name: values[row].item() for name, values in columns.items()}
        values, fault = evaluator.answer(said)
        assert [answer[name] for name in names] == values, said
        assert answer["problem"] == fault


SHAPES = {
    "model": ["gpt2", "gemma-3-1b", "qwen2.5-0.5b"],
    "optimizer": ["sgd", "adamw"],
    "precision": ["bf16", "fp32"],
}


def mixed(seed, count):
    random = np.random.default_rng(seed)
    columns = {name: random.choice(values, count) for name, values in SHAPES.items()}
    lengths = random.integers(400, 600, count)  # gemma-3-1b looks back over 512
    return pa.table({**columns, "batch.size": random.integers(1, 99, count), "batch.sequence_length": lengths})


def shape_by_shape(evaluator, table):
    """The answers of each shape's rows as a table of their own."""
    parts = []
    for said in product(*SHAPES.values()):
        held = np.logical_and.reduce([np.equal(table[n], v) for n, v in zip(SHAPES, said, strict=True)])
        rows = np.flatnonzero(held)
        if len(rows):
            parts.append(evaluator.table(table.take(rows)).append_column("row", pa.array(rows)))
    return pa.concat_tables(parts).sort_by("row").drop_columns("row")


@pytest.fixture(params=["machine code", "NumPy"])
def by(request, monkeypatch):
    """Tables of several shapes both ways, however few their rows are."""
    if request.param == "machine code":
        pytest.importorskip("llvmlite")
    monkeypatch.setattr(fleet, "_SHAPES_A_LOOP", 0)
    monkeypatch.setattr(machine, "available", lambda: request.param == "machine code")
    return request.param


def parts_of(evaluator):
    """How many kinds of leaves of the last table machine code answers, and how many NumPy does."""
    looped, laid_out = evaluator._fleet.by
    return len(looped._loops) if looped else 0, len(laid_out._parts) if laid_out else 0


@pytest.mark.parametrize("block", [laid.BLOCK, 64])
def test_many_shapes_in_blocks_are_what_each_is_alone(by, block, monkeypatch):
    monkeypatch.setattr(laid, "BLOCK", block)
    monkeypatch.setattr(loops, "STRETCH", min(block, loops.STRETCH))
    monkeypatch.setattr(loops, "_MOST_STRETCHES", 2)
    monkeypatch.setattr(threads, "ENOUGH", 32)  # threads even for these few
    machine._code.cache_clear()  # which then compile at the same time
    asked = wanted(RULES, [*SELECTED, FITS, "optimizer.name"])
    several, single = (Evaluator(RULES, read_raw({"hardware": "t4"}), asked) for _ in range(2))
    for seed, count in ((0, 500), (1, 700), (2, 30)):  # other shapes, or other bounds, than those before
        table = mixed(seed, count)
        assert several.table(table).equals(shape_by_shape(single, table))
        looped, laid_out = parts_of(several)
        assert (looped == 0, laid_out == 0) == (by == "NumPy", by == "machine code")


ODD = """
stage: odd
order: 90
says: What some rows have and others do not.
assumed: true
reason: A test.
facts:
  odd.left: {says: Bytes that may run out., unit: B, minimum: 0, default: 50 B - batch.size * 1 B}
rules:
  odd.share: {says: A number with a fraction., when: optimizer.name == "sgd", formula: batch.size / 3}
  odd.parts: {says: One of so many., unit: B, formula: "7000 B // max(batch.size - 20, 0)"}
"""


def test_leaves_that_loops_cannot_take_are_left_to_numpy(by, tmp_path):
    """A number with a fraction, which only some rows have; a rule's value that breaks its bounds in others."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "odd.yaml").write_text(ODD, encoding="utf-8")
    rules = open_rules((str(tmp_path),))
    select = ["odd.share", "odd.left", "odd.parts", "optimizer.bytes", "fits"]
    evaluator = Evaluator(rules, read_raw({"hardware": "t4"}), wanted(rules, select))
    table = mixed(5, 120)
    found = evaluator.table(table)
    looped, laid_out = parts_of(evaluator)
    assert laid_out
    assert bool(looped) == (by == "machine code")
    assert 0 < found["problem"].null_count < 120
    for row, answer in zip(table.to_pylist(), found.to_pylist(), strict=True):
        values, fault = evaluator.answer(row)
        assert [answer[one.column] for one in evaluator.columns] == values, row
        assert answer["problem"] == fault


def test_numbers_out_of_bounds_leave_the_other_rows_to_their_columns(by):
    table = mixed(4, 300)
    sizes = table["batch.size"].to_numpy().copy()
    sizes[[5, 70, 71]] = 0, -3, -1
    table = table.set_column(3, "batch.size", pa.array(sizes))
    evaluator = Evaluator(RULES, read_raw({}), wanted(RULES))
    asked = []
    evaluator.answer = lambda said, answer=evaluator.answer: (asked.append(said["batch.size"]), answer(said))[1]
    found = evaluator.table(table)
    assert {*asked} == {0, -1, -3}
    assert np.flatnonzero(found["problem"].is_valid()).tolist() == [5, 70, 71]
    good = [row for row in range(300) if row not in (5, 70, 71)]
    assert found.take(good).equals(evaluator.table(table.take(good)))


def test_what_shapes_know_each_for_itself_stays_with_its_rows(by):
    """Numbers that differ between shapes of the same code alone, some of them beyond 64 bits."""
    columns = {"model.parameters": [9e18, 7e9, 9e18, 8e9, 7e9, 10.0], "batch.size": [1, 2, 3, 4, 5, 6]}
    select = ["parameters.count", "parameters.bytes", "model_states.bytes", "fits"]
    evaluator = Evaluator(RULES, read_raw({"hardware": "h100-80gb"}), wanted(RULES, select))
    texts = {**columns, "model.parameters": pa.array([f"{value:.0f}" for value in columns["model.parameters"]])}
    for given in (columns, texts, {**columns, "precision": ["bf16", "fp32"] * 3}):
        table = pa.table(given)
        for row, answer in zip(table.to_pylist(), evaluator.table(table).to_pylist(), strict=True):
            values, fault = evaluator.answer(row)
            assert [answer[one.column] for one in evaluator.columns] == values, row
            assert answer["problem"] == fault


def test_shapes_that_are_given_other_facts_are_answered_as_each_alone(by):
    columns = {"adapter.rank": [1, None, 3, 4] * 2, "batch.size": [None, 2, 3, None] * 2}
    found = vramledger.evaluate_table(pa.table(columns), BASE, select=["adapter.rank", "optimizer.bytes"])
    for row in found.to_pylist():
        said = {name: row[name] for name in columns if row[name] is not None}
        assert row["optimizer.bytes"] == alone(said, "optimizer.bytes")[0]
    assert found["problem"].null_count == 8


def test_a_known_number_beyond_64_bits_is_told():
    found = vramledger.sweep(
        {"model": {"parameters": 9e18}}, {"batch.size": [1, 2]}, ["parameters.count", "master.bytes"]
    )
    assert found["parameters.count"].to_pylist() == [9 * 10**18] * 2
    found = vramledger.sweep({"model": {"parameters": 9e18}}, {"batch.size": [1, 2]}, select=["parameters.bytes"])
    assert {*found["problem"].to_pylist()} == {"parameters.bytes takes more than 64 bits"}


def test_rows_of_every_combination_come_once():
    table = pa.table({"a": ["x", "y", None, "x"], "b": [1, -1, None, 2], "c": [True, None, False, True]})
    rows = Rows(table)
    groups = rows.groups()
    assert sorted(row for some in rows.of([group.number for group in groups]) for row in some) == [0, 1, 2, 3]
    assert len(groups) == 3


# --- the best rows ----------------------------------------------------------------------------------------------


def slowly(values):
    return [
        at for at, one in enumerate(values) if not any((other <= one).all() and (other < one).any() for other in values)
    ]


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_unbeaten_rows(columns, seed):
    values = np.random.default_rng(seed).integers(0, 12, (150, columns))
    assert sorted(unbeaten(values).tolist()) == slowly(values)


def test_the_front_of_a_table_leaves_empty_rows_out():
    table = pa.table({"size": [1, 2, 2, 3, None], "cost": [10, 20, 15, None, 1]})
    assert front(table, [Aim("size", -1), Aim("cost", 1)]).to_pylist() == [
        {"size": 1, "cost": 10},
        {"size": 2, "cost": 15},
    ]


# --- from call to call ------------------------------------------------------------------------------------------


def test_a_call_starts_from_the_shapes_of_the_one_before(monkeypatch):
    read = []
    monkeypatch.setattr(evaluate, "read_scenario", lambda *given: (read.append(given), read_scenario(*given))[1])
    table = pa.table({"optimizer": ["sgd", "lion"] * 3, "batch.size": range(1, 7)})
    first, second = (vramledger.evaluate_table(table, BASE) for _ in range(2))
    assert (first.equals(second), len(read)) == (True, 2)
    assert not vramledger.evaluate_table(table, {**BASE, "precision": "fp32"}).equals(first)
    assert vramledger.evaluate_table(table, BASE, ["total.bytes"]).column_names[-3:-1] == [
        "total.bytes.low",
        "total.bytes.high",
    ]


def test_a_file_that_changes_between_calls_is_read_again(tmp_path):
    path = tmp_path / "config.json"
    found = []
    for layers in (2, 3):
        path.write_text(json.dumps({**SIZES, "model_type": "llama", "num_hidden_layers": layers}), encoding="utf-8")
        table = pa.table({"model.huggingface": [str(path)], "batch.size": [1]})
        found.append(vramledger.evaluate_table(table, select=["parameters.count"])["parameters.count"][0].as_py())
    assert found[0] < found[1]
