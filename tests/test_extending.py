"""What a folder of YAML adds, without any Python: every kind of entry, a kind of its own, overrides and warnings."""

from __future__ import annotations

import itertools
import json
import re
from fractions import Fraction
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import vramledger
from vramledger import NotApplicable, evaluate

# A model small enough for arithmetic by hand: 2 layers, hidden 64, 4 heads and 2 for keys of 16, inner 128, 100 words.
SIZES: dict[str, Any] = {
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 100,
}
SMALL = {"architecture": "llama", **SIZES}
# q 64x64, k and v 32x64, o 64x64, gate and up 128x64, down 64x128: one layer's linear weights
LINEAR = 64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 128 * 64  # 36,864
SMALL_COUNT = 2 * (LINEAR + 2 * 64) + 2 * 100 * 64 + 64  # 86,848; two norms a layer, embedding, head, last norm
TENSORS = {"tensors": [{"name": "w", "shape": [256, 1024]}, {"name": "b", "shape": [1000]}]}  # 263,144 elements

BARE = ("activations are not counted", "the cache of keys and values is not counted")  # warnings of a bare inventory

OPTIMIZER = """
    optimizer: halfmoon
    says: A plain momentum, and a second moment that is factored where there are two dimensions.
    states:
      momentum: {}
      row:
        when: t.ndim >= 2
        elements: t.stack * t.rows
      column:
        when: t.ndim >= 2
        elements: t.stack * t.cols
      whole:
        when: t.ndim < 2
        bits: 8
"""
QUANTIZATION = """
    quantization: grouped
    says: Four bits a weight; a 16-bit scale and an 8-bit zero point a group of inputs.
    aliases: [grouped-int4]
    bits: 4
    group_size: 64
    parts:
      scale:
        elements: t.stack * t.rows * ceil_div(t.cols, group_size)
        bits: 16
      zero:
        elements: t.stack * t.rows * ceil_div(t.cols, group_size)
        bits: 8
"""
GPU = """
    hardware: small-card
    says: A card for the test.
    marketed: 1 GB
    usable: 900 MiB
"""
FP6 = """
    precision: fp6
    says: Six bits, computed in bf16.
    bits: 6
    compute: bf16
    gradients: fp32
"""
ARCHITECTURE = """
    architecture: sandwich
    says: Llama with a norm after the feed-forward block, and without the gate.
    model_types: [sandwich]
    extends: llama
    modules:
      - name: gate_proj
        remove: true
      - name: after_mlp_layernorm
        kind:
          text: norm
        out_features: hidden
        copies: layers
"""
MODEL = """
    model: sandwich-tiny
    says: A model by name.
    aliases: [someone/Sandwich-Tiny]
    config:
      model_type: sandwich
      num_hidden_layers: 2
      hidden_size: 64
      num_attention_heads: 4
      num_key_value_heads: 2
      intermediate_size: 128
      vocab_size: 100
"""
CONVENTION = """
    convention: leaflet
    says: A leaflet that counts gradients twice.
    document: A leaflet
    rules:
      gradients.bytes:
        says: As the leaflet has it.
        overrides: true
        unit: B
        when: task == "training"
        formula: 2 * trainable.count * 2 B
    warnings:
      twice:
        when: task == "training"
        says: "the leaflet counts gradients twice, {gradients.bytes} where {trainable.count * 2 B} are needed"
"""
KIND = """
    kind: probe
    says: Hooks that keep what linear modules give.
    fields:
      width:
        says: Bytes of one kept element.
        unit: B
        default: 2 B
      every:
        says: It keeps one token of so many.
        unit: tokens
        integer: true
        minimum: 1
        default: 1
    blocks:
      buffers:
        says: What is kept of a module m.
        table: buffers
        each: m in modules if m.kind == "linear" and m.layer
    ---
    probe: outputs
    says: The outputs of all linear modules.
    buffers:
      output:
        elements: m.out_features
    ---
    stage: probes
    order: 45
    says: Buffers of probes.
    tables:
      buffers:
        says: What probes keep.
        columns:
          elements:
            says: Elements for a token.
            unit: elements
      live:
        fill:
          probes:
            component:
              text: probes
            bytes: probe.bytes
      components:
        fill:
          probes:
            when: applies(probe.name)
            bytes: probe.bytes
    rules:
      buffers.bytes:
        says: Bytes for a token, of all copies.
        unit: B
        per: b in buffers
        formula: b.elements * b.m.copies * probe.width
      probe.bytes:
        says: What the probes hold.
        unit: B
        when: applies(probe.name)
        formula: sum(b.bytes for b in buffers) * ceil_div(tokens.batch, probe.every)
"""
FOLDER = {
    "optimizer": OPTIMIZER,
    "quantization": QUANTIZATION,
    "gpu": GPU,
    "fp6": FP6,
    "architecture": ARCHITECTURE,
    "model": MODEL,
    "convention": CONVENTION,
    "kind": KIND,
}


