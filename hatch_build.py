"""Checks the bundled specs while the wheel is built; an installed engine starts with what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_CHECK = "from vramledger.rules.open import check_bundled; check_bundled()"


class CheckedSpecs(BuildHookInterface):  # type: ignore[type-arg]
    """The remembered rule set of the bundled specs, as vramledger/checked/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # its specs change
        self.place = tempfile.TemporaryDirectory()
        ours = {"PYTHONPATH": str(Path(self.root) / "engine"), "VRAMLEDGER_CACHE": self.place.name}
        subprocess.run([sys.executable, "-c", _CHECK], env={**os.environ, **ours}, check=True)  # noqa: S603 - our own engine
        for file in Path(self.place.name).glob("*.jsonl"):
            build_data["force_include"][str(file)] = f"vramledger/checked/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self.place.cleanup()
