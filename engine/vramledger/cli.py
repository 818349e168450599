"""The command line. Exit code 0: fine; 1: it does not fit, or a check failed; 2: the input is at fault."""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from vramledger import commands
from vramledger.commands import FAULTY, FINE, report
from vramledger.problems import Problems
from vramledger.version import ENGINE

_PROG = "vramledger"


def script() -> None:
    """The installed command. A run ends soon: its garbage can wait, and nothing is left to tidy up after the answer."""
    gc.set_threshold(200_000)
    os._exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a sign shows its number
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except Problems as faults:
        report(faults.problems, as_json)
        return FAULTY
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code


def _run(arguments: list[str]) -> int:
    parser = _parser()
    options, _ = parser.parse_known_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return FAULTY if arguments else FINE
    if not options.opens:
        return int(options.run(parser.parse_args(arguments)))
    from vramledger.rules.open import open_rules

    ruleset = open_rules(options.specs)
    if options.takes_scenario:
        _add_selectors(options.parser, ruleset)
    return int(options.run(ruleset, parser.parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG, description="How much GPU memory does this need, and why? Every byte derived from rules in files."
    )
    parser.add_argument("--version", action="version", version=f"{_PROG} {ENGINE}")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, run: Callable[..., int], says: str, example: str, scenario: bool = False) -> Any:
        made = choices.add_parser(
            name,
            help=says,
            description=says,
            epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.add_argument("--specs", action="append", default=[], metavar="DIR", help="a folder of further specs")
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run, parser=made, takes_scenario=scenario, opens=True)
        if scenario:
            what = "a scenario file, a model's name, or a config.json"
            made.add_argument("scenario", nargs="?", help=what)
            made.add_argument(
                "--set", action="append", default=[], metavar="KEY=VALUE", help="a fact that beats the file's"
            )
        return made

    add(
        "estimate",
        commands.estimate,
        "What a scenario needs, by component.",
        f"{_PROG} estimate llama-3-8b --adapter lora --hardware rtx-4090 --set batch.size=2",
        scenario=True,
    )
    explain = add(
        "explain",
        commands.explain,
        "How a number came, step by step.",
        f"{_PROG} explain llama-3-8b optimizer.bytes --row q_proj",
        scenario=True,
    )
    explain.add_argument("quantity", nargs="?", default="total.bytes", help="the quantity (default: total.bytes)")
    explain.add_argument("--depth", type=_depth, default=4, help="how many levels to show (default: 4; 0 for one line)")
    explain.add_argument("--row", default="", metavar="TEXT", help="of tables, only rows whose name holds TEXT")
    explain.add_argument("--markdown", action="store_true", help="print Markdown with the formulas in LaTeX")
    test = add(
        "test",
        commands.test,
        "Runs the examples beside the rules, and scenarios' expectations.",
        f"{_PROG} test -k optimizer",
    )
    test.add_argument("scenarios", nargs="*", help="scenario files with an expect block")
    test.add_argument(
        "-k", default="", metavar="TEXT", dest="like", help="only examples whose place or entry holds TEXT"
    )
    test.add_argument("-v", "--verbose", action="store_true", help="show every check")
    lint = add(
        "lint",
        commands.lint_,
        "All problems of specs and scenarios.",
        f"{_PROG} lint --specs my-rules scenario.yaml",
    )
    lint.add_argument("scenarios", nargs="*", help="scenario files")
    lint.set_defaults(opens=False)
    listing = add("list", commands.list_, "The kinds, or the entries of one.", f"{_PROG} list models --like qwen")
    listing.add_argument("kind", nargs="?", help="a kind: models, optimizers, hardware ...")
    listing.add_argument("--like", default="", metavar="TEXT", help="only entries whose name or description holds TEXT")
    show = add(
        "show",
        commands.show,
        "A quantity or an entry: rules, what beats what, users, source.",
        f"{_PROG} show optimizer.bytes",
    )
    show.add_argument("name", help="a quantity or an entry")
    return parser


def _depth(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no depth; write 0, 1, 2 ...")
    return int(text)


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
