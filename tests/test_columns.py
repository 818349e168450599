"""Columns and scalars are one: a kernel gives, row by row, what the interpreter gives, and never wraps a number."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from test_specialise import numbers, shapes
from vramledger import Problems
from vramledger.api import evaluate_with
from vramledger.evaluation import machine
from vramledger.evaluation.chunks import CHUNK
from vramledger.evaluation.columns import Kernel, Outcome
from vramledger.evaluation.ledger import HEADLINES
from vramledger.evaluation.machine import Loop, Put, available, run_each
from vramledger.evaluation.residual import Graph
from vramledger.evaluation.scalar import compile_scalar
from vramledger.evaluation.steps import NotInSteps, Ref
from vramledger.evaluation.values import NotApplicable
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.rules.open import opened
from vramledger.tables.evaluate import Evaluator
from vramledger.tables.wanted import Wanted, base_of, wanted

ROOT = Path(__file__).parents[1]
RULES = opened()
SCENARIOS = sorted((ROOT / "specs" / "scenarios").glob("*.yaml"))
DEEP = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def alone(raw: Any, said: dict[str, Any], columns: list[Wanted]) -> tuple[list[Any], bool]:
    """A row's cells as the interpreter gives them, and whether it has a problem."""
    try:
        ledger = evaluate_with(RULES, raw, overrides=said)
        values = {}
        for one in columns:
            known = one.quantity in ledger.program.declarations
            values[one.quantity] = ledger[one.quantity] if known else None
    except Problems:
        return [None] * len(columns), True
    cells = []
    for one in columns:
        value = values[one.quantity]
        value = None if isinstance(value, NotApplicable) else value
        value = value[one.end == "high"] if isinstance(value, tuple) else value
        cells.append(float(value) if isinstance(value, Fraction) else value)
    return cells, False


def agree(raw: Any, table: pa.Table) -> None:
    """Every row of a table is what its scenario alone comes to."""
    columns = wanted(RULES, HEADLINES, base_of(RULES, read_raw(raw), {}))
    evaluator = Evaluator(RULES, read_raw(raw), columns)
    found = evaluator.table(table)
    for row, got in zip(table.to_pylist(), found.to_pylist(), strict=True):
        said = {name: value for name, value in row.items() if value is not None}
        cells, bad = alone(raw, said, columns)
        assert [got[one.column] for one in columns] == cells, row
        assert (got["problem"] is not None) == bad, row


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_bundled_scenario_as_a_column(path: Path) -> None:
    read = read_scenario(RULES, read_raw(path))
    given_ = {name: one.value for name, one in read.facts.values.items() if one.varies}
    whole = {name: value for name, value in given_.items() if isinstance(value, int)}
    random = np.random.default_rng(7)
    columns = {
        name: [value, *(max(1, int(value * factor)) for factor in random.uniform(0.3, 3, 5))]
        for name, value in whole.items()
    }
    if columns:
        agree(path, pa.table(columns))


@settings(DEEP, max_examples=25)
@given(st.data())
def test_random_scenarios_as_columns(data: st.DataObject) -> None:
    shape = data.draw(shapes())
    rows = [data.draw(numbers(shape)) for _ in range(3)]
    base = rows[0]
    names = [name for name in ("size", "sequence_length", "accumulation") if name in base.get("batch", {})]
    numeric = [name for name in names if all(isinstance(row["batch"][name], int) for row in rows)]
    columns = {f"batch.{name}": [row["batch"][name] for row in rows] for name in numeric}
    if columns:
        agree(base, pa.table(columns))


# --- kernels alone ------------------------------------------------------------------------------------------

small = st.integers(-50, 50)


@st.composite
def expressions(draw: st.DrawFn, graph: Graph, depth: int) -> Any:
    """A random node over two facts."""
    if depth == 0:
        return draw(
            st.sampled_from(["a", "b"]).map(lambda name: graph.fact(name, True, name == "b"))
            | small
            | st.builds(Fraction, small, st.integers(1, 9))
        )
    from vramledger.evaluation import arithmetic
    from vramledger.evaluation.choice import choose
    from vramledger.evaluation.logic import compare

    left, right = draw(expressions(graph, depth - 1)), draw(expressions(graph, depth - 1))
    make = draw(
        st.sampled_from(
            [
                arithmetic.add,
                arithmetic.multiply,
                arithmetic.subtract,
                lambda x, y: arithmetic.maximum([x, y]),
                lambda x, y: arithmetic.minimum([x, y]),
                lambda x, y: arithmetic.floor_divide(x, 7 if y == 0 else y),
                lambda x, y: arithmetic.divide(x, 3 if y == 0 else y),
                lambda x, _: arithmetic.ceil(x),
                lambda x, y: choose(compare("<", x, y), x, y) if hasattr(compare("<", x, y), "graph") else x,
            ]
        )
    )
    return make(left, right)


