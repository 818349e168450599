"""Steps in the order in which code takes them, those that nothing needs left out. Every back end writes these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vramledger.evaluation.steps import FLAGS, Ref, Step

_NO_CONSTANTS = ("fact", "shift")  # a fact's place and the bits of a shift are parts of the code itself


class Line(NamedTuple):
    """What a step does, on earlier ones (as Refs) and known integers; a division by a power of two is a shift."""

    ref: Ref
    op: str
    parts: tuple[Any, ...]

    @property
    def flag(self) -> bool:
        """Whether it gives true or false."""
        return self.op in FLAGS

    @property
    def constants(self) -> list[int]:
        """The known integers in it, in which kernels of the same code may differ."""
        return [] if self.op in _NO_CONSTANTS else [int(part) for part in self.parts if not isinstance(part, Ref)]


def lines(steps: Sequence[Step], wanted: Iterable[Ref]) -> list[Line]:
    """The steps behind those that are wanted."""
    found: set[Ref] = set()
    waiting = list(wanted)
    while waiting:
        ref = waiting.pop()
        if ref not in found:
            found.add(ref)
            waiting += [part for part in steps[ref.number].arguments if isinstance(part, Ref)]
    return [_line(ref, *steps[ref.number]) for ref in sorted(found)]


def _line(ref: Ref, op: str, parts: tuple[Any, ...]) -> Line:
    bits = 0 if op != "floordiv" or isinstance(parts[1], Ref) else _bits(parts[1])
    return Line(ref, "shift", (parts[0], bits)) if bits else Line(ref, op, parts)


def _bits(divisor: int) -> int:
    """By how many bits a power of two divides; 0 for any other number."""
    return divisor.bit_length() - 1 if divisor > 1 and divisor & (divisor - 1) == 0 else 0
