"""`vramledger serve`: estimate, explain, solve and batch over HTTP."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import Any

from vramledger.commands.command import FINE, Command
from vramledger.cores import cores
from vramledger.problems import Place, Problems, problem

EXTRA = "vramledger[serve]"
_CONNECTIONS = 16  # open ones for each answer that is made


def run(ruleset: Any, options: argparse.Namespace) -> int:
    """Serves until it is stopped."""
    try:
        import uvicorn

        from vramledger.service.app import app_of
    except ImportError as fault:
        message = f"serve needs {(fault.name or 'packages').partition('.')[0]}, which is not installed"
        raise Problems([problem("cannot-serve", message, None, f"pip install '{EXTRA}'")]) from None
    from vramledger.service.limits import Limits

    at_once = options.concurrency or cores()
    limits = Limits(options.max_body, options.max_rows, options.timeout, at_once)
    listening = _listening(options.host, options.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{port} answers with rules {ruleset.digest[:12]}", file=sys.stderr, flush=True)
    config = uvicorn.Config(
        app_of(options.specs, limits),
        log_level="warning",
        limit_concurrency=_CONNECTIONS * limits.at_once,
        server_header=False,
        timeout_graceful_shutdown=int(limits.seconds) + 1,
    )
    uvicorn.Server(config).run([listening])
    return FINE


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError, UnicodeError) as fault:
        number = fault.errno if isinstance(fault, OSError) else None
        said = os.strerror(number) if number is not None and number > 0 else str(fault)
        message = f"cannot listen at {host[:200]}:{port}: {said}"
        hint = "--host takes an address of this machine, --port one that is free"
        raise Problems([problem("cannot-serve", message, Place("serve"), hint)]) from None


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text[:19]) <= 2**40:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no limit; write 1, 2, 3 ...")
    return int(text)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.01 <= found <= 86_400:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no time; write seconds, 0.01 to 86400")
    return found


COMMAND = Command(
    "serve",
    run,
    "Estimate, explain, solve and batch over HTTP.",
    "serve --port 8000",
    (
        (("--host",), {"default": "127.0.0.1", "help": "the address to listen at (default: this machine alone)"}),
        (("--port",), {"type": int, "default": 8000, "metavar": "N", "help": "default: 8000; 0 takes any"}),
        (
            ("--max-body",),
            {"type": _count, "default": 1_000_000, "metavar": "BYTES", "help": "of a question (default: 1000000)"},
        ),
        (("--max-rows",), {"type": _count, "default": 10_000, "metavar": "N", "help": "of a batch (default: 10000)"}),
        (("--timeout",), {"type": _seconds, "default": 10.0, "metavar": "SECONDS", "help": "default: 10"}),
        (
            ("--concurrency",),
            {
                "type": _count,
                "metavar": "N",
                "help": "answers that are made at once (default: the cores that are there)",
            },
        ),
    ),
)
