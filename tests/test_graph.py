"""The graph of the rules: exact on rules of our own, true to what evaluations read, and drawn so that it parses."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pydot
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from faults import stable
from test_cli import environment
from vramledger.evaluation.missing import missing
from vramledger.evaluation.touched import answer, evaluated, touched
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Place, Problems
from vramledger.reports import graph as drawings
from vramledger.rules.network import (
    CHOSEN,
    KINDS,
    OF_TABLE,
    READ,
    Link,
    Node,
    chains,
    find,
    folded,
    kept,
    made_of,
    reached,
)
from vramledger.rules.open import open_rules, opened
from vramledger.rules.weave import network

ROOT = Path(__file__).parent.parent
SCENARIOS = ROOT / "specs" / "scenarios"

pytestmark = pytest.mark.filterwarnings("ignore:'setParseAction' deprecated")  # within pydot

# A stage, a kind with a catalog, an entry with a row and a rule: each way in which a name can be meant, once.
STAGE = """
    stage: cooling
    order: 900
    says: How a machine is cooled.
    facts:
      rooms:
        says: Rooms with a machine.
        unit: rooms
      draft:
        says: Whether a window is open.
        type: boolean
        default: rooms > 4
    tables:
      shelves:
        says: What stands in a room.
        columns:
          load:
            says: What one shelf gives off.
            unit: watts
            default: 10 * count
          count:
            says: Shelves of this kind.
            unit: shelves
            default: 1
        fill:
          low:
            count: rooms
          high:
            when: draft
            load: 7
      pipes:
        says: What carries the heat away.
        columns:
          width:
            says: How wide one is.
            unit: mm
          spare:
            says: Whether it stands by.
            type: boolean
            default: false
    rules:
      pipes.flow:
        says: What flows through one pipe.
        unit: watts
        per: p in pipes
        formula: p.width * p.s.load
      heat.total:
        says: What all shelves give off.
        unit: watts
        when: cooler.name != "pump"
        formula: sum(s.load * s.count for s in shelves)
      heat.left:
        says: What no pipe carries away.
        unit: watts
        cases:
          - when: draft and cooler.name == "fan"
            formula: 0
          - when: rooms > 100
            formula: heat.total
        otherwise: heat.total - sum(p.flow for p in pipes if not p.spare)
      heat.best:
        says: What the best cooler could do.
        unit: watts
        formula: coolers["fan"].power + max(c.power for c in coolers)
"""
KIND = """
    kind: cooler
    says: A cooler.
    catalog: coolers
    default: fan
    when: {fact: draft, is: "rooms > 4"}
    fields:
      power:
        says: What it moves.
        unit: watts
      blades:
        says: Its blades.
        unit: blades
        default: power // 2
    blocks:
      pipes:
        says: Its pipes.
        table: pipes
        each: s in shelves if s.load > 0
"""
ENTRIES = """
    cooler: fan
    says: A fan.
    power: 4
    pipes:
      out:
        width: blades + s.count
    ---
    cooler: pump
    says: A pump.
    power: 2 * rooms
    rules:
      heat.total:
        says: The pump adds its own.
        unit: watts
        when: cooler.name == "pump"
        formula: power + rooms
"""
# what needs it: what is needed
EDGES = {
    "draft": "rooms",
    "shelves": "draft",
    "shelves[count]": "rooms shelves",
    "shelves[load]": "shelves shelves[count]",
    "cooler.name": "draft",
    "cooler.power": "cooler.name rooms",
    "cooler.blades": "cooler.name cooler.power",
    "coolers": "",
    "coolers[power]": "coolers rooms",
    "coolers[blades]": "coolers coolers[power]",
    "pipes": "cooler.name shelves shelves[load]",
    "pipes[width]": "cooler.blades pipes shelves[count]",
    "pipes[spare]": "pipes",
    "pipes[flow]": "pipes pipes[width] shelves[load]",
    "heat.total": "cooler.name cooler.power rooms shelves shelves[count] shelves[load]",
    "heat.left": "cooler.name draft heat.total pipes pipes[flow] pipes[spare] rooms",
    "heat.best": "coolers coolers[power]",
    "rooms": "",
}
DECLARED = {  # the same without entries
    **EDGES,
    "cooler.power": "cooler.name",
    "coolers[power]": "coolers",
    "pipes[width]": "pipes",
    "heat.total": "cooler.name shelves shelves[count] shelves[load]",
}


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "120")
        patch.setenv("NO_COLOR", "1")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("cooling")
    for name, text in (("stage", STAGE), ("kind", KIND), ("entries", ENTRIES)):
        (found / f"{name}.yaml").write_text(dedent(text).lstrip(), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def rules():
    return opened()


@pytest.fixture(scope="module")
def whole(rules):
    return network(rules)


@pytest.fixture(scope="module")
def own(folder):
    return open_rules([folder])


@pytest.fixture(scope="module")
def woven(own):
    return network(own)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A path on which nothing is found but what a test puts there."""
    place = tmp_path / "programs"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))

    def put(name, script):
        path = place / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return put


