"""What the engine costs, each figure beside what it is compared with, in one run. Minimum of repeats, in CPU time.

make bench
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from vramledger.api import evaluate_with
from vramledger.evaluation.ledger import HEADLINES, Ledger
from vramledger.evaluation.specialise import Plan, vector_of
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.locate import folder
from vramledger.rules import cache
from vramledger.rules.files import digest, gather
from vramledger.rules.load import RuleSet
from vramledger.rules.open import load, open_rules

SCENARIO: dict[str, Any] = {
    "model": {
        "architecture": "llama",
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 14336,
        "vocab_size": 128256,
    },
    "batch": {"size": 2, "sequence_length": 2048},
    "hardware": "a100-80gb",
}
NUMBERS = (*SCENARIO["model"].values(), *SCENARIO["batch"].values())[1:]


def by_hand(h: int, L: int, a: int, k: int, i: int, V: int, b: int, s: int) -> tuple[Any, ...]:  # noqa: N803
    """The same formulas as anybody would write them in Python: Llama, bf16, AdamW (foreach), SDPA."""
    d = h // a
    T = b * s  # noqa: N806
    layer = 2 * h * a * d + 2 * h * k * d + 3 * h * i + 2 * h
    count = L * layer + 2 * V * h + h
    parameters = 2 * count
    gradients = 2 * count
    optimizer = 4 * count
    host = 4 * 2 * (L * 9 + 3) // 2
    attention = T * (4 * a * d + 4 * k * d + 4 * a) + 24
    activations = (
        L * (T * (12 * h + 8) + T * 4 * h + attention + T * 8 * i) + T * (6 * h + 4) + T * 2 * h + s * 4 * d + T * 8
    )
    logits = T * V * 4 + T * 8 + 4 + (8 if b == 1 else 0)
    saved = activations + logits
    static = parameters + optimizer
    output, copy = 2 * T * V, 4 * T * V
    end_of_forward = static + activations + logits + output + copy
    loss = static + activations + logits + output + 2 * copy
    behind = 2 * ((L - 1) * layer + V * h + h)
    recomputed = T * (12 * h + 8) + T * 4 * h + attention + T * 8 * i
    first_layer = static + behind + recomputed + output + T * (3 * i + 2 * h) * 2
    embedding = static + gradients + output + T * h * 2
    step = static + gradients + output + 2 * count
    workspaces = 2 * 8_519_680
    allocated = max(end_of_forward, loss, first_layer, embedding, step) + workspaces
    taken = loss + T * 8 * h + workspaces  # the last norm's, of which the loss's larger tensors take nothing
    reserved_low = -(-allocated // 2097152) * 2097152
    reserved_high = -(-(-(-max(allocated, taken) * 115 // 100) + 22 * 2**20) // 2097152) * 2097152
    total = (reserved_low + 287047680, reserved_high + 666632192)
    usable = 84986664550
    fits = True if total[1] <= usable else False if total[0] > usable else None
    cached = 4 * k * d * L
    return (
        count,
        parameters,
        gradients,
        optimizer,
        host,
        saved,
        activations,
        logits,
        cached,
        allocated,
        (reserved_low, reserved_high),
        total,
        fits,
    )


def best(work: Callable[[], Any], repeats: int, times: int = 1) -> float:
    """Seconds of one call, the least of the repeats."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - start) / times)
    return min(found)


