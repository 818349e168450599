"""Many scenario files: found by name, folder or pattern, each answered on its own; a bad one stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple

from vramledger.evaluation.compiled import ledger_of
from vramledger.evaluation.values import as_json
from vramledger.inputs.checks import check_expect
from vramledger.inputs.raw import Raw, read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Place, Problem, Problems, nearest, problem
from vramledger.rules.load import RuleSet
from vramledger.rules.model import Formula
from vramledger.rules.overlay import base_declarations

SUFFIXES = (".yaml", ".yml")
OK, NOT_FITTING, CHECK_FAILED, AT_FAULT = "ok", "does not fit", "check failed", "at fault"


class Answer(NamedTuple):
    """What one scenario file came to: its values by quantity, or its problems."""

    scenario: str
    status: str
    values: dict[str, Any]
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    kept: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {
            "scenario": self.scenario,
            "status": self.status,
            "quantities": {name: as_json(value) for name, value in self.values.items()},
            "warnings": list(self.warnings),
            "problems": [found.to_dict() for found in self.problems],
        }


def find(given: Iterable[str], tables: Collection[str] = ()) -> list[Path]:
    """The files that names, folders and patterns mean, each once, in order. Raises Problems.

    Of a folder these are its scenarios; where it has none, its `tables`, by the ends of their names.
    """
    found: dict[Path, None] = {}
    problems = []
    for text in given:
        matches = _matches(text, tables)
        if not matches:
            problems.append(
                problem("unreadable-file", f"no scenario file is found under {text[:200]}", Place(text[:200]))
            )
        found.update(dict.fromkeys(matches))
    if problems:
        raise Problems(problems)
    return list(found)


def _matches(text: str, tables: Collection[str]) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        inside = sorted(one for one in path.rglob("*") if one.is_file())
        whole = [one for one in inside if not one.name.startswith((".", "_"))]  # what is half written begins so
        rows = [one for one in whole if one.suffix.lower() in tables]
        return [one for one in inside if one.suffix in SUFFIXES] or rows
    if has_magic(text) and not path.exists():
        return sorted(Path(one) for one in glob(text, recursive=True) if Path(one).is_file())  # noqa: PTH207 - patterns may be absolute
    return [path]  # whether it can be read is told in its row


def known(ruleset: RuleSet, names: Sequence[str], place: str = "--select") -> None:
    """Raises Problems for every selected quantity that nothing declares."""
    declared = base_declarations(ruleset)
    given = {rule.name for rule in ruleset.rules}
    problems = [
        problem("unknown-name", f"nothing is called {name}", Place(place), nearest(name, [*declared, *given]))
        for name in names
        if name not in declared and name not in given and not _of_entry(ruleset, name)
    ]
    if problems:
        raise Problems(problems)


def _of_entry(ruleset: RuleSet, name: str) -> bool:
    """Whether some entry's rules give it: then it is there in the scenarios that choose that entry."""
    return any(
        rule.name == name
        for kind in ruleset.kinds
        for entry in ruleset.names(kind)
        for rule in ruleset.entry(kind, entry).rules
    )


def answers(
    ruleset: RuleSet,
    paths: Iterable[Path],
    names: Sequence[str],
    overrides: dict[str, Any],
    where: Formula | None = None,
) -> Iterator[Answer]:
    """Each file's answer, in order; scenarios of one shape share compiled code. `where` says which are kept."""
    for path in paths:
        yield answer(ruleset, lambda path=path: read_raw(path), str(path), names, overrides, where)  # type: ignore[misc]


def answer(
    ruleset: RuleSet,
    raw: Callable[[], Raw],
    name: str,
    names: Sequence[str],
    overrides: dict[str, Any],
    where: Formula | None = None,
) -> Answer:
    """The answer to one scenario, which may not even be readable."""
    try:
        return _answer(ruleset, raw(), name, names, overrides, where)
    except Problems as faults:
        return Answer(name, AT_FAULT, {}, problems=faults.problems)


def _answer(
    ruleset: RuleSet, raw: Raw, name: str, names: Sequence[str], overrides: dict[str, Any], where: Formula | None
) -> Answer:
    read = read_scenario(ruleset, raw, overrides)
    ledger = ledger_of(read.program, read.facts)
    values = {name: ledger[name] for name in names if name in read.program.declarations}
    _ = ledger.total
    status = OK
    if read.expect is not None and not all(check.passed for check in check_expect(ledger, read.expect, name)):
        status = CHECK_FAILED
    elif ledger.fits is False:
        status = NOT_FITTING
    kept = where is None or ledger.value_of(where) is True
    return Answer(name, status, values, tuple(ledger.warnings), kept=kept)