def folder(base: Path, *texts: str, names: tuple[str, ...] = ()) -> Path:
    """A folder with the texts, one a file."""
    base.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        name = names[number] if names else f"spec-{number}"
        (base / f"{name}.yaml").write_text(dedent(text).lstrip(), encoding="utf-8")
    return base


@pytest.fixture
def specs(tmp_path: Path) -> list[Path]:
    return [folder(tmp_path / "specs", *FOLDER.values(), names=tuple(FOLDER))]


def values(ledger: vramledger.Ledger, *names: str) -> list[Any]:
    return [ledger[name] for name in names]


# --- entries of the kinds that there are -------------------------------------------------------------

# what is added, the scenario that uses it, the quantities with the bytes worked out by hand
USES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "a factored optimizer",
        {"model": TENSORS, "precision": "fp32", "optimizer": "halfmoon"},
        # momentum 4 * (262,144 + 1,000); row 4 * 256; column 4 * 1024; the vector's whole 1 * 1,000
        {"optimizer.bytes": 4 * 263_144 + 4 * 256 + 4 * 1024 + 1000, "optimizer.host_bytes": 0},
    ),
    (
        "its state in another format",
        {"model": TENSORS, "precision": "bf16", "optimizer": {"name": "halfmoon", "state_precision": "fp32"}},
        # as above: momentum and factors take 4 bytes though the parameters take 2
        {"optimizer.bytes": 4 * 263_144 + 4 * 256 + 4 * 1024 + 1000, "gradients.bytes": 2 * 263_144},
    ),
    (
        "it steps on an adapter only",
        {"model": SMALL, "optimizer": "halfmoon", "adapter": {"name": "lora", "rank": 4, "targets": ["q_proj"]}},
        # lora_A 4x64, lora_B 64x4 in fp32, two layers: momentum 4 * 512, row 4 + 64, column 64 + 4, each 4 bytes
        {"trainable.count": 2 * 512, "optimizer.bytes": 2 * 4 * (512 + (4 + 64) + (64 + 4))},
    ),
    (
        "a quantization with group scales",
        {"model": SMALL, "task": "inference", "quantization": "grouped"},
        # a layer: 36,864 / 2 bytes; 576 groups (64+32+32+64+128+128 of 64 inputs, 64 of 128) of 3 bytes; norms 256
        # outside: embedding, head and norm in bf16
        {"parameters.bytes": 2 * (18_432 + 3 * 576 + 256) + 2 * (2 * 6400 + 64), "parameters.count": SMALL_COUNT},
    ),
    (
        "its group size from the scenario, its alias",
        {"model": SMALL, "task": "inference", "quantization": {"name": "grouped-int4", "group_size": 32}},
        # all inputs are a multiple of 32: 36,864 / 32 = 1,152 groups
        {"parameters.bytes": 2 * (18_432 + 3 * 1152 + 256) + 2 * (2 * 6400 + 64)},
    ),
    (
        "a GPU",
        {"model": TENSORS, "task": "inference", "hardware": "small-card", "overhead.bytes": "1 MiB"},
        # 526,288 bytes of parameters are reserved as 2 MiB at least, and 2 MiB are kept free
        {"hardware.usable": 900 * 2**20, "hardware.marketed": 10**9, "fits": True, "parameters.bytes": 526_288},
    ),
    (
        "a precision of six bits",
        {"model": TENSORS, "precision": "fp6", "optimizer": "sgd"},
        # 262,144 * 6 / 8 = 196,608; 1,000 * 6 / 8 = 750; gradients in fp32
        {"parameters.bytes": 196_608 + 750, "gradients.bytes": 4 * 263_144},
    ),
    (
        "whose last byte is not full",
        {"model": {"tensors": [{"name": "v", "shape": [1001]}]}, "precision": "fp6", "task": "inference"},
        {"parameters.bytes": 751},  # 6,006 bits are 750.75 bytes
    ),
    (
        "that keys and values are kept in",
        {"model": SMALL, "task": "inference", "serving": {"kv_precision": "fp6", "prompt": 10, "generated": 6}},
        # 2 * 2 heads * 16 * 6 bits = 48 bytes a token and layer; two layers, 16 tokens
        {"kv_cache.bytes_per_token": 96, "kv_cache.bytes": 96 * 16},
    ),
    (
        "an architecture, inline",
        {"model": {"architecture": "sandwich", **SIZES}},
        # without gate_proj's 8,192, with a third norm of 64, in each layer
        {"parameters.count": SMALL_COUNT + 2 * (64 - 8192), "parameters.bytes": 2 * (SMALL_COUNT - 2 * 8128)},
    ),
    (
        "a model by name",
        {"model": "sandwich-tiny", "optimizer": "halfmoon", "precision": "fp32"},
        # matrices: momentum and, a layer, rows 64+32+32+64+128+64 and columns 64*5+128; vectors: 1 byte an element more
        {
            "parameters.count": SMALL_COUNT - 16_256,
            "optimizer.bytes": 4 * (SMALL_COUNT - 16_256)
            + 4 * (2 * (384 + 448) + 2 * (100 + 64))
            + 1 * (2 * 3 * 64 + 64),
        },
    ),
    (
        "a model by its alias",
        {"model": "someone/Sandwich-Tiny", "task": "inference"},
        {"parameters.count": SMALL_COUNT - 16_256},
    ),
    (
        "a convention that overrides one rule",
        {"model": TENSORS, "convention": "leaflet"},
        # 2 * 2 bytes a parameter; the standard rules give the rest
        {"gradients.bytes": 4 * 263_144, "parameters.bytes": 2 * 263_144, "optimizer.bytes": 2 * 2 * 263_144},
    ),
    (
        "a kind of its own",
        {"model": SMALL, "task": "inference", "batch": {"size": 3, "sequence_length": 7}, "probe": "outputs"},
        # out_features of a layer 64+32+32+64+128+128+64 = 512; two layers, 2 bytes, 21 tokens
        {"probe.width": 2, "probe.every": 1, "probe.bytes": 2 * 512 * 2 * 21},
    ),
    (
        "its fields from the scenario",
        {
            "model": SMALL,
            "batch": {"size": 3, "sequence_length": 7},
            "probe": {"name": "outputs", "width": "4 B", "every": 4},
        },
        {"probe.bytes": 2 * 512 * 4 * 6},  # ceil(21 / 4) = 6
    ),
]