def process(arguments: list[str], environment: dict[str, str], repeats: int) -> float:
    """Seconds of CPU that a whole process takes, the least of the repeats."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    found = []
    for _ in range(repeats):
        start = spent()
        done = subprocess.run(
            arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        assert done.returncode in (0, 1), done.stderr.decode()
        found.append(spent() - start)
    return min(found)


def row(name: str, cost: str, beside: str = "", ratio: str = "", goal: str = "") -> None:
    print(f"{name:<58}{cost:>12}{beside:>30}{ratio:>9}{goal:>10}")


def main() -> None:
    row("what", "cost", "beside", "ratio", "goal")
    rules = open_rules()
    read = read_scenario(rules, read_raw(SCENARIO))
    plan = Plan(read.program, read.facts, [name for name in HEADLINES if name in read.program.declarations])
    vector = vector_of(read.facts)
    leaf = plan.leaf(vector)
    names = ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"]
    assert plan.varying[:4] == [f"config.{name}" for name in names], plan.varying
    same(plan.run(read.facts), by_hand(*NUMBERS))
    hand = best(lambda: by_hand(*NUMBERS), 9, 20_000)
    compiled = best(lambda: leaf.run(*vector), 9, 20_000)
    row("compiled call of a known shape", us(compiled), f"by hand {us(hand)}", ratio(compiled, hand), "2.5 x")
    row("  with its forks and results by name", us(best(lambda: plan.run(read.facts), 9, 2_000)))
    evaluate_with(rules, SCENARIO)
    row("a scenario of a known shape", us(best(lambda: evaluate_with(rules, SCENARIO)["total.bytes"], 9, 200)))
    row("specialising a new shape", ms(best(lambda: anew(rules, read, plan.targets), 9)))
    other = read_scenario(rules, read_raw({**SCENARIO, "hardware": "rtx-4090"}))
    row("  on another device", ms(best(lambda: Plan(other.program, other.facts, plan.targets), 9)))
    row("interpreting instead", ms(best(lambda: interpret(read), 9)))
    row(
        "a full derivation of the total",
        ms(best(lambda: Ledger(read.program, read.facts).derivation("total.bytes"), 5)),
    )
    core()
    commands()


def same(answer: dict[str, Any], hand: tuple[Any, ...]) -> None:
    """The two compute the same numbers, else the comparison means nothing."""
    names = ["parameters.count", "parameters.bytes", "gradients.bytes", "optimizer.bytes", "optimizer.host_bytes"]
    names += ["saved.bytes", "activations.bytes", "logits.bytes", "kv_cache.bytes_per_token", "allocated.bytes"]
    names += ["reserved.bytes", "total.bytes", "fits"]
    for name, value in zip(names, hand, strict=True):
        assert answer[name] == value, (name, answer[name], value)


def anew(rules: RuleSet, read: Any, targets: Sequence[str]) -> None:
    """A shape that is like none before."""
    rules.kin.clear()
    Plan(read.program, read.facts, targets)


def interpret(read: Any) -> None:
    ledger = Ledger(read.program, read.facts)
    for name in HEADLINES:
        ledger[name]


def core() -> None:
    """Loading and checking all bundled specs against the C loader of PyYAML alone on the same files."""
    files, _ = gather(())
    texts = [file.content.decode() for file in files]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    alone = best(lambda: [list(yaml.load_all(text, Loader=loader)) for text in texts], 5)
    checked = best(lambda: load(files, digest(files)), 5)
    beside = f"PyYAML's C loader {ms(alone)}"
    row(f"loading and checking all specs ({len(files)} files)", ms(checked), beside, ratio(checked, alone))
    remembered = best(lambda: cache.recall(digest(files), [file.path for file in files]), 5)
    row("  from the cache", ms(remembered), beside, ratio(remembered, alone))
    joined = best(joining(), 9)
    row(
        "  one new optimizer beside them, in a process",
        ms(joined),
        f"all of them {ms(checked)}",
        ratio(joined, checked),
    )


def joining() -> Callable[[], Any]:
    """Opens a folder with an optimizer that was never there before, each time another."""
    folder, numbers = Path(tempfile.mkdtemp()), count()

    def work() -> None:
        name = f"mine-{time.time_ns()}-{next(numbers)}"
        text = f"optimizer: {name}\nsays: One.\nstates:\n  m: {{}}\nassumed: true\nreason: A test.\n"
        (folder / "mine.yaml").write_text(text, encoding="utf-8")
        open_rules([folder])

    return work


def commands() -> None:
    """Whole commands from a cold process. Compiled modules lie on disk, as pip leaves them."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    scenario = str(folder("specs") / "scenarios" / "llama-3-8b-full-h100.yaml")
    with tempfile.TemporaryDirectory() as place:
        warm, off = {**clean, "VRAMLEDGER_CACHE": place}, {**clean, "VRAMLEDGER_CACHE": "off"}
        command = [sys.executable, "-m", "vramledger", "estimate"]
        process([*command, "llama-3-8b"], warm, 1)
        bare = process([sys.executable, "-c", "pass"], clean, 15)
        beside = f"python -c pass {ms(bare)}"
        for name, arguments, environment, goal in (
            ("estimate MODEL, warm cache", "llama-3-8b", warm, "8 x"),
            ("estimate SCENARIO.yaml, warm cache", scenario, warm, "8 x"),
            ("estimate MODEL, no cache", "llama-3-8b", off, "40 x"),
        ):
            cost = process([*command, arguments], environment, 15)
            row(name, ms(cost), beside, ratio(cost, bare), goal)


def us(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us"


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


def ratio(cost: float, beside: float) -> str:
    return f"{cost / beside:.2f} x"


if __name__ == "__main__":
    main()
