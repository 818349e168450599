"""`vramledger completion`: the script that lets a shell complete commands, options and the names in the specs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from vramledger.commands.command import FINE, Command, print_json

_SHELLS = ("bash", "zsh", "fish")
_Found = Iterator[tuple[str, str]]  # what can stand there, and what it is, which some shells show


def run(options: argparse.Namespace) -> int:
    """Prints the script of a shell."""
    from argcomplete.shell_integration import shellcode

    script = shellcode(["vramledger"], shell=options.shell).lstrip("\n")
    if options.json:
        print_json({"shell": options.shell, "script": script})
    else:
        print(script, end="")
    return FINE


def words() -> list[str]:
    """The arguments before the one that the shell asks to complete."""
    from argcomplete.lexers import split_line

    found: list[str] = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))[3]
    return found[1:]


def answer(parser: argparse.ArgumentParser, own: argparse.ArgumentParser | None, ruleset: Any) -> None:
    """Tells the shell what can stand there, and ends the process; `own` is the command's parser, once it is known.

    Without rules (None) no names are known.
    """
    from argcomplete import autocomplete

    for action in own._actions if own else ():  # noqa: SLF001 - argparse has no other way
        if action.nargs == "?" and not action.option_strings:
            action.nargs = None  # else the next argument's names would be among this one's
        if own and action.choices is None:
            command = own.prog.rpartition(" ")[2]
            action.completer = _completer(command, action.dest, ruleset)  # type: ignore[attr-defined]
    autocomplete(parser, always_complete_options=False)


def _completer(command: str, argument: str, ruleset: Any) -> Callable[..., dict[str, str]]:
    known = _KNOWN.get(f"{command} {argument}") or _KNOWN.get(argument)
    if argument.startswith("fact "):
        known = partial(_values, argument.removeprefix("fact "))
    elif known is None and ruleset is not None and argument.removesuffix("s") in ruleset.kinds:
        known = partial(_listed, partial(_entries, argument.removesuffix("s")))

    def complete(prefix: str, **_: Any) -> dict[str, str]:
        return dict(known(ruleset, prefix)) if known else {}

    return complete


def _files(endings: tuple[str, ...], ruleset: Any, prefix: str) -> _Found:
    """Folders, and files with one of the endings; hidden ones once a dot is typed."""
    folder, slash, begun = prefix.rpartition("/")
    try:
        listed = sorted(os.listdir(os.path.expanduser(folder + slash) or "."))  # noqa: PTH111, PTH208 - ~ and . stay as typed
    except OSError:
        return
    for name in listed:
        path = f"{folder}{slash}{name}"
        if name.startswith(begun) and (begun or not name.startswith(".")):
            if os.path.isdir(os.path.expanduser(path)):  # noqa: PTH111, PTH112 - likewise
                yield f"{path}/", ""
            elif endings and name.endswith(endings):
                yield path, ""


def _scenarios(ruleset: Any, prefix: str) -> _Found:
    yield from _entries("model", ruleset, prefix)
    yield from _files((".yaml", ".yml", ".json"), ruleset, prefix)


def _entries(kind: str, ruleset: Any, prefix: str) -> _Found:
    """The entries of a kind; other names of theirs once one of them is begun."""
    for name in ruleset.names(kind) if ruleset else ():
        says = ruleset.tree(kind, name).get("says")
        yield name, _line(says.text) if says else ""
    for alias, name in ruleset.aliases(kind).items() if ruleset and prefix else ():
        yield alias, name


def _kinds(ruleset: Any, prefix: str) -> _Found:
    for kind in ruleset.kinds.values() if ruleset else ():
        yield kind.name, _line(kind.says)


def _heads(ruleset: Any, prefix: str) -> _Found:
    yield from _kinds(ruleset, prefix)
    yield from ((head, "") for head in ("stage", "kind", "scenario"))


def _quantities(ruleset: Any, prefix: str) -> _Found:
    from vramledger.rules.overlay import base_declarations

    for name, declared in base_declarations(ruleset).items() if ruleset else ():
        yield name, _line(declared.says)


def _anything(ruleset: Any, prefix: str) -> _Found:
    yield from _quantities(ruleset, prefix)
    for kind in ruleset.kinds if ruleset else ():
        yield from _entries(kind, ruleset, prefix)


def _listed(names: Callable[[Any, str], _Found], ruleset: Any, prefix: str) -> _Found:
    """Names with commas between them: the last one."""
    before, comma, last = prefix.rpartition(",")
    yield from ((f"{before}{comma}{name}", says) for name, says in names(ruleset, last))


def _facts(ruleset: Any, prefix: str) -> _Found:
    """KEY=VALUE: keys, then the values of the one that stands there."""
    fact, equals, value = prefix.partition("=")
    if equals:
        yield from ((f"{fact}={found}", says) for found, says in _values(fact, ruleset, value))
    else:
        yield from ((f"{key}=", says) for names in (_kinds, _quantities) for key, says in names(ruleset, prefix))


def _values(fact: str, ruleset: Any, prefix: str) -> _Found:
    """The values of a fact: entries of a kind, words that are allowed, true and false."""
    from vramledger.rules.overlay import base_declarations

    if ruleset is None:
        return
    kind = next((kind.name for kind in ruleset.kinds.values() if fact in (kind.key, kind.selector)), "")
    declarations = base_declarations(ruleset)
    declared = declarations.get(fact) or declarations.get(f"{fact}.name")
    if kind:
        yield from _entries(kind, ruleset, prefix)
    elif declared and declared.entry:
        yield from _entries(declared.entry, ruleset, prefix)
    elif declared:
        allowed = ("true", "false") if declared.type.kind == "boolean" else declared.one_of
        yield from ((word, "") for word in allowed)


# What an argument can be, by its name; by the command's too, where it has a meaning of its own there.
_KNOWN: dict[str, Callable[[Any, str], _Found]] = {
    "scenario": _scenarios,
    "scenarios": _scenarios,
    "inputs": partial(_files, (".yaml", ".yml")),
    "paths": partial(_files, (".yaml", ".yml")),
    "result": partial(_files, (".json",)),
    "specs": partial(_files, ()),
    "folder": partial(_files, ()),
    "output": partial(_files, ("",)),
    "set": _facts,
    "kind": _kinds,
    "quantity": _quantities,
    "start": _quantities,
    "end": _quantities,
    "name": _anything,
    "select": partial(_listed, _quantities),
    "new kind": _heads,
    "new name": lambda ruleset, prefix: iter(()),
}


COMMAND = Command(
    "completion",
    run,
    "The script that lets a shell complete commands, options and names.",
    "completion bash",
    ((("shell",), {"choices": _SHELLS, "help": "the shell that reads it"}),),
    opens=False,
)


def _line(says: str) -> str:
    """A text as one line, since shells take one for each answer."""
    return " ".join(says.split())
