"""Devices: what each holds by its source or by an assumption, which runtime it brings, and which of them will do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from textwrap import dedent

import pyarrow as pa
import pytest

import vramledger
from vramledger.inputs.each import ALL, entries, ledgers
from vramledger.inputs.raw import read_raw
from vramledger.problems import Problems
from vramledger.reports.fitting import WANTED
from vramledger.rules.open import opened

GB, GIB, MIB = 10**9, 2**30, 2**20
ONE = {"model": {"parameters": 1e9}, "task": "inference"}


def on(hardware, **more):
    return vramledger.evaluate({**ONE, "hardware": hardware, **more})


# --- what a device holds -------------------------------------------------------------------------------------------


def test_a_device_without_a_printed_usable_capacity_says_that_it_is_assumed():
    ledger = on("arc-a770")
    low, high = ledger["capacity.bytes"]
    assert (low, high) == (16 * GIB * 9 // 10, 16 * GIB)
    assert "assumed: Vendors count memory chips in powers of two" in str(ledger.derivation("capacity.bytes"))


def test_a_usable_capacity_cites_where_it_was_read_and_not_where_the_printed_one_was():
    assert "total_memory=81089MB" in str(on("h100-80gb").derivation("capacity.bytes"))


def test_what_drivers_report_lies_within_what_is_assumed_where_they_do_not():
    ruleset = opened(())
    for name in (name for name in ruleset.names("hardware") if not ruleset.entry("hardware", name).extends):
        ledger = on(name)
        usable = ledger["hardware.usable"]
        if "hardware.usable" in ledger.program.candidates and isinstance(usable, int):
            nominal = ledger["hardware.marketed"] * GIB // GB
            assert nominal * 9 // 10 <= usable <= nominal, name


def test_unified_memory_leaves_the_share_that_the_system_sets():
    # 21845.34 MiB of 32 GiB and 73728 MiB of 96 GiB were printed; 84 percent of 128 GiB are 107.52 GiB
    assert on("m1-max-32gb")["capacity.bytes"][0] == 32 * GIB * 2 // 3
    assert on("m2-max-96gb")["capacity.bytes"][0] == 73728 * MIB
    assert on("m5-max-128gb")["capacity.bytes"][1] == 128 * GIB * 84 // 100
    assert on("m1-max-32gb", runtime={"name": "metal", "wired_limit": "26000 MiB"})["capacity.bytes"] == 26000 * MIB


def test_an_instance_is_its_device_so_many_times():
    one, instance = on("a100-40gb"), on("p4d.24xlarge")
    assert instance["hardware.count"] == 8
    assert instance["capacity.bytes"] == one["capacity.bytes"]  # a device's own share
    assert instance["hardware.family"] == one["hardware.family"]
    assert on("p5.48xlarge")["runtime.workspace"] == on("h100-80gb")["runtime.workspace"] == 32 * MIB
    assert on("Standard_ND96isr_MI300X_v5")["hardware.runtime"] == "rocm"


def test_what_is_said_of_no_device_is_not_dropped():
    with pytest.raises(Problems) as faults:
        on({"name": "none", "count": 2})
    assert [found.code for found in faults.value.problems] == ["no-name"]


# --- runtimes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hardware", "runtime"),
    [("t4", "cuda"), ("mi300x", "rocm"), ("m4-max-64gb", "metal"), ("tpu-v5e", "tpu"), ("trn1.2xlarge", "neuron")],
)
def test_a_device_names_its_runtime(hardware, runtime):
    assert on(hardware)["runtime.name"] == runtime


def test_the_scenario_may_name_another_and_none_at_all():
    assert on("t4", runtime="rocm")["runtime.name"] == "rocm"
    assert on({"name": "t4", "runtime": "rocm"})["runtime.name"] == "rocm"
    assert vramledger.evaluate(ONE)["runtime.name"] == "cuda"
    assert on("t4", runtime="none")["overhead.bytes"] == 0


@pytest.mark.parametrize("scenario", [{"runtime": "rokm"}, {"hardware": {"name": "t4", "runtime": "rokm"}}])
def test_a_runtime_that_is_none_is_told_once(scenario):
    with pytest.raises(Problems) as faults:
        vramledger.evaluate({**ONE, **scenario})
    (found,) = faults.value.problems
    assert "rocm" in " ".join(found.hints)


def test_eager_loading_takes_all_kernels():
    lazy, eager = (on("t4", runtime={"name": "cuda", "module_loading": way}) for way in ("lazy", "eager"))
    assert lazy["overhead.bytes"] == (287047680, 666632192)
    assert eager["overhead.bytes"] == (666632192, 1001 * MIB)


def test_devices_that_work_together_hold_buffers_for_it():
    alone, together = (on("t4", parallel={"data": count})["overhead.bytes"] for count in (1, 2))
    a_ring = 2 * (10485760 + 2097152)  # two channels, the fewest
    assert together[0] - alone[0] == a_ring


# --- every device at once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scenario",
    [
        ONE,
        {"model": "gpt2", "batch": {"size": 2}, "adapter": "lora"},
        {"model": "llama-3.2-1b", "parallel": {"data": 4}, "optimizer": {"name": "adamw", "implementation": "fused"}},
    ],
)
def test_what_is_shared_among_devices_is_what_each_would_have_found_alone(scenario):
    ruleset = opened(())
    kind = ruleset.kinds["hardware"]
    names = entries(ruleset, kind, ["t4", "mi300x", "m1-16gb", "tpu-v3", "h100-80gb", "trn2.48xlarge"], "--hardware")
    found = dict(ledgers(ruleset, read_raw(scenario), {}, kind, names, WANTED))
    assert list(found) == names
    for name, ledger in found.items():
        alone = vramledger.evaluate({**scenario, "hardware": name})
        for quantity in ("capacity.bytes", "headroom.bytes", "overhead.bytes", "total.bytes", "allocated.bytes"):
            assert ledger[quantity] == alone[quantity], (name, quantity)
        assert ledger.components == alone.components


def test_each_after_the_first_takes_a_small_part_of_the_work():
    ruleset = opened(())
    kind = ruleset.kinds["hardware"]
    scenario = {"model": "llama-3-8b", "adapter": "lora"}
    found = dict(ledgers(ruleset, read_raw(scenario), {}, kind, entries(ruleset, kind, [ALL], ""), WANTED))
    first, *others = (ledger.evaluation.work for ledger in found.values())
    assert len(found) > 150
    assert max(others) < first / 20


def test_the_table_and_its_json_name_the_same_devices(run):
    code, out, err = run("estimate", "llama-3-8b", "--task", "inference", "--hardware", "all")
    assert (code, err) == (0, "")
    code, data, _ = run("estimate", "llama-3-8b", "--task", "inference", "--hardware", "all", "--json")
    rows = {row["hardware.name"]: row for row in json.loads(data)["hardware"]}
    assert set(rows) == set(opened(()).names("hardware"))
    assert all(f" {name} " in out for name in rows)
    assert rows["t4"]["fits"] is False
    assert (
        rows["h100-80gb"]["headroom.bytes"][0]
        == rows["h100-80gb"]["capacity.bytes"] - rows["h100-80gb"]["total.bytes"][1]
    )
    assert {row["fits"] for row in rows.values()} == {True, False, None}


def test_families_stand_together_the_smallest_first(run):
    _, out, _ = run("estimate", "gpt2", "--hardware", "h200,l4,h100,rtx-4090")
    names = [
        word for line in out.splitlines() for word in line.split() if word in ("h200", "l4", "h100-80gb", "rtx-4090")
    ]
    assert names == ["l4", "rtx-4090", "h100-80gb", "h200"]


def test_it_is_a_failure_only_where_none_will_do(run):
    assert run("estimate", "llama-3-8b", "--hardware", "t4,h100-80gb", "--task", "inference")[0] == 0
    assert run("estimate", "llama-3-8b", "--hardware", "t4,m1-8gb", "--task", "inference")[0] == 1


def test_names_of_no_device_are_told_together(run):
    code, out, err = run("estimate", "gpt2", "--hardware", "t4,h10,rtx-409")
    assert (code, out) == (2, "")
    assert "no hardware is called h10" in err
    assert "did you mean rtx-4090" in err


def test_a_fault_of_the_scenario_is_told_once(run):
    code, out, err = run("estimate", "gpt2", "--hardware", "all", "--set", "batch.size=0")
    assert (code, out) == (2, "")
    assert err.count("error:") == 1


def test_a_device_at_fault_leaves_the_others(run, tmp_path):
    (tmp_path / "odd.yaml").write_text(
        dedent("""
            hardware: odd
            says: A device that does not say what it holds.
            assumed: true
            reason: A case of the tests.
        """),
        encoding="utf-8",
    )
    code, out, err = run("estimate", "gpt2", "--hardware", "t4,odd", "--specs", tmp_path)
    assert code == 2
    assert " t4 " in out
    assert "hardware.marketed" in err


def test_rows_of_a_table_may_choose_devices_of_any_runtime():
    names = ["t4", "tpu-v3", "mi300x", "m1-16gb"]
    for base in (ONE, {**ONE, "runtime": "none"}):
        table = vramledger.evaluate_table(
            pa.table({"hardware": names}), base, select=["overhead.bytes", "capacity.bytes"]
        )
        assert table["problem"].null_count == len(names)
        lows = [on(name, **{k: v for k, v in base.items() if k == "runtime"})["overhead.bytes"] for name in names]
        assert table["overhead.bytes.low"].to_pylist() == [low[0] if isinstance(low, tuple) else low for low in lows]


def test_the_page_on_devices_runs(run):
    text = (Path(__file__).parents[1] / "docs" / "hardware.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\$ vramledger (.*)$", text, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        assert run(*shlex.split(line))[0] == 0, line