@settings(DEEP, max_examples=150)
@given(st.data())
def test_a_kernel_gives_what_scalar_code_gives(data: st.DataObject) -> None:
    graph = Graph()
    output = data.draw(expressions(graph, data.draw(st.integers(1, 4))))
    scalar = compile_scalar(graph, [output], ["a", "b"])
    a = np.array(data.draw(st.lists(st.integers(-1000, 1000), min_size=4, max_size=4)))
    b = np.array(data.draw(st.lists(st.integers(0, 1000), min_size=4, max_size=4)))
    room = data.draw(st.integers(0, 3))
    ends = {"a": (int(a.min()) - room, int(a.max()) + room), "b": (max(0, int(b.min()) - room), int(b.max()) + room)}
    for bounds in (None, ends):
        try:
            kernel = Kernel(graph, [output], ["a", "b"], {}, bounds)
        except NotInSteps:
            continue
        note([str(step) for step in kernel.steps.list])
        note(str(kernel.results))
        found = kernel.run({"a": a, "b": b}, 4)
        assert found is not None or max(map(abs, (*a, *b))) > 1
        if found is not None:
            same_as(scalar, found, a, b)
            if available():
                by_machine(kernel, found, [a, b])


def test_without_llvmlite_there_is_no_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    assert available()
    monkeypatch.setattr(machine, "_compiler", machine._compiler.__wrapped__)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    assert not available.__wrapped__()


def by_machine(kernel: Kernel, found: Outcome, facts: list[Any]) -> None:
    """Machine code fills in what NumPy finds, in whatever order it takes the rows."""
    overs = zip(kernel.results, found.overs, strict=True)
    unders = zip(kernel.results, found.unders, strict=True)
    parts = [(over, said) for (over, _), said in overs] + [(under, said) for (_, under), said in unders]
    asked = [(part, said) for part, said in parts if isinstance(part, Ref)]
    guards = tuple(guard for guard in kernel.guards if isinstance(guard, Ref))
    filled = [np.zeros(4, np.int64) for _ in asked]
    refused = np.zeros(4, bool)
    puts = [Put(2 + place, "value", (part,)) for place, (part, _) in enumerate(asked)]
    loop = Loop([kernel], [0, 1], [*puts, Put(2 + len(puts), "any", guards)] if guards else puts)
    columns = np.array([column.ctypes.data for column in (*facts, *filled, refused)])
    order, bases = np.array([2, 0, 3, 1]), np.zeros(4, np.uint32)
    ends = np.array([0, 3, 4])
    run_each(np.array([loop.address] * 2), ends[:2], ends[1:], order, bases, loop.constants, columns)
    assert np.array_equal(refused, np.zeros(4) if found.refused is None else found.refused)
    for (_, said), values in zip(asked, filled, strict=True):
        assert np.array_equal(said[~refused], values[~refused])


def same_as(scalar: Any, found: Any, a: Any, b: Any) -> None:
    """Whether what a kernel found is what scalar code gives, row by row."""
    for row in range(len(a)):
        refused = found.refused is not None and bool(found.refused[row])
        try:
            (value,) = scalar(int(a[row]), int(b[row]))
        except (ZeroDivisionError, ValueError):
            assert refused
            continue
        assert not refused
        under = found.unders[0] if isinstance(found.unders[0], int) else int(found.unders[0][row])
        assert Fraction(int(np.broadcast_to(found.overs[0], len(a))[row]), under) == value


def test_a_number_beyond_64_bits_is_found_and_not_wrapped() -> None:
    graph = Graph()
    fact = graph.fact("a", True, True)
    kernel = Kernel(graph, [fact * fact * fact], ["a"], {})
    assert kernel.run({"a": np.array([2_000_000])}, 1) is not None
    assert kernel.run({"a": np.array([2_097_152])}, 1) is None
    scenario = {"model": "llama-3-8b", "batch": {"sequence_length": 8192}}
    table = pa.table({"batch.size": [1, 10**6, 10**9, 10**12]})
    agree(scenario, table.slice(0, 2))
    found = Evaluator(RULES, read_raw(scenario), wanted(RULES, ["activations.bytes"])).table(table)
    assert [value is None for value in found["activations.bytes"].to_pylist()] == [False, False, True, True]
    assert found["problem"].to_pylist()[3] == "activations.bytes takes more than 64 bits"


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_chunks_end_anywhere(count: int) -> None:
    graph = Graph()
    fact = graph.fact("a", True, False)
    kernel = Kernel(graph, [fact * 3 + 1, 5], ["a"], {})
    values = np.arange(count)
    found = kernel.run({"a": values}, count)
    assert found is not None
    assert (found.overs[0] == values * 3 + 1).all()
    assert found.overs[1] == 5
