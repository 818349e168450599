"""What the word means that stands on a command line where a scenario is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vramledger.inputs.files import read_json
from vramledger.rules.tree import to_data


def meant(ruleset: Any, given: str | None) -> Any:
    """A scenario file, a file that an import reads as `{FACT: FILE}`, or a model by its name."""
    if given is None:
        return {}
    path = Path(given)
    if path.suffix in (".yaml", ".yml"):
        return path
    files = _standing_alone(ruleset)
    ends = {".json", *(Path(says["file"]).suffix for says in files)}
    if path.suffix in ends or os.path.isdir(path):  # noqa: PTH112 - a path of any length
        says = _import(files, path)
        return path if says is None else {says["given"]: given}
    return {"model": given}


def _standing_alone(ruleset: Any) -> list[dict[str, Any]]:
    """The imports whose file may stand where a scenario is asked for, those that read more first."""
    kinds = [kind.name for kind in ruleset.kinds.values() if kind.reads]
    files = [to_data(ruleset.tree(kind, name)) for kind in kinds for name in ruleset.names(kind)]
    return sorted((says for says in files if says.get("alone") is True), key=lambda says: "beside" not in says)


def _import(files: list[dict[str, Any]], path: Path) -> dict[str, Any] | None:
    """The import that reads a file or folder, by name or else by the file's fields; None for what is a scenario."""
    folder = path.is_dir()
    names = [inside.name for inside in path.iterdir()] if folder else [path.name]
    for says in files:
        file = says["file"]
        whole = {file, f"{file}.index.json"}
        if any(name in whole or (not file.endswith(".json") and name.endswith(Path(file).suffix)) for name in names):
            return says
    by_fields = [says for says in files if "known_by" in says]
    if folder:
        return by_fields[0]
    fields = read_json(path)[0] if path.is_file() else {}
    return next((says for says in by_fields if fields.keys() & set(says["known_by"])), None)
