"""The workers of a service: as many as may answer at once, each forked when it is needed."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import get_context
from typing import Any

from vramledger.problems import Problem, Problems, problem
from vramledger.service.frames import ASKED, BROKEN, END, PROBLEMS, Frame, receive, send
from vramledger.service.limits import Limits

_MOST_ANSWERS = 2000  # of one worker, which remembers shapes; then another takes its place
_STARTING = 120.0  # seconds in which rules are open


class Busy(Exception):
    """As many answers are made as may be."""


class TooLong(Exception):
    """The answer was not there in time."""


class Broken(Exception):
    """A worker ended, or met a bug of ours."""


class _Worker:
    """A process, by the connection to it."""

    def __init__(self, control: socket.socket) -> None:
        self.connection, theirs = socket.socketpair()
        self.answers = 0
        with theirs:
            socket.send_fds(control, [b"w"], [theirs.fileno()])


class Pool:
    """Answers questions, one at each worker. Raises Problems where the rules have faults."""

    def __init__(self, specs: Sequence[str], limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._leases: dict[object, float] = {}  # until when each question may take
        self._control, theirs = socket.socketpair()
        from vramledger.service.worker import nursery

        self._nursery = get_context("spawn").Process(
            target=nursery, args=(tuple(specs), limits.seconds, theirs), daemon=True
        )
        with theirs:
            self._nursery.start()
        hello = receive(self._control, time.monotonic() + _STARTING)
        if hello is None or hello.letter == PROBLEMS:
            self.close()
            raise Problems([_of(one) for one in json.loads(hello.content)["problems"]] if hello else [_UNBORN])
        self.stamp: dict[str, str] = json.loads(hello.content)

    def lives(self) -> bool:
        """Whether workers can be had."""
        return self._nursery.is_alive()

    def close(self) -> None:
        """Ends every worker that has nothing to do; those that have end by themselves."""
        with self._lock:
            for worker in self._idle:
                worker.connection.close()
            self._idle.clear()
        self._control.close()
        self._nursery.join(5)

    def ask(self, asked: str, options: Mapping[str, Any], content: bytes) -> Iterator[Frame]:
        """The frames of an answer. Raises Busy before the first, TooLong and Broken before any.

        Whoever drops it before its end drops the worker with it. A question that nobody drops loses its place in time.
        """
        until = time.monotonic() + self.limits.seconds
        lease = self._lease(until)
        worker = None
        done = False
        try:
            worker = self._taken()
            worker.connection.settimeout(self.limits.seconds)
            head = json.dumps({"asked": asked, "options": options}).encode()
            send(worker.connection, Frame(ASKED, content, head))
            while True:
                frame = receive(worker.connection, until)
                if frame is None or frame.letter == BROKEN:
                    raise Broken
                if frame.letter == END:
                    done = True
                    return
                yield frame
        except TimeoutError:
            raise TooLong from None
        except OSError:
            raise Broken from None
        finally:
            self._back(lease, worker, done)

    def _lease(self, until: float) -> object:
        now = time.monotonic()
        with self._lock:
            self._leases = {lease: end for lease, end in self._leases.items() if end > now}
            if len(self._leases) >= self.limits.at_once:
                raise Busy
            lease = object()
            self._leases[lease] = until
        return lease

    def _taken(self) -> _Worker:
        with self._lock:
            return self._idle.pop() if self._idle else _Worker(self._control)

    def _back(self, lease: object, worker: _Worker | None, done: bool) -> None:
        with self._lock:
            self._leases.pop(lease, None)
            if worker is None:
                return
            worker.answers += 1
            if done and worker.answers < _MOST_ANSWERS:
                self._idle.append(worker)
            else:
                worker.connection.close()


_UNBORN = problem("cannot-serve", "the process that opens the rules has ended")


def _of(told: Mapping[str, Any]) -> Problem:
    return problem(told["code"], told["message"], None, *told["hints"])
