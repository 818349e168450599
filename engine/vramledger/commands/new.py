"""`vramledger new`: a spec file or a scenario to begin with, which passes `lint` and `test` as it stands."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vramledger.commands.command import FINE, Command, print_json
from vramledger.problems import Label, Place, Problem, Problems, nearest, problem

if TYPE_CHECKING:
    from vramledger.rules.templates import Template

_NAMED_IN_FORMULAS = ("stage", "kind")
_HEADS = (*_NAMED_IN_FORMULAS, "scenario")  # what can be written beside entries of kinds
_NOBODY = ("none", "null")  # where a scenario says so, no entry is chosen
_SUFFIXES = (".yaml", ".yml")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_LONGEST = 100


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Writes a template under a name, and says which commands to run next."""
    from vramledger.output import whole_file
    from vramledger.rules.templates import fill_in, next_command, with_schemas

    target = Path(options.output or f"{options.name}.yaml")
    head, problems = _head(ruleset, options.kind)
    faults = list(_of_name(head, options.name))
    problems += [*faults, *(_of_target(target) if options.output or not faults else ())]
    template = _template(ruleset, head, options.specs) if head else None
    if template is not None and not faults:
        problems += _taken(ruleset, head, options.name, template)
    if template is None or problems:
        raise Problems(problems)
    text = fill_in(template.text, options.name)
    if head in (*ruleset.kinds, *_NAMED_IN_FORMULAS):
        _try_out(text, template, options)
    text, arguments = next_command(text)
    with whole_file(target, overwrite=False) as file:
        file.write(with_schemas(text, target))
    commands = [shlex.join(["vramledger", *words]) for words in _next(ruleset, head, options, target, arguments)]
    if options.json:
        print_json({"path": str(target), "next": commands})
    else:
        print(f"wrote {target}; next:\n", *(f"$ {command}" for command in commands), sep="\n")
    return FINE


def _head(ruleset: Any, given: str) -> tuple[str, list[Problem]]:
    """What the first key of the file is to be, from a word in singular or plural."""
    from vramledger.reports.specs import kind_named

    for head in _HEADS:
        if given in (head, f"{head}s"):
            return head, []
    try:
        return kind_named(ruleset, given), []
    except Problems:
        known = [*ruleset.kinds, *_HEADS]
        hint = nearest(given, [*known, *(f"{one}s" for one in known)]) or f"there are: {', '.join(known)}"
        return "", [problem("unknown-kind", f"no kind is called {given}", None, hint)]


def _of_name(head: str, name: str) -> Iterator[Problem]:
    from vramledger.inputs.written import ABOUT
    from vramledger.rules.templates import word

    hint = ""
    if not re.fullmatch(_NAME, name):
        fault = "a name begins with a letter or a digit, and is made of letters, digits, '.', '_' and '-'"
        made = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")
        hint = f"write {made}" if made else ""
    elif len(name) > _LONGEST:
        fault = f"it is longer than {_LONGEST} characters"
    elif name.endswith(_SUFFIXES):
        fault = "it is a file's name"
        hint = f"write {Path(name).stem}; its file is called {name} by itself"
    elif head in _NAMED_IN_FORMULAS and word(name) != name:
        fault = (
            f"formulas name a {head}, so it is of letters, digits and '_', begins with a letter, and is text to YAML"
        )
        hint = f"write {word(name)}" if name[0].isalpha() else ""
    elif head == "kind" and name in ABOUT:
        fault = f"in a scenario, {name}: says something of the scenario itself"
    elif head != "scenario" and name.lower() in _NOBODY:
        fault = f"in a scenario, it says that no {head or 'entry'} is chosen"
    else:
        return
    yield problem("bad-name", f"{name[:_LONGEST]!r} cannot be the name: {fault}", None, hint)


def _of_target(target: Path) -> Iterator[Problem]:
    place = Place(str(target)[:200])
    if os.path.isdir(target):  # noqa: PTH112 - a path of any length and signs is asked
        yield problem("file-exists", f"{place} is a folder", place, "name a file in it with -o")
    elif target.suffix not in _SUFFIXES:
        yield problem("bad-name", f"{place} does not end in .yaml, and would not be read", place)
    elif os.path.lexists(target):
        yield problem("file-exists", f"{place} is there already", place, "give another name with -o")


