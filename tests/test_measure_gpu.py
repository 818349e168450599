"""What measure_gpu.py runs, reads and compares; the steps themselves where torch and transformers are installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import measure_gpu
from vramledger.rules.open import opened

RULES = opened()
READ = {"device_name": "NVIDIA H200", "torch": "2.8.0", "transformers": "4.57.0"}
TENSOR = {"model": {"tensors": [{"name": "w", "shape": [1024, 1024]}]}, "precision": "fp32"}
TINY = measure_gpu.llama(1, 64, 128, 4, 2, 256)


def test_the_table_spans_what_devices_hold() -> None:
    names = [row.name for row in measure_gpu.TABLE]
    assert len(names) == len(set(names))
    low = {row.name: measure_gpu.evaluate_with(RULES, row.scenario).total[0] / 2**30 for row in measure_gpu.TABLE}
    assert sum(size < 15 for size in low.values()) >= 8
    assert sum(40 < size < 140 for size in low.values()) >= 4
    assert max(low.values()) < 140


def test_rows_that_do_not_fit_are_known_beforehand() -> None:
    rows = tuple(row for row in measure_gpu.TABLE if row.name in ("tiny bf16", "large bf16"))
    assert [fits for _, fits in measure_gpu.fitting(RULES, rows, 16 * 2**30)] == [True, False]


@pytest.mark.parametrize(("text", "mib"), [("1234\n", 1234), ("  17 MiB\n5\n", 17)])
def test_what_nvidia_smi_prints(text: str, mib: int) -> None:
    assert measure_gpu.used_mib(text) == mib


def test_what_nvidia_smi_prints_without_a_driver() -> None:
    with pytest.raises(ValueError, match="no number of MiB: 'NVIDIA-SMI has failed"):
        measure_gpu.used_mib("NVIDIA-SMI has failed because it could not communicate with the driver.\n")


def written(tmp_path: Path, allocated: int, reserved: int, device: int) -> Path:
    row = measure_gpu.Row(
        "one tensor", {"model": {"tensors": [{"name": "w", "shape": [1024, 1024]}]}, "precision": "fp32"}
    )
    found = {**READ, "allocated": allocated, "reserved": reserved, "device": device}
    path = tmp_path / "measured.jsonl"
    lines = [json.dumps(line) for line in measure_gpu.lines(row, found)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_what_is_read_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = measure_gpu.evaluate_with(RULES, TENSOR)
    allocated, reserved, total = (ledger[name] for name in measure_gpu.QUANTITIES.values())
    assert measure_gpu.compare(RULES, written(tmp_path, allocated, reserved[1], total[0])) == 0
    out = capsys.readouterr().out
    assert "NVIDIA H200  allocated.bytes  A            1   0.0 %" in out
    assert "100.0 %  met" in out
    assert measure_gpu.compare(RULES, written(tmp_path, 2 * allocated, reserved[1], total[0])) == 1
    assert "-50.0 %" in capsys.readouterr().out


def test_without_a_device_nothing_is_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(measure_gpu, "find_spec", lambda name: None)
    assert measure_gpu.main([]) == 2
    assert "pip install torch transformers" in capsys.readouterr().err


def test_a_run_reads_rows_and_tells_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(row: measure_gpu.Row) -> dict[str, Any] | str:
        sizes = {"allocated": 10**9, "reserved": 2 * 10**9, "device": 3 * 10**9}
        return {**READ, **sizes} if row.name == "tiny bf16" else "CUDA out of memory"

    monkeypatch.setattr(measure_gpu, "capacity", lambda: 16 * 2**30)
    monkeypatch.setattr(measure_gpu, "measure", read)
    output = tmp_path / "found.jsonl"
    rows = tuple(row for row in measure_gpu.TABLE if row.name in ("tiny bf16", "tiny bf16, sgd", "large bf16"))
    monkeypatch.setattr(measure_gpu, "TABLE", rows)
    assert measure_gpu.main(["-o", str(output), "--only", "bf16"]) == 1
    records = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [one["value"] for one in records] == ["1000000000 B", "2000000000 B", "3000000000 B"]
    assert records[0]["source"]["title"] == "measure_gpu.py on NVIDIA H200, torch 2.8.0, transformers 4.57.0"
    err = capsys.readouterr().err
    assert "large bf16: does not fit this device" in err
    assert "tiny bf16, sgd: CUDA out of memory" in err


def test_list_needs_no_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert measure_gpu.main(["--list", "--only", "tiny bf16, sgd"]) == 0
    assert "tiny bf16, sgd" in capsys.readouterr().out


@pytest.mark.parametrize(
    "scenario",
    [
        measure_gpu.training(TINY, 2, 16),
        measure_gpu.training(TINY, 1, 16, precision="bf16-mixed", checkpointing="full", optimizer="sgd"),
        measure_gpu.training(TINY, 1, 16, optimizer={"name": "adamw", "implementation": "for-loop"}),
        measure_gpu.serving(TINY, 2, 8, 3),
    ],
)
def test_the_steps_run(scenario: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    sys.path.insert(0, str(Path(measure_gpu.__file__).parent))
    import gpu_steps

    gpu_steps.run(scenario, 2, "cpu")
