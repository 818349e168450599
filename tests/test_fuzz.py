"""Specs and scenarios with random damage: they work or they raise Problems, and nothing else ever comes out."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vramledger
from fuzz.damage import SPLICES, damaged
from strategies import typed_formulas
from vramledger.api import evaluate_with
from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.ledger import Ledger
from vramledger.evaluation.values import NotApplicable, Range, Verdict
from vramledger.inputs.checks import run_examples, run_scenario
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.language.parse import FormulaError, parse
from vramledger.language.printing import to_text
from vramledger.language.units import ANY, BOOLEAN, BYTES, PLAIN, TEXT, ZERO, check
from vramledger.problems import Problem, Problems
from vramledger.rules.files import gather
from vramledger.rules.lint import lint
from vramledger.rules.model import Formula, Scope
from vramledger.rules.open import load, open_rules, opened
from vramledger.rules.read import read_yaml
from vramledger.rules.tree import Scalar
from vramledger.rules.world import Names, World

SPECS = Path(__file__).parent.parent / "specs"
BUNDLED = gather([])[0]
SCENARIOS = sorted((SPECS / "scenarios").glob("*.yaml"))


def exercise(ledger: Ledger) -> None:
    """Everything that a user asks of a ledger; a fault of theirs is Problems."""
    for ask in (
        lambda: ledger.total,
        lambda: ledger.components,
        lambda: ledger.phases,
        lambda: ledger.warnings,
        lambda: ledger.fits,
        lambda: str(ledger.derivation("total.bytes")),
    ):
        try:
            ask()
        except Problems as faults:
            str(faults)


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.thorough if seed >= 10 else ()) for seed in range(150)]
)
def test_damaged_specs_load_or_tell_why(seed):
    """A bundled file with damage in its own place among the others."""
    random = Random(seed)
    at = random.randrange(len(BUNDLED))
    text, other = (file.content.decode() for file in (BUNDLED[at], random.choice(BUNDLED)))
    content = damaged(text, random, other).encode("utf-8", "surrogateescape")
    _, ruleset, problems = load([*BUNDLED[:at], *BUNDLED[at + 1 :], BUNDLED[at]._replace(content=content)], "damaged")
    str(Problems(problems))
    assert all(told_of(found, BUNDLED[at].path, f"{text} {content.decode(errors='replace')}") for found in problems)
    if any(found.severity == "error" for found in problems):
        return
    list(lint(ruleset))
    try:
        read = read_scenario(ruleset, read_raw({"model": "llama-3-8b", "adapter": {"name": "lora", "rank": 8}}))
        exercise(Ledger(read.program, read.facts))
    except Problems as faults:
        str(faults)


@pytest.mark.parametrize("seed", range(150))
def test_damaged_scenarios_have_an_answer_or_tell_why(seed, tmp_path):
    random = Random(seed)
    text, other = (random.choice(SCENARIOS).read_text(encoding="utf-8") for _ in range(2))
    mine = tmp_path / "mine.yaml"
    content = damaged(text, random, other).encode("utf-8", "surrogateescape")
    mine.write_bytes(content)
    rules = opened()
    try:
        exercise(evaluate_with(rules, mine))
    except Problems as faults:
        text = content.decode(errors="replace")
        assert all(told_of(found, str(mine), text) for found in faults.problems), faults  # noqa: PT017
    for result in run_scenario(rules, mine):
        str(result)


def told_of(found: Problem, path: str, text: str) -> bool:
    """Whether a problem has its place in a file, or names something that stood there, or that nothing gives."""
    if any(label.place.path == path and label.place.line for label in found.labels):
        return True
    words = set(re.findall(r"[^\W\d]\w+", found.message)) & set(re.findall(r"[^\W\d]\w+", text))
    return bool(found.labels and words) or found.code == "missing-fact"


# spec files that load or are refused; whatever they say, a scenario under them has an answer or problems
ODD = (
    "kind: scheduler\ndefault: cosine\n",
    "kind: reader\nreads: true\n---\nreader: any\n",
    "import: other\ngiven: model.huggingface\n",
    "import: other\ninto: config\n",
    (
        "kind: foo\nmatches: {list: xs, fact: config.model_type}\nfields:\n"
        "  xs: {type: list}\n---\nfoo: a\nxs: [1, {a: b}]\n"
    ),
    "kind: foo\nmatches: {list: xs, fact: config.model_type}\nfields:\n  xs: {type: list}\n---\nfoo: a\n",
    "kind: foo\nkey: model\n",
    "kind: foo\nselector: task\n",
    "kind: foo\nrest: task\n---\nfoo: a\n",
    "kind: foo\ncatalog: batch.size\n---\nfoo: a\n",
    "kind: kind\n",
    "model: foo\nconfig: {model_type: {a: b}}\n",
    "stage: mine\nfacts:\n  '': {type: text}\n  if: {default: 3}\n",
    "stage: mine\ntables:\n  task: {columns: {x: {}}}\n",
)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_specs_never_trace_back(text, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(text, encoding="utf-8")
    for scenario in ({"model": "llama-3-8b"}, {"model": "foo"}, {"model": {"huggingface": "."}}):
        try:
            exercise(vramledger.evaluate(scenario, specs=[mine], base=tmp_path))
        except Problems as faults:
            str(faults)


def test_an_odd_tolerance_never_traces_back(tmp_path):
    example = (
        "stage: mine\nexamples:\n  - given: {model: llama-3-8b}\n    expect: {parameters.count: 1}\n    tolerance: "
    )
    for tolerance in ("abc", "1/0", "nan", "1e999", "-1"):
        mine = tmp_path / "mine.yaml"
        mine.write_text(f"{example}{tolerance}\n", encoding="utf-8")
        assert all(not getattr(found, "passed", False) for found in run_examples(open_rules([mine]), "stage mine"))


NAMES = {
    "task": ["training", "inference"],
    "precision": ["bf16", "fp32", "fp16-mixed", "bf16-master", "fp8", "int4"],
    "quantization": ["none", "nf4", "nf4-double", "gptq", "bnb-int8"],
    "optimizer": ["adamw", "adafactor", "sgd", "adamw-8bit", "none"],
    "adapter": ["none", "lora", {"name": "lora", "rank": 3, "targets": ["q_proj"], "modules_to_save": ["lm_head"]}],
    "convention": ["standard", "rule-of-thumb", "estimate-article", "surprising-truths"],
    "hardware": ["t4", "h100-80gb", {"name": "t4", "count": 2}],
    "checkpointing": ["none", "full"],
    "attention": ["sdpa", "eager", "flash", "math", "cpu"],
    "model": [
        "llama-3-8b",
        "qwen2.5-0.5b",
        "mistral-7b-v0.1",
        {"parameters": 7e9},
        {"tensors": [{"name": "w", "shape": [2, 3]}, {"name": "b", "shape": [3]}]},
        {"architecture": "llama", "hidden_size": 64},
        {},
    ],
}
numbers = st.one_of(
    st.integers(-2, 10**6),
    st.sampled_from([10**60, 0.5, float("nan"), float("inf"), 1e308, (1, 4), (4, 1), (0.5, 2.5)]),
)
texts = st.one_of(
    st.sampled_from([*SPLICES, "1e9", "010", "12:30", "1 .. 4", "80 GB", "10 GB .. 30 GB"]), st.text(max_size=8)
)
junk = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "size", "rank", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)
QUANTITIES = sorted(opened().declarations)
likely = {name: st.sampled_from(listed) for name, listed in NAMES.items()}
sizes = st.integers(1, 9000) | st.just((1, 4)) | numbers
likely["batch"] = st.fixed_dictionaries({}, optional={"size": sizes, "sequence_length": sizes, "accumulation": sizes})


@settings(max_examples=75, deadline=None, derandomize=True)
@given(
    base=st.fixed_dictionaries({"model": likely["model"]}, optional={k: v for k, v in likely.items() if k != "model"}),
    broken=st.dictionaries(
        st.sampled_from([*NAMES, "batch", "serving", "model", "config", *QUANTITIES]), junk, max_size=2
    ),
    breaks=st.booleans(),
)
def test_random_scenarios_have_an_answer_or_problems(base, broken, breaks):
    try:
        exercise(vramledger.evaluate({**base, **(broken if breaks else {})}))
    except Problems as faults:
        str(faults)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from([*"()[]{}.,+-*/%<>=!'\"0123456789 \t\n", *SPLICES, "if", "else", "for", "in", "and"]),
        max_size=25,
    ).map("".join)
)
def test_random_text_is_a_formula_or_a_fault(text):
    try:
        parse(text)
    except FormulaError as fault:
        str(fault.message)
    read_yaml(text, "made.yaml")


RULES = opened()
WORLD = World(RULES, [RULES.entry(kind, name) for kind in RULES.kinds for name in RULES.names(kind)])
TYPES = {"number": PLAIN, "bytes": BYTES, "boolean": BOOLEAN, "text": TEXT}
HELD = {
    "number": (int, Fraction, Range),
    "bytes": (int, Fraction, Range),
    "boolean": (bool, Verdict),
    "text": (str,),
}
TENSORS = [{"name": "w", "shape": [4, 6]}, {"name": "b", "shape": [6]}, {"name": "e", "shape": [2, 3, 4]}]
RUN = {"model": {"tensors": TENSORS}, "batch.size": (1, 4), "convention": "rule-of-thumb"}


@pytest.mark.parametrize("kind", TYPES)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_formula_evaluates_to_what_its_type_says(kind, data):
    text = data.draw(typed_formulas(kind))
    tree = parse(text)
    assert parse(to_text(tree)) == tree
    faults = []
    found = check(tree, Names(WORLD, Scope()), {}, faults)
    assert faults == []
    assert found in (TYPES[kind], ANY, ZERO)  # 0 goes with every unit
    ledger = evaluate_with(RULES, RUN)
    formula = Formula(Scalar(text, "", ((0, 1, 1),), "made.yaml"), tree)
    try:
        value = ledger.evaluation.evaluate(tree, Frame(formula))
    except Fault as fault:
        assert fault.problem.code not in ("type-clash", "not-a-table", "not-a-row"), fault.problem  # noqa: PT017
        return
    assert isinstance(value, (*HELD[kind], NotApplicable))
    assert not (isinstance(value, bool) and kind in ("number", "bytes"))