@pytest.mark.parametrize(("scenario", "expected"), [use[1:] for use in USES], ids=[use[0] for use in USES])
def test_an_entry_is_used(specs: list[Path], scenario: dict[str, Any], expected: dict[str, Any]) -> None:
    ledger = evaluate(scenario, specs=specs)
    assert {name: ledger[name] for name in expected} == expected
    assert [said for said in ledger.warnings if not said.startswith((*BARE, "the leaflet counts"))] == []


def test_an_optimizer_takes_ten_lines(tmp_path: Path) -> None:
    lines = dedent(OPTIMIZER).strip().splitlines()[:10]  # the name, what it says, a momentum, two factors
    ledger = evaluate({"model": TENSORS, "optimizer": "halfmoon"}, specs=[folder(tmp_path, "\n".join(lines) + "\n")])
    assert ledger["optimizer.bytes"] == 2 * 263_144 + 2 * (256 + 1024)


def test_a_gpu_that_is_too_small_does_not_fit(specs: list[Path]) -> None:
    scenario = {"model": {"parameters": 5e8}, "task": "inference", "hardware": "small-card"}
    assert evaluate(scenario, specs=specs).fits is False  # 1,000,000,000 bytes of weights, 943,718,400 usable
    headroom = evaluate({**scenario, "total.bytes": "943718401 B"}, specs=specs)["headroom.bytes"]
    assert headroom == -1