def needs_of(found, names):
    """What each node needs, in words."""
    edges = {name: [] for name in names}
    for needed, needing in found.edges:
        if needing in edges:
            edges[needing].append(needed)
    return {name: " ".join(sorted(needed)) for name, needed in edges.items()}


def small(found):
    return kept(found, EDGES)


# --- nodes and edges --------------------------------------------------------------------------------------


def test_the_edges_of_rules_of_our_own(own, woven):
    assert needs_of(woven, EDGES) == EDGES
    assert needs_of(network(own, ()), DECLARED) == DECLARED


def test_the_nodes_of_rules_of_our_own(woven):
    nodes = {name: (node.kind, node.group, node.measure) for name, node in small(woven).nodes.items()}
    assert list(nodes.items()) == [
        ("draft", ("fact", "facts", "true or false")),
        ("rooms", ("fact", "facts", "rooms")),
        ("cooler.name", ("choice", "kind cooler", "cooler")),
        ("cooler.blades", ("field", "kind cooler", "blades")),
        ("cooler.power", ("field", "kind cooler", "watts")),
        ("coolers", ("table", "kind cooler", "table")),
        ("coolers[blades]", ("column", "kind cooler", "blades")),
        ("coolers[power]", ("column", "kind cooler", "watts")),
        ("heat.best", ("quantity", "stage cooling", "watts")),
        ("heat.left", ("quantity", "stage cooling", "watts")),
        ("heat.total", ("quantity", "stage cooling", "watts")),
        ("pipes", ("table", "stage cooling", "table")),
        ("shelves", ("table", "stage cooling", "table")),
        ("pipes[flow]", ("column", "stage cooling", "watts")),
        ("pipes[spare]", ("column", "stage cooling", "true or false")),
        ("pipes[width]", ("column", "stage cooling", "mm")),
        ("shelves[count]", ("column", "stage cooling", "shelves")),
        ("shelves[load]", ("column", "stage cooling", "watts")),
    ]


def test_columns_fold_into_their_tables(woven):
    assert needs_of(folded(small(woven), woven), ("shelves", "pipes", "coolers", "heat.left")) == {
        "shelves": "draft rooms",
        "pipes": "cooler.blades cooler.name shelves",
        "coolers": "rooms",
        "heat.left": "cooler.name draft heat.total pipes rooms",
    }


def test_a_column_folds_into_a_table_that_was_not_cut_out(woven):
    around = kept(woven, reached(woven, "cooler.blades", up=False))
    assert "pipes" not in around.nodes
    assert ("cooler.blades", "pipes") in folded(around, woven).edges


def test_what_is_upstream_and_downstream(woven):
    assert reached(woven, "pipes[flow]", up=True, depth=1) == {
        "pipes[flow]": 0,
        "pipes": 1,
        "pipes[width]": 1,
        "shelves[load]": 1,
    }
    assert {name for name in reached(woven, "cooler.blades", up=False) if name in EDGES} == {
        "cooler.blades",
        "pipes[width]",
        "pipes[flow]",
        "heat.left",
    }


def test_the_stages_stand_in_their_order(rules, whole):
    groups = list(dict.fromkeys(node.group for node in whole.nodes.values()))
    stages = [group.removeprefix("stage ") for group in groups if group.startswith("stage ")]
    assert groups[0] == "facts"
    assert stages == [name for name in rules.stages if name != "launchers"]  # which only warns
    assert {"convention entries", "optimizer entries"} <= set(groups)


# optimizer.bytes needs, by hand: its test reads task; states are rows of trainable tensors, whose bits the precision
# tells, and the optimizer chooses how many states there are; the stage of a pipeline that is told is the fullest, which
# hangs on the batch, and on no device
@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        (
            "optimizer.bytes",
            "task tensors tensors[trainable] states optimizer.name precision.name precisions adapter.name model.hidden",
            "kv_cache.bytes activations.bytes hardware.name total.bytes",
        ),
        ("tokens.batch", "batch.size batch.sequence_length parallel.context", "task optimizer.name"),
        ("kv_cache.bytes", "serving.sequences serving.kv_precision attentions model.kv_heads task", "optimizer.name"),
        ("total.bytes", "batch.size optimizer.bytes activations.bytes kv_cache.bytes model.parameters", "fits"),
        ("model.kv_heads", "model.heads config.num_key_value_heads model.name model.huggingface", "task"),
    ],
)
def test_what_bundled_quantities_need(name, inside, outside, whole):
    upstream = reached(whole, name, up=True)
    assert [one for one in inside.split() if one not in upstream] == []
    assert [one for one in outside.split() if one in upstream] == []
    assert [one for one in outside.split() if one not in whole.nodes] == [], "or the check above says nothing"


