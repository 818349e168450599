"""What each command does, once its rule set is open; each gives the exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vramledger.problems import Place, Problem, Problems, problem, render

FINE, FAILED, FAULTY = 0, 1, 2


def report(problems: Iterable[Problem], as_json: bool) -> None:
    listed = list(problems)
    if as_json:
        print(json.dumps({"problems": [found.to_dict() for found in listed]}, indent=2), file=sys.stderr)
    else:
        print("\n".join(render(found) for found in listed), file=sys.stderr)


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
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


def _read(ruleset: Any, options: argparse.Namespace) -> tuple[Any, Any]:
    """The ledger of what the command line names, and what the scenario expects."""
    from vramledger.evaluation.ledger import Ledger
    from vramledger.inputs.raw import read_raw
    from vramledger.inputs.scenario import read_scenario

    read = read_scenario(ruleset, read_raw(_given(ruleset, options.scenario)), _overrides(options))
    return Ledger(read.program, read.facts), read.expect


def _given(ruleset: Any, given: str | None) -> Any:
    """A scenario file, a file that an import reads, or a model by name."""
    if given is None:
        return {}
    path = Path(given)
    if path.suffix in (".yaml", ".yml"):
        return path
    if path.suffix == ".json" or path.is_dir():
        for kind in ruleset.kinds.values():
            for entry in ruleset.names(kind.name) if kind.reads else ():
                fact = ruleset.entry(kind.name, entry).fields["given"].text
                return {fact: given}
    return {"model": given}


def estimate(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.reports import blocks
    from vramledger.reports import ledger as answer

    ledger, expect = _read(ruleset, options)
    if options.json:
        _print_json(answer.to_dict(ledger))
    else:
        blocks.write(answer.blocks(ledger), sys.stdout)
    failed = ledger.fits is False
    if expect is not None:
        from vramledger.inputs.checks import check_expect

        for check in check_expect(ledger, expect, str(options.scenario)):
            if not check.passed:
                failed = True
                print(
                    f"{check.place}: expected {check.quantity} {check.expected}, found {check.found}", file=sys.stderr
                )
    return FAILED if failed else FINE


def explain(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.problems import nearest
    from vramledger.reports import derivation as tree

    ledger, _ = _read(ruleset, options)
    try:
        derivation = ledger.derivation(options.quantity, options.row)
    except KeyError:
        hint = nearest(options.quantity, ledger.program.declarations)
        raise Problems([problem("unknown-name", f"nothing is called {options.quantity}", None, hint)]) from None
    if options.json:
        _print_json(derivation.to_dict())
    elif options.markdown:
        print(tree.markdown(derivation, options.depth))
    else:
        tree.write(derivation, sys.stdout, options.depth)
    return FINE


def test(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.inputs.checks import Check, run_examples, run_scenario

    results: list[Check | Problems] = []
    if not options.scenarios or options.like:
        results += run_examples(ruleset, options.like)
    for path in options.scenarios:
        results += run_scenario(ruleset, Path(path))
    checks = [found for found in results if isinstance(found, Check)]
    faults = [found for found in results if isinstance(found, Problems)]
    failed = [check for check in checks if not check.passed]
    if options.json:
        rows = [{**check._asdict(), "place": str(check.place)} for check in checks]
        _print_json({"checks": rows, "passed": len(checks) - len(failed), "failed": len(failed)})
    elif options.verbose:
        from vramledger.reports import blocks

        table = [(c.where, c.quantity, c.expected, c.found, "ok" if c.passed else "FAILED") for c in checks]
        heads = ("where", "quantity", "expected", "found", "")
        lines = [f"{len(checks) - len(failed)} passed, {len(failed)} failed"]
        blocks.write([blocks.Table(heads, table, frozenset({2, 3})), blocks.Lines(lines)], sys.stdout)
    else:
        for check in failed:
            print(f"{check.place}: {check.where}: expected {check.quantity} {check.expected}, found {check.found}")
        print(f"{len(checks) - len(failed)} passed, {len(failed)} failed")
    for fault in faults:
        report(fault.problems, options.json)
    return FAULTY if faults else FAILED if failed else FINE


def lint_(options: argparse.Namespace) -> int:
    from vramledger.inputs.checks import run_scenario
    from vramledger.rules.lint import lint
    from vramledger.rules.load import digest, gather
    from vramledger.rules.open import load

    files, problems = gather(options.specs)
    if not problems:
        _, ruleset, problems = load(files, digest(files))
        if not any(found.severity == "error" for found in problems):
            problems = [*problems, *lint(ruleset)]
            for path in options.scenarios:
                for result in run_scenario(ruleset, Path(path)):
                    problems += result.problems if isinstance(result, Problems) else ()
    problems = list(dict.fromkeys(problems))
    report(problems, options.json) if problems or options.json else None
    errors = sum(found.severity == "error" for found in problems)
    if not options.json:
        print(f"{errors} errors, {len(problems) - errors} warnings")
    return FAULTY if errors else FINE


def list_(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.reports import blocks, specs

    if options.kind is None:
        if options.json:
            _print_json({kind: ruleset.names(kind) for kind in ruleset.kinds})
        else:
            blocks.write(specs.kinds(ruleset), sys.stdout)
        return FINE
    listed = specs.entries(ruleset, specs.kind_named(ruleset, options.kind), options.like)
    if options.json:
        _print_json(listed)
    else:
        blocks.write(specs.entry_table(listed), sys.stdout)
    return FINE


def show(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.reports import blocks, specs

    found = list(specs.show(ruleset, options.name))
    if options.json:
        _print_json({"name": options.name, "text": blocks.plain(found)})
    else:
        blocks.write(found, sys.stdout)
    return FINE


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, sort_keys=False, ensure_ascii=False))
