"""The service itself: HTTP around the pool of workers, and its OpenAPI."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from vramledger.codes import Code
from vramledger.inputs.many import AT_FAULT
from vramledger.locate import folder
from vramledger.problems import Place, Problem, problem
from vramledger.service.answers import as_text, lines
from vramledger.service.bodies import PLACE, Body, Estimate, Explain, Solve, problems
from vramledger.service.frames import PROBLEMS, Frame
from vramledger.service.limits import Limits
from vramledger.service.pool import Broken, Busy, Pool, TooLong
from vramledger.version import ENGINE

JSON, LINES = "application/json", "application/x-ndjson"
_SAYS = "How much GPU memory a model run needs, and why. Bytes are exact; a range is a pair of its ends."
_MADE = ("ledger", "derivation")  # answers whose schemas lie in the folder of schemas
_A_LINE = {"description": "JSON Lines, a scenario a line; what is no JSON is answered with its problem."}
_REFUSALS = {
    408: "The body did not come in time.",
    413: "The body is too large, or has too many lines.",
    422: "Something is wrong with the question.",
    500: "A bug of the service; its log says more.",
    503: "As many answers are made as may be; ask again.",
    504: "The answer took too long.",
}


class Label(BaseModel):
    """Where something stands."""

    path: str
    line: int
    column: int
    text: str


class Told(BaseModel):
    """What is wrong: `code` is stable, and has a page in the documents."""

    code: str
    severity: str
    message: str
    labels: list[Label]
    hints: list[str]


class Refusal(BaseModel):
    """Why there is no answer."""

    problems: list[Told]


class Health(BaseModel):
    """That the service is there, and what it answers with."""

    status: str
    engine: str
    rules: str


class Refused(Exception):
    """No answer, with the status and the reason."""

    def __init__(self, status: int, *found: Problem) -> None:
        super().__init__(status)
        self.status = status
        self.found = found


def app_of(specs: Sequence[str | Path] = (), limits: Limits | None = None) -> FastAPI:
    """The service. Its workers start with it, and open the rules once."""
    bounds = limits or Limits()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await run_in_threadpool(Pool, [str(one) for one in specs], bounds)
        try:
            yield
        finally:
            await run_in_threadpool(app.state.pool.close)

    app = FastAPI(
        title="vramledger", version=ENGINE, description=_SAYS, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.limits = bounds
    app.add_exception_handler(Refused, _refusal)
    app.add_exception_handler(RequestValidationError, _unfit)
    for name, form, kind in (
        ("estimate", Estimate, "ledger"),
        ("explain", Explain, "derivation"),
        ("solve", Solve, ""),
    ):
        _add(app, name, form, kind)
    app.add_api_route(
        "/batch",
        _batch,
        methods=["POST"],
        operation_id="batch",
        summary="Answers a scenario a line; a bad one is a line with its problems.",
        response_class=StreamingResponse,
        responses={200: {"content": {LINES: {"schema": {"type": "string"}}}}, **_refusals()},
        openapi_extra={"requestBody": {"required": False, "content": {LINES: {"schema": _A_LINE}}}},
    )
    app.add_api_route("/health", _health, methods=["GET"], operation_id="health", responses=_refusals(500))
    _complete(app)
    return app


def _add(app: FastAPI, name: str, form: type[Body], kind: str) -> None:
    async def ask(request: Request) -> Response:
        content = await _content(request)
        found = await run_in_threadpool(_whole, request.app.state.pool, name, content)
        return Response(found.content, 422 if found.letter == PROBLEMS else 200, media_type=JSON)

    schema = {"$ref": f"#/components/schemas/{kind}"} if kind else {"type": "object"}
    app.add_api_route(
        f"/{name}",
        ask,
        methods=["POST"],
        operation_id=name,
        summary=form.__doc__,
        response_class=Response,
        responses={200: {"content": {JSON: {"schema": schema}}}, **_refusals()},
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": form.model_json_schema()}}}},
    )


async def _batch(
    request: Request,
    select: str = Query("", description="The quantities to give, with commas.", max_length=10_000),
    convention: str = Query("", description="How to count.", max_length=200),
) -> Response:
    content = await _content(request)
    limits: Limits = request.app.state.limits
    numbers = [number for number, _ in lines(content)]
    if len(numbers) > limits.rows:
        said = problem("too-many-rows", f"a batch of more than {limits.rows} lines", Place(PLACE), "send it in parts")
        raise Refused(413, said)
    pool: Pool = request.app.state.pool
    frames = pool.ask("batch", {"select": select, "convention": convention}, content)
    first = await run_in_threadpool(_first, frames, limits)
    if first is not None and first.letter == PROBLEMS:
        return Response(first.content, 422, media_type=JSON)
    return StreamingResponse(_stream(first, frames, numbers, limits), media_type=LINES)


async def _health(request: Request) -> Health:
    """Whether the service is there, and what it answers with."""
    pool: Pool = request.app.state.pool
    if not pool.lives():
        raise Refused(500, _BUG)
    return Health(status="ok", **pool.stamp)


async def _content(request: Request) -> bytes:
    """The body. Raises Refused where it is too large or too slow."""
    limits: Limits = request.app.state.limits
    content = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for part in request.stream():
                content += part
                if len(content) > limits.body:
                    message = f"a body of more than {limits.body} bytes"
                    raise Refused(413, problem("file-too-large", message, Place(PLACE)))
    except TimeoutError:
        message = f"the body did not come within {limits.seconds:g} seconds"
        raise Refused(408, problem("too-much-work", message, Place(PLACE))) from None
    return bytes(content)


def _whole(pool: Pool, asked: str, content: bytes) -> Frame:
    frames = pool.ask(asked, {}, content)
    first = _first(frames, pool.limits)
    assert first is not None
    deque(frames, 0)  # to its end, at which the worker is free
    return first


def _first(frames: Iterator[Frame], limits: Limits) -> Frame | None:
    """The first frame, None where there is none; problems are the only one. Raises Refused."""
    try:
        first = next(frames, None)
        if first is not None and first.letter == PROBLEMS:
            deque(frames, 0)
    except Busy:
        message = f"{limits.at_once} questions are being answered, and no more at once"
        raise Refused(503, problem("too-much-work", message, None, "ask again in a moment")) from None
    except TooLong:
        raise Refused(504, _late(limits)) from None
    except Broken:
        raise Refused(500, _BUG) from None
    return first


def _stream(first: Frame | None, frames: Iterator[Frame], numbers: list[int], limits: Limits) -> Iterator[bytes]:
    """The answers of a batch; for lines that none was made for, why."""
    answered = 0
    why = _BUG
    try:
        if first is not None:
            answered += first.content.count(b"\n") + 1
            yield first.content + b"\n"
        for frame in frames:
            answered += frame.content.count(b"\n") + 1
            yield frame.content + b"\n"
    except TooLong:
        why = _late(limits)
    except Broken:
        why = _BUG
    for number in numbers[answered:]:
        lost = {"line": number, "status": AT_FAULT, "quantities": {}, "warnings": [], "problems": [why.to_dict()]}
        yield as_text(lost) + b"\n"


def _late(limits: Limits) -> Problem:
    message = f"the answer took more than {limits.seconds:g} seconds"
    return problem("too-much-work", message, None, "ask for less at once")


_BUG_CODE: Code = "cannot-serve"
_BUG = problem(_BUG_CODE, "the service met a bug of its own", None, "its log says more")


async def _refusal(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, Refused)
    headers = {"Retry-After": "1"} if fault.status == 503 else None
    told = {"problems": [found.to_dict() for found in fault.found]}
    return JSONResponse(told, fault.status, headers)


async def _unfit(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    return await _refusal(request, Refused(422, *problems(fault.errors())))


def _refusals(*some: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Refusal, "description": _REFUSALS[status]} for status in some or _REFUSALS}


def _complete(app: FastAPI) -> None:
    """Adds the schemas of answers to what FastAPI says of the service."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schemas = made()["components"]["schemas"]
            for name in _MADE:
                schemas.update(_components(name))
        return made()

    app.openapi = openapi  # type: ignore[method-assign]


def _components(name: str) -> Mapping[str, Any]:
    """A schema and its parts under names that a whole document can hold."""
    text = (folder("schemas") / f"{name}.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text.replace("#/$defs/", f"#/components/schemas/{name}."))
    parts = schema.pop("$defs", {})
    schema.pop("$schema", None)
    return {name: schema, **{f"{name}.{part}": found for part, found in parts.items()}}
