"""What is sent: JSON of a known form, or the problems with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vramledger.codes import Code
from vramledger.inputs.files import parse_json
from vramledger.problems import Place, Problem, Problems, nearest, problem

PLACE = "<body>"
_CODES: dict[str, Code] = {"extra_forbidden": "unknown-key", "missing": "missing-key"}
_MODEL = {"model": "llama-3-8b", "hardware": "h100-80gb"}


class Body(BaseModel):
    """What every question says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scenario: dict[str, Any] = Field(
        description="A scenario, as a file holds it; names with dots do as well. It may name no file.",
        examples=[_MODEL],
    )
    convention: str | None = Field(None, description="How to count; it beats the scenario's own.", max_length=200)


class Estimate(Body):
    """Asks what a scenario needs."""

    select: list[str] = Field([], description="The quantities to give; all of them where it is empty.", max_length=1000)


class Explain(Body):
    """Asks how a number came."""

    quantity: str = Field("total.bytes", description="The quantity.", max_length=1000)
    row: str = Field("", description="Of tables, only rows whose name holds this.", max_length=1000)


class Solve(Body):
    """Asks for the largest or smallest number that will do."""

    maximize: str | None = Field(None, description="Find its largest number; batch.size by default.", max_length=1000)
    minimize: str | None = Field(None, description="Find its smallest number.", max_length=1000)
    where: str = Field("fits", description="What shall hold: a formula.", max_length=1000)
    changes: bool = Field(False, description="Whether to look for single changes that lower the total.")


_Asked = TypeVar("_Asked", bound=Body)


def read(content: bytes, form: type[_Asked]) -> _Asked:
    """A body of that form. Raises Problems."""
    data, fault = parse_json(content, PLACE)
    if fault is not None:
        raise Problems([fault])
    try:
        return form.model_validate(data)
    except ValidationError as faults:
        raise Problems(problems(faults.errors(include_url=False), form.model_fields)) from None


def problems(faults: Iterable[Mapping[str, Any]], known: Collection[str] = ()) -> Iterator[Problem]:
    """What the reader of forms found, as problems; `known` are the names that the form has."""
    for found in faults:
        name = ".".join(map(str, found["loc"]))[:200]
        near = nearest(name, known) if found["type"] == "extra_forbidden" else ""
        hint = near or (f"it has: {', '.join(known)}" if known else "")
        said = found["msg"][:1].lower() + found["msg"][1:]
        yield problem(_CODES.get(found["type"], "type-clash"), f"{name}: {said}", Place(PLACE), hint)