@pytest.mark.parametrize("where", ["folder", "file"])
def test_an_architecture_by_its_config(specs: list[Path], tmp_path: Path, where: str) -> None:
    config = tmp_path / "checkpoint" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"model_type": "sandwich", **SIZES, "tie_word_embeddings": True}), encoding="utf-8")
    given = config.parent if where == "folder" else config
    ledger = evaluate({"model": {"huggingface": str(given)}}, specs=specs)
    # the head shares the embedding's 6,400
    assert ledger["parameters.count"] == SMALL_COUNT - 16_256 - 6400
    assert ledger["model.architecture"] == "sandwich"
    relative = evaluate({"model": {"huggingface": "checkpoint"}}, specs=specs, base=tmp_path)
    assert relative["parameters.count"] == ledger["parameters.count"]


def test_what_identifies_the_parent_is_not_inherited(specs: list[Path], tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": "llama", **SIZES}), encoding="utf-8")
    assert evaluate({"model": {"huggingface": str(config)}}, specs=specs)["parameters.count"] == SMALL_COUNT


def test_a_removed_module_leaves_no_trace(specs: list[Path]) -> None:
    ledger = evaluate({"model": "sandwich-tiny", "adapter": {"name": "lora", "rank": 1}}, specs=specs)
    text = str(ledger.derivation("parameters.count"))
    assert "gate_proj" not in text
    assert "after_mlp_layernorm" in text
    # rank 1 on q, k, v, o, up, down: (64+64) + 2 * (64+32) + (64+64) + 2 * (64+128)
    assert ledger["trainable.count"] == 2 * 832


# --- conventions and warnings -----------------------------------------------------------------------


def test_a_convention_warns_with_its_figures(specs: list[Path]) -> None:
    scenario = {"model": {"parameters": 3e9}, "hardware": "h100-80gb"}
    ledger = evaluate(scenario, convention="leaflet", specs=specs)
    assert [said for said in ledger.warnings if not said.startswith(BARE)] == [
        "the leaflet counts gradients twice, 12 GB where 6 GB are needed"
    ]
    assert ledger.stamp["convention"] == "leaflet"
    assert evaluate({**scenario, "task": "inference"}, convention="leaflet", specs=specs)["gradients.bytes"] == (
        NotApplicable('task == "training" does not hold (task is "inference")')
    )
    plain = evaluate(scenario, specs=specs)
    assert plain["gradients.bytes"] == 6_000_000_000
    assert not any("leaflet" in said for said in plain.warnings)


def test_the_derivation_shows_what_the_convention_beat(specs: list[Path]) -> None:
    step = evaluate({"model": TENSORS, "convention": "leaflet"}, specs=specs).derivation("gradients.bytes").step
    assert step.why.startswith("the rule of convention leaflet")
    assert [beaten.split(" (")[0] for beaten in step.overrode] == ["stage grads"]
    assert step.place.split(":")[0].endswith("convention.yaml")


# --- a kind of its own -------------------------------------------------------------------------------


def test_a_kind_joins_the_peak_and_the_total(specs: list[Path]) -> None:
    scenario = {"model": SMALL, "batch": {"size": 3, "sequence_length": 7}, "overhead.bytes": "0 B"}
    without, with_probe = (evaluate({**scenario, **probe}, specs=specs) for probe in ({}, {"probe": "outputs"}))
    probes = 2 * 512 * 2 * 21
    assert with_probe.components["probes"] == probes
    assert "probes" not in without.components
    assert with_probe["allocated.bytes"] == without["allocated.bytes"] + probes
    ends = [part if isinstance(part, tuple) else (part, part) for part in with_probe.components.values()]
    assert tuple(map(sum, zip(*ends, strict=True))) == with_probe.total
    assert without["probe.bytes"].reason == "applies(probe.name) does not hold (probe.name is n/a)" or isinstance(
        without["probe.bytes"], NotApplicable
    )


def test_a_kind_checks_what_is_given(specs: list[Path]) -> None:
    for probe, code in [
        ("nothing-like-it", "unknown-entry"),
        ({"name": "outputs", "every": 0}, "out-of-bounds"),
        ({"name": "outputs", "width": "2 GB .. x"}, "type-clash"),
        ({"name": "outputs", "depth": 2}, "unknown-name"),
        ({"every": 2}, "no-name"),
    ]:
        with pytest.raises(vramledger.Problems) as caught:
            evaluate({"model": SMALL, "probe": probe}, specs=specs)
        assert [found.code for found in caught.value.problems] == [code], probe


def test_a_kind_extends_entries_by_row(specs: list[Path]) -> None:
    folder(
        specs[0] / "more",
        "probe: wide\nextends: outputs\nwidth: 8 B\nbuffers:\n  input:\n    elements: m.in_features\n",
    )
    # the parent's row and its own: outputs 512, inputs 6 * 64 + 128 = 512 a layer; one token of 8 bytes
    scenario = {"model": SMALL, "batch": {"size": 1, "sequence_length": 1}, "probe": "wide"}
    assert evaluate(scenario, specs=specs)["probe.bytes"] == 2 * (512 + 512) * 8


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("{second: {bytes: 3 B}}", 1 + 3),  # over the parent's of that name
        ("{third: {bytes: 4 B}}", 1 + 2 + 4),  # beside them
        ("{first: {remove: true}}", 2),
        ("{first: {remove: true}, second: {when: false}, third: {bytes: 5 B}}", 5),
    ],
)
def test_rows_that_an_entry_fills_a_table_with_are_inherited_by_name(rows: str, expected: int, tmp_path: Path) -> None:
    parent = """
    convention: note
    says: Two figures.
    tables:
      components:
        overrides: true
        fill:
          first:
            bytes: 1 B
          second:
            bytes: 2 B
    rules:
      total.bytes:
        overrides: true
        formula: sum(c.bytes for c in components)
    """
    child = f"convention: margin\nsays: x\nextends: note\ntables: {{components: {{fill: {rows}}}}}\n"
    specs = [folder(tmp_path, parent, child)]
    assert evaluate({"model": SMALL}, convention="margin", specs=specs)["total.bytes"] == expected
    child = child.replace("{fill:", "{overrides: true, fill:")
    specs = [folder(tmp_path / "anew", parent, child)]
    alone = sum(int(figure) for figure in re.findall(r"(\d) B", rows))
    assert evaluate({"model": SMALL}, convention="margin", specs=specs)["total.bytes"] == alone


