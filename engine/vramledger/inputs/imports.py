"""Records of another make to scenarios, as an import spec maps them: its scenario has formulas where values stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from vramledger.evaluation.brief import brief, frozen
from vramledger.evaluation.evaluate import Evaluation
from vramledger.evaluation.facts import Facts
from vramledger.evaluation.frame import Fault, Frame
from vramledger.evaluation.values import NotApplicable
from vramledger.language.syntax import Name, walk
from vramledger.problems import Place, Problem, Problems, near, nearest, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.overlay import program_of
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, find, scalars, to_data

_ABSENT = NotApplicable("left out")
_LIKE = 0.75  # of two names of fields, which are short and have words in common
_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "whole": (int,),
    "number": (int, float, Fraction),
    "text": (str,),
    "list": (list,),
    "record": (dict,),
}


def imported(ruleset: RuleSet, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """The scenario that a record means under the import of that name. Raises Problems."""
    entry = ruleset.resolve("import", name)
    if entry is None:
        message = f"no import is called {name}"
        raise Problems([problem("unknown-entry", message, Place(name), ruleset.near("import", name))])
    fields = ruleset.entry("import", entry).records
    scenario = ruleset.tree("import", entry).get("scenario")
    if not isinstance(scenario, Mapping):
        message = f"the import {entry} maps no records"
        raise Problems([problem("missing-key", message, ruleset.place("import", entry), "it has no scenario")])
    into = _text(ruleset, entry)
    selection = (("import", entry),)
    facts = Facts({}, {into: frozen(record)}, selection, into)
    evaluation = Evaluation(program_of(ruleset, selection), facts)
    evaluation.allow()
    try:
        found = _value(ruleset, evaluation, scenario)
    except Fault as fault:
        raise Problems([fault.problem]) from None
    if ruleset.reader.problems:
        raise Problems(ruleset.reader.problems)
    mapped = {} if found is _ABSENT else found
    others = fields.get("import.others")
    if others:
        read = {name for scalar in scalars(scenario) for name in _names(ruleset, scalar)}
        target = others["as"]
        mapped[target] = {**mapped.get(target, {}), **_rest(record, others, into, read)}
    return mapped


def unread(ruleset: RuleSet, entry: str, record: dict[str, Any]) -> list[str]:
    """The fields of a record, by dotted names, that no formula of the import reads and that it does not call silent.

    Of a name that the import does not know at all the nearest that it knows is told.
    """
    silent, scenario, takes = (ruleset.tree("import", entry).get(key) for key in ("silent", "scenario", "takes"))
    if not isinstance(silent, Sequence) or scenario is None:
        return []
    into = _text(ruleset, entry)
    read = {name.removeprefix(f"{into}.") for scalar in scalars(scenario) for name in _names(ruleset, scalar)}
    counted, known = {*read, *to_data(silent)}, {*read, *to_data(silent), *(to_data(takes) or ())}
    left = [path for path in _leaves(record) if not any(f"{path}.".startswith(f"{name}.") for name in counted)]
    return [path if path in known else f"{path} {_near(path, known)}".rstrip() for path in left]


def _near(path: str, known: set[str]) -> str:
    """The known names whose last part is like that of this one, as all of it may stand in the wrong place."""
    lasts: dict[str, str] = {}
    for name in sorted(known):
        lasts.setdefault(name.rpartition(".")[2], name)
    above, _, last = path.rpartition(".")
    found = [one for one in near(last, lasts, cutoff=_LIKE) if one != last or not above]
    return f"(did you mean {' or '.join(lasts[one] for one in found)})" if found else ""


def misfits(
    ruleset: RuleSet, entry: str, record: dict[str, Any], place: Callable[[], Mapping | None]
) -> Iterator[Problem]:
    """Fields that hold what the import says they cannot; `place` reads the file's tree, for where they stand."""
    takes = ruleset.tree("import", entry).get("takes")
    tree = None
    for name, node in takes.items if isinstance(takes, Mapping) else ():
        wanted = to_data(node)
        options = wanted if isinstance(wanted, list) else [wanted]
        steps = name.text.split(".")
        value: Any = record
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None or any(_fits(value, option) for option in options):
            continue
        tree = tree or place()
        at = None if tree is None else find(tree, iter(steps)).place
        words = (option if isinstance(option, str) else brief(option) for option in options)
        message = f"{name.text} is {brief(frozen(value))}, expected {' or '.join(words)}"
        near = nearest(value, [one for one in options if isinstance(one, str)]) if isinstance(value, str) else ""
        yield problem("type-clash", message, at, near)


def _fits(value: Any, option: Any) -> bool:
    """Whether a value is of the type that a word names, or the very value that it is."""
    types = _TYPES.get(option) if isinstance(option, str) else None
    if types is None:
        return value == option and isinstance(value, bool) == isinstance(option, bool)
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _leaves(record: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _text(ruleset: RuleSet, entry: str) -> str:
    node = ruleset.tree("import", entry).get("into")
    return node.text if isinstance(node, Scalar) else ""


def _value(ruleset: RuleSet, evaluation: Evaluation, node: Node) -> Any:
    """A part of the scenario; a list with an item that is left out, and fields of which none is left, are left out."""
    if isinstance(node, Mapping):
        pairs = ((key.text, _value(ruleset, evaluation, value)) for key, value in node.items)
        found = {key: value for key, value in pairs if value is not _ABSENT}
        return found if len(found) == len(node.items) or (found and not _a_row(node)) else _ABSENT
    if isinstance(node, Sequence):
        items = [_value(ruleset, evaluation, item) for item in node.items]
        return _ABSENT if any(item is _ABSENT for item in items) else items
    formula = ruleset.reader.formula(node)
    value = evaluation.evaluate(formula.tree, Frame(formula))
    return _ABSENT if isinstance(value, NotApplicable) else _thawed(value)


def _a_row(node: Mapping) -> bool:
    """Whether fields describe one item of a list, which needs all of them."""
    return node.get("name") is not None


def _thawed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_thawed(item) for item in value]
    return {key: _thawed(item) for key, item in value.items()} if isinstance(value, dict) else value


def _names(ruleset: RuleSet, scalar: Scalar) -> Iterator[str]:
    return (part.name for part in walk(ruleset.reader.formula(scalar).tree) if isinstance(part, Name))


def _rest(record: dict[str, Any], others: dict[str, Any], root: str, read: set[str]) -> dict[str, Any]:
    """The fields of a part of the record that no formula reads, but for those that say nothing of the scenario."""
    part: Any = record
    for step in others["of"].removeprefix(root).split("."):
        part = part.get(step) if step and isinstance(part, dict) else part
    known = {*others.get("except", ()), *(name.removeprefix(f"{others['of']}.") for name in read)}
    return {name: value for name, value in part.items() if name not in known} if isinstance(part, dict) else {}
