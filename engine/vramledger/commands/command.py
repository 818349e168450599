"""What a command is, and what commands share: exit codes, reports of problems, the scenario on a command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from vramledger.problems import Place, Problem, Problems, problem, render_all, some

FINE, FAILED, FAULTY = 0, 1, 2
Arguments = tuple[tuple[tuple[str, ...], dict[str, Any]], ...]


class Command(NamedTuple):
    """A command: what it runs, what it says of itself, an example, its own arguments (flags and their settings)."""

    name: str
    run: Callable[..., int]
    says: str
    example: str
    arguments: Arguments = ()
    scenario: bool = False  # takes a scenario, and an option for each of its facts
    opens: bool = True  # needs sound rules before it starts


SET = (("--set",), {"action": "append", "default": [], "metavar": "KEY=VALUE", "help": "a fact that beats the file's"})
SCENARIO: Arguments = (
    (("scenario",), {"nargs": "?", "help": "a scenario file, a model's name, a config.json or a checkpoint"}),
    SET,
)


def report(problems: Iterable[Problem], as_json: bool) -> None:
    """Problems to standard error."""
    listed = list(problems)
    if as_json:
        print(json.dumps({"problems": [found.to_dict() for found in listed]}, indent=2), file=sys.stderr)
    else:
        print(render_all(some(listed)), file=sys.stderr)


def print_json(data: Any) -> None:
    """Data as JSON to standard output."""
    print(json.dumps(data, indent=2, sort_keys=False, ensure_ascii=False))


def overrides(options: argparse.Namespace) -> dict[str, Any]:
    """The facts that stand on the command line."""
    from vramledger.inputs.raw import Written

    found = {
        name.removeprefix("fact "): Written(value, f"--{name.removeprefix('fact ')}")
        for name, value in vars(options).items()
        if name.startswith("fact ") and value is not None
    }
    for given in options.set:
        name, equals, value = given.partition("=")
        if not equals or not name.strip():
            place = Place("--set")
            raise Problems([problem("set-syntax", f"{given!r} sets nothing", place, "write --set batch.size=4")])
        found[name.strip()] = Written(value.strip(), f"--set {name.strip()}")
    return found


def read_ledger(ruleset: Any, options: argparse.Namespace) -> tuple[Any, Any]:
    """The ledger of what the command line names, and what the scenario expects."""
    from vramledger.commands.meant import meant
    from vramledger.evaluation.ledger import Ledger
    from vramledger.inputs.raw import read_raw
    from vramledger.inputs.scenario import read_scenario

    read = read_scenario(ruleset, read_raw(meant(ruleset, options.scenario)), overrides(options))
    return Ledger(read.program, read.facts), read.expect