def test_every_link_of_a_formula_stands_where_its_name_does(whole):
    texts = {}
    unnamed = (CHOSEN, OF_TABLE, READ)
    checked = 0
    for (needed, needing), links in whole.edges.items():
        assert links, (needed, needing)
        for link in links:
            path = ROOT / link.place.path
            lines = texts.setdefault(path, path.read_text(encoding="utf-8").splitlines())
            line = lines[link.place.line - 1][link.place.column - 1 :]
            if link.why in unnamed:
                assert link.text == "", link
                continue
            named = re.match(r"[\w.]+(\[[^]]*\][\w.]+)?", line)
            word = needed.removesuffix("]").rpartition("[")[2].rpartition(".")[2]
            assert named is not None, link
            assert word in re.split(r"\W+", line[: max(named.end(), link.place.length)]), link
            checked += 1
    assert checked > 900


# --- true to what is evaluated ------------------------------------------------------------------------------


def scenario(rules, given):
    return read_scenario(rules, read_raw(given))


def assert_complete(rules, whole, given, names):
    """All that the evaluation of a quantity reads is upstream of it, by edges that the whole graph has."""
    read = scenario(rules, given)
    for name in names:
        ev = evaluated(read.program, read.facts, [name] if name == "total.bytes" else [], [name])
        found = touched(ev, [name])
        upstream = reached(whole, name, up=True)
        assert [node for node in found.nodes if node not in upstream] == [], name
        assert [edge for edge in found.edges if edge not in whole.edges] == [], name
        if name in ev.values:  # otherwise a fault ended it on the way
            assert set(found.nodes) == set(reached(found, name, up=True)), name


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_bundled_scenarios_read_is_upstream(path, rules, whole):
    read = scenario(rules, path)
    names = [name for name in answer(read.program) if name in whole.nodes]
    assert "total.bytes" in names
    assert_complete(rules, whole, path, names)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_any_scenario_reads_is_upstream(rules, whole, data):
    def pick(kind):
        return st.sampled_from(rules.names(kind))

    drawn = data.draw(
        st.fixed_dictionaries(
            {"model": pick("model")},
            optional={
                "task": st.sampled_from(["training", "inference"]),
                "precision": pick("precision"),
                "optimizer": pick("optimizer"),
                "adapter": pick("adapter"),
                "quantization": pick("quantization"),
                "hardware": pick("hardware"),
                "convention": pick("convention"),
                "checkpointing": st.sampled_from(["none", "full"]),
                "attention": st.sampled_from(["sdpa", "eager", "cpu"]),
                "batch.size": st.integers(1, 4),
            },
        )
    )
    try:
        assert_complete(rules, whole, drawn, ["total.bytes", "fits"])
    except Problems:
        assume(False)


def test_what_is_not_read_is_not_there(rules):
    read = scenario(rules, {"model": "llama-3-8b", "optimizer": "sgd"})
    found = touched(evaluated(read.program, read.facts, ["total.bytes"]))
    assert "total.bytes" in found.nodes
    assert not {"kv_cache.bytes_per_token", "serving.prompt", "capacity.bytes", "weights.bytes"} & set(found.nodes)
    fact = scenario(rules, {"model": "llama-3-8b", "optimizer.bytes": "4 GB"})
    alone = touched(evaluated(fact.program, fact.facts, ["optimizer.bytes"]))
    assert (list(alone.nodes), alone.edges) == (["optimizer.bytes"], {})


def test_of_a_rule_only_the_cases_up_to_the_one_that_held(own):
    def read(**facts):
        given = scenario(own, facts)
        return needs_of(touched(evaluated(given.program, given.facts, ["heat.left"])), ["heat.left"])["heat.left"]

    assert read(rooms=5, cooler="fan") == "cooler.name draft"
    assert read(rooms=2, cooler="fan") == "cooler.name draft heat.total pipes pipes[flow] pipes[spare] rooms"


# --- drawings -----------------------------------------------------------------------------------------------


def of_pydot(text):
    """Nodes and edges of a drawing, as another reader of the language finds them; slowly, 5 ms a line."""
    (found,) = pydot.graph_from_dot_data(text)
    nodes = {json.loads(node.get_name()) for box in found.get_subgraphs() for node in box.get_nodes()}
    edges = {(json.loads(edge.get_source()), json.loads(edge.get_destination())) for edge in found.get_edges()}
    return nodes, edges


