"""The command line. Exit code 0: fine; 1: it does not fit, or a check failed; 2: the input is at fault."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from vramledger.problems import Place, Problem, Problems, problem, render
from vramledger.version import ENGINE

FINE, FAILED, FAULTY = 0, 1, 2
_PROG = "vramledger"


def script() -> None:
    """The installed command. A run ends soon: its garbage can wait, and nothing is left to tidy up after the answer."""
    gc.set_threshold(200_000)
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        return _run(arguments)
    except Problems as faults:
        _report(faults.problems, as_json)
        return FAULTY
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _report(problems: Iterable[Problem], as_json: bool) -> None:
    listed = list(problems)
    if as_json:
        print(json.dumps({"problems": [found.to_dict() for found in listed]}, indent=2), file=sys.stderr)
    else:
        print("\n".join(render(found) for found in listed), file=sys.stderr)


def _run(arguments: list[str]) -> int:
    parser = _parser()
    options, _ = parser.parse_known_args(arguments)
    command: Callable[..., int] | None = getattr(options, "run", None)
    if command is None:
        parser.print_help()
        return FAULTY if arguments else FINE
    from vramledger.rules.open import open_rules

    if getattr(options, "opens", True):
        ruleset = open_rules(options.specs)
        if options.takes_scenario:
            _add_selectors(options.parser, ruleset)
        options = parser.parse_args(arguments)
        return command(ruleset, options)
    options = parser.parse_args(arguments)
    return command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG, description="How much GPU memory does this need, and why? Every byte derived from rules in files."
    )
    parser.add_argument("--version", action="version", version=f"{_PROG} {ENGINE}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, run: Callable[..., int], says: str, example: str, scenario: bool = False) -> Any:
        made = commands.add_parser(
            name,
            help=says,
            description=says,
            epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.add_argument("--specs", action="append", default=[], metavar="DIR", help="a folder of further specs")
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run, parser=made, takes_scenario=scenario)
        if scenario:
            what = "a scenario file, a model's name, or a config.json"
            made.add_argument("scenario", nargs="?", help=what)
            made.add_argument(
                "--set", action="append", default=[], metavar="KEY=VALUE", help="a fact that beats the file's"
            )
        return made

    add(
        "estimate",
        _estimate,
        "What a scenario needs, by component.",
        f"{_PROG} estimate llama-3-8b --adapter lora --hardware rtx-4090 --set batch.size=2",
        scenario=True,
    )
    explain = add(
        "explain",
        _explain,
        "How a number came, step by step.",
        f"{_PROG} explain llama-3-8b optimizer.bytes --depth 3",
        scenario=True,
    )
    explain.add_argument("quantity", nargs="?", default="total.bytes", help="the quantity (default: total.bytes)")
    explain.add_argument("--depth", type=int, default=4, help="how many levels to show (default: 4; 0 for one line)")
    explain.add_argument("--markdown", action="store_true", help="print Markdown with the formulas in LaTeX")
    test = add(
        "test", _test, "Runs the examples beside the rules, and scenarios' expectations.", f"{_PROG} test -k optimizer"
    )
    test.add_argument("scenarios", nargs="*", help="scenario files with an expect block")
    test.add_argument(
        "-k", default="", metavar="TEXT", dest="like", help="only examples whose place or entry holds TEXT"
    )
    lint = add("lint", _lint, "All problems of specs and scenarios.", f"{_PROG} lint --specs my-rules scenario.yaml")
    lint.add_argument("scenarios", nargs="*", help="scenario files")
    lint.set_defaults(opens=False)
    listing = add("list", _list, "The kinds, or the entries of one.", f"{_PROG} list models --like qwen")
    listing.add_argument("kind", nargs="?", help="a kind: models, optimizers, hardware ...")
    listing.add_argument("--like", default="", metavar="TEXT", help="only entries whose name or description holds TEXT")
    show = add(
        "show", _show, "A quantity or an entry: rules, what beats what, users, source.", f"{_PROG} show optimizer.bytes"
    )
    show.add_argument("name", help="a quantity or an entry")
    return parser


def _add_selectors(parser: argparse.ArgumentParser, ruleset: Any) -> None:
    """An option for each kind, and for each fact that is one word or has a name."""
    taken = {option for action in parser._actions for option in action.option_strings}  # noqa: SLF001 - argparse has no other way
    for kind in ruleset.kinds.values():
        if not kind.reads and f"--{kind.key}" not in taken:
            says = kind.says.replace("%", "%%")
            parser.add_argument(f"--{kind.key}", metavar="NAME", dest=f"fact {kind.key}", help=says)
            taken.add(f"--{kind.key}")
    for name, declared in ruleset.declarations.items():
        word = name.removesuffix(".name")
        if "." not in word and f"--{word}" not in taken and declared.type.kind in ("text", "number", "boolean"):
            metavar = "|".join(declared.one_of) if declared.one_of else "VALUE"
            says = declared.says.replace("%", "%%")
            parser.add_argument(f"--{word}", metavar=metavar, dest=f"fact {word}", help=says)
            taken.add(f"--{word}")


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    """The facts that stand on the command line."""
    from vramledger.inputs.scenario import Written

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


def _ledger(ruleset: Any, options: argparse.Namespace) -> Any:
    from vramledger.api import evaluate_with

    return evaluate_with(ruleset, _scenario(ruleset, options.scenario), overrides=_overrides(options))


def _scenario(ruleset: Any, given: str | None) -> Any:
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


def _estimate(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.reports import blocks
    from vramledger.reports import ledger as report

    ledger = _ledger(ruleset, options)
    if options.json:
        _print_json(report.to_dict(ledger))
    else:
        blocks.write(report.blocks(ledger), sys.stdout)
    failed = ledger.fits is False
    expect = _expect(options.scenario)
    if expect is not None:
        from vramledger.inputs.checks import check_expect

        for check in check_expect(ledger, expect, str(options.scenario)):
            if not check.passed:
                failed = True
                print(
                    f"{check.place}: expected {check.quantity} {check.expected}, found {check.found}", file=sys.stderr
                )
    return FAILED if failed else FINE


def _expect(given: str | None) -> Any:
    """The `expect` block of a scenario file."""
    from vramledger.rules.tree import Mapping

    if given is None or Path(given).suffix not in (".yaml", ".yml"):
        return None
    from vramledger.inputs.scenario import read_raw

    found = read_raw(given).tree.get("expect")
    return found if isinstance(found, Mapping) else None


def _explain(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.problems import nearest
    from vramledger.reports import derivation as report

    ledger = _ledger(ruleset, options)
    try:
        derivation = ledger.derivation(options.quantity)
    except KeyError:
        hint = nearest(options.quantity, ledger.program.declarations)
        raise Problems([problem("unknown-name", f"nothing is called {options.quantity}", None, hint)]) from None
    if options.json:
        _print_json(derivation.to_dict())
    elif options.markdown:
        print(report.markdown(derivation, options.depth))
    else:
        report.write(derivation, sys.stdout, options.depth)
    return FINE


def _test(ruleset: Any, options: argparse.Namespace) -> int:
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
    else:
        for check in failed:
            print(f"{check.place}: {check.where}: expected {check.quantity} {check.expected}, found {check.found}")
        print(f"{len(checks) - len(failed)} passed, {len(failed)} failed")
    for fault in faults:
        _report(fault.problems, options.json)
    return FAULTY if faults else FAILED if failed else FINE


def _lint(options: argparse.Namespace) -> int:
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
    _report(problems, options.json) if problems or options.json else None
    errors = sum(found.severity == "error" for found in problems)
    if not options.json:
        print(f"{errors} errors, {len(problems) - errors} warnings")
    return FAULTY if errors else FINE


def _list(ruleset: Any, options: argparse.Namespace) -> int:
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


def _show(ruleset: Any, options: argparse.Namespace) -> int:
    from vramledger.reports import blocks, specs

    found = list(specs.show(ruleset, options.name))
    if options.json:
        _print_json({"name": options.name, "text": blocks.plain(found)})
    else:
        blocks.write(found, sys.stdout)
    return FINE


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, sort_keys=False, ensure_ascii=False))
