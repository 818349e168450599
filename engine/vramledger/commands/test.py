"""`vramledger test`: the examples that stand beside the rules, and what scenarios expect."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from vramledger.commands.command import FAILED, FAULTY, FINE, Command, print_json, report
from vramledger.locate import folder
from vramledger.problems import Problems

SCENARIOS = "scenarios"  # a folder of specs may hold scenarios that are checks
_PAUSE = 0.3  # seconds between two looks at the files


def run(options: argparse.Namespace) -> int:
    """Runs the checks, once or whenever a file changes, and tells which failed and what none reached."""
    if not options.watch:
        return _once(options)
    seen: object = None
    while True:
        now = _state(options)
        if now != seen:
            seen = now
            try:
                _once(options)
            except Problems as faults:
                report(faults.problems, options.json)
            print(f"watching {len(now)} files; stop with Ctrl-C", file=sys.stderr, flush=True)
        time.sleep(_PAUSE)


def _once(options: argparse.Namespace) -> int:
    from vramledger.inputs.checks import Check, run_examples, run_scenario
    from vramledger.inputs.reach import Reach
    from vramledger.reports import blocks, checks
    from vramledger.rules.open import open_rules

    ruleset = open_rules(options.specs)
    whole, own = not options.like and not options.scenarios, bool(options.specs)
    reach = Reach() if whole else None
    results: list[Check | Problems] = []
    if not options.scenarios or options.like:
        results += run_examples(ruleset, options.like, own, reach)
    for path in options.scenarios or _beside(options):
        if options.scenarios or options.like in str(path):
            results += run_scenario(ruleset, Path(path), reach)
    found = [one for one in results if isinstance(one, Check)]
    faults = [one for one in results if isinstance(one, Problems)]
    parts = reach.parts(ruleset, own) if reach is not None else []
    if options.json:
        print_json(checks.to_dict(found, parts))
    else:
        blocks.write(checks.blocks(found, parts, options.verbose), sys.stdout)
    sys.stdout.flush()
    for fault in faults:
        report(fault.problems, options.json)
    return FAULTY if faults else FINE if all(check.passed for check in found) else FAILED


def _beside(options: argparse.Namespace) -> list[Path]:
    """The scenarios that stand in the folders of specs: the user's, or the bundled ones where none is named."""
    bases = [Path(given) for given in options.specs] or [folder("specs")]
    return sorted(_shown(path) for base in bases for path in (base / SCENARIOS).glob("**/*.yaml"))


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _state(options: argparse.Namespace) -> dict[str, tuple[int, int]]:
    """When each file that the checks read was changed, and its size."""
    from vramledger.rules.files import gather

    files, _ = gather(options.specs)
    paths = [*(file.path for file in files), *options.scenarios, *_beside(options)]
    return {str(path): stamp for path in paths for stamp in _stamp(Path(path))}


def _stamp(path: Path) -> Iterator[tuple[int, int]]:
    try:
        found = path.stat()
    except OSError:
        return
    yield found.st_mtime_ns, found.st_size


COMMAND = Command(
    "test",
    run,
    "Runs the examples beside the rules, and scenarios' expectations.",
    "test -k optimizer",
    (
        (("scenarios",), {"nargs": "*", "help": "scenario files with an expect block"}),
        (("-k",), {"default": "", "metavar": "TEXT", "dest": "like", "help": "only checks whose place holds TEXT"}),
        (("-v", "--verbose"), {"action": "store_true", "help": "show every check, and all that none reached"}),
        (("--watch",), {"action": "store_true", "help": "run again whenever a file changes"}),
    ),
    opens=False,
)
