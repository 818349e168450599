"""Files of repositories on the Hugging Face hub, through huggingface_hub and its settings; its cache comes first."""

from __future__ import annotations

import re
from pathlib import Path

EXTRA = "vramledger[hub]"
_ID = re.compile(r"([\w.-]{1,96}/[\w.-]{1,96})(?:@([\w./-]{1,200}))?")
_FILES = (".json", ".yaml", ".yml")


def is_repository(given: str) -> bool:
    """Whether a text could be the id of a repository, OWNER/NAME or OWNER/NAME@REVISION, and is no file's name."""
    return _ID.fullmatch(given) is not None and not given.startswith(".") and not given.endswith(_FILES)


def fetched(given: str, name: str) -> Path | str:
    """A repository's file, from the cache where it lies there, or why it could not be had."""
    found = _ID.fullmatch(given)
    assert found is not None
    try:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        return f"pip install '{EXTRA}' reads it from the Hugging Face hub"
    try:
        kept = try_to_load_from_cache(found[1], name, revision=found[2])
        return Path(kept if isinstance(kept, str) else hf_hub_download(found[1], name, revision=found[2]))
    except (OSError, ValueError, HfHubHTTPError) as fault:  # its own errors are among these
        said = str(fault).strip().splitlines()
        return f"the Hugging Face hub gives no {name} of {given}: {said[0][:200] if said else type(fault).__name__}"