_WORD = r"n_[A-Za-z0-9_]*"
_LABEL = r'"[^"<>&`]*(?:<(?:b|/b|br/)>[^"<>&`]*)*"'
_NODE = re.compile(
    rf"    ({_WORD})(?:\(\[{_LABEL}\]\)|\[\({_LABEL}\)\]|\[/{_LABEL}[\\/]\]|{{{{{_LABEL}}}}}|\[{_LABEL}\]):::\w+"
)
_EDGE = re.compile(rf"  ({_WORD}) (?:-->|-\.->) ({_WORD})")
_DOT_TEXT = r'"((?:[^"\\]|\\.)*)"'
_DOT_NODE = re.compile(rf"    {_DOT_TEXT} \[label={_DOT_TEXT} tooltip={_DOT_TEXT} shape=\w+ fillcolor={_DOT_TEXT}.*\]")
_DOT_EDGE = re.compile(rf"  {_DOT_TEXT} -> {_DOT_TEXT} \[tooltip={_DOT_TEXT}(?: style=dashed)?\]")
_DOT_OTHER = (
    re.compile(r"digraph rules {"),
    re.compile(rf"  (?:graph|node|edge) \[(?: ?\w+=(?:[\w.]+|{_DOT_TEXT}))+\]"),
    re.compile(r"  subgraph cluster_\d+ {"),
    re.compile(rf'    label={_DOT_TEXT} style="rounded" color={_DOT_TEXT}'),
    re.compile(r"(?:  )?}"),
)
_OTHER = (
    re.compile(r"flowchart LR"),
    re.compile(rf"  subgraph group\d+\[{_LABEL}\]"),
    re.compile(r"  end"),
    re.compile(r"  classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}"),
    re.compile(rf"  style {_WORD} stroke-width:3px"),
)


def of_dot(text):
    """Nodes and edges of a drawing; every line is one of those that we know to be DOT."""
    nodes, edges = [], []
    for line in text.splitlines():
        node, edge = _DOT_NODE.fullmatch(line), _DOT_EDGE.fullmatch(line)
        if node:
            nodes.append(json.loads(f'"{node[1]}"'))
        elif edge:
            edges.append((json.loads(f'"{edge[1]}"'), json.loads(f'"{edge[2]}"')))
        else:
            assert any(other.fullmatch(line) for other in _DOT_OTHER), line
    assert len(set(nodes)) == len(nodes)
    assert len(set(edges)) == len(edges)
    return set(nodes), set(edges)


def of_mermaid(text):
    """The ids of a drawing's nodes, and its edges; every line is one of those that we know to be Mermaid."""
    nodes, edges = [], set()
    for line in text.splitlines():
        node, edge = _NODE.fullmatch(line), _EDGE.fullmatch(line)
        if node:
            nodes.append(node[1])
        elif edge:
            edges.add((edge[1], edge[2]))
        else:
            assert any(other.fullmatch(line) for other in _OTHER), line
    assert len(set(nodes)) == len(nodes)
    assert {end for edge in edges for end in edge} <= set(nodes)
    return nodes, edges


@pytest.mark.parametrize("columns", [True, False])
def test_the_bundled_rules_are_drawn_whole(columns, rules, whole):
    for found in (whole, network(rules, ())):
        shown = found if columns else folded(found, found)
        assert of_dot(drawings.dot(shown)) == (set(shown.nodes), set(shown.edges))
        nodes, edges = of_mermaid(drawings.mermaid(shown))
        assert (len(nodes), len(edges)) == (len(shown.nodes), len(shown.edges))


def test_another_reader_finds_the_same(rules):
    found = network(rules, ())
    text = drawings.dot(folded(found, found))
    assert of_pydot(text) == of_dot(text)


def test_a_graph_that_is_too_large_for_viewers_of_mermaid_is_told(rules):
    found = network(rules, ())
    shown = folded(found, found)
    assert drawings.too_large(drawings.mermaid(shown), shown).endswith("draw 500 unless they are told otherwise")


ODD = ['a"b', "end", "graph", "x[y]", "back\\slash", "tick`s", "%% no", "a --> b", "ünï π", "<b>", "a&amp;b", "#35;"]
ODD += ["{}", "|p|", "a.b", "a_b", "a b", '"', "\\", "trail\\", ";", "click x", "*em*", "subgraph", "\x1b", "o", "-"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(ODD) | st.text(max_size=6), min_size=1, max_size=12, unique=True))
def test_any_name_can_be_drawn(names):
    place = Place('odd "name".yaml', 1, 1)
    nodes = [Node(n, kind, f"of {n}", n * 2, "", n, place) for n, kind in zip(names, KINDS * 3, strict=False)]
    links = [Link(one, other, "value", one, place, other) for one, other in pairwise(names)]
    found = made_of(nodes, links, {})
    ids, edges = of_mermaid(drawings.mermaid(found, names[0], {names[-1]: '1 "GB"'}))
    assert (len(ids), len(edges)) == (len(found.nodes), len(found.edges))
    text = drawings.dot(found, names[0])
    drawn = [_DOT_NODE.fullmatch(line) for line in text.splitlines() if "fillcolor" in line]
    written = [re.sub(r"\\(.)", lambda sign: "\n" if sign[1] == "n" else sign[1], node[1]) for node in drawn]
    shown = ["".join(sign if sign.isprintable() or sign == "\n" else " " for sign in name) for name in found.nodes]
    assert written == [name.replace("&", "&amp;") for name in shown]
    assert len(text.splitlines()) == 5 + 4 * len(names) + len(found.edges)
    if not any(sign in name for name in names for sign in "\\\n") and all(map(str.isprintable, names)):
        boxes = pydot.graph_from_dot_data(text)[0].get_subgraphs()
        found_names = [box.get_nodes()[0].get_name()[1:-1].replace('\\"', '"') for box in boxes]
        assert found_names == [name.replace("&", "&amp;") for name in found.nodes]