# --- overrides ---------------------------------------------------------------------------------------

STAGE_OVER = """
    stage: ours
    says: What our cluster measured.
    rules:
      overhead.bytes:
        says: As measured.
        overrides: true
        formula: 500 MB
"""
ENTRY_OVER = """
    optimizer: adamw
    says: Ours keeps three states.
    overrides: true
    states:
      a: {}
      b: {}
      c: {}
"""


def test_a_rule_of_the_user_beats_the_standard_and_the_convention(tmp_path: Path) -> None:
    specs = [folder(tmp_path, STAGE_OVER)]
    for convention in ("standard", "rule-of-thumb", "ai-models-page"):
        ledger = evaluate({"model": TENSORS}, convention=convention, specs=specs)
        assert ledger["overhead.bytes"] == 500_000_000, convention
    step = evaluate({"model": TENSORS}, specs=specs).derivation("overhead.bytes").step
    assert step.why == "the rule of stage ours"
    assert [beaten.split(" (")[0] for beaten in step.overrode] == ["stage overhead"]


def test_a_rule_that_overrides_may_repeat_the_unit(tmp_path: Path) -> None:
    text = STAGE_OVER.replace("formula:", "unit: B\n        formula:")
    assert evaluate({"model": TENSORS}, specs=[folder(tmp_path, text)])["overhead.bytes"] == 500_000_000


