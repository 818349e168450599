"""The command line. Exit code 0: fine; 1: it does not fit, or a check failed; 2: the input is at fault."""

from __future__ import annotations

import argparse
import errno
import gc
import io
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from vramledger.commands.command import FAULTY, FINE, Command, report
from vramledger.problems import Problem, Problems, nearest, problem
from vramledger.version import ENGINE

_PROG = "vramledger"
COMMANDS = (
    "estimate",
    "explain",
    "compare",
    "batch",
    "sweep",
    "solve",
    "serve",
    "verify",
    "validate",
    "test",
    "lint",
    "list",
    "show",
    "graph",
    "needs",
    "path",
    "fmt",
    "schemas",
    "completion",
    "new",
)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # where standard output goes


def script() -> None:
    """The installed command. A run ends soon: its garbage can wait, and nothing is left to tidy up after the answer."""
    gc.set_threshold(200_000)
    os._exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code."""
    if argv is None and "_ARGCOMPLETE" in os.environ:
        return _complete()
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
    except OSError as fault:
        if fault.errno not in _NO_ROOM:
            raise
        report([problem("unwritable-file", f"cannot write the answer: {fault.strerror}")], as_json)
        return FAULTY
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code


def _run(arguments: list[str]) -> int:
    named = _command(arguments[0]) if arguments and arguments[0] in COMMANDS else None
    if named is None and arguments and not arguments[0].startswith("-"):
        raise Problems([_stranger(arguments[0], COMMANDS, "no command is")])
    parser, made = _parser([named] if named else map(_command, COMMANDS))
    if named is None:
        parser.parse_args(arguments)
        parser.print_help()
        return FAULTY if arguments else FINE
    if not named.opens:
        return int(named.run(_options(parser, made[named.name], arguments)))
    from vramledger.rules.open import open_rules

    ruleset = open_rules(_specs(arguments))
    if named.scenario:
        _add_selectors(made[named.name], ruleset)
    return int(named.run(ruleset, _options(parser, made[named.name], arguments)))


def _options(parser: argparse.ArgumentParser, own: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """What the command line says. Raises Problems with every option that the command does not know."""
    options, strangers = parser.parse_known_args(arguments)
    flags = [word.partition("=")[0] for word in strangers if word.startswith("-")]
    if flags:
        known = [flag for action in own._actions for flag in action.option_strings]  # noqa: SLF001 - argparse has no other way
        raise Problems([_stranger(flag, known, f"{own.prog.split()[-1]} has no option that is") for flag in flags])
    return options if not strangers else parser.parse_args(arguments)


def _stranger(word: str, known: Iterable[str], what: str) -> Problem:
    """The problem of a word that nothing is called, with what may have been meant."""
    return problem("unknown-name", f"{what} called {word}", None, nearest(word, known) or f"see {_PROG} --help")


def _complete() -> int:
    """Answers a shell that asks what can stand on a command line."""
    from vramledger.commands.completion import answer, words
    from vramledger.rules.open import open_rules

    arguments = words()
    named = _command(arguments[0]) if arguments and arguments[0] in COMMANDS else None
    parser, made = _parser([named] if named else map(_command, COMMANDS))
    ruleset = None
    if named and named.opens:
        with suppress(Problems, SystemExit):  # faulty rules leave commands and options
            ruleset = open_rules(_specs(arguments))
    if named and named.scenario and ruleset is not None:
        _add_selectors(made[named.name], ruleset)
    answer(parser, made[named.name] if named else None, ruleset)
    return FINE


def _command(name: str) -> Command:
    """A command, imported when it is used."""
    found: Command = import_module(f"vramledger.commands.{name}").COMMAND
    return found


def _specs(arguments: list[str]) -> list[str]:
    """The folders that --specs names; what else stands there can only be read once they are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, formatter_class=_formatter)
    parser.add_argument("--specs", action="append", default=[])
    found: list[str] = parser.parse_known_args(arguments)[0].specs if "--specs" in " ".join(arguments) else []
    return found


def _parser(wanted: Iterable[Command]) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of some commands, and each command's own."""
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="How much GPU memory does this need, and why? Every byte derived from rules in files.",
        formatter_class=_formatter,
    )
    parser.add_argument("--version", action="version", version=f"{_PROG} {ENGINE}")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", prog=_PROG)
    made = {}
    for command in wanted:
        own = choices.add_parser(
            command.name,
            help=command.says,
            description=command.says,
            epilog=f"example: {_PROG} {command.example}",
            formatter_class=_formatter,
            allow_abbrev=False,
        )
        own.add_argument("--specs", action="append", default=[], metavar="DIR", help="a folder of further specs")
        own.add_argument("--json", action="store_true", help="print JSON")
        for flags, settings in command.arguments:
            own.add_argument(*flags, **settings)
        made[command.name] = own
    return parser, made


def _formatter(prog: str) -> argparse.HelpFormatter:
    """The look of a command's help; told its width, it need not import what asks for that, which is often made."""
    try:
        width = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (ValueError, OSError):
        width = 80  # as where nobody tells
    return argparse.RawDescriptionHelpFormatter(prog, width=width - 2)


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
