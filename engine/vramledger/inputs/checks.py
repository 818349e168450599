"""Examples beside the rules, and scenarios that say what they expect: given, expected, found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vramledger.evaluation.expect import Gap, gap, holds, understood
from vramledger.evaluation.ledger import Ledger
from vramledger.evaluation.show import show
from vramledger.inputs.raw import Raw, read_raw
from vramledger.inputs.scenario import Scenario, read_scenario
from vramledger.problems import Place, Problem, Problems, nearest, problem, some
from vramledger.rules.load import RuleSet
from vramledger.rules.tree import Mapping, Scalar

if TYPE_CHECKING:
    from vramledger.inputs.reach import Reach  # most checks need none


class Check(NamedTuple):
    """One expectation: what was expected of which quantity, what was found, whether that agrees."""

    where: str
    place: Place
    quantity: str
    expected: str
    found: str
    passed: bool
    unit: str = ""
    gap: Gap | None = None


def check_expect(ledger: Ledger, expect: Mapping, where: str, tolerance: Fraction | None = None) -> Iterator[Check]:
    """Each line of an `expect` block against a ledger. Raises Problems where a line cannot be understood."""
    faults = some(_misread(ledger, expect))
    if faults:
        raise Problems(faults)
    for key, value in expect.items:
        found = ledger[key.text]
        unit = ledger.program.declarations[key.text].unit
        passed, off = holds(found, value.text, tolerance), gap(found, value.text, tolerance)
        yield Check(where, value.place, key.text, value.text, show(found, unit), passed, unit, off)


def _misread(ledger: Ledger, expect: Mapping) -> Iterator[Problem]:
    """The lines of an `expect` block that cannot be understood."""
    for key, value in expect.items:
        if key.text not in ledger.program.declarations:
            hint = nearest(key.text, ledger.program.declarations)
            yield problem("unknown-name", f"nothing is called {key.text}", key.place, hint)
        elif not isinstance(value, Scalar) or not understood(value.text):
            message = f"{key.text} is expected to be something that is no value"
            yield problem("type-clash", message, value.place, "write it as it is printed: 73.6 GB")


def run_examples(
    ruleset: RuleSet, like: str = "", of_user: bool = False, reach: Reach | None = None
) -> Iterator[Check | Problems]:
    """Every example of the specs whose place or origin holds a text; one that cannot run gives its problems."""
    for example in ruleset.examples(of_user):
        where = f"{example.origin} ({example.place})"
        if like not in where:
            continue
        try:
            read = read_scenario(ruleset, Raw(example.given, example.place.path, Path()))
            tolerance = _tolerance(example.tolerance)
            yield from _checked(read, example.expect, where, tolerance, reach)
        except Problems as faults:
            yield faults


def _checked(
    read: Scenario, expect: Mapping, where: str, tolerance: Fraction | None, reach: Reach | None
) -> Iterator[Check]:
    ledger = Ledger(read.program, read.facts)
    if reach is not None:
        reach.follow(ledger.evaluation)
    yield from check_expect(ledger, expect, where, tolerance)
    if reach is not None:
        with suppress(Problems):  # the rest of the answer is no check, and may need what the check does not
            _ = ledger.components, ledger.phases, ledger.warnings
        reach.gather(ledger.evaluation)


def _tolerance(node: Scalar | None) -> Fraction | None:
    if node is None:
        return None
    number = node.text.replace("percent", "").strip()
    try:
        share = Fraction(number) / (100 if "percent" in node.text else 1)
    except (ValueError, ZeroDivisionError):
        share = Fraction(-1)
    if not 0 <= share <= 1:
        hint = "write a share: 1 percent"
        raise Problems([problem("type-clash", f"a tolerance of {node.text!r}", node.place, hint)])
    return share


def run_scenario(ruleset: RuleSet, path: Path, reach: Reach | None = None) -> Iterator[Check | Problems]:
    """The expectations of a scenario file."""
    try:
        read = read_scenario(ruleset, read_raw(path))
        if read.expect is not None:
            yield from _checked(read, read.expect, str(path), None, reach)
    except Problems as faults:
        yield faults
