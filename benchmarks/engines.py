"""The engine beside others that are used for such formulas, and beside other estimators, side by side in one run.

    python -m venv /tmp/engines
    /tmp/engines/bin/pip install -e . openfisca-core apache-hamilton zen-engine cel-python cel-expr-python
    /tmp/engines/bin/pip install vramcalc llm-analysis hf-mem
    /tmp/engines/bin/python benchmarks/engines.py [--markdown]

What is not installed is left out, and the table says so. Rule engines get the same 21 formulas (others/formulas.py);
that all come to the same numbers is asserted before the clock runs. Each is asked for the total: of a scenario, a dict
of numbers, with the rules open before (ours: `evaluate_with`; `evaluate` opens them anew, and has a line of its own);
and of a table of a million rows, as columns where the engine takes columns (ours: `evaluate_table`, which opens the
rules anew), else of some of the rows one by one. Rows are laid out as the engine wants them beforehand. The figures are
minima of repeats.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from others import engines, estimators
from others.formulas import RULES, TOTAL

AXES: dict[str, Sequence[int]] = {
    "hidden": range(2048, 12288, 1024),
    "layers": range(8, 88, 8),
    "heads": [32],
    "kv_heads": [8],
    "intermediate": range(6144, 26624, 1024),
    "vocab": [128256],
    "recompute": [0, 1],
    "batch": range(1, 11),
    "sequence": range(512, 13312, 512),
}
LLAMA = {"hidden": 4096, "layers": 32, "heads": 32, "kv_heads": 8, "intermediate": 14336, "vocab": 128256}
SCENARIO = {**LLAMA, "recompute": 0, "batch": 2, "sequence": 2048}
BATCHES = {"batch": range(1, 101), "sequence": range(16, 160016, 16)}
HEAD = ("", "version", "a scenario", "to ours", "a row", "to ours")


class Figures(NamedTuple):
    """Seconds of a scenario and of a row in a table; nothing where it has none."""

    name: str
    version: str
    scenario: float | None
    row: float | None
    said: str


def main() -> None:
    parser = argparse.ArgumentParser(description="Our engine beside others.")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--rounds", type=int, default=24, help="how often each is measured, in turn (default 24)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        # in a cache of its own, as somebody's own rules lie in theirs
        os.environ["VRAMLEDGER_CACHE"] = str(Path(place) / "cache")
        specs = Path(place) / "specs"
        specs.mkdir()
        of_rules = rule_engines(specs, asked.rounds)
        show("The same 21 formulas", of_rules, "how a table is answered", markdown=asked.markdown)
        of_estimators = by_estimators(asked.rounds)
        show("Llama-3-8B, full fine-tuning", of_estimators, "2 sequences of 2048, GiB", markdown=asked.markdown)


def grid(axes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Every combination of the axes' values, a column each."""
    columns = np.meshgrid(*(np.array(values, np.int64) for values in axes.values()), indexing="ij")
    return {name: column.ravel() for name, column in zip(axes, columns, strict=True)}


# --- rule engines --------------------------------------------------------------------------------


