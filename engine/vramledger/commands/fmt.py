"""`vramledger fmt`: spec and scenario files in one layout."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from vramledger.commands.command import FAILED, FAULTY, FINE, Command, print_json, report
from vramledger.problems import Problem, Problems

_MARK = b"\xef\xbb\xbf"  # of the order of bytes; it stays where it stands


def run(options: argparse.Namespace) -> int:
    """Writes each file in the one layout, or tells which would change; a faulty file is told and left as it is."""
    changed: list[str] = []
    problems: list[Problem] = []
    paths = list(_files([*options.paths, *options.specs]))
    for path in paths:
        before, after, mark, faults = _formatted(path)
        problems += faults
        if before == after:
            continue
        changed.append(str(path))
        if options.diff and not options.json:
            print(_diff(str(path), before, after), end="")
        elif not options.check and not options.diff:
            problems += _write(path, mark + after)
    if options.json:
        print_json({"changed": changed, "unchanged": len(paths) - len(changed)})
    elif not options.diff:
        for name in changed:
            print(f"would change {name}" if options.check else f"changed {name}")
    if problems:
        report(problems, options.json)
    return FAULTY if problems else FAILED if options.check and changed else FINE


def _files(given: Iterable[str]) -> Iterator[Path]:
    """The files that are named, and the YAML files of folders that are; what begins with a dot is passed over."""
    seen: set[Path] = set()
    for name in given:
        path = Path(name)
        for found in sorted(_inside(path)) if path.is_dir() else [path]:
            if found not in seen:
                seen.add(found)
                yield found


def _inside(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if name.endswith((".yaml", ".yml")) and name[0] != ".")


def _formatted(path: Path) -> tuple[str, str, str, list[Problem]]:
    """A file's text, the text in the one layout, the byte order mark before it, and what is wrong with it."""
    from vramledger.rules.bytes import decode_text, read_bytes
    from vramledger.rules.format import format_text

    content, fault = read_bytes(path)
    text, fault = ("", fault) if fault else decode_text(content, str(path))
    if fault is not None:
        return "", "", "", [fault]
    written, problems = format_text(text, str(path))
    return text, written, "\ufeff" if content.startswith(_MARK) else "", problems


def _diff(name: str, before: str, after: str) -> str:
    from difflib import unified_diff

    lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), name, name)
    # a file that does not end in a line feed
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _write(path: Path, text: str) -> tuple[Problem, ...]:
    from vramledger.output import whole_file

    target = path.resolve()  # a link stays one
    mode = target.stat().st_mode & 0o7777
    try:
        with whole_file(target) as file:
            file.write(text)
    except Problems as faults:
        return faults.problems
    target.chmod(mode)
    return ()


COMMAND = Command(
    "fmt",
    run,
    "Spec and scenario files in one layout; comments stay.",
    "fmt --check my-rules scenario.yaml",
    (
        (("paths",), {"nargs": "+", "metavar": "FILE|FOLDER", "help": "files, and folders with YAML files"}),
        (("--check",), {"action": "store_true", "help": "write nothing; exit with 1 where a file would change"}),
        (("--diff",), {"action": "store_true", "help": "write nothing; print what would change"}),
    ),
    opens=False,
)
