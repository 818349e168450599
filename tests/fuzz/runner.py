"""What the fuzz targets share: a folder for what is met and found, limits, and the loop that libFuzzer runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from random import Random
from time import process_time

import atheris
from damage import damaged

with atheris.instrument_imports(include=["vramledger"]):
    import vramledger

    for module in walk_packages(vramledger.__path__, "vramledger."):
        if not module.name.endswith("__main__"):
            import_module(module.name)  # what the engine imports late is watched as well

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".fuzz"
LONGEST, MEMORY = 20, 2048  # CPU seconds of one input and MiB of the process: more is a finding
HANG = 10 * LONGEST  # seconds; a busy machine takes its time, and only what never ends takes this long


def run(name: str, one: Callable[[bytes], None], seeds: Iterable[bytes], longest: int = 20_000) -> None:
    """Feeds `one` with seeds and what comes of them, for as long as libFuzzer's own options on the command line say.

    An exception that leaves `one`, a hang or too much memory ends the run, and the input is kept among the findings.
    Inputs that are named on the command line are run once each, and nothing else.
    """
    corpus, findings = FOLDER / name / "corpus", FOLDER / name / "findings"
    for place in (corpus, findings):
        place.mkdir(parents=True, exist_ok=True)
    known = list(seeds)
    for number, seed in enumerate(known):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    texts = [seed.decode("utf-8", "surrogateescape") for seed in known]

    def timed(content: bytes) -> None:
        start = process_time()
        one(content)
        took = process_time() - start
        assert took < LONGEST, f"{took:.0f} s of CPU time"

    def mutated(content: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(content, most))
        text = damaged(content.decode("utf-8", "surrogateescape"), random, random.choice(texts))
        return text.encode("utf-8", "surrogateescape")[:most]

    limits = [f"-timeout={HANG}", "-report_slow_units=60", f"-rss_limit_mb={MEMORY}", f"-max_len={longest}"]
    given = [] if any(not word.startswith("-") for word in sys.argv[1:]) else [str(corpus)]
    arguments = [sys.argv[0], *limits, "-print_final_stats=1", f"-artifact_prefix={findings}/", *sys.argv[1:], *given]
    atheris.Setup(arguments, timed, custom_mutator=mutated)
    atheris.Fuzz()


def made(name: str) -> Path:
    """A folder of the run's own for the file that an input is written to."""
    place = FOLDER / name / f"made-{os.getpid()}"
    place.mkdir(parents=True, exist_ok=True)
    return place
