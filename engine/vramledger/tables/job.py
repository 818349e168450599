"""A batch as a job: its parts are answered in any order by several processes, and none twice.

What is finished lies beside the output until all of it is: `OUT` from then on, whole. An interrupted job goes on from
its finished parts, if what it reads and the rules are what they were.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from vramledger.problems import Place, Problem, Problems, problem
from vramledger.tables import forms
from vramledger.tables.sources import Span

_RECORD = "_job.json"  # other readers of a folder pass over what begins so
MOST_TOLD = 100


def is_begun(folder: Path) -> bool:
    """Whether a job has begun to write its parts there."""
    return (folder / _RECORD).is_file()


class Counts(NamedTuple):
    """How many rows were answered, have a problem, do not fit, fail their check; the first problems that were told."""

    rows: int = 0
    faults: int = 0
    too_large: int = 0
    failed: int = 0
    told: tuple[dict[str, Any], ...] = ()  # each `text` for people, and `problem` where it is known as data

    def plus(self, other: Counts) -> Counts:
        """Those of two parts together."""
        return Counts(
            self.rows + other.rows,
            self.faults + other.faults,
            self.too_large + other.too_large,
            self.failed + other.failed,
            (*self.told, *other.told)[:MOST_TOLD],
        )


class Work(Protocol):
    """What answers parts; it is sent to other processes as it was made."""

    schema: pa.Schema
    identity: str  # a hash of what is read, of the rules and of what is asked

    def spans(self) -> Sequence[Span]:
        """The parts, in order."""

    def answer(self, span: Span) -> tuple[pa.Table, Counts]:
        """The answers to a part."""


Told = Callable[[int], None]  # how many more rows are answered
Merge = Callable[[Iterator[pa.Table]], Iterator[pa.Table]]


def to_stream(work: Work, form: str, stream: Any, workers: int, told: Told, merge: Merge | None = None) -> Counts:
    """All answers to a stream, in order; `merge` makes the tables that are written of those that are answered."""
    counts = Counts()

    def answered() -> Iterator[pa.Table]:
        nonlocal counts
        for table, found in tables(work, workers, told):
            counts = counts.plus(found)
            yield table

    with forms.WRITERS[form](stream, work.schema) as writer:
        for table in merge(answered()) if merge else answered():
            writer.write(table)
    return counts


def tables(work: Work, workers: int, told: Told) -> Iterator[tuple[pa.Table, Counts]]:
    """The answers, part by part, in order."""
    yield from (found for _, found in _in_order(work, list(enumerate(work.spans())), workers, None, told))


class Output:
    """A file, or a folder with a file a part, and what is kept of an unfinished job."""

    def __init__(self, path: Path, form: str, folder: bool) -> None:
        self.path = path
        self.form = form
        self.folder = folder
        self.state = path if folder else path.with_name(f".{path.name}.parts")

    def run(self, work: Work, workers: int, resume: bool, told: Told, merge: Merge | None = None) -> Counts:
        """Answers what is not answered yet, and puts it all together. Raises Problems, and leaves what is finished."""
        try:
            return self._run(work, workers, resume, told, merge)
        except OSError as fault:
            raise Problems([_unwritable(self.path, fault)]) from None

    def _run(self, work: Work, workers: int, resume: bool, told: Told, merge: Merge | None) -> Counts:
        spans = list(work.spans())
        done = self._begin(work, len(spans), resume)
        counts = Counts()
        for position, found in done.items():
            told(spans[position].size)
            counts = counts.plus(found)
        left = [(position, span) for position, span in enumerate(spans) if position not in done]
        for position, (table, found) in _in_order(work, left, workers, self._saver(work), told):
            assert table is None
            done[position] = found
            counts = counts.plus(found)
        if not self.folder:
            self._join(work, len(spans), merge)
        return counts

    def _begin(self, work: Work, parts: int, resume: bool) -> dict[int, Counts]:
        """The counts of the parts that are finished; begins anew where that is asked, or nothing is there."""
        record = {"job": work.identity, "form": self.form, "parts": parts, "schema": _hash(str(work.schema))}
        path = self.state / _RECORD
        for half in (*self.state.glob(".*.part"), *self.path.parent.glob(f".{glob.escape(self.path.name)}.*.part")):
            half.unlink(missing_ok=True)  # of a process that was killed
        if resume and path.is_file():
            try:
                before = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                before = {}
            if before != record:
                raise Problems([_changed(self.path)])
            return {n: found for n in range(parts) if (found := self._found(n)) is not None}
        if self.folder and self.path.is_dir() and any(self.path.iterdir()):
            hint = "go on with --resume, or give another name with -o"
            place = Place(str(self.path))
            raise Problems([problem("file-exists", f"{self.path} is there already, and not empty", place, hint)])
        if self.path.is_dir() and not self.folder:
            raise Problems([problem("unwritable-file", f"{self.path} is a folder", Place(str(self.path)))])
        if not self.folder and self.state.exists():
            shutil.rmtree(self.state)
        self.state.mkdir(parents=True, exist_ok=True)
        _whole(path, json.dumps(record).encode())
        return {}

    def _part(self, position: int) -> Path:
        ending = forms.ENDINGS[self.form] if self.folder else ".arrow"
        return self.state / f"part-{position:06d}{ending}"

    def _count(self, position: int) -> Path:
        return self.state / f".part-{position:06d}.json"

    def _found(self, position: int) -> Counts | None:
        """The counts of a finished part: they are written after it, and both may be gone once all was put together."""
        if not self._part(position).is_file():
            return None
        try:
            rows, faults, too_large, failed, told = json.loads(self._count(position).read_text(encoding="utf-8"))
            return Counts(rows, faults, too_large, failed, tuple(told))
        except (OSError, ValueError, TypeError):
            return None

    def _saver(self, work: Work) -> _Saver:
        ending = forms.ENDINGS[self.form] if self.folder else ".arrow"
        return _Saver(self.state, ending, self.form, self.folder, work.schema)

    def _join(self, work: Work, parts: int, merge: Merge | None) -> None:
        """The parts as one file, which takes its name once it is whole."""
        found = (forms.kept(self._part(position)) for position in range(parts))
        target = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            forms.write(merge(found) if merge else found, work.schema, self.form, target)
            target.replace(self.path)
        finally:
            target.unlink(missing_ok=True)
        shutil.rmtree(self.state, ignore_errors=True)


class _Saver(NamedTuple):
    """Writes a finished part where it is looked for, then its counts."""

    state: Path
    ending: str
    form: str
    folder: bool
    schema: pa.Schema

    def save(self, position: int, table: pa.Table, counts: Counts) -> None:
        """Both are written aside and renamed, so that half of either is never seen."""
        target = self.state / f"part-{position:06d}{self.ending}"
        aside = self.state / f".part-{position:06d}.{os.getpid()}.part"
        try:
            if self.folder:
                forms.write([table], self.schema, self.form, aside)
            else:
                forms.keep(table, aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        _whole(self.state / f".part-{position:06d}.json", json.dumps(counts).encode())


_Found = tuple[int, tuple[Any, Counts]]


def _in_order(
    work: Work, spans: Sequence[tuple[int, Span]], workers: int, saver: _Saver | None, told: Told
) -> Iterator[_Found]:
    """The parts' answers in order, computed by so many processes; where there is a saver, their counts alone."""
    if workers < 2 or len(spans) < 2:
        for position, span in spans:
            yield position, _done(work, position, span, saver)
            told(span.size)
        return
    ahead = 2 * workers  # what is finished and not taken yet stays few
    waiting: dict[Future[_Found], Span] = {}
    held: dict[int, tuple[Any, Counts]] = {}
    todo = iter(spans)
    order = iter([position for position, _ in spans])
    following = next(order)
    context = get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(spans)), context, _start, (work, saver)) as pool:
        try:
            while True:
                while len(waiting) + len(held) < ahead and (one := next(todo, None)) is not None:
                    waiting[pool.submit(_answer, *one)] = one[1]
                if not waiting and not held:
                    return
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED) if waiting else ((), ())
                for future in finished:
                    position, found = future.result()
                    held[position] = found
                    told(waiting.pop(future).size)
                while following in held:
                    yield following, held.pop(following)
                    following = next(order, -1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_here: dict[str, Any] = {}  # what this process works on


def _start(work: Work, saver: _Saver | None) -> None:
    import signal

    from vramledger.evaluation.threads import threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it stops it
    threads.most = 1
    _here.update(work=work, saver=saver)


def _answer(position: int, span: Span) -> _Found:
    return position, _done(_here["work"], position, span, _here["saver"])


def _done(work: Work, position: int, span: Span, saver: _Saver | None) -> tuple[Any, Counts]:
    table, counts = work.answer(span)
    if saver is None:
        return table, counts
    saver.save(position, table, counts)
    return None, counts


def _whole(path: Path, content: bytes) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _changed(path: Path) -> Problem:
    message = f"what was begun for {path} was asked something else: its inputs, the rules or the options have changed"
    return problem("cannot-resume", message, Place(str(path)), "run it without --resume to begin anew")


def _unwritable(path: Path, fault: OSError) -> Problem:
    said = fault.strerror or str(fault)
    return problem("unwritable-file", f"cannot write {str(path)[:200]}: {said}", Place(str(path)[:200]))
