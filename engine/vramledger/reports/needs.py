"""What a quantity takes: every fact that its rules may read, or those that one scenario's answer did read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vramledger.evaluation.blame import givers
from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.frame import Resolution
from vramledger.evaluation.missing import Missing
from vramledger.evaluation.show import show
from vramledger.evaluation.values import NotApplicable, as_json, public
from vramledger.language.syntax import Name
from vramledger.problems import Place
from vramledger.reports.blocks import Block, Lines, Table
from vramledger.rules.model import Scope
from vramledger.rules.network import CHOICE, FACT, FIELD, OF_CHOICE, OPTIONAL, REQUIRED, Network, Node, reached

_GIVEN = (FACT, CHOICE, FIELD)
_HEADS = {
    "required": "Required: nothing else gives them",
    "choices": "Chosen: one entry of each kind, which gives its fields and rows",
    "defaults": "With a default",
    "fields": "Given by what is chosen",
    "optional": "Optional: without them, what needs them does not apply",
    "records": "Read from records, which a model or a file gives",
}


def may_need(network: Network, name: str) -> dict[str, list[Node]]:
    """The facts upstream of a node, by what becomes of them where a scenario is silent."""
    found: dict[str, list[Node]] = {group: [] for group in _HEADS}
    upstream = reached(network, name, up=True)
    for node in network.nodes.values():
        if node.kind in _GIVEN and node.name in upstream and node.name != name:
            found[_group(node)].append(node)
    return found


def _group(node: Node) -> str:
    if node.kind == CHOICE:
        return "choices"
    if node.place is None:
        return "records"
    return {REQUIRED: "required", OPTIONAL: "optional", OF_CHOICE: "fields"}.get(node.default, "defaults")


def blocks(network: Network, name: str) -> Iterator[Block]:
    """The facts that a node may need, the required ones first."""
    found = may_need(network, name)
    if not any(found.values()):
        yield Lines([f"{name} needs nothing: {_nothing(network.nodes[name])}."])
        return
    yield Lines([f"{name} may need:"], "bold")
    for group, title in _HEADS.items():
        if group == "records":
            names = ", ".join(node.name for node in found[group])
            yield Lines([f"{title}: {names}"] if names else [])
        elif found[group]:
            head = ("kind" if group == "choices" else "name", "unit or type", "default", "says")
            rows = [(_word(network, node), node.measure, node.default, node.says) for node in found[group]]
            kept = [0, 2, 3] if group == "choices" else [0, 1, 2, 3] if group == "defaults" else [0, 1, 3]
            yield Table([head[k] for k in kept], [[row[k] for k in kept] for row in rows], title=title)


def _nothing(node: Node) -> str:
    return "it is a fact" if node.kind in _GIVEN else "its rules name no fact"


def _word(network: Network, node: Node) -> str:
    """A choice by the word that scenarios use for it."""
    return next((word for word, name in network.words.items() if name == node.name), node.name)


def to_dict(network: Network, name: str) -> dict[str, Any]:
    """The same as JSON."""
    groups = may_need(network, name)
    return {"quantity": name, **{group: [_node(network, node) for node in found] for group, found in groups.items()}}


def _node(network: Network, node: Node) -> dict[str, Any]:
    found = {"name": node.name, "unit": node.unit, "type": node.type, "default": node.default, "says": node.says}
    return {**found, "key": _word(network, node)} if node.kind == CHOICE else found


class Used(NamedTuple):
    """A fact that was read: its value, and where that came from."""

    node: Node
    value: Any
    unit: str
    how: str  # given | chosen | default | absent
    whence: str
    place: Place | None


def used(network: Network, ev: Evaluation, lacking: Sequence[Missing] = ()) -> list[Used]:
    """The facts that an evaluation read, what was chosen and given first; without those that it lacked."""
    lacked = {one.name for one in lacking}
    found = [_used(node, ev) for node in network.nodes.values() if _is_fact(node, ev) and node.name not in lacked]
    order = ("chosen", "given", "default", "absent")
    return sorted(found, key=lambda one: order.index(one.how))


def _is_fact(node: Node, ev: Evaluation) -> bool:
    """Whether a node is no rule's: by its kind, or because the scenario gives what a rule would."""
    if node.kind == CHOICE:
        return node.name in ev.resolutions or node.name in ev.facts.values
    resolution = ev.resolutions.get(node.name)
    return resolution is not None and (node.kind in _GIVEN or resolution.kind == "fact")


