"""The processes that answer. A nursery opens the rules once and is forked for every worker, so all have the same ones.

A worker that takes too long is ended by its own alarm, whatever it is at; nobody has to look for it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from vramledger.problems import Problems
from vramledger.rules.load import RuleSet
from vramledger.rules.open import open_rules
from vramledger.service.answers import answers, as_text
from vramledger.service.frames import ANSWER, BROKEN, END, PROBLEMS, Frame, receive, send
from vramledger.version import ENGINE

GRACE = 0.5  # seconds by which the alarm comes later than the caller stops to wait
_FIRST = b'{"scenario": {}}'  # whatever is wrong with it, what every scenario needs is there afterwards
_NEEDED = ("evaluation.basis", "evaluation.derive", "tables.solve")  # modules that are imported where they are used


def nursery(specs: Sequence[str], seconds: float, control: socket.socket) -> None:
    """Opens the rules, tells of them, and forks a worker for each connection that it is sent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it stops it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        ruleset = open_rules(specs)
    except Problems as faults:
        send(control, Frame(PROBLEMS, told(faults)))
        return
    _warm(ruleset)
    gc.collect()
    gc.freeze()  # what is there by now is shared by all workers
    send(control, Frame(ANSWER, as_text({"engine": ENGINE, "rules": ruleset.digest})))
    while True:
        said, given, _, _ = socket.recv_fds(control, 1, 1)
        if not said:
            return
        with suppress(OSError):  # where no process can be had, the connection closes
            if os.fork() == 0:
                control.close()
                _work(ruleset, socket.socket(fileno=given[0]), seconds)
        os.close(given[0])


def _warm(ruleset: RuleSet) -> None:
    for name in _NEEDED:
        import_module(f"vramledger.{name}")
    with suppress(Problems):
        list(answers(ruleset, "estimate", {}, _FIRST))


def _work(ruleset: RuleSet, connection: socket.socket, seconds: float) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        while (asked := receive(connection)) is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
            _answer(ruleset, connection, asked)
            signal.setitimer(signal.ITIMER_REAL, 0)
            send(connection, Frame(END))
    except ConnectionError:
        pass  # nobody waits for it any more
    except Exception:  # noqa: BLE001 - likewise a bug
        traceback.print_exc()
    finally:
        os._exit(0)


def _answer(ruleset: RuleSet, connection: socket.socket, asked: Frame) -> None:
    head = json.loads(asked.name)
    try:
        for one in answers(ruleset, head["asked"], head["options"], asked.content):
            send(connection, Frame(ANSWER, as_text(one)))  # at once: the next one may take too long
    except Problems as faults:
        send(connection, Frame(PROBLEMS, told(faults)))
    except ConnectionError:
        raise
    except Exception:  # noqa: BLE001 - a bug of ours; the log has it, the caller does not
        traceback.print_exc()
        send(connection, Frame(BROKEN))


def told(faults: Problems) -> bytes:
    """Problems as they are sent."""
    return as_text({"problems": [found.to_dict() for found in faults.problems]})
