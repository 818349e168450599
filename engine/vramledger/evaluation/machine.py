"""Lines as machine code: a loop over rows of kernels that differ in their constants alone. It needs llvmlite.

A row's facts are read, and its answers written, where they stand in their columns; each row says where the constants
of its kernel begin.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from vramledger.evaluation.chunks import Column
from vramledger.evaluation.columns import Kernel
from vramledger.evaluation.lines import Line
from vramledger.evaluation.steps import Ref

Part = Ref | tuple[int, ...]  # a step, or what each kernel knows
_SUMS = {"add": "add", "subtract": "sub", "multiply": "mul", "mask": "and"}
_TESTS = {"below": "slt", "above": "sgt", "same": "eq"}
_OPTIONS = {"min": "smin", "max": "smax"}
_OPTIMISED = 2  # LLVM's level from 0 to 3; its passes over the whole code gain 3 % more and take 60 % more time
_LIBRARIES = count()  # names that are used once
_LOOP = """
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
define void @run(i64 %first, i64 %last, {arguments}) {{
start:
  {start}
  br label %next
next:
  %i = phi i64 [ %first, %start ], [ %i.next, %one ]
  %more = icmp slt i64 %i, %last
  br i1 %more, label %one, label %end
one:
  {one}
  %i.next = add i64 %i, 1
  br label %next
end:
  ret void
}}
"""
_ROW = """%at.r = getelementptr i64, ptr %rows, i64 %i
  %r = load i64, ptr %at.r
  %at.base = getelementptr i32, ptr %bases, i64 %r
  %base.32 = load i32, ptr %at.base
  %base = zext i32 %base.32 to i64"""
_CALL = """%at.call = getelementptr ptr, ptr %calls, i64 %i
  %call = load ptr, ptr %at.call
  %at.from = getelementptr i64, ptr %firsts, i64 %i
  %from = load i64, ptr %at.from
  %at.to = getelementptr i64, ptr %lasts, i64 %i
  %to = load i64, ptr %at.to
  call void %call(i64 %from, i64 %to, ptr %rows, ptr %bases, ptr %constants, ptr %columns)"""
_SHARED = "ptr %rows, ptr %bases, ptr %constants, ptr %columns"
_EACH = _LOOP.format(arguments=f"ptr %calls, ptr %firsts, ptr %lasts, {_SHARED}", start="", one=_CALL)


@cache
def available() -> bool:
    """Whether the extra `fast` is there and works on this machine."""
    try:
        _compiler()
    except (ImportError, OSError, RuntimeError):
        return False
    return True


class Put(NamedTuple):
    """What is written into a column: `value` an integer; `any` and `told` a flag.

    `told` is whether a verdict can be told of what is certain and what is possible.
    """

    column: int
    what: str
    parts: tuple[Part, ...]


class Loop:
    """The code for rows of kernels that are alike, whose facts are in these columns; `constants` has a row of each."""

    def __init__(self, kernels: Sequence[Kernel], facts: Sequence[int], puts: Sequence[Put]) -> None:
        text = _Text(kernels, facts)
        for line in kernels[0].lines():
            text.take(line)
        for put in puts:
            text.put(put)
        start, row = ("\n  ".join(lines) for lines in (text.start, [_ROW, *text.row]))
        self._code = _code(_LOOP.format(arguments=_SHARED, start=start, one=row))
        self.address = self._code.address
        self.constants = np.array(text.constants, np.int64).reshape(-1, len(kernels)).T


def run_each(
    calls: Column, firsts: Column, lasts: Column, rows: Column, bases: Column, constants: Column, columns: Column
) -> None:
    """Runs loops by their addresses (`calls`), each for `rows` from one place in their order to another.

    `bases` says of each row where its constants begin, `columns` where each column does. Other threads run meanwhile.
    """
    parts = (calls, firsts, lasts, rows, bases, constants, columns)
    code = _code(_EACH)  # held until it has run: its memory goes with it
    run = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p for _ in parts])(code.address)
    run(0, len(calls), *(part.ctypes.data for part in parts))


class _Text:
    """What the code does before its loop, and for each row."""

    def __init__(self, kernels: Sequence[Kernel], facts: Sequence[int]) -> None:
        self.facts = facts
        self.start: list[str] = []
        self.row: list[str] = []
        self.constants: list[tuple[int, ...]] = []  # those in which kernels differ, of each
        self._given = iter(zip(*(kernel.constants for kernel in kernels), strict=True))
        self._places: dict[tuple[int, ...], str] = {}
        self._columns: set[int] = set()
        self._values: dict[Ref, str] = {}
        self._flags: set[Ref] = set()
        self._numbers = count()

    def take(self, line: Line) -> None:
        """Computes a line."""
        ref, op, parts = line
        if op == "fact":
            self._values[ref] = self._new(f"load i64, ptr {self._cell(self.facts[parts[0]], 'i64')}")
            return
        if op == "shift":
            self._values[ref] = self._new(f"ashr i64 {self._whole(parts[0])}, {parts[1]}")
            return
        known = [part if isinstance(part, Ref) else next(self._given) for part in parts]
        if line.flag:
            self._flags.add(ref)
        self._values[ref] = self._written(op, known)

    def _written(self, op: str, parts: Sequence[Part]) -> str:
        if op in ("and", "not"):
            flags = [self._flag(part) for part in parts]
            return self._new(f"and i1 {flags[0]}, {flags[1]}" if op == "and" else f"xor i1 {flags[0]}, true")
        if op == "if":
            test, then, otherwise = self._flag(parts[0]), self._whole(parts[1]), self._whole(parts[2])
            return self._new(f"select i1 {test}, i64 {then}, i64 {otherwise}")
        one, other = (self._whole(part) for part in parts)
        if op in _TESTS:
            return self._new(f"icmp {_TESTS[op]} i64 {one}, {other}")
        if op in _OPTIONS:
            return self._new(f"call i64 @llvm.{_OPTIONS[op]}.i64(i64 {one}, i64 {other})")
        if op == "floordiv":
            return self._floor(one, other)
        return self._new(f"{_SUMS[op]} i64 {one}, {other}")

    def _floor(self, over: str, under: str) -> str:
        """A quotient rounded down; a divisor of 0, whose row is refused, does no harm."""
        if under.startswith("%") or under == "0":
            zero = self._new(f"icmp eq i64 {under}, 0")
            under = self._new(f"select i1 {zero}, i64 1, i64 {under}")
        whole = self._new(f"sdiv i64 {over}, {under}")
        rest = self._new(f"srem i64 {over}, {under}")
        odd = self._new(f"icmp ne i64 {rest}, 0")
        apart = self._new(f"xor i64 {rest}, {under}")
        below = self._new(f"icmp slt i64 {apart}, 0")
        both = self._new(f"and i1 {odd}, {below}")
        return self._new(f"sub i64 {whole}, {self._new(f'zext i1 {both} to i64')}")

    def put(self, put: Put) -> None:
        """Writes an answer into its column."""
        if put.what == "value":
            value, kind = self._whole(put.parts[0]), "i64"
        else:
            first, *more = (self._flag(part) for part in put.parts)
            for part in more:
                also = self._new(f"xor i1 {part}, true") if put.what == "told" else part
                first = self._new(f"or i1 {first}, {also}")
            value, kind = self._new(f"zext i1 {first} to i8"), "i8"
        self.row.append(f"store {kind} {value}, ptr {self._cell(put.column, kind)}")

    def _new(self, text: str) -> str:
        name = f"%v{next(self._numbers)}"
        self.row.append(f"{name} = {text}")
        return name

    def _cell(self, column: int, kind: str) -> str:
        """Where a column has its cell of the row."""
        if column not in self._columns:
            self._columns.add(column)
            self.start.append(f"%at.c{column} = getelementptr ptr, ptr %columns, i64 {column}")
            self.start.append(f"%c{column} = load ptr, ptr %at.c{column}")
        return self._new(f"getelementptr {kind}, ptr %c{column}, i64 %r")

    def _whole(self, part: Part) -> str:
        if not isinstance(part, Ref):
            return self._known(part)
        value = self._values[part]
        return self._new(f"zext i1 {value} to i64") if part in self._flags else value

    def _flag(self, part: Part) -> str:
        if isinstance(part, Ref) and part in self._flags:
            return self._values[part]
        return self._new(f"icmp ne i64 {self._whole(part)}, 0")

    def _known(self, values: tuple[int, ...]) -> str:
        """What each kernel knows: a part of the code where all know the same."""
        if all(value == values[0] for value in values):
            return str(int(values[0]))
        if values not in self._places:
            at = self._new(f"add i64 %base, {len(self.constants)}")
            cell = self._new(f"getelementptr i64, ptr %constants, i64 {at}")
            self._places[values] = self._new(f"load i64, ptr {cell}")
            self.constants.append(values)
        return self._places[values]


class _Code(NamedTuple):
    """Where code begins, and what keeps it in memory."""

    address: int
    library: Any


@lru_cache(maxsize=2048)
def _code(text: str) -> _Code:
    from llvmlite import binding as llvm

    library = llvm.JITLibraryBuilder().add_ir(text).export_symbol("run").link(_compiler(), f"loop{next(_LIBRARIES)}")
    return _Code(library["run"], library)


@cache
def _compiler() -> Any:
    """LLVM for the processor that is here."""
    from llvmlite import binding as llvm  # an extra, and slow to import

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    host = {"cpu": llvm.get_host_cpu_name(), "features": llvm.get_host_cpu_features().flatten()}
    target = llvm.Target.from_default_triple().create_target_machine(opt=_OPTIMISED, jit=True, **host)
    return llvm.create_lljit_compiler(target)
