"""Whole runs: a hundred million rows to Parquet, one process and two, their memory; a thousand scenario files.

make bench-rows [MILLIONS=100]
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

import yaml

from vramledger.rules.open import open_rules
from vramledger.tables.work import Asked, FileWork

RUN = (sys.executable, "-c", "import sys; from vramledger.cli import main; sys.exit(main())")
SWEEP = ("sweep", "llama-3-8b", "--adapter", "lora", "--hardware", "h100-80gb")
# 100 batch sizes, 1,000 lengths and 10 ranks are a million rows; the accumulation multiplies them
OVER = ("batch.size=1:100", "batch.sequence_length=8:8000:8", "adapter.rank=1:10")
FILES, SHAPES = 1000, 50
ROW = "{:<62}{:>12}{:>26}{:>9}{:>9}"


class Cost(NamedTuple):
    """Seconds, and the most memory that all processes of a run held at once, in MB."""

    seconds: float
    memory: int


def measured(*arguments: str) -> Cost:
    """What a run of the command costs, its start left out of nothing."""
    began = time.monotonic()
    process = subprocess.Popen([*RUN, *arguments], stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(resident, family(process.pid))))
        time.sleep(0.02)
    assert process.returncode in (0, 1), f"{arguments[0]} ended with {process.returncode}"  # what fails is fast
    return Cost(time.monotonic() - began, most // 1024)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family(int(child)))]


def resident(pid: int) -> int:
    """The memory of a process, in KB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def swept(folder: Path, millions: int, workers: int) -> Cost:
    """A sweep of so many million rows to Parquet."""
    over = [word for axis in (*OVER, f"batch.accumulation=1:{millions}") for word in ("--over", axis)]
    return measured(*SWEEP, *over, "--workers", str(workers), "-o", f"{folder}/{millions}-{workers}-{time.time()}/")


def files(folder: Path) -> list[Path]:
    """A thousand scenario files over fifty shapes."""
    models = ("llama-3-8b", "qwen2.5-7b", "mistral-7b-v0.1", "gpt2", "llama-2-7b")
    shapes = list(product(models, ("adamw", "sgd", "lion", "adafactor", "adamw-8bit"), ("none", "full")))
    assert len(shapes) == SHAPES
    found = []
    for number in range(FILES):
        model, optimizer, checkpointing = shapes[number % SHAPES]
        text = (
            f"says: Run {number} of a team.\nmodel: {model}\ntask: training\nprecision: bf16\noptimizer: {optimizer}\n"
            f"checkpointing: {checkpointing}\nhardware: h100-80gb\n"
            f"batch: {{size: {number % 64 + 1}, sequence_length: {128 * (number % 63 + 1)}}}\n"
        )
        found.append(folder / f"{number:04d}.yaml")
        found[-1].write_text(text, encoding="utf-8")
    return found


def parsed(paths: list[Path]) -> float:
    """PyYAML's C loader on the same files."""
    began = time.perf_counter()
    for path in paths:
        yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    return time.perf_counter() - began


def answered(work: FileWork) -> float:
    """All files, each read, answered and laid into a table."""
    began = time.perf_counter()
    for span in work.spans():
        work.answer(span)
    return time.perf_counter() - began


def main() -> None:
    """Prints the table."""
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(ROW.format("what", "cost", "beside", "ratio", "goal"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = min((swept(folder, 1, 1) for _ in range(3)), key=lambda cost: cost.seconds)
        one, two = swept(folder, millions, 1), swept(folder, millions, 2)
        rates = [1 / small.seconds, millions / one.seconds]
        print(
            ROW.format(
                f"{millions} million rows to Parquet, one process",
                f"{rates[1]:.2f} M/s",
                f"a million {rates[0]:.2f} M/s",
                f"{rates[1] / rates[0]:.2f} x",
                "0.7 x",
            )
        )
        print(ROW.format("  its memory at the peak", f"{one.memory} MB", "", "", "600 MB"))
        faster = one.seconds / two.seconds
        print(
            ROW.format(
                "  two processes", f"{two.seconds:.1f} s", f"one {one.seconds:.1f} s", f"{faster:.2f} x", "1.6 x"
            )
        )
        print(ROW.format("  the memory of both", f"{two.memory} MB", "", "", "600 MB"))
        gc.set_threshold(200_000)  # as the command has it
        paths = files(folder)
        work = FileWork(paths, Asked((), {}, ()), open_rules())
        first = answered(work)
        warm, alone = min(answered(work) for _ in range(3)), min(parsed(paths) for _ in range(3))
        print(
            ROW.format(
                f"{FILES} scenario files, shapes known",
                f"{warm * 1e3:.0f} ms",
                f"PyYAML's C loader {alone * 1e3:.0f} ms",
                f"{warm / alone:.2f} x",
                "4 x",
            )
        )
        one_shape = (first - warm) / SHAPES
        print(ROW.format("  what a new shape takes more", f"{one_shape * 1e3:.1f} ms", "", "", ""))
        print(ROW.format("    in files parsed", f"{one_shape / (alone / FILES):.0f}", "", "", ""))


if __name__ == "__main__":
    main()