def test_dot_of_rules_of_our_own(own, woven, snapshot):
    found = small(woven)
    assert stable(drawings.dot(folded(found, found), "heat.left"), *paths(own)) == snapshot(name="folded")
    cut = kept(found, reached(found, "pipes[flow]", up=True, depth=1))
    assert stable(drawings.dot(cut), *paths(own)) == snapshot(name="columns")


def test_mermaid_of_rules_of_our_own(woven, snapshot):
    found = small(woven)
    assert drawings.mermaid(folded(found, found), "heat.left") == snapshot(name="folded")
    cut = kept(found, reached(found, "pipes[flow]", up=True, depth=1))
    assert drawings.mermaid(cut, values={"shelves[load]": "10 watts"}) == snapshot(name="columns")


def paths(ruleset):
    return sorted({str(Path(document.path).parent) for document in ruleset.documents() if document.user})


def test_json_of_rules_of_our_own(woven):
    data = drawings.to_dict(small(woven), {"rooms": "5 rooms"})
    (rooms,) = [node for node in data["nodes"] if node["name"] == "rooms"]
    assert {key: rooms[key] for key in ("kind", "group", "unit", "says", "value")} == {
        "kind": "fact",
        "group": "facts",
        "unit": "rooms",
        "says": "Rooms with a machine.",
        "value": "5 rooms",
    }
    assert {(edge["from"], edge["to"]) for edge in data["edges"]} == set(small(woven).edges)
    (reasons,) = [edge["reasons"] for edge in data["edges"] if (edge["from"], edge["to"]) == ("draft", "heat.left")]
    assert [(reason["why"], reason["text"]) for reason in reasons] == [("when", 'draft and cooler.name == "fan"')]
    place = reasons[0]["place"]
    line = Path(place["path"]).read_text(encoding="utf-8").splitlines()[place["line"] - 1]
    assert line[place["column"] - 1 :].startswith("draft and")


@pytest.mark.thorough
def test_the_same_bytes_whatever_the_hash_seed(folder):
    start = [sys.executable, "-m", "vramledger"]
    for arguments in (
        ("graph", "--format", "dot"),
        ("graph", "heat.left", "--columns"),
        ("path", "rooms", "heat.left"),
    ):
        seen = {
            subprocess.run(
                [*start, *arguments, "--specs", folder], env=environment(seed), capture_output=True, check=True
            ).stdout
            for seed in ("0", "1", "4242")
        }
        assert len(seen) == 1


# --- the command graph --------------------------------------------------------------------------------------


def test_graph_is_mermaid_unless_asked(run):
    code, out, err = run("graph", "optimizer.bytes", "--depth", "2")
    assert (code, err) == (0, "")
    nodes, edges = of_mermaid(out)
    assert "n_optimizer_bytes" in nodes
    assert ("n_states", "n_optimizer_bytes") in edges


