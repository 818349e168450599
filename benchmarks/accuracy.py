"""Our figures against counted ones: `python benchmarks/accuracy.py FILE.jsonl [--configs DIR] [--json]`.

A record is mapped to a scenario by an import spec, which also says which quantities its value is. A record that no
scenario expresses counts as a miss with an error of 1. Exit code 1 where a record misses, 2 where the file is at fault.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from vramledger.api import evaluate_with
from vramledger.inputs.imports import imported
from vramledger.problems import Problems
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules


class Comparison(NamedTuple):
    """One counted figure and ours; ours is None where no scenario expresses the record."""

    id: str
    kind: str
    truth: int
    estimate: int | None
    why: str = ""
    less: int = 0  # what the figure holds in any case

    @property
    def error(self) -> Fraction:
        """The relative error; that of a figure that should be nothing is 0 or 1."""
        if self.estimate is None:
            return Fraction(1)
        if self.truth == 0:
            return Fraction(self.estimate != 0)
        return Fraction(abs(self.estimate - self.truth), self.truth)

    @property
    def error_of_rest(self) -> Fraction:
        """The error relative to what the figure holds beside that."""
        if self.estimate is None or self.truth <= self.less:
            return self.error
        return Fraction(abs(self.estimate - self.truth), self.truth - self.less)


def compared(ruleset: RuleSet, record: dict[str, Any], base: Path, spec: str) -> Iterator[Comparison]:
    """A record's value against ours, and each of its parts that the import names."""
    kind, truth = record["kind"], record.get("value", record.get("value_bytes"))
    says = ruleset.entry("import", spec).records
    names = says["answers"].get(kind)
    if names is None:
        yield Comparison(record["id"], kind, truth, None, f"the import {spec} says nothing of {kind}")
        return
    try:
        ledger = evaluate_with(ruleset, imported(ruleset, spec, _placed(record, base)), base=base)
        less, _ = _figure([ledger[name] for name in says.get("answer_less", {}).get(kind, ())])
        yield Comparison(record["id"], kind, truth, *_figure([ledger[name] for name in names]), less or 0)
        for path, name in says.get("answer_parts", {}).get(kind, {}).items():
            part: Any = record.get("breakdown", {})
            for step in path.split("/"):
                part = part.get(step) if isinstance(part, dict) else None
            if isinstance(part, int):
                figure = _figure([ledger[name]])
                yield Comparison(f"{record['id']} {path}", f"{kind} {path}", part, *figure, less or 0)
    except Problems as faults:
        yield Comparison(record["id"], kind, truth, None, str(faults.problems[0].message))


def _placed(record: dict[str, Any], base: Path) -> dict[str, Any]:
    """The record with the files that its settings name, in the folder itself where they are not below it."""
    settings = {
        name: str((base / Path(value).name).absolute())
        if isinstance(value, str) and value.endswith(".json") and not (base / value).is_file()
        else value
        for name, value in record.get("settings", {}).items()
    }
    return {**record, "settings": settings}


def _figure(values: list[Any]) -> tuple[int | None, str]:
    strange = next((value for value in values if not isinstance(value, int)), None)
    return (sum(values), "") if strange is None else (None, str(strange))


def summary(found: list[Comparison]) -> dict[str, Any]:
    """What a kind's comparisons come to."""
    errors = sorted(one.error for one in found)
    rest = max(one.error_of_rest for one in found)
    return {
        "records": len(found),
        "exact": sum(one.estimate == one.truth for one in found),
        "median": float(errors[(len(errors) - 1) // 2] + errors[len(errors) // 2]) / 2,
        "p90": float(errors[-(-9 * len(errors) // 10) - 1]),
        "worst": float(errors[-1]),
        "worst of rest": float(rest),
    }


def records(path: Path, kinds: list[str]) -> Iterator[dict[str, Any]]:
    """The records of a file, those of some kinds where kinds are named."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record.get("kind") and (not kinds or record["kind"] in kinds):
            yield record


def main() -> int:
    parser = argparse.ArgumentParser(description="Our figures against counted ones.")
    parser.add_argument("file", type=Path, help="records, one JSON object a line")
    parser.add_argument("--configs", type=Path, help="where the configurations lie; beside the file if left out")
    parser.add_argument("--kind", action="append", default=[], help="only records of this kind; may be repeated")
    parser.add_argument("--import", dest="spec", default="counted", help="the import spec that maps the records")
    parser.add_argument("--specs", type=Path, action="append", default=[], help="folders of rules of your own")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    ruleset = open_rules(asked.specs)
    base = asked.configs or asked.file.parent
    try:
        found = [
            one for record in records(asked.file, asked.kind) for one in compared(ruleset, record, base, asked.spec)
        ]
    except (OSError, ValueError, KeyError) as fault:
        print(f"{asked.file}: {fault}", file=sys.stderr)
        return 2
    kinds = {kind: summary([one for one in found if one.kind == kind]) for kind in dict.fromkeys(o.kind for o in found)}
    heads = {kind: one for kind, one in kinds.items() if " " not in kind}
    parts = {kind: one for kind, one in kinds.items() if " " in kind}
    misses = [one for one in found if one.estimate != one.truth]
    if asked.json:
        listed = [{"id": m.id, "truth": m.truth, "estimate": m.estimate, "why": m.why} for m in misses]
        print(json.dumps({"kinds": heads, "parts": parts, "misses": listed}))
    else:
        print(f"{'kind':44}{'records':>8}{'exact':>8}{'median':>12}{'p90':>12}{'worst':>12}{'of rest':>12}")
        for kind, one in (*heads.items(), *parts.items()):
            print(
                f"{kind:44}{one['records']:>8}{one['exact']:>8}"
                f"{one['median']:>12.2e}{one['p90']:>12.2e}{one['worst']:>12.2e}{one['worst of rest']:>12.2e}"
            )
        for miss in misses:
            print(f"{miss.id}: counted {miss.truth}, ours {miss.estimate} {miss.why}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