def _taken(ruleset: Any, head: str, name: str, template: Template) -> Iterator[Problem]:
    """Whether something has the name: an entry of the kind by any of its names, or a word that formulas know."""
    from vramledger.rules.templates import word

    own = ruleset.resolve(head, name) if head in ruleset.kinds else None
    if own is not None:
        message = f"the {head} {own} is there already" if own == name else f"{name} is a name of the {head} {own}"
        hint = f"choose another name; to build on the other, say `extends: {own}` in the new file"
        yield problem("declared-twice", message, None, hint, also=[Label(ruleset.place(head, own), "here")])
    elif head in _NAMED_IN_FORMULAS or "WORD" in template.text:
        before = _words(ruleset).get(word(name))
        if before is not None:
            message = f"{word(name)} is a word that formulas and scenarios know already"
            yield problem("declared-twice", message, None, "choose another name", also=[Label(before, "here")])


def _words(ruleset: Any) -> dict[str, Place]:
    """The words that the names of quantities begin with, tables, stages, and what scenarios call kinds."""
    from vramledger.rules.world import World

    world = World(ruleset, [ruleset.entry(kind, name) for kind in ruleset.kinds for name in ruleset.names(kind)])
    found = [(one.name, one.place) for one in ruleset.documents() if one.head in _NAMED_IN_FORMULAS]
    for kind in ruleset.kinds.values():
        found += [(name, kind.place) for name in (kind.namespace, kind.key, kind.catalog)]
    found += [(table.name, table.place) for table in world.tables]
    found += [(name.partition(".")[0], declared.place) for name, declared in world.declarations.items()]
    return dict(reversed(found))  # the first place of each


def _template(ruleset: Any, head: str, specs: list[str]) -> Template:
    from vramledger.rules.templates import find_template

    found = find_template(head, specs)
    if found is None:
        from vramledger.rules.sketch import sketch

        return sketch(ruleset, ruleset.kinds[head])
    return found


def _try_out(text: str, template: Template, options: argparse.Namespace) -> None:
    """Loads what is to be written beside all other specs, so that nothing faulty is. Raises Problems."""
    from vramledger.rules.files import File, gather
    from vramledger.rules.open import load

    files, _ = gather(options.specs)
    *_, problems = load([*files, File(template.path, text.encode(), user=True)], "")
    faults = [found for found in problems if found.severity == "error"]
    if faults and template.bundled:  # under another name it is sound, which is tested
        message = f"{options.name!r} cannot be the name here: {faults[0].message}"
        raise Problems([problem("bad-name", message, None, "choose another name", also=faults[0].labels)])
    if faults:
        raise Problems(faults)


def _next(ruleset: Any, head: str, options: argparse.Namespace, target: Path, arguments: str) -> Iterator[list[str]]:
    """The commands that check the file and use it."""
    specs = [word for given in _specs(options.specs, target, head) for word in ("--specs", given)]
    if head == "scenario":
        yield from ([command, str(target), *specs] for command in ("test", "lint", "estimate"))
        return
    yield ["test", *specs, "-k", options.name]
    yield ["lint", *specs]
    if arguments:
        yield [*shlex.split(arguments), *specs]
    elif ruleset.names("model"):
        yield ["estimate", ruleset.names("model")[0], "--set", f"{ruleset.kinds[head].key}={options.name}", *specs]


def _specs(given: list[str], target: Path, head: str) -> list[str]:
    """The folders of specs under which the file is read, itself where it lies in none of them."""
    from vramledger.locate import folder

    bases = (folder("specs"), *map(Path, given))
    within = any(target.resolve().is_relative_to(base.resolve()) for base in bases)
    return given if within or head == "scenario" else [*given, str(target)]


COMMAND = Command(
    "new",
    run,
    "A spec file or a scenario to begin with, which passes lint and test.",
    "new optimizer my-adam -o rules/my-adam.yaml",
    (
        (("kind",), {"metavar": "KIND", "help": "a kind (optimizer, hardware ...), or stage, kind, scenario"}),
        (("name",), {"metavar": "NAME", "help": "what it is to be called"}),
        (("-o", "--output"), {"metavar": "FILE", "help": "the file to write (default: NAME.yaml)"}),
    ),
)