def graph_of(run, *arguments):
    code, out, err = run("graph", *arguments, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    return {node["name"]: node for node in data["nodes"]}, {(edge["from"], edge["to"]) for edge in data["edges"]}


def test_graph_up_down_and_depth(run, folder):
    mine = ("--specs", folder)
    assert set(graph_of(run, "heat.left", "--depth", "1", *mine)[0]) == {
        "heat.left",
        "draft",
        "rooms",
        "heat.total",
        "cooler.name",
        "pipes",
    }
    assert graph_of(run, "draft", "--depth", "0", *mine) == (
        {**graph_of(run, "draft", "--depth", "0", *mine)[0]},
        set(),
    )
    assert set(graph_of(run, "heat.total", "--down", *mine)[0]) == {"heat.total", "heat.left"}
    both = graph_of(run, "draft", "--up", "--down", "--depth", "1", *mine)[0]
    assert set(both) == {"rooms", "draft", "shelves", "cooler.name", "heat.left"}
    assert "shelves[load]" in graph_of(run, "heat.total", "--columns", *mine)[0]
    assert "shelves[load]" not in graph_of(run, "heat.total", *mine)[0]
    assert set(graph_of(run, "shelves.load", "--depth", "1", *mine)[0]) == {
        "shelves[load]",
        "shelves",
        "shelves[count]",
    }


def test_graph_of_a_quantity_that_only_entries_give(run):
    assert ("activations.elements", "activations.bytes") in graph_of(run, "activations.elements", "--down")[1]


def test_graph_for_a_scenario(run, folder):
    mine = ("--specs", folder, "--set", "rooms=5")
    nodes, edges = graph_of(run, "heat.left", *mine)
    assert {name: node["value"] for name, node in nodes.items()} == {
        "rooms": "5 rooms",
        "draft": "true",
        "cooler.name": "fan",
        "heat.left": "0 watts",
    }
    assert ("rooms", "draft") in edges
    whole = graph_of(run, "--for", "llama-3-8b")[0]
    assert whole["optimizer.bytes"]["value"] == "32.121 GB"
    assert {"total.bytes", "components", "phases"} <= set(whole)
    assert graph_of(run, "tokens.batch", "--for", "llama-3-8b", "--down", "--depth", "1")[0]["saved"]
    with_pump = graph_of(run, "heat.total", "--cooler", "pump", *mine)
    assert (with_pump[0]["heat.total"]["value"], ("cooler.power", "heat.total") in with_pump[1]) == ("15 watts", True)


def test_graph_written_to_a_file(run, tmp_path):
    for name, begins in (
        ("a.dot", "digraph"),
        ("a.gv", "digraph"),
        ("a.mmd", "flowchart"),
        ("a.json", "{"),
        ("a", "flow"),
    ):
        code, out, err = run("graph", "parallel.shards", "-o", tmp_path / name)
        assert (code, out) == (0, "")
        assert re.fullmatch(rf"7 nodes and 7 edges as \w+, written to {re.escape(str(tmp_path / name))}\n", err)
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    run("graph", "parallel.shards", "-o", tmp_path / "a.mmd", "--format", "dot")
    assert (tmp_path / "a.mmd").read_text(encoding="utf-8").startswith("digraph")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.dot", "a.gv", "a.json", "a.mmd"]


def test_svg_is_what_graphviz_makes_of_it(run, programs, tmp_path):
    programs("dot", 'test "$1" = -Tsvg && read first rest && echo "<svg>$first</svg>"')
    code, out, err = run("graph", "tokens.batch", "--format", "svg")
    assert (code, out, err) == (0, "<svg>digraph</svg>\n", "")
    assert run("graph", "-o", tmp_path / "a.SVG")[0] == 0
    assert (tmp_path / "a.SVG").read_text(encoding="utf-8") == "<svg>digraph</svg>\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("", "is not found"),
        ("echo no >&2; exit 1", "failed: no"),
        ("while :; do :; done", "drew nothing in 0.2 seconds"),
    ],
)
def test_svg_without_a_graphviz_that_works(script, said, run, programs, tmp_path, monkeypatch):
    monkeypatch.setattr(drawings, "_SECONDS", 0.2)
    if script:
        programs("dot", script)
    target = tmp_path / "a.svg"
    target.write_text("before", encoding="utf-8")
    code, out, err = run("graph", "-o", target)
    assert (code, out, "no-graphviz" in err, said in err) == (2, "", True, True)
    assert target.read_text(encoding="utf-8") == "before"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_svg_by_graphviz_itself(run):
    names = [name for name in ODD if name.isprintable() and not name.startswith("%")]
    place = Place("odd.yaml", 1, 1)
    found = made_of([Node(name, "fact", "odd", name, "", "", place) for name in names], [], {})
    for text in (
        drawings.dot(found),
        run("graph", "--format", "dot")[1],
        run("graph", "--columns", "--format", "dot")[1],
    ):
        drawn = ET.fromstring(drawings.svg(text))
        boxes = [part for part in drawn.iter("{http://www.w3.org/2000/svg}g") if part.get("class") == "node"]
        assert len(boxes) == sum("fillcolor" in line for line in text.splitlines())
    drawn = ET.fromstring(drawings.svg(drawings.dot(found)))
    assert {part.text for part in drawn.iter("{http://www.w3.org/2000/svg}text")} - {"odd"} == set(names)


# --- the command needs --------------------------------------------------------------------------------------


def test_needs_of_rules_of_our_own(run, folder, snapshot):
    code, out, err = run("needs", "heat.left", "--specs", folder)
    assert (code, err) == (0, "")
    assert out == snapshot
    data = json.loads(run("needs", "heat.left", "--specs", folder, "--json")[1])
    groups = {group: [(node["name"], node["default"]) for node in data[group]] for group in data if group != "quantity"}
    assert groups == {
        "required": [("rooms", "required")],
        "choices": [("cooler.name", "fan")],
        "defaults": [("draft", "rooms > 4"), ("cooler.blades", "power // 2")],
        "fields": [("cooler.power", "given by the choice")],
        "optional": [],
        "records": [],
    }


def test_needs_of_bundled_quantities(run):
    data = json.loads(run("needs", "kv_cache.bytes", "--json")[1])
    names = {group: {node["name"] for node in data[group]} for group in data if group != "quantity"}
    assert {"task", "serving.sequences", "batch.size", "model.kv_heads"} <= names["defaults"]
    assert {"model.name", "model.architecture", "precision.name"} <= names["choices"]
    assert {"config.num_key_value_heads", "config.head_dim"} <= names["records"]
    assert "optimizer.name" not in names["choices"]
    assert {node["key"] for node in data["choices"]} >= {"model", "architecture", "precision"}
    required = json.loads(run("needs", "total.bytes", "--json")[1])["required"]
    assert [node["name"] for node in required] == ["model.parameters"]


