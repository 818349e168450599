"""Templates of spec files: found, filled in with a name, pointed at the schemas that editors read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from vramledger.locate import folder
from vramledger.problems import Place, Problem, Problems, problem
from vramledger.rules.bytes import decode_text, read_bytes
from vramledger.rules.packages import packages
from vramledger.rules.read import read_yaml
from vramledger.rules.said import text_of
from vramledger.rules.tree import Mapping

FOLDER = "templates"  # inside a folder of specs, which is not read as specs
PLAIN = ("scenario",)  # what has a template and is no kind of spec

# NAME stands for the name, WORD for the name as formulas can write it; a suffix may follow, as in NAME_bytes.
_NAME = re.compile(r"(?<!\w)NAME(?![A-Za-z0-9])")
_WORD = re.compile(r"(?<!\w)WORD(?![A-Za-z0-9])")
_ALONE = re.compile(r"(^ *|: |- |\[|, )NAME(?= *$|: |, |\]|\})", re.MULTILINE)
_NEXT = re.compile(r"^# next: (.*)\n", re.MULTILINE)
_MODELINE = re.compile(r"^(# yaml-language-server: \$schema=)(\S*)$", re.MULTILINE)
_READ_AS_OTHERS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")  # what YAML takes for no text
_ABOUT_SCHEMA = """\
# The line above lets an editor complete and explain what stands here. It names the schema of this installation; for a
# file that goes to others, `vramledger schemas FOLDER` writes schemas to keep beside it.
"""


class Template(NamedTuple):
    """A template's text, the path that problems name, and whether it comes with the engine."""

    path: str
    text: str
    bundled: bool = False


def find_template(head: str, specs: Iterable[str | Path]) -> Template | None:
    """The template of a kind's entries, or of stages, kinds or scenarios, where there is one.

    That of the last folder of specs wins, then that of an installed package, then the bundled one. Raises Problems
    where it cannot be read, or holds nothing of that kind called NAME.
    """
    name = Path(FOLDER) / f"{head}.yaml"
    bundled = folder("specs")
    bases = [bundled, *(Path(package.folder) for package in packages()[0]), *map(Path, specs)]
    found = [base / name for base in bases if (base / name).is_file()]
    if not found:
        return None
    path = found[-1]
    own = path == bundled / name
    shown = (Path("specs") / name).as_posix() if own else str(path)
    content, fault = read_bytes(path)
    text, fault = ("", fault) if fault is not None else decode_text(content, shown)
    faults = [fault] if fault is not None else list(_faults(head, text, shown))
    if faults:
        raise Problems(faults)
    return Template(shown, text.replace("\r\n", "\n"), own)


def _faults(head: str, text: str, path: str) -> Iterator[Problem]:
    trees, faults = read_yaml(text, path)
    yield from faults
    heads = [tree.items[0] for tree in trees if isinstance(tree, Mapping) and tree.items]
    named = any(key.text == head and text_of(value) == "NAME" for key, value in heads)
    if not faults and not named and head not in PLAIN:
        message = f"the template holds no {head} called NAME"
        yield problem("no-name", message, Place(path, 1, 1), f"begin a document with {head}: NAME")


def fill_in(text: str, name: str) -> str:
    """A template's text with a name in place of NAME, in quotes where YAML would take it for something else."""
    quoted = f'"{name}"' if name[0].isdigit() or name.lower() in _READ_AS_OTHERS else name
    text = _WORD.sub(word(name), text)
    return _NAME.sub(name, _ALONE.sub(lambda match: match[1] + quoted, text))


def word(name: str) -> str:
    """A name as formulas can write it: letters, digits and _, a digit not first, nothing that YAML or they know."""
    made = re.sub(r"\W", "_", name)
    return f"_{made}" if made[0].isdigit() else f"{made}_" if made.lower() in _READ_AS_OTHERS else made


def next_command(text: str) -> tuple[str, str]:
    """The text without the line that says which command to try next, and that command's arguments."""
    found = _NEXT.search(text)
    return _NEXT.sub("", text), found[1] if found else ""


def with_schemas(text: str, target: Path) -> str:
    """The text with its modelines naming schemas where this installation has them.

    Beside them, as in a checkout, the path is relative and means the same to everyone; elsewhere it is an address,
    which an editor finds from wherever the file lies, blanks in the path included.
    """
    schemas = folder("schemas").resolve()
    base = target.resolve().parent
    beside = base.is_relative_to(schemas.parent)

    def there(match: re.Match[str]) -> str:
        schema = schemas / match[2].rpartition("/")[2]
        if not schema.is_file():
            return match[0]
        return match[1] + (Path(os.path.relpath(schema, base)).as_posix() if beside else schema.as_uri())

    found = _MODELINE.sub(there, text)
    first, _, rest = found.partition("\n")
    return found if beside or not _MODELINE.match(first) else f"{first}\n{_ABOUT_SCHEMA}{rest}"
