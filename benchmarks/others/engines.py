"""Rule engines with the formulas of `others.formulas`: each answers one scenario, and a table of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from others.formulas import CEL, DEFAULTS, INPUTS, NUMPY, OURS, PYTHON, RULES, TOTAL, ZEN, Syntax, reads, written

Scenario = Mapping[str, int]
Columns = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Engine:
    """What answers scenarios: `one` and `table` are asked for named quantities."""

    name: str
    version: str
    one: Callable[[Scenario, Sequence[str]], Mapping[str, Any]]
    table: Callable[[Any, Sequence[str]], Mapping[str, Any]] | None = None
    ready: Callable[[Columns], Any] = dict  # a table as this engine takes it, made before the clock runs
    most: int | None = None  # rows that are enough where each is answered alone


def engines() -> Iterator[tuple[str, Callable[[], Engine]]]:
    """Each engine but ours by what pip calls it."""
    yield "openfisca-core", openfisca
    yield "apache-hamilton", hamilton
    yield "zen-engine", zen
    yield "cel-python", cel_python
    yield "cel-expr-python", cel_expr


def rows_of(columns: Columns) -> list[dict[str, int]]:
    names = [*DEFAULTS, *columns]
    values = [np.full_like(columns["batch"], default) for default in DEFAULTS.values()] + [*columns.values()]
    return [dict(zip(names, row, strict=True)) for row in np.stack(values, axis=1).tolist()]


def columns_of(answers: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    return {name: np.array([answer[name] for answer in answers], np.int64) for name in names}


# --- by hand -------------------------------------------------------------------------------------


def by_hand() -> Engine:
    """A Python function of all formulas, and the same on arrays."""
    one, table = _function(PYTHON), _function(NUMPY)
    return Engine(
        "Python and NumPy by hand",
        f"NumPy {np.__version__}",
        lambda scenario, names: one(**DEFAULTS | scenario),
        lambda columns, names: table(**columns),
        lambda columns: {**DEFAULTS, **columns},
    )


def _function(syntax: Syntax) -> Callable[..., Mapping[str, Any]]:
    lines = [f"    {name} = {written(rule.formula, syntax)}" for name, rule in RULES.items()]
    answer = ", ".join(f"{name!r}: {name}" for name in RULES)
    return made("\n".join([f"def by_hand({', '.join(INPUTS)}):", *lines, f"    return {{{answer}}}"]), "by_hand")


def made(source: str, name: str) -> Any:
    """The function of a source text."""
    space: dict[str, Any] = {"numpy": np, "int": int}
    exec(source, space)
    return space[name]


# --- ours ----------------------------------------------------------------------------------------


def stage(folder: Path) -> None:
    """The formulas as a stage in a folder of specs; its total is that of the answer."""
    facts = {
        f"plain.{name}": {"says": name, "unit": given.unit}
        | ({"integer": True} if given.default is None else {"default": f"{given.default} {given.unit}"})
        for name, given in INPUTS.items()
    }
    rules: dict[str, Any] = {
        f"plain.{name}": {"says": name, "unit": rule.unit, "formula": written(rule.formula, OURS)}
        for name, rule in RULES.items()
    }
    rules["total.bytes"] = {"says": "The total.", "unit": "B", "overrides": True, "formula": f"plain.{TOTAL}"}
    said = {"assumed": True, "reason": "A rule of thumb, to compare engines with."}
    document = {"stage": "plain", "order": 95, "says": "Formulas that other engines have too."}
    text = yaml.safe_dump({**document, "facts": facts, "rules": rules, **said}, sort_keys=False, width=1000)
    (folder / "plain.yaml").write_text(text, encoding="utf-8")


def ours(folder: Path) -> list[Engine]:
    """Ours: with its rules open, opening them, its compiled function alone, and a quantity that it does not compile."""
    import pyarrow as pa

    from vramledger.api import evaluate, evaluate_table, evaluate_with
    from vramledger.evaluation.specialise import Plan, vector_of
    from vramledger.inputs.raw import read_raw
    from vramledger.inputs.scenario import read_scenario
    from vramledger.rules.open import open_rules
    from vramledger.version import ENGINE

    stage(folder)
    rules = open_rules([folder])

    def own(names: Sequence[str]) -> list[str]:
        return [f"plain.{name}" for name in names]

    def one(scenario: Scenario, names: Sequence[str]) -> dict[str, Any]:
        ledger = evaluate_with(rules, {"plain": scenario})
        return {name: ledger["total.bytes" if name == TOTAL else f"plain.{name}"] for name in names}

    def anew(scenario: Scenario, names: Sequence[str]) -> dict[str, Any]:
        ledger = evaluate({"plain": scenario}, specs=[folder])
        return {name: ledger["total.bytes" if name == TOTAL else f"plain.{name}"] for name in names}

    def interpreted(scenario: Scenario, names: Sequence[str]) -> dict[str, Any]:
        ledger = evaluate_with(rules, {"plain": scenario})
        return {name: ledger[f"plain.{name}"] for name in names}

    def table(given: pa.Table, names: Sequence[str]) -> dict[str, Any]:
        answers = evaluate_table(given, select=own(names), specs=[folder])
        assert answers["problem"].null_count == answers.num_rows, answers["problem"].drop_null()[0]
        return {name: answers[f"plain.{name}"].to_numpy() for name in names}

    plans: dict[tuple[str, ...], tuple[Any, list[str], Any]] = {}

    def compiled(scenario: Scenario, names: Sequence[str]) -> dict[str, Any]:
        asked = tuple(names)
        if asked not in plans:
            read = read_scenario(rules, read_raw({"plain": scenario}))
            plan = Plan(read.program, read.facts, own(names))
            known = dict(zip(plan.varying, vector_of(read.facts), strict=True))
            order = [name.removeprefix("plain.") for name in plan.varying]
            fixed = {name: known[f"plain.{name}"] for name in order if name not in scenario}
            plans[asked] = plan, order, fixed
        plan, order, fixed = plans[asked]
        vector = [scenario[name] if name in scenario else fixed[name] for name in order]
        return dict(zip(names, plan.leaf(vector).run(*vector), strict=True))

    return [
        Engine("vramledger", ENGINE, one, table, lambda columns: pa.table(dict(_spelled(columns)))),
        Engine("  evaluate(), which opens the rules", ENGINE, anew),
        Engine("  its compiled function alone", ENGINE, compiled),
        Engine("  a quantity that it interprets", ENGINE, interpreted),
    ]


def _spelled(columns: Columns) -> Iterator[tuple[str, Any]]:
    for name, values in columns.items():
        yield f"plain.{name}", values


# --- others --------------------------------------------------------------------------------------


def openfisca() -> Engine:
    """OpenFisca: variables of a person; int64 in place of its int32, which bytes do not fit."""
    from openfisca_core.entities import build_entity
    from openfisca_core.periods import MONTH
    from openfisca_core.simulations import SimulationBuilder
    from openfisca_core.taxbenefitsystems import TaxBenefitSystem
    from openfisca_core.variables import Variable

    run = build_entity(key="run", plural="runs", label="A run", is_person=True)
    system = TaxBenefitSystem([run])
    common = {"value_type": int, "entity": run, "definition_period": MONTH, "label": "A quantity."}
    given = {name: {"default_value": one.default} if one.default else {} for name, one in INPUTS.items()}
    for name in RULES:
        read = [f"    {other} = run({other!r}, period)" for other in reads(RULES[name].formula)]
        lines = ["def formula(run, period):", *read, f"    return {written(RULES[name].formula, NUMPY)}"]
        given[name] = {"formula": made("\n".join(lines), "formula")}
    for name, more in given.items():
        system.add_variable(type(name, (Variable,), {**common, **more})).dtype = np.int64

    def table(columns: Columns, names: Sequence[str]) -> dict[str, Any]:
        count = len(columns["batch"])
        simulation = SimulationBuilder().build_default_simulation(system, count)
        for name, values in columns.items():
            simulation.set_input(name, "2026-01", values)
        return {name: simulation.calculate(name, "2026-01") for name in names}

    def one(scenario: Scenario, names: Sequence[str]) -> dict[str, Any]:
        found = table({name: np.array([value], np.int64) for name, value in scenario.items()}, names)
        return {name: int(value[0]) for name, value in found.items()}

    return Engine("OpenFisca-core", version("openfisca-core"), one, table)


def hamilton() -> Engine:
    """Apache Hamilton: a function a quantity, once of int and once of arrays."""
    os.environ["HAMILTON_TELEMETRY_ENABLED"] = "false"
    from hamilton import ad_hoc_utils, driver

    def built(syntax: Syntax, kind: str) -> Any:
        functions = []
        for name, rule in RULES.items():
            needs = ", ".join(f"{other}: {kind}" for other in reads(rule.formula))
            source = f"def {name}({needs}) -> {kind}:\n    return {written(rule.formula, syntax)}"
            functions.append(made(source, name))
        module = ad_hoc_utils.create_temporary_module(*functions, module_name=f"formulas_{syntax is NUMPY}")
        return driver.Builder().with_modules(module).build()

    scalar, vector = built(PYTHON, "int"), built(NUMPY, "numpy.ndarray")
    return Engine(
        "Apache Hamilton",
        version("apache-hamilton"),
        lambda scenario, names: scalar.execute([*names], inputs=DEFAULTS | scenario),
        lambda columns, names: vector.execute([*names], inputs=columns),
        lambda columns: {**{name: np.array([value]) for name, value in DEFAULTS.items()}, **columns},
    )


def zen() -> Engine:
    """GoRules zen: one node of expressions; a table through evaluate_batch."""
    import zen

    expressions = [{"id": name, "key": name, "value": written(rule.formula, ZEN)} for name, rule in RULES.items()]
    place = {"position": {"x": 0, "y": 0}}
    graph = {
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "in", **place},
            {"id": "all", "type": "expressionNode", "name": "all", "content": {"expressions": expressions}, **place},
            {"id": "out", "type": "outputNode", "name": "out", **place},
        ],
        "edges": [
            {"id": "1", "sourceId": "in", "targetId": "all", "type": "edge"},
            {"id": "2", "sourceId": "all", "targetId": "out", "type": "edge"},
        ],
    }
    decision = zen.ZenEngine().create_decision(json.dumps(graph))
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"plain": graph}}})

    def table(requests: Any, names: Sequence[str]) -> dict[str, Any]:
        return columns_of([answer["data"]["result"] for answer in engine.evaluate_batch(requests)], names)

    return Engine(
        "GoRules zen",
        version("zen-engine"),
        lambda scenario, names: decision.evaluate(DEFAULTS | scenario)["result"],
        table,
        lambda columns: [{"key": "plain", "context": row} for row in rows_of(columns)],
        most=20_000,
    )


def cel_python() -> Engine:
    """cel-python: a program a formula, each given what those before it found; its compiling runner, the faster one."""
    import celpy

    environment = celpy.Environment(runner_class=celpy.CompiledRunner)
    programs = [
        (name, environment.program(environment.compile(written(rule.formula, CEL)))) for name, rule in RULES.items()
    ]

    def one(scenario: Scenario, names: Sequence[str]) -> dict[str, Any]:
        known = {name: celpy.celtypes.IntType(value) for name, value in (DEFAULTS | scenario).items()}
        for name, program in programs:
            known[name] = program.evaluate(known)
        return known

    return Engine("cel-python", version("cel-python"), one, _one_by_one(one), rows_of, most=200)


def cel_expr() -> Engine:
    """The C++ runtime of CEL: likewise."""
    from cel_expr_python import cel

    environment = cel.NewEnv(variables=dict.fromkeys([*INPUTS, *RULES], cel.Type.INT))
    programs = [(name, environment.compile(written(rule.formula, CEL))) for name, rule in RULES.items()]

    def one(scenario: Scenario, names: Sequence[str]) -> dict[str, Any]:
        known: dict[str, Any] = DEFAULTS | scenario
        for name, program in programs:
            known[name] = program.eval(data=known).value()
        return known

    return Engine("cel-expr-python (C++)", version("cel-expr-python"), one, _one_by_one(one), rows_of, most=2_000)


def _one_by_one(one: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    return lambda rows, names: columns_of([one(row, names) for row in rows], names)