def test_needs_of_a_fact(run):
    assert run("needs", "batch.size")[:2] == (0, "batch.size needs nothing: it is a fact.\n")
    assert run("needs", "overhead.measured")[1].startswith("overhead.measured may need:")


def test_needs_of_a_scenario(run, folder, tmp_path, snapshot):
    given = tmp_path / "scenario.yaml"
    given.write_text("rooms: 2\ncooler: pump\n", encoding="utf-8")
    code, out, err = run("needs", "heat.left", given, "--specs", folder, "--set", "draft=false")
    assert (code, err) == (0, "")
    ruled = re.sub(r"-{20,}", "---", stable(out, tmp_path, folder))  # the rule is as long as the folder's name
    assert ruled == snapshot
    data = json.loads(run("needs", "heat.left", given, "--specs", folder, "--json")[1])
    facts = {fact["name"]: (fact["value"], fact["how"]) for fact in data["facts"]}
    # 20 * 2 from the low shelves; the pump has no pipes, and adds 2 * 2 + 2 in place of what shelves give off
    assert facts == {
        "rooms": (2, "given"),
        "draft": (False, "default"),
        "cooler.name": ("pump", "chosen"),
        "cooler.power": (4, "given"),
    }
    assert (data["value"], data["missing"]) == (6, [])
    rooms = next(fact for fact in data["facts"] if fact["name"] == "rooms")
    assert rooms["place"] == f"{given}:1:8"


def test_needs_tells_where_values_come_from(run):
    _, out, _ = run("needs", "optimizer.bytes", "llama-3-8b", "--optimizer", "lion", "--set", "task=training")
    said = {line.split()[0]: line for line in out.splitlines()[2:] if line}
    assert "(--set task)" in said["task"]
    assert "the scenario chooses it" in said["model.name"]
    assert "model llama-3-8b gives it (specs/models/llama-3.yaml:" in said["config.hidden_size"]
    assert "the default (specs/kinds/architecture.yaml:" in said["model.hidden"]
    assert "batch.size" not in said


def test_needs_points_at_the_keys_of_a_config(run, tmp_path):
    config = tmp_path / "config.json"
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    config.write_text(json.dumps({"model_type": "llama", **sizes}, indent=2), encoding="utf-8")
    data = json.loads(run("needs", "kv_cache.bytes", config, "--task", "inference", "--json")[1])
    places = {fact["name"]: fact["place"] for fact in data["facts"]}
    assert places["config.hidden_size"] == f"{config}:3:3"
    assert places["config.num_hidden_layers"] == f"{config}:4:3"
    assert data["value"] == 2 * (2 * 64 * 2) * 2048  # keys and values of two layers, 16 bits, 2048 tokens


def test_needs_reads_exactly_the_facts_behind_a_value(rules):
    """With what it read given one by one, and nothing else, the answer is the same."""
    read = scenario(rules, {"model": "qwen3-8b", "adapter": "lora", "batch.size": 3})
    ev = evaluated(read.program, read.facts, ["activations.bytes"])
    used = {name: given for name, given in read.facts.values.items() if name in touched(ev).nodes}
    assert "batch.size" in used
    again = evaluated(read.program, read.facts._replace(values=used), ["activations.bytes"])
    assert again.values["activations.bytes"] == ev.values["activations.bytes"]
    assert "optimizer.name" not in used


def test_needs_names_all_that_is_missing(run, rules, snapshot):
    code, out, err = run("needs", "parameters.bytes", "--set", "architecture=llama")
    assert (code, err) == (0, "")
    assert stable(out) == snapshot
    read = scenario(rules, {"architecture": "llama"})
    lacking = missing(read.program, read.facts, "parameters.bytes")
    assert sorted(one.name for one in lacking) == [
        "model.heads",
        "model.hidden",
        "model.intermediate",
        "model.layers",
        "model.vocab",
    ]
    sizes = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    whole = scenario(rules, {"model": {"architecture": "llama", **sizes, "intermediate_size": 4}})
    assert missing(whole.program, whole.facts, "parameters.bytes") == []


def test_needs_of_shapes_that_are_missing(run):
    code, out, err = run("needs", "optimizer.bytes", "--set", "model.parameters=7e9", "--optimizer", "adafactor")
    assert (code, err) == (0, "")
    assert "a bare parameter count has no shapes" in out


# --- the command path ---------------------------------------------------------------------------------------