def _used(node: Node, ev: Evaluation) -> Used:
    given, resolution = ev.facts.values.get(node.name), ev.resolutions.get(node.name)
    value = given.value if given is not None else ev.values.get(node.name)
    declared = ev.program.declarations.get(node.name)
    unit = declared.unit if declared is not None else ""
    if isinstance(value, NotApplicable):
        return Used(node, value, unit, "absent", value.reason, None)
    if given is not None:
        how = "chosen" if node.kind == CHOICE else "given"
        return Used(node, value, unit, how, given.why, given.place)
    assert resolution is not None
    how, whence = _whence(resolution)
    return Used(node, value, unit, how, whence, _in_file(node.name, ev) or resolution.place)


def _in_file(name: str, ev: Evaluation) -> Place | None:
    """Where a file that the scenario names writes the field of a record."""
    read = ev.program.record(name) in ev.facts.record_places
    return next((label.place for label in givers(ev, Name(name), Scope(), {})), None) if read else None


def _whence(resolution: Resolution) -> tuple[str, str]:
    if resolution.kind == "default" and resolution.formula is not None:
        return "default", "the default"
    if resolution.rule is not None:
        return "given", f"{resolution.rule.origin} gives it"
    return "given", resolution.why


def blocks_of(name: str, network: Network, ev: Evaluation, lacking: Sequence[Missing]) -> Iterator[Block]:
    """The facts that a scenario's answer read, with their values and where they came from; those still missing."""
    listed = used(network, ev, lacking)
    value = public(ev.values[name]) if name in ev.values and not lacking else None
    declared = ev.program.declarations.get(name)
    answer = f" = {show(value, declared.unit if declared else '')}" if value is not None else ""
    yield Lines([f"{name}{answer} takes:" if listed else f"{name}{answer} takes no fact."], "bold")
    rows = [(one.node.name, _shown(one), _from(one)) for one in listed]
    if rows:
        yield Table(("name", "value", "from"), rows)
    if lacking:
        missed = [(one.name or "a column", _measure(ev, one), _hint(one)) for one in lacking]
        yield Table(("name", "unit or type", "what to do"), missed, title="Still missing")


def _shown(one: Used) -> str:
    if one.how == "absent":
        return "-"
    return show(public(one.value), one.unit)


def _from(one: Used) -> str:
    """Where a value came from, in words and with its place."""
    if one.place is None or one.place.path.startswith("<"):  # a scenario that stands in no file
        return one.whence
    place = one.place.path if one.place.path.startswith("--") else str(one.place)
    return f"{one.whence} ({place})"


def _measure(ev: Evaluation, one: Missing) -> str:
    declared = ev.program.declarations.get(one.name)
    return (declared.unit or str(declared.type)) if declared is not None else ""


def _hint(one: Missing) -> str:
    return "; ".join(one.problem.hints) or one.problem.message


def used_dict(name: str, network: Network, ev: Evaluation, lacking: Sequence[Missing]) -> dict[str, Any]:
    """The same as JSON."""
    value = as_json(public(ev.values[name])) if name in ev.values and not lacking else None
    return {
        "quantity": name,
        "value": value,
        "facts": [
            {
                "name": one.node.name,
                "value": as_json(public(one.value)),
                "unit": one.unit,
                "how": one.how,
                "from": one.whence,
                "place": str(one.place) if one.place is not None else "",
            }
            for one in used(network, ev, lacking)
        ],
        "missing": [{"name": one.name, **one.problem.to_dict()} for one in lacking],
    }