def rule_engines(specs: Path, rounds: int) -> list[Figures]:
    columns = grid(AXES)
    hand = engines.by_hand()
    others, left_out = installed(engines.engines())
    compared: list[engines.Engine] = [*engines.ours(specs), hand, *others]
    picked = np.random.default_rng(0).integers(0, len(columns["batch"]), 16)
    scenarios = [SCENARIO, *({name: int(values[row]) for name, values in columns.items()} for row in picked)]
    assert hand.table is not None
    answers = hand.table(hand.ready(columns), [TOTAL])[TOTAL]
    for engine in compared:
        if engine.table is not None:
            same(engine, hand, scenarios)
    # tables come first: rules opened again and again leave a heap in which large arrays cost NumPy up to twice as much
    of_tables = by_table(compared, columns, answers, max(3, rounds // 3))
    for engine in compared:
        same(engine, hand, scenarios)
    costs = in_turn([asking(engine, scenarios) for engine in compared], rounds, len(scenarios))
    found = []
    for engine, cost in zip(compared, costs, strict=True):
        how = "" if engine.table is None else "columns" if engine.most is None else "row by row"
        found.append(Figures(engine.name, engine.version, cost, of_tables.get(engine.name), how))
    return found + left_out


def by_table(
    compared: Sequence[engines.Engine], columns: Mapping[str, Any], answers: Any, rounds: int
) -> dict[str, float]:
    """Seconds of a row, by engine, where it answers tables."""
    calls, rows = [], {}
    for engine in compared:
        if engine.table is not None:
            step = 1 if engine.most is None else -(-len(answers) // engine.most)
            part = {name: np.ascontiguousarray(values[::step]) for name, values in columns.items()}
            calls.append(told(engine, part, answers[::step]))
            rows[engine.name] = len(part["batch"])
    return {name: cost / rows[name] for name, cost in zip(rows, in_turn(calls, rounds), strict=True)}


def asking(engine: engines.Engine, scenarios: Sequence[Mapping[str, int]]) -> Callable[[], Any]:
    return lambda: [engine.one(scenario, [TOTAL]) for scenario in scenarios]


def told(engine: engines.Engine, columns: Mapping[str, Any], expected: Any) -> Callable[[], Any]:
    """The call that answers the table, after its every total was compared."""
    assert engine.table is not None
    table, given = engine.table, engine.ready(columns)
    assert np.array_equal(table(given, [TOTAL])[TOTAL], expected), engine.name
    return lambda: table(given, [TOTAL])


def same(engine: engines.Engine, hand: engines.Engine, scenarios: Sequence[Mapping[str, int]]) -> None:
    """All formulas come to the same numbers, else the comparison means nothing."""
    names = list(RULES)
    for scenario in scenarios:
        found, expected = engine.one(scenario, names), hand.one(scenario, names)
        for name in names:
            assert found[name] == expected[name], (engine.name, name, found[name], expected[name])


# --- estimators ----------------------------------------------------------------------------------


def by_estimators(rounds: int) -> list[Figures]:
    columns = grid(BATCHES)
    others, left_out = installed(estimators.estimators())
    compared: list[estimators.Estimator] = [*estimators.ours(), *others]
    picked = np.random.default_rng(0).integers(0, len(columns["batch"]), 16)
    scenarios = [(int(columns["batch"][row]), int(columns["sequence"][row])) for row in picked]
    costs = in_turn([estimating(one, scenarios) for one in compared], rounds, len(scenarios))
    found = []
    for estimator, cost in zip(compared, costs, strict=True):
        answer = np.atleast_1d(np.array(estimator.one(2, 2048))) / 2**30
        row = cost if estimator.table is None else of_table(estimator, columns)
        said = " to ".join(f"{end:.1f}" for end in answer)
        found.append(Figures(estimator.name, estimator.version, cost, row, said))
    return found + left_out


def estimating(estimator: estimators.Estimator, scenarios: Sequence[tuple[int, int]]) -> Callable[[], Any]:
    return lambda: [estimator.one(batch, sequence) for batch, sequence in scenarios]


def of_table(estimator: estimators.Estimator, columns: Mapping[str, Any]) -> float:
    assert estimator.table is not None
    table = estimator.table
    return in_turn([lambda: table(columns)], 3)[0] / len(columns["batch"])


# --- measuring and telling -----------------------------------------------------------------------


def installed(offered: Any) -> tuple[list[Any], list[Figures]]:
    """What can be run, and why the rest cannot."""
    found, left_out = [], []
    for package, make in offered:
        try:
            known = version(package)
        except PackageNotFoundError:
            left_out.append(Figures(package, "", None, None, "not installed"))
            continue
        try:
            found.append(make())
        except Exception as fault:  # noqa: BLE001 - whatever keeps another's package from running
            left_out.append(Figures(package, known, None, None, f"could not be run: {fault}"))
    return found, left_out


def in_turn(calls: Sequence[Callable[[], Any]], rounds: int, parts: int = 1) -> list[float]:
    """Seconds of a part of each call, the least of the rounds; they take turns, to meet the same disturbance."""
    least = [float("inf")] * len(calls)
    for _ in range(rounds):
        for number, call in enumerate(calls):
            start = time.perf_counter()
            call()
            least[number] = min(least[number], (time.perf_counter() - start) / parts)
    return least


def show(title: str, figures: Sequence[Figures], last: str, *, markdown: bool) -> None:
    first = figures[0]
    lines = [[title, *HEAD[1:], last]]
    for one in figures:
        scenario = [us(one.scenario), ratio(one.scenario, first.scenario)]
        lines.append([one.name, one.version, *scenario, ns(one.row), ratio(one.row, first.row), one.said])
    if markdown:
        lines.insert(1, ["---", "---", *["---:"] * 4, "---"])
        print("\n".join(f"| {' | '.join(cell.strip() for cell in line)} |" for line in lines), end="\n\n")
        return
    for line in lines:
        print(f"{line[0]:<37}{line[1]:<14}{line[2]:>12}{line[3]:>11}{line[4]:>14}{line[5]:>11}   {line[6]}")
    print()


def us(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:,.1f} us"


def ns(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e9:,.0f} ns"


def ratio(cost: float | None, beside: float | None) -> str:
    if cost is None or beside is None:
        return ""
    times = cost / beside
    return f"{times:,.0f} x" if times >= 100 else f"{times:.3g} x"


if __name__ == "__main__":
    main()