def test_a_computed_column_is_overridden(tmp_path: Path) -> None:
    text = """
        stage: ours
        says: Our trainer keeps fp32 gradients of vectors.
        rules:
          tensors.gradient_bits:
            overrides: true
            per: t in tensors
            when: t.ndim == 1
            formula: 32
    """
    ledger = evaluate({"model": TENSORS}, specs=[folder(tmp_path, text)])
    assert ledger["gradients.bytes"] == 2 * 262_144 + 4 * 1000


def test_a_fact_beats_the_rule_of_the_user(tmp_path: Path) -> None:
    ledger = evaluate({"model": TENSORS, "overhead.bytes": "3 B"}, specs=[folder(tmp_path, STAGE_OVER)])
    assert ledger["overhead.bytes"] == 3
    origins = [beaten.split(" (")[0] for beaten in ledger.derivation("overhead.bytes").step.overrode]
    assert origins == ["stage ours", "stage overhead"]


def test_an_entry_that_overrides_is_announced(tmp_path: Path) -> None:
    ledger = evaluate({"model": TENSORS, "precision": "fp32"}, specs=[folder(tmp_path, ENTRY_OVER)])
    assert ledger["optimizer.bytes"] == 3 * 4 * 263_144
    (said,) = (said for said in ledger.warnings if not said.startswith(BARE))
    assert "optimizer adamw" in said
    assert "overrides" in said
    assert "spec-0.yaml" in said
    assert "specs/optimizers/adamw.yaml" in said


def test_a_rule_that_overrides_is_announced(tmp_path: Path) -> None:
    warnings = evaluate({"model": TENSORS}, specs=[folder(tmp_path, STAGE_OVER)]).warnings
    assert any("overhead.bytes" in said and "spec-0.yaml" in said for said in warnings), warnings


def test_rows_that_override_are_announced(tmp_path: Path) -> None:
    text = """
        stage: ours
        says: Nothing is held back.
        tables:
          components:
            overrides: true
            fill:
              parameters:
                bytes: parameters.bytes
    """
    ledger = evaluate({"model": TENSORS}, specs=[folder(tmp_path, text)])
    assert ledger.components == {"parameters": 2 * 263_144}
    assert any("components" in said and "spec-0.yaml" in said for said in ledger.warnings), ledger.warnings


SILENT = [
    ("a rule", STAGE_OVER.replace("overrides: true", "overrides: false"), "conflict"),
    ("an entry", ENTRY_OVER.replace("overrides: true", "overrides: false"), "declared-twice"),
    ("a kind", "kind: optimizer\nsays: Again.\n", "declared-twice"),
    ("nothing to override", STAGE_OVER.replace("overhead.bytes", "overheads.bytes"), "override-nothing"),
]


