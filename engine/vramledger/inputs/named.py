"""Entries by name, with arguments where the name carries them: `torch.RMSprop(centered+momentum)`, `gptq(bits=3)`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vramledger.problems import Problem, nearest, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Declaration, Kind
from vramledger.rules.tree import Scalar

_CALL = re.compile(r"([^()]+)\((.*)\)")
_NUMBERED = re.compile(r"(\d[\d_.eE+-]*)\s+(\w+)")


class Chosen(NamedTuple):
    """The entry that a text names, and the facts that its arguments give."""

    entry: str
    facts: tuple[tuple[str, Scalar], ...] = ()


def chosen(ruleset: RuleSet, kind: Kind, written: Scalar) -> Chosen | list[Problem] | None:
    """The entry that a text means; None where it names none, problems where an argument is none of its."""
    found = ruleset.resolve(kind.name, written.text)
    if found is not None:
        return Chosen(found)
    call = _CALL.fullmatch(written.text.strip())
    entry = ruleset.resolve(kind.name, call[1].strip()) if call else None
    if call is None or entry is None:
        return None
    known = parameters(ruleset, kind, entry)
    facts: list[tuple[str, Scalar]] = []
    faults = []
    for argument in filter(None, (part.strip() for part in re.split(r",|(?<![\d.][eE])\+", call[2]))):
        meant = _meaning(argument, known)
        if meant is None:
            message = f"{kind.name} {entry} has no parameter {argument}"
            hint = nearest(argument.partition("=")[0], known) or f"it has: {', '.join(sorted(known)) or 'none'}"
            faults.append(problem("unknown-name", message, written.place, hint))
        else:
            facts.append((f"{kind.namespace}.{meant[0]}", written._replace(text=meant[1], style="")))
    return faults or Chosen(entry, tuple(facts))


def parameters(ruleset: RuleSet, kind: Kind, entry: str) -> dict[str, Declaration]:
    """What a scenario may say of an entry: the fields of its kind and those of its own."""
    prefix = f"{kind.namespace}."
    own = {declared.name: declared for declared in ruleset.entry(kind.name, entry).declarations}
    fields = {declared.name: declared for declared in kind.fields.values()}
    return {
        name.removeprefix(prefix): declared
        for name, declared in {**fields, **own}.items()
        if name.startswith(prefix) and "." not in name.removeprefix(prefix)
    }


def _meaning(argument: str, known: Mapping[str, Declaration]) -> tuple[str, str] | None:
    """The field that an argument gives and the text that it gives it."""
    field, said, value = (part.strip() for part in argument.partition("="))
    if said:
        return (field, value) if field in known else None
    if argument in known:
        return argument, "true" if known[argument].type.kind == "boolean" else "1"
    numbered = _NUMBERED.fullmatch(argument)
    if numbered and numbered[2] in known:
        return numbered[2], numbered[1]
    return next(((name, argument) for name in _taking(argument, known)), None)


def _taking(word: str, known: Mapping[str, Declaration]) -> Iterator[str]:
    return (name for name, declared in known.items() if word in declared.one_of)