def links_of(run, *arguments):
    code, out, err = run("path", *arguments, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    ways = [" ".join([path[0]["needs"], *(link["node"] for link in path)]) for path in data["paths"]]
    return data["turned"], ways


def test_path_of_rules_of_our_own(run, folder, snapshot):
    code, out, err = run("path", "cooler.power", "heat.left", "--specs", folder)
    assert (code, err) == (0, "")
    assert stable(out, folder) == snapshot
    turned, (way,) = links_of(run, "rooms", "pipes.flow", "--specs", folder)
    assert (turned, way) == (False, "rooms shelves[count] shelves[load] pipes[flow]")
    assert links_of(run, "rooms", "pipes[flow]", "--specs", folder) == (turned, [way])


def test_path_the_other_way_round(run, folder, snapshot):
    code, out, err = run("path", "heat.left", "draft", "--specs", folder)
    assert (code, err) == (0, "")
    assert stable(out, folder) == snapshot
    assert links_of(run, "heat.left", "draft", "--specs", folder) == (True, ["draft heat.left"])


def test_all_paths(run, folder, woven):
    _, ways = links_of(run, "rooms", "heat.total", "--all", "--specs", folder)
    # every simple way, by hand: the pump's own rule, the pump's power, the shelves and their columns
    assert ways[0] == "rooms heat.total"
    assert set(ways) == {
        "rooms heat.total",
        "rooms cooler.power heat.total",
        "rooms shelves[count] heat.total",
        "rooms shelves[count] shelves[load] heat.total",
        "rooms draft shelves heat.total",
        "rooms draft shelves shelves[count] heat.total",
        "rooms draft shelves shelves[load] heat.total",
        "rooms draft shelves shelves[count] shelves[load] heat.total",
        "rooms draft cooler.name heat.total",
        "rooms draft cooler.name cooler.power heat.total",
    }
    assert [len(way.split()) for way in ways] == sorted(len(way.split()) for way in ways)
    many = chains(woven, "batch.size", "total.bytes", 20)
    assert len(many) == 20


def test_paths_of_the_bundled_rules(whole):
    def ways(start, end, most=1):
        return [[start, *(needing for _, needing in way)] for way in chains(whole, start, end, most)]

    assert ways("batch.size", "activations.bytes") == [["batch.size", "saved[bytes]", "activations.bytes"]]
    assert any("activations.bytes" in way for way in ways("batch.size", "total.bytes", 40))
    every = ways("optimizer.bytes", "total.bytes", 40)
    assert len(every) < 40
    standard = [way[-2:] == ["reserved.bytes", "total.bytes"] for way in every]
    assert standard == sorted(standard, reverse=True), "conventions, which go other ways, come last"
    assert standard[0]
    assert not all(standard)
    assert ways("precision.gradients", "gradients.bytes") == [
        ["precision.gradients", "tensors[gradient_bits]", "gradients.bytes"]
    ]
    assert ways("kv_cache.bytes", "optimizer.bytes") == []
    assert ways("task", "task") == [["task"]]
    # conventions know shorter ways, which only those who choose them go
    assert ways("optimizer.bytes", "total.bytes")[0][1] == "live[bytes]"


def test_a_word_of_scenarios_names_its_choice(whole):
    assert [find(whole, name) for name in ("optimizer", "model", "architecture", "checkpointing", "precisions")] == [
        "optimizer.name",
        "model.name",
        "model.architecture",
        "checkpointing.name",
        "precisions",
    ]
    assert find(whole, "tensors.bits") == find(whole, "tensors[bits]") == "tensors[bits]"
    # a quantity goes before the column of the same name
    assert (find(whole, "saved.bytes"), find(whole, "saved[bytes]")) == ("saved.bytes", "saved[bytes]")


# --- wrong input --------------------------------------------------------------------------------------------

WRONG = {
    "graph of nothing known": ("graph", "optimzer.bytes"),
    "graph of an unknown column": ("graph", "tensors.bitz"),
    "depth around nothing": ("graph", "--depth", "2"),
    "up from nothing": ("graph", "--up"),
    "graph for an unknown model": ("graph", "total.bytes", "--for", "llama-3-9b"),
    "graph for a scenario that lacks facts": ("graph", "total.bytes", "--set", "batch.size=2"),
    "graph of what another convention gives": ("graph", "weights.bytes", "--for", "llama-3-8b"),
    "needs of nothing known": ("needs", "optimizer.byte"),
    "needs of an unknown fact": ("needs", "total.bytes", "--set", "batch.sise=2"),
    "needs of what another convention gives": ("needs", "weights.bytes", "llama-3-8b"),
    "needs of a scenario that breaks": ("needs", "total.bytes", "llama-3-8b", "--set", "batch.size=0"),
    "path from and to nothing known": ("path", "bach.size", "total.byte"),
    "path between the unconnected": ("path", "kv_cache.bytes", "optimizer.bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(name, run, snapshot):
    code, out, err = run(*WRONG[name])
    assert (code, out, stable(err, ROOT)) == (2, "", snapshot)
    problems = json.loads(run(*WRONG[name], "--json")[2])["problems"]
    assert problems
    assert all(found["hints"] or found["labels"] for found in problems)


@pytest.mark.parametrize(
    "arguments", [("graph", "--format", "png"), ("graph", "x", "--depth", "-1"), ("path", "task"), ("needs",)]
)
def test_wrong_arguments(arguments, run):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage" in err