@pytest.mark.parametrize(("text", "code"), [case[1:] for case in SILENT], ids=[case[0] for case in SILENT])
def test_nothing_wins_silently(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(vramledger.Problems) as caught:
        evaluate({"model": TENSORS}, specs=[folder(tmp_path, text)])
    assert code in [found.code for found in caught.value.problems]
    assert "spec-0.yaml" in str(caught.value)


# --- order and names of files -------------------------------------------------------------------------


def answer(scenario: dict[str, Any], specs: list[Path]) -> str:
    ledger = evaluate(scenario, specs=specs)
    names = ("parameters.bytes", "gradients.bytes", "optimizer.bytes", "allocated.bytes", "total.bytes", "peak.moment")
    found = [str(ledger[name]) for name in names]
    return json.dumps([found, ledger.components, ledger.phases, ledger.warnings, ledger.stamp], sort_keys=True)


def test_the_order_of_files_changes_nothing(tmp_path: Path) -> None:
    texts = list(FOLDER.values())
    scenario = {
        "model": "sandwich-tiny",
        "optimizer": "halfmoon",
        "hardware": "small-card",
        "probe": "outputs",
        "convention": "leaflet",
    }
    orders = [texts, texts[::-1], texts[3:] + texts[:3], sorted(texts, key=len)]
    names = ("zz", "b/deep/c", "kinds", "0", "a b", "ä", "stages/total", "optimizers/adamw")
    answers = set()
    for number, order in enumerate(orders):
        base = tmp_path / str(number)
        for name in names:
            (base / name).parent.mkdir(parents=True, exist_ok=True)
        answers.add(answer(scenario, [folder(base, *order, names=names)]))
    # one file with all documents, and one folder a text
    answers.add(answer(scenario, [folder(tmp_path / f"one-{n}", text) for n, text in enumerate(texts)]))
    assert len(answers) == 1
    joined = folder(tmp_path / "joined", "\n---\n".join(dedent(text).strip() for text in texts) + "\n")
    parts = [json.loads(found) for found in (answer(scenario, [joined]), answers.pop())]
    for part in parts:
        part[-1].pop("rules")  # a hash of files: these are others
    assert parts[0] == parts[1]


def test_two_rows_of_components_keep_an_order_of_their_own(tmp_path: Path) -> None:
    text = """
        stage: NAME
        says: One more share.
        tables:
          components:
            fill:
              NAME:
                bytes: 1 B
    """
    texts = [text.replace("NAME", name) for name in ("first", "second")]
    found = [
        list(evaluate({"model": TENSORS}, specs=[folder(tmp_path / str(n), *order)]).components)
        for n, order in enumerate(itertools.permutations(texts))
    ]
    assert found[0] == found[1]


def test_two_entries_that_override_one_are_a_conflict_or_differ_by_their_stamp(tmp_path: Path) -> None:
    """Which of them wins may not hang on the order of folders while the stamp says that the rules are the same."""
    one, other = ENTRY_OVER, ENTRY_OVER.replace("      c: {}\n", "")
    folders = [folder(tmp_path / "one", one), folder(tmp_path / "other", other)]
    found = []
    for order in (folders, folders[::-1]):
        try:
            ledger = evaluate({"model": TENSORS, "precision": "fp32"}, specs=order)
        except vramledger.Problems as problems:
            found.append(("problem", problems.problems[0].code))
        else:
            found.append((ledger["optimizer.bytes"], ledger.stamp["rules"]))
    assert found[0] == found[1] or found[0][1] != found[1][1]


def test_every_fault_of_a_folder_is_reported_at_once(tmp_path: Path) -> None:
    bad = [
        "optimizer: broken\nstates:\n  m:\n    elements: t.elementz\n",
        "quantization: broken\nbits: 4 B\n",
        "hardware: broken\nmarketed: 80\nusable: 80 GB\n",
        "precisoin: broken\nbits: 4\n",
        "architecture: broken\nextends: lama\n",
        "stage: broken\nsays: x\nrules:\n  a.b:\n    formula: batch.size + 1 B\n",
    ]
    with pytest.raises(vramledger.Problems) as caught:
        evaluate({"model": TENSORS}, specs=[folder(tmp_path, *bad)])
    text = str(caught.value)
    missing = [number for number in range(len(bad)) if f"spec-{number}.yaml:" not in text]
    assert missing == [], text


RUNTIME = [
    "length(config.number)",
    "1 if config.text else 2",
    "1 if config.list else 2",
    "1 if config.number else 2",
    "config.text + 1",
    "config.list * 2",
    "-config.text",
    "sum(x for x in config.number)",
    "sum(x for x in config.text)",
    "sum(x.y for x in config.list)",
    "max(config.list, 3)",
    "ceil(config.record)",
    "config.list[0] + config.record",
    "first(x for x in config.list if x)",
    "count(x for x in config.list if not x)",
    "1 if config.list and config.text else 2",
    "1 if config.list < 3 else 2",
    "1 / (config.number - 64)",
    "config.number ** config.number ** config.number",
    "sqrt(0 - config.number)",
    "precisions[config.text].bits",
    "precisions[config.number].bits",
]


@pytest.mark.parametrize("formula", RUNTIME)
def test_a_formula_over_a_field_of_the_wrong_type_is_a_problem(tmp_path: Path, formula: str) -> None:
    """What config.json holds is known only when it is read; a formula that cannot take it says where and what."""
    text = f"stage: ours\nrules:\n  our.value:\n    formula: |\n      {formula}\n"
    model = {**SMALL, "number": 64, "text": "many", "list": [1, 2, 3], "record": {"a": 1}}
    specs = [folder(tmp_path, text)]
    with pytest.raises(vramledger.Problems) as caught:
        evaluate({"model": model}, specs=specs)["our.value"]
    assert "spec-0.yaml:5:" in str(caught.value)


def test_an_inherited_row_that_says_nothing_can_be_removed(tmp_path: Path) -> None:
    text = """
optimizer: base
states:
  first:
  second:
assumed: true
reason: A test.
---
optimizer: less
extends: base
states:
  second: {remove: true}
assumed: true
reason: A test.
"""
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    scenario = {"model": {"tensors": [{"name": "w", "shape": [10, 10]}]}, "precision": "fp32"}
    base, less = (evaluate({**scenario, "optimizer": name}, specs=[tmp_path]) for name in ("base", "less"))
    assert (base["optimizer.bytes"], less["optimizer.bytes"]) == (2 * 400, 400)


# --- records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ours": {"a": 4}}, 4),
        ({"ours.a": 4}, 4),
        ({"ours": {"a": 4, "b": 2.5}}, Fraction(13, 2)),
        ({"ours": {"a": 5}}, 5),
        ({}, 7),
    ],
)
def test_a_record_of_ones_own_is_given_whole_or_by_field(given: dict[str, Any], expected: Any, tmp_path: Path) -> None:
    text = """
        stage: mine
        says: What is read from a record.
        facts:
          ours:
            says: A record.
            type: record
            optional: true
        rules:
          mine.count:
            says: It is counted.
            formula: value(ours.a, 7) + value(ours.b, 0)
    """
    specs = [folder(tmp_path, text)]
    for _ in range(3):  # interpreted, then compiled
        assert evaluate({"model": TENSORS, **given}, specs=specs)["mine.count"] == expected


def test_a_default_of_a_column_reads_a_computed_column(tmp_path: Path) -> None:
    text = """
        stage: mine
        says: Cages in a row.
        tables:
          cages:
            says: Cages.
            columns:
              size:
                says: How large.
                default: 2
              other:
                says: One more than twice that.
                default: twice + 1
            fill:
              a: {}
        rules:
          cages.twice:
            says: Twice the size.
            per: c in cages
            formula: c.size * 2
          mine.count:
            says: All of it.
            formula: sum(c.other for c in cages)
    """
    ledger = evaluate({"model": TENSORS}, specs=[folder(tmp_path, text)])
    assert ledger["mine.count"] == 5
    assert "a.twice = 4" in str(ledger.derivation("mine.count"))
