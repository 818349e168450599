"""Leaves of shapes that share their code and their form, and what columns know of each without any row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vramledger.evaluation.chunks import Column
from vramledger.evaluation.columns import Kernel
from vramledger.evaluation.specialise import Leaf
from vramledger.tables.cells import Parts
from vramledger.tables.shape import Shape


class Kin(NamedTuple):
    """Leaves that are alike, in the slots from `first` to `last`; one of them stands for all."""

    shape: Shape
    leaf: Leaf
    kernels: Sequence[Kernel]  # of each
    given: tuple[str, ...]  # the columns of the table that are the code's facts
    computed: Sequence[int]  # the columns that are not known
    first: int
    last: int

    def parts(self, numbers: Iterable[tuple[Any, Any]]) -> dict[str, Parts]:
        """The numbers of one of them by what they say."""
        return self.shape.parts(self.leaf, numbers)


class Known(NamedTuple):
    """A column's values and which of them there are, by slot; after the last slot there is none."""

    values: Column
    there: Column
