"""The service keeps what its OpenAPI says, whatever schemathesis makes of it."""

from __future__ import annotations

import json

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="pip install 'vramledger[extras-tests]'")

from hypothesis import HealthCheck, Phase, settings  # noqa: E402
from schemathesis import checks  # noqa: E402

from vramledger.service.app import app_of  # noqa: E402
from vramledger.service.limits import Limits  # noqa: E402

# that what the schema allows is accepted cannot be asked: a scenario is right by the rules, which no schema holds
KEPT = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
)


@schemathesis.serializer("application/x-ndjson")
def lines(_, value):
    text = value if isinstance(value, str | bytes) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


# what breaks the schema may be too large as well, and is refused as that; no other answer will do for it
REFUSED = {"checks": {"negative_data_rejection": {"expected-statuses": [413, 422]}}}
schema = schemathesis.openapi.from_asgi(
    "/openapi.json",
    app_of(limits=Limits(body=100_000, rows=50, seconds=30.0)),
    config=schemathesis.Config.from_dict(REFUSED),
)


@schema.parametrize()
@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_it_keeps_its_schema(case):
    answer = case.call()
    case.validate_response(answer, checks=list(KEPT))
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/estimate", "/explain", "/solve"])
def test_an_answer_keeps_its_schema(path):
    body = {"scenario": {"model": "llama-3-8b", "adapter": "lora", "hardware": "h100-80gb"}}
    case = schema[path]["POST"].Case(body=body, media_type="application/json")
    answer = case.call()
    assert answer.status_code == 200
    case.validate_response(answer, checks=list(KEPT[:-2]))
