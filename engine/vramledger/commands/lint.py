"""`vramledger lint`: all problems of specs and scenarios."""

from __future__ import annotations

import argparse
from pathlib import Path

from vramledger.commands.command import FAULTY, FINE, Command, report
from vramledger.problems import Problems


def run(options: argparse.Namespace) -> int:
    """Reports errors and warnings; only errors make it fail."""
    from vramledger.inputs.checks import run_scenario
    from vramledger.rules.files import digest, gather
    from vramledger.rules.lint import lint
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


COMMAND = Command(
    "lint",
    run,
    "All problems of specs and scenarios.",
    "lint --specs my-rules scenario.yaml",
    ((("scenarios",), {"nargs": "*", "help": "scenario files with an expect block"}),),
    opens=False,
)
