"""The service: it answers as the commands do, keeps its limits, reads no file, and survives whatever is sent."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import get_args

import pytest

from vramledger import evaluate
from vramledger.codes import Code
from vramledger.inputs import checkpoint, records
from vramledger.inputs.raw import read_raw
from vramledger.inputs.scenario import read_scenario
from vramledger.problems import Problems
from vramledger.reports import ledger as ledgers
from vramledger.rules.open import opened

pytest.importorskip("fastapi", reason="pip install 'vramledger[serve]'")
pytest.importorskip("httpx", reason="the client of the tests")

from fastapi.testclient import TestClient

from vramledger.service.app import app_of
from vramledger.service.limits import Limits
from vramledger.service.pool import Busy, Pool, TooLong

ROOT = Path(__file__).parents[1]
CODES = get_args(Code)
SCENARIO = {"model": "llama-3-8b", "adapter": "lora", "hardware": "rtx-4090"}
# a quantity that takes a second or more for some scenarios, and none for the others
SLOW = """
stage: slow
says: Steps that take their time.
rules:
  slow.steps:
    says: All pairs of a thousand numbers.
    cases:
      - when: batch.size == 7
        formula: sum(count(b for b in 1 .. 1600 if a + b > batch.size) for a in 1 .. 1600)
    otherwise: 1
