"""`vramledger schemas`: the JSON Schemas that let an editor complete, explain and check spec files and scenarios."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from vramledger.commands.command import FINE, Command, print_json


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Writes one schema a kind, and those of stages, kinds and scenarios, each whole or not at all."""
    from vramledger.output import whole_file
    from vramledger.rules.schema_files import schemas

    written = []
    for name, schema in list(schemas(ruleset)):
        path = Path(options.folder) / name
        with whole_file(path) as file:
            file.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
        written.append(str(path))
    if options.json:
        print_json({"written": written})
    else:
        print(f"{len(written)} schemas in {options.folder}")
    return FINE


COMMAND = Command(
    "schemas",
    run,
    "JSON Schemas of spec files and scenarios, for editors.",
    "schemas schemas --specs my-rules",
    ((("folder",), {"metavar": "FOLDER", "help": "where they are written; made where it is missing"}),),
)
