"""What columns cost, beside the same table in NumPy by formula and by hand, and how the cost grows. In one run.

make bench-columns
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from by_formula import by_formula
from by_hand import by_hand
from speed import ms, ratio, row
from vramledger.evaluation import machine
from vramledger.evaluation.specialise import Plan
from vramledger.evaluation.threads import at_once
from vramledger.inputs.raw import read_raw
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules
from vramledger.tables.evaluate import Evaluator
from vramledger.tables.laid import BLOCK
from vramledger.tables.shape import Shape
from vramledger.tables.wanted import wanted

SCENARIO = {"model": "llama-3-8b", "adapter": "lora", "hardware": "h100-80gb"}
BOUNDS = {
    "batch.size": (1, 64),
    "batch.sequence_length": (16, 8192),
    "adapter.rank": (1, 256),
    "batch.accumulation": (1, 16),
}
ROWS = 1_000_000
OPTIMIZERS = ("adafactor", "adagrad", "adam", "adam-mini", "adamw", "adamw-8bit", "galore", "lion", "muon", "sgd")
PRECISIONS = ("bf16", "fp16", "fp32", "bf16-mixed")
SHAPING = {"optimizer": OPTIMIZERS, "precision": PRECISIONS}
MODELS = 50
MIXED_ROWS = 4_000_000
LINKS = 20  # rules in one chain; chains stand side by side
RULES = 100


def main() -> None:
    row("what", "cost", "beside", "ratio", "goal")
    rules = open_rules()
    against_numpy(rules)
    more_rows(rules)
    more_rules()
    mixed(rules)


def against_numpy(rules: RuleSet) -> None:
    """A million rows of one shape; what stands beside them begins and ends with NumPy's columns, ours with Arrow's."""
    evaluator, table = Evaluator(rules, read_raw(SCENARIO), wanted(rules)), drawn(BOUNDS, ROWS)
    columns = {name: table[name].to_numpy() for name in BOUNDS}
    given = list(columns.values())
    answer = evaluator.table(table)
    for other in (by_formula, by_hand):
        same(answer, other(*given))
    kernel = only(only(shapes_of(evaluator))._narrow.values())  # noqa: SLF001 - what a shape keeps to itself is timed
    ours, formula, hand, inside = interleaved(
        [
            lambda: evaluator.table(table),
            lambda: by_formula(*given),
            lambda: by_hand(*given),
            lambda: kernel.run(columns, ROWS),
        ],
        15,
    )
    name = f"{ROWS:,} rows of Llama-3-8B with LoRA, Arrow to Arrow"
    row(name, ms(ours), f"NumPy by formula {ms(formula)}", ratio(ours, formula), "0.3 x")
    row("", "", f"NumPy by hand {ms(hand)}", ratio(ours, hand), "0.8 x")
    row("  the kernel alone", ms(inside), "", ratio(inside, hand))


def more_rows(rules: RuleSet) -> None:
    """Ten times the rows, twice."""
    evaluator = Evaluator(rules, read_raw(SCENARIO), wanted(rules))
    tables = [drawn(BOUNDS, count) for count in (ROWS // 10, ROWS, ROWS * 10)]
    for table in tables:
        evaluator.table(table)
    costs = interleaved([lambda table=table: evaluator.table(table) for table in tables], 7)
    for table, less, more in zip(tables[1:], costs[:-1], costs[1:], strict=True):
        row(f"{table.num_rows:,} rows", ms(more), f"a tenth of them {ms(less)}", ratio(more, less), "11.5 x")


def more_rules() -> None:
    """Ten times the rules, in chains that do not dissolve into one sum."""
    table = drawn({name: BOUNDS[name] for name in ("batch.size", "batch.sequence_length")}, ROWS // 10)
    specialise, compute = [], []
    for count in (RULES, RULES * 10):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "stages"
            folder.mkdir()
            (folder / "chains.yaml").write_text(chains(count), encoding="utf-8")
            rules = open_rules((place,))
        evaluator = Evaluator(rules, read_raw({"model": "llama-3-8b"}), wanted(rules, ["chains.bytes"]))
        compute.append(asked(evaluator, table))
        specialise.append(specialised(only(shapes_of(evaluator))))
    for what, works, repeats in (("specialising", specialise, 5), (f"{table.num_rows:,} rows", compute, 7)):
        less, more = interleaved(works, repeats)
        row(f"{what}, {RULES * 10:,} rules", ms(more), f"a tenth of them {ms(less)}", ratio(more, less), "12 x")


def mixed(rules: RuleSet) -> None:
    """Shuffled rows of many shapes, all of them specialised before."""
    models = list(rules.names("model"))[:MODELS]
    numbers = {name: BOUNDS[name] for name in ("batch.size", "batch.sequence_length")}
    table = drawn(numbers, MIXED_ROWS, {"model": models, **SHAPING})
    several = Evaluator(rules, read_raw({"hardware": "h100-80gb"}), wanted(rules))
    lora = Evaluator(rules, read_raw(SCENARIO), wanted(rules))
    one = Evaluator(rules, read_raw({"hardware": "h100-80gb", "model": "llama-3-8b"}), wanted(rules))
    tuned, alone = drawn(BOUNDS, MIXED_ROWS), drawn(numbers, MIXED_ROWS)
    start = time.perf_counter()
    answer = several.table(table)
    first = time.perf_counter() - start
    assert answer["problem"].null_count == MIXED_ROWS, answer["problem"].drop_null()[:1]
    lora.table(tuned)
    one.table(alone)
    code = np.random.default_rng(0).integers(0, len(shapes_of(several)), MIXED_ROWS, np.uint16)
    given = [table[name].to_numpy() for name in numbers]
    out = {name: answer[name] for name in answer.schema.names if answer[name].null_count < MIXED_ROWS}
    of_one = np.logical_and.reduce([pc.equal(table[name], table[name][0]) for name in ("model", *SHAPING)])
    shared = [name for name in out if len(out[name].filter(pa.array(of_one)).unique()) == 1]
    computed = [plain_numbers(out[name]) for name in out if name not in {*shared, *numbers}]
    known = [np.arange(len(shapes_of(several))) for name in shared if name not in table.schema.names]
    laid = Evaluator(rules, several.raw, several.columns)
    laid._shapes = several._shapes  # noqa: SLF001 - what takes minutes to specialise
    many, single, plain, moved, numpy = interleaved(
        [
            lambda: several.table(table),
            lambda: lora.table(tuned),
            lambda: one.table(alone),
            lambda: there_and_back(code, given, computed, known),
            lambda: without_machine_code(lambda: laid.table(table)),
        ],
        7,
    )
    shapes = len(shapes_of(several))
    beside = f"Llama-3-8B with LoRA {ns(single)}"
    row(f"a row of {MIXED_ROWS:,}, {shapes:,} shapes shuffled", ns(many), beside, ratio(many, single), "3 x")
    row("", "", f"fully fine-tuned {ns(plain)}", ratio(many, plain))
    row("  by NumPy, without vramledger[fast]", ns(numpy), beside, ratio(numpy, single))
    row("    moving rows and looking up what is known alone", ns(moved), beside, ratio(moved, single))
    row("  reading and specialising, each shape", ms((first - many) / shapes))
    again = Evaluator(rules, several.raw, several.columns)
    again._shapes = several._shapes  # noqa: SLF001
    machine._code.cache_clear()  # noqa: SLF001 - so that all is compiled anew
    start = time.perf_counter()
    again.table(table)
    row("  its part of machine code, of all shapes", ms((time.perf_counter() - start - many) / shapes))


def without_machine_code(work: Callable[[], Any]) -> Any:
    """What a call gives where llvmlite is not installed."""
    held = machine.available
    machine.available = lambda: False
    try:
        return work()
    finally:
        machine.available = held


def there_and_back(code: Any, given: Sequence[Any], answers: Sequence[Any], known: Sequence[Any]) -> list[Any]:
    """What a table of mixed shapes costs before any of it is computed, in the blocks and threads of the engine.

    Rows of a code side by side, the facts there, the answers back, and what each code knows looked up.
    """
    found = [np.empty_like(column) for column in answers]

    def block(part: tuple[int, int]) -> list[Any]:
        start, end = part
        here = pa.array(code[start:end])
        order = np.asarray(pc.array_sort_indices(here)).view(np.int64) + start
        places = pa.array(order)
        laid = [pc.take(pa.array(column), places, boundscheck=False) for column in given]
        for column, back in zip(answers, found, strict=True):
            back[order] = column[start:end]
        return [*laid, *(pc.take(pa.array(table), here, boundscheck=False) for table in known)]

    blocks = list(pairwise([*range(0, len(code), BLOCK), len(code)]))
    return [*at_once(block, blocks, len(code)), *found]


def plain_numbers(column: pa.ChunkedArray) -> Any:
    """A column of numbers or flags, whatever stands where there are none."""
    return pc.fill_null(column, False if pa.types.is_boolean(column.type) else 0).to_numpy()


def drawn(
    bounds: Mapping[str, tuple[int, int]], count: int, texts: Mapping[str, Sequence[str]] | None = None
) -> pa.Table:
    """Rows at random, the same in every run."""
    chance = np.random.default_rng(0)
    columns: dict[str, Any] = {}
    for name, values in (texts or {}).items():
        codes = pa.array(chance.integers(0, len(values), count), pa.int32())
        columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(values))
    for name, (low, high) in bounds.items():
        columns[name] = pa.array(chance.integers(low, high, count, endpoint=True))
    return pa.table(columns)


def same(answer: pa.Table, other: Mapping[str, Any]) -> None:
    """Every column has the same integers, else the comparison means nothing; a column left out applies to no row."""
    for field in answer.schema:
        column = answer[field.name]
        if field.name == "fits":
            certain, possible = other["fits"]
            assert np.array_equal(column.is_valid(), certain | ~possible)
            assert np.array_equal(column.fill_null(False), certain)
        elif field.name in other:
            assert np.array_equal(column, np.broadcast_to(other[field.name], len(answer))), field.name
        elif field.name not in BOUNDS:
            assert column.null_count == len(answer), field.name


def chains(count: int) -> str:
    """A stage of so many rules, each a step of a chain, and the largest end of all."""
    rules = {}
    for number in range(count):
        before = f"chains.step_{number - 1}" if number % LINKS else "tokens.batch * 1 B"
        kept = f"max({before} + batch.size * {number + 1} B, batch.sequence_length * {7 * number + 3} B)"
        rules[f"chains.step_{number}"] = f"A step of chain {number // LINKS}.", kept
    ends = " + ".join(f"chains.step_{number}" for number in range(LINKS - 1, count, LINKS))
    rules["chains.bytes"] = "All chains.", ends
    lines = ["stage: chains", "order: 80", "says: Chains of rules.", "assumed: true", "reason: A benchmark.", "rules:"]
    for name, (says, formula) in rules.items():
        lines += [f"  {name}:", f"    says: {says}", "    unit: B", f"    formula: {formula}"]
    return "\n".join([*lines, ""])


def asked(evaluator: Evaluator, table: pa.Table) -> Callable[[], Any]:
    """A table asked of an evaluator that is warm."""
    evaluator.table(table)
    return lambda: evaluator.table(table)


def specialised(shape: Shape) -> Callable[[], Any]:
    """The plan of a shape, made anew."""
    return lambda: Plan(shape.read.program, shape.facts, shape.plan.targets)


def shapes_of(evaluator: Evaluator) -> list[Any]:
    """The shapes that an evaluator has met."""
    return list(evaluator._shapes.values())  # noqa: SLF001 - what it remembers is no part of its face


def only(some: Any) -> Any:
    """The one value that there is."""
    (value,) = some
    return value


def interleaved(works: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Seconds of one call each, the least of the repeats; they take turns, so that all meet the same machine."""
    found = [float("inf")] * len(works)
    for _ in range(repeats):
        for number, work in enumerate(works):
            start = time.perf_counter()
            work()
            found[number] = min(found[number], time.perf_counter() - start)
    return found


def ns(seconds: float) -> str:
    """A share of a mixed table's time."""
    return f"{seconds / MIXED_ROWS * 1e9:.1f} ns"


if __name__ == "__main__":
    main()