assumed: true
reason: It is an example.
"""


@pytest.fixture(scope="module")
def client():
    with TestClient(app_of(limits=Limits(body=100_000, rows=20, seconds=60.0))) as found:
        yield found


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    (folder / "slow.yaml").write_text(SLOW, encoding="utf-8")
    return folder


def told(answer, status=422):
    """The problems of a refusal, each of a known code."""
    assert answer.status_code == status, answer.text
    found = answer.json()["problems"]
    assert found
    assert {one["code"] for one in found} <= {*CODES}
    assert "Traceback" not in answer.text
    return found


def lines(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def alike(data):
    """Without the hash of the scenario, which tells a text in quotes from a word."""
    return {**data, "stamp": {name: value for name, value in data["stamp"].items() if name != "scenario"}}


# --- what it answers ----------------------------------------------------------------------------------------


def test_it_says_that_it_is_there(client):
    found = client.get("/health").json()
    assert found == {"status": "ok", "engine": found["engine"], "rules": opened().digest}


def test_an_estimate_is_that_of_the_command(client, run):
    _, out, _ = run("estimate", "llama-3-8b", "--adapter", "lora", "--hardware", "rtx-4090", "--json")
    found = client.post("/estimate", json={"scenario": SCENARIO})
    assert alike(found.json()) == alike(json.loads(out))
    assert found.json() == ledgers.to_dict(evaluate(SCENARIO))
    assert found.json()["quantities"]["parameters.bytes"] == 16_060_522_496 + 4 * 20_971_520


def test_quantities_can_be_chosen(client):
    found = client.post("/estimate", json={"scenario": SCENARIO, "select": ["total.bytes", "fits"]}).json()
    assert list(found["quantities"]) == ["fits", "total.bytes"]
    whole = client.post("/estimate", json={"scenario": SCENARIO}).json()
    assert found["total"] == whole["total"] == whole["quantities"]["total.bytes"]
    assert set(found["rules"]) < set(whole["rules"])


def test_a_convention_beats_the_scenario(client, run):
    name = next(name for name in opened().names("convention") if name != "standard")
    _, out, _ = run("estimate", "llama-3-8b", "--convention", name, "--json")
    sent = {"scenario": {"model": "llama-3-8b", "convention": "standard"}, "convention": name}
    assert client.post("/estimate", json=sent).json()["components"] == json.loads(out)["components"]


def test_a_derivation_is_that_of_the_command(client, run):
    _, out, _ = run("explain", "llama-3-8b", "optimizer.bytes", "--row", "q_proj", "--json")
    sent = {"scenario": {"model": "llama-3-8b"}, "quantity": "optimizer.bytes", "row": "q_proj"}
    assert alike(client.post("/explain", json=sent).json()) == alike(json.loads(out))


def test_a_solution_is_that_of_the_command(client, run):
    words = ("solve", "llama-3-8b", "--adapter", "lora", "--hardware", "h100-80gb")
    sent = {"scenario": {**SCENARIO, "hardware": "h100-80gb"}}
    _, out, _ = run(*words, "--json")
    found = client.post("/solve", json=sent).json()
    assert found == json.loads(out)
    assert found["value"] >= 1
    assert found["total"][1] < found["beyond"][1]
    _, out, _ = run(*words, "--json", "--min", "batch.size", "--where", "total.bytes < 70 GB")
    named = {"minimize": "batch.size", "where": "total.bytes < 70 GB"}
    assert client.post("/solve", json={**sent, **named}).json() == json.loads(out)


def test_changes_are_looked_for_where_that_is_asked(client):
    sent = {"scenario": {"model": {"parameters": 7e9}, "hardware": "h100-80gb"}}
    assert client.post("/solve", json=sent).json()["changes"] == []
    found = client.post("/solve", json={**sent, "changes": True}).json()
    assert found["changes"][0]["total"][1] < found["total"][1]


def test_a_batch_answers_line_by_line(client):
    sent = [
        json.dumps({**SCENARIO, "batch": {"size": 2}}),
        '{"model": "lama-3-8b"}',
        "",
        json.dumps({**SCENARIO, "batch.size": 2}),
        "nonsense",
        "[]",
        '{"model": {"huggingface": "config.json"}}',
    ]
    content = "\n".join(sent).encode() + b"\n\xff\xfe\n"
    found = lines(client.post("/batch?select=total.bytes,fits", content=content))
    assert [(one["line"], one["status"]) for one in found] == [
        (1, "does not fit" if found[0]["quantities"]["fits"] is False else "ok"),
        (2, "at fault"),
        (4, found[0]["status"]),
        (5, "at fault"),
        (6, "at fault"),
        (7, "at fault"),
        (8, "at fault"),
    ]
    assert [[fault["code"] for fault in one["problems"]] for one in found] == [
        [],
        ["unknown-entry"],
        [],
        ["json-syntax"],
        ["json-shape"],
        ["unreadable-file"],
        ["not-utf-8"],
    ]
    assert found[0]["quantities"] == found[2]["quantities"]
    assert list(found[0]["quantities"]) == ["total.bytes", "fits"]


def test_a_batch_of_nothing_is_nothing(client):
    assert lines(client.post("/batch", content=b"")) == []
    assert lines(client.post("/batch", content=b"\n \n")) == []


def test_a_batch_is_refused_as_a_whole_for_what_it_asks_of_all(client):
    assert told(client.post("/batch?select=total.bites", content=b"{}"))[0]["code"] == "unknown-name"
    (found,) = lines(client.post("/batch?convention=none-such", content=json.dumps(SCENARIO).encode()))
    assert found["problems"][0]["code"] == "unknown-entry"


def test_it_describes_itself(client):
    found = client.get("/openapi.json").json()
    assert set(found["paths"]) == {"/estimate", "/explain", "/solve", "/batch", "/health"}
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(found)))
    assert named <= set(found["components"]["schemas"])
    assert {"ledger", "ledger.value", "derivation", "derivation.step"} <= named
    for name in ("estimate", "explain", "solve"):
        form = found["paths"][f"/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        (example,) = form["properties"]["scenario"]["examples"]
        assert client.post(f"/{name}", json={"scenario": example}).status_code == 200


# --- what is wrong with a question --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("estimate", {}, "missing-key"),
        ("estimate", {"scenario": {}, "scenari": 1}, "unknown-key"),
        ("estimate", {"scenario": []}, "type-clash"),
        ("estimate", {"scenario": "llama-3-8b"}, "type-clash"),
        ("estimate", {"scenario": SCENARIO, "select": "total.bytes"}, "type-clash"),
        ("estimate", {"scenario": SCENARIO, "select": [7]}, "type-clash"),
        ("estimate", {"scenario": SCENARIO, "select": ["total.bites"]}, "unknown-name"),
        ("estimate", {"scenario": SCENARIO, "convention": 7}, "type-clash"),
        ("estimate", {"scenario": SCENARIO, "convention": "none-such"}, "unknown-entry"),
        ("estimate", {"scenario": {"model": "lama-3-8b"}}, "unknown-entry"),
        ("estimate", {"scenario": {**SCENARIO, "batch.size": "many"}}, "type-clash"),
        ("estimate", {"scenario": {**SCENARIO, "batch.size": -1}}, "out-of-bounds"),
        ("estimate", {"scenario": {**SCENARIO, "batch": {"sice": 1}}}, "unknown-name"),
        ("explain", {"scenario": SCENARIO, "quantity": "total.bites"}, "unknown-name"),
        ("solve", {"scenario": SCENARIO, "maximize": "batch.size", "minimize": "batch.size"}, "wrong-shape"),
        ("solve", {"scenario": SCENARIO, "where": "total.bytes <"}, "formula-syntax"),
        ("solve", {"scenario": {"model": "llama-3-8b"}}, "missing-fact"),
        ("batch?select=" + 10_001 * "a", {}, "type-clash"),
        ("batch?convention=" + 201 * "a", {}, "type-clash"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_fault_is_told(client, path, sent, code):
    assert told(client.post(f"/{path}", json=sent))[0]["code"] == code


DEEP = 50_000
HOSTILE = {
    "nothing": b"",
    "binary": bytes(range(256)),
    "compressed": b"\x1f\x8b\x08\x00" + bytes(50),
    "nul": b"\x00",
    "a list": b"[]",
    "null": b"null",
    "deep lists": b"[" * DEEP,
    "deep objects": b'{"scenario":' * (DEEP // 10),
    "deep and whole": b'{"scenario": {"model": ' + b"[" * 900 + b"]" * 900 + b"}}",
    "deep scenario": b'{"scenario": ' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}",
    "cut": b'{"scenario": {"model": "lla',
    "not a number": b'{"scenario": {"model": "llama-3-8b", "batch.size": NaN}}',
    "infinity": b'{"scenario": {"model": "llama-3-8b", "batch.size": -Infinity}}',
    "many digits": b'{"scenario": {"model": "llama-3-8b", "batch.size": ' + b"9" * 5000 + b"}}",
    "digits": b'{"scenario": {"model": "llama-3-8b", "batch.size": ' + b"9" * 3000 + b"}}",
    "an exponent": b'{"scenario": {"model": "llama-3-8b", "batch.size": 1e999999999}}',
    "a fraction": b'{"scenario": {"model": "llama-3-8b", "batch.size": 1.5}}',
    "half a sign": b'{"scenario": {"model": "\\ud800", "\\udfff": "\\ud800"}}',
    "nul inside": b'{"scenario": {"model": "\\u0000"}}',
    "an object as a size": b'{"scenario": {"model": "llama-3-8b", "batch": {"size": {"size": 1}}}}',
    "a list as a size": b'{"scenario": {"model": "llama-3-8b", "batch": {"size": [1]}}}',
    "a list as a model": b'{"scenario": {"model": ["llama-3-8b"]}}',
    "nameless": b'{"scenario": {"": "", ".": 1, "..": {}, "model.": 1}}',
    "a long name": b'{"scenario": {"' + b"a." * 20_000 + b'": 1}}',
    "many names": json.dumps({"scenario": {f"a{n}": n for n in range(3000)}}).encode(),
    "rows without an end": b'{"scenario": {"model": {"tensors": [' + b"{}," * 3000 + b"{}]}}}",
    "open brackets": json.dumps({"scenario": SCENARIO, "where": "(" * 990}).encode(),
    "a tower": json.dumps({"scenario": SCENARIO, "where": "9**" * 300 + "9 > 1"}).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["estimate", "explain", "solve"])
def test_whatever_is_sent_is_told_as_a_problem(client, path, name):
    told(client.post(f"/{path}", content=HOSTILE[name]))


def test_whatever_is_sent_in_lines_is_told_line_by_line(client):
    for content in HOSTILE.values():
        found = lines(client.post("/batch", content=content.replace(b"\n", b"")))
        assert all(one["problems"] for one in found)
    assert client.get("/health").status_code == 200


# --- no file is read ----------------------------------------------------------------------------------------

PATHS = (
    "config.json",
    "../config.json",
    "../../../../etc/passwd",
    "/etc/passwd",
    "~/.ssh/id_rsa",
    "/dev/zero",
    "meta-llama/Llama-3.1-8B",
    "meta-llama/Llama-3.1-8B@main",
    str(ROOT / "tests" / "data" / "configs"),
    "",
)


def _imports():
    return [str(entry.fields["given"].text) for entry in _reading() if "given" in entry.fields]


def _reading():
    ruleset = opened()
    kinds = [kind.name for kind in ruleset.kinds.values() if kind.reads]
    return [ruleset.entry(kind, name) for kind in kinds for name in ruleset.names(kind)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("given", _imports())
def test_a_scenario_that_is_sent_names_no_file(client, given, path):
    kind, _, field = given.partition(".")
    for scenario in ({given: path}, {kind: {field: path}}):
        (found,) = told(client.post("/estimate", json={"scenario": scenario}))
        assert (found["code"], found["message"].partition(" ")[0]) == ("unreadable-file", given)
        assert "may name none" in found["message"]


@pytest.mark.parametrize("given", _imports())
def test_nothing_is_even_looked_for(monkeypatch, given):
    def never(*_):
        raise AssertionError("a file is looked for")

    for place, name in (
        *((records, name) for name in ("find", "read_fields", "fetched")),
        (checkpoint, "read_checkpoint"),
    ):
        monkeypatch.setattr(place, name, never)
    raw = read_raw({given: "/etc/passwd"})
    with pytest.raises(Problems, match="may name none"):
        read_scenario(opened(), raw._replace(closed=True))
    with pytest.raises(AssertionError):
        read_scenario(opened(), raw)


def test_the_fields_of_a_configuration_do_instead(client):
    config = json.loads(next(iter(sorted((ROOT / "tests" / "data" / "configs").rglob("*.json")))).read_text("utf-8"))
    found = client.post("/estimate", json={"scenario": {"model": config}})
    assert found.status_code == 200, found.text


# --- limits -------------------------------------------------------------------------------------------------


def test_a_body_is_so_large_at_most(client):
    fits = json.dumps({"scenario": SCENARIO}).encode().ljust(100_000)
    assert client.post("/estimate", content=fits).status_code == 200
    assert told(client.post("/estimate", content=fits + b" "), 413)[0]["code"] == "file-too-large"
    assert told(client.post("/batch", content=iter([b" " * 60_000, b" " * 60_000])), 413)[0]["code"] == "file-too-large"


def test_a_batch_has_so_many_lines_at_most(client):
    line = json.dumps(SCENARIO).encode() + b"\n\n"
    assert len(lines(client.post("/batch", content=line * 20))) == 20
    assert told(client.post("/batch", content=line * 21), 413)[0]["code"] == "too-many-rows"


def test_an_answer_takes_so_long_at_most(slow):
    late = {"scenario": {**SCENARIO, "batch.size": 7}, "quantity": "slow.steps"}
    with TestClient(app_of([slow], Limits(seconds=0.5, at_once=1))) as client:
        began = time.monotonic()
        assert told(client.post("/explain", json=late), 504)[0]["code"] == "too-much-work"
        assert time.monotonic() - began < 10  # it is ended, and not waited for
        quick = {"scenario": SCENARIO, "quantity": "slow.steps"}
        assert client.post("/explain", json=quick).json()["step"]["value"] == 1


def test_a_batch_that_takes_too_long_answers_every_line(slow):
    sizes = (1, 2, *[7] * 12)
    content = b"\n".join(json.dumps({"model": "llama-3-8b", "batch.size": size}).encode() for size in sizes)
    with TestClient(app_of([slow], Limits(seconds=3.0, at_once=1))) as client:
        found = lines(client.post("/batch?select=slow.steps", content=content))
        assert [one["line"] for one in found] == list(range(1, 15))
        assert [found[0]["problems"], found[-1]["problems"][0]["code"]] == [[], "too-much-work"]
        assert client.get("/health").status_code == 200


def test_so_many_are_answered_at_once(slow):
    late = {"scenario": {**SCENARIO, "batch.size": 7}, "quantity": "slow.steps"}
    with TestClient(app_of([slow], Limits(seconds=5.0, at_once=1))) as client:
        waiting = threading.Thread(target=client.post, args=("/explain",), kwargs={"json": late})
        waiting.start()
        time.sleep(0.5)
        refused = client.post("/estimate", json={"scenario": SCENARIO})
        assert told(refused, 503)[0]["code"] == "too-much-work"
        assert refused.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200
        waiting.join()
        assert client.post("/estimate", json={"scenario": SCENARIO}).status_code == 200


def test_who_reads_no_further_loses_the_place_in_time():
    content = json.dumps(SCENARIO).encode() + b"\n"
    pool = Pool([], Limits(seconds=0.7, at_once=1))
    try:
        frames = pool.ask("batch", {}, content * 3000)
        assert next(frames).letter == b"+"
        with pytest.raises(Busy):
            next(pool.ask("batch", {}, content))
        time.sleep(0.8)
        assert [frame.content.count(b"\n") for frame in pool.ask("batch", {}, content)] == [0]
        with pytest.raises(TooLong):
            list(frames)
    finally:
        pool.close()


def test_a_worker_that_ends_is_replaced(client):
    pool = client.app.state.pool
    assert client.post("/estimate", json={"scenario": SCENARIO}).status_code == 200
    worker = pool._idle[-1]
    worker.connection.shutdown(socket.SHUT_RDWR)
    told(client.post("/estimate", json={"scenario": SCENARIO}), 500)
    assert client.post("/estimate", json={"scenario": SCENARIO}).status_code == 200


def test_without_the_process_that_holds_the_rules_it_is_not_well():
    with TestClient(app_of()) as client:
        client.app.state.pool._nursery.kill()
        client.app.state.pool._nursery.join()
        told(client.get("/health"), 500)
        told(client.post("/estimate", json={"scenario": SCENARIO}), 500)


def test_rules_at_fault_serve_nothing(tmp_path):
    (tmp_path / "bad.yaml").write_text("stage: bad\nrules: {bad.sum: {formula: 1 +}}\n", encoding="utf-8")
    with pytest.raises(Problems, match="formula-syntax"):
        Pool([str(tmp_path)], Limits())


# --- the command --------------------------------------------------------------------------------------------


def _started(*words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    command = [sys.executable, "-m", "vramledger", "serve", "--port", "0", *words]
    service = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    return service, service.stderr.readline().split()[0]


def _below(number):
    """The processes that one has started, and those that they have."""
    tasks = Path(f"/proc/{number}/task").iterdir()  # a process is its thread's that started it
    found = [int(one) for task in tasks for one in (task / "children").read_text("ascii").split()]
    return [*found, *(below for one in found for below in _below(one))]


def _lives(number):
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and stat.read_text("ascii").rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are counted through /proc")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(stop):
    import httpx

    service, address = _started("--concurrency", "1", "--max-body", "1000")
    try:
        assert httpx.post(f"{address}/estimate", json={"scenario": SCENARIO}).json()["total"]
        assert httpx.post(f"{address}/estimate", content=b" " * 1001).status_code == 413
        below = _below(service.pid)
        assert len(below) >= 2
        service.send_signal(stop)
        _, err = service.communicate(timeout=20)
    finally:
        service.kill()
    assert "Traceback" not in err
    time.sleep(0.5)
    assert not [one for one in below if _lives(one)]


def test_an_address_that_is_taken_is_told(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, out, err = run("serve", "--port", taken.getsockname()[1])
    assert (code, out) == (2, "")
    assert "cannot-serve: cannot listen at 127.0.0.1:" in err
    code, _, err = run("serve", "--port", 99999)
    assert (code, "cannot-serve" in err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [("--max-body", "0"), ("--max-rows", "-1"), ("--timeout", "nan"), ("--timeout", "0"), ("--concurrency", "x")],
)
def test_a_limit_that_is_none_is_told(run, words):
    code, _, err = run("serve", *words)
    assert (code, words[0] in err) == (2, True)


# --- the page -----------------------------------------------------------------------------------------------


def test_the_page_shows_what_is_answered(client):
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    shown = re.findall(r"\$ curl -s localhost:8000/(\S+) (?:-d|--data-binary) '(.*?)'\n(.*?)```", text, re.DOTALL)
    assert len(shown) >= 3
    for path, sent, answer in shown:
        found = client.post(f"/{path}", content=sent.encode()).text
        assert [_known(json.loads(line)) for line in found.splitlines()] == [
            _known(json.loads(one)) for one in ([answer] if path.partition("?")[0] != "batch" else answer.splitlines())
        ]


def _known(data):
    """Without the hashes, which any other rule changes."""
    return {name: value for name, value in data.items() if name != "stamp"}
