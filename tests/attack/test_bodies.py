"""No body, of any route, costs more than its size bears: what is too much is refused before anything is made of it."""

import asyncio
import json
import tracemalloc
from types import SimpleNamespace

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tests.serve.conftest import calling, record
from unlike.errors import InputError
from unlike.serve import reading
from unlike.serve.middleware import Gate
from unlike.serve.reading import check_values, records_in, records_in_lines
from unlike.settings import ServiceSettings

MOST = 10_000
MB = 2**20


def many(piece, n_bytes, head="[", tail="]"):
    return (head + ",".join([piece] * (n_bytes // (len(piece) + 1))) + tail).encode()


HOSTILE = {
    "empty records": many("{}", MB, '{"records":[', "]}"),
    "unknown fields": ('{"records":[{' + ",".join(f'"f{n}":0' for n in range(80_000)) + "}]}").encode(),
    "numbers": many("0", MB),
    "lists": many("[]", MB),
    "deep": b"[" * MB,
    "keys": ("{" + ",".join(f'"f{n}":0' for n in range(90_000)) + "}").encode(),
    "strings": many('"x"', MB),
    "escapes": many(r'"\\\""', MB),
    "an open string": b'{"records":["' + b"\\" * MB,
    "white space": b" " * MB,
    "nothing": b"",
}


def peak_of(work):
    tracemalloc.start()
    try:
        work()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def refused(work):
    def tried():
        with pytest.raises((HTTPException, RequestValidationError, InputError)):
            work()

    return tried


@pytest.mark.parametrize("name", HOSTILE)
def test_records_are_refused_in_little_memory(name, monkeypatch):
    """Before, 1.2 MB of empty records took 2.3 GB."""
    body, checked = HOSTILE[name], []
    validate = reading._RECORD.validate_python
    monkeypatch.setattr(
        reading, "_RECORD", type("Counting", (), {"validate_python": staticmethod(counting(validate, checked))})
    )

    def read():
        check_values(body, MOST * reading._VALUES_OF_A_RECORD)
        records_in(body, MOST)

    assert peak_of(refused(read)) < 40 * MB
    assert len(checked) <= reading.MAX_MISTAKES + 1


def counting(work, calls):
    def counted(*args):
        calls.append(1)
        return work(*args)

    return counted


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"[]\n", b'{"record_id":0}\n', b" \n"])
def test_lines_are_refused_in_little_memory(line):
    body = line * (MB // len(line))
    assert peak_of(refused(lambda: records_in_lines(body, MOST))) < 40 * MB


def test_a_line_keeps_its_number():
    good = json.dumps(record()).encode()
    with pytest.raises(RequestValidationError) as refusal:
        records_in_lines(good + b"\n\n\n{}\n" + good, MOST)
    assert refusal.value.errors()[0]["loc"][:2] == ("line", 4)


def test_what_is_in_strings_does_not_count():
    check_values(json.dumps({"text": "[,{" * 1000}).encode(), 10)
    with pytest.raises(HTTPException):
        check_values(json.dumps({"text": "[,{" * 1000, "list": [0] * 20}).encode(), 10)


def routes(house):
    """Every route with a body."""
    paths = house.app.openapi()["paths"]
    return [
        (method, path.replace("{user_id}", "ada").replace("{record_id}", "r").replace("{item_id}", "i"))
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "requestBody" in operation
    ]


def test_every_route_refuses_them_shortly(full_house):
    bodies = [
        HOSTILE[name][:300_000] for name in ("numbers", "keys", "lists", "unknown fields", "deep", "an open string")
    ]
    with calling(full_house) as client:
        found = routes(full_house)
        assert len(found) >= 10
        for method, path in found:
            for body in bodies:
                answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
                assert 400 <= answer.status_code < 500, (method, path, answer.status_code)
                assert len(answer.content) < 6_000


def test_a_body_is_as_large_as_its_route_needs(house):
    with calling(house) as client:
        for path in ("/v1/feedback", "/v1/generate"):
            answer = client.post(path, content=b'"' + b"x" * (reading.USUAL.n_bytes + 1) + b'"')
            assert (answer.status_code, answer.json()["error"]["type"]) == (413, "too_large")


class Keys:
    """One that may write."""

    def knows(self, _authorization):
        return True

    async def caller(self, _authorization):
        return SimpleNamespace(tenant=SimpleNamespace(id=1), name="one", scopes=("write",))


async def posted(gate, body):
    """Status and headers of the answer to a body that is sent at once."""
    answer, parts = [], [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return parts.pop()

    async def send(message):
        answer.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/records", "headers": [], "state": {}}
    await gate(scope, receive, send)
    return answer[0]["status"], dict(answer[0]["headers"])


def test_bodies_under_way_are_bounded_together():
    """Before, each of the 200 requests that a key may send at once could hold 16 MB."""

    async def requests():
        arrived, may_end = asyncio.Event(), asyncio.Event()

        async def app(_scope, receive, send):
            if len((await receive())["body"]) > MB:
                arrived.set()
                await may_end.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        gate = Gate(app, Keys(), ServiceSettings(max_bytes=2 * MB, max_bytes_in_flight=3 * MB))
        large, small = b" " * (3 * MB // 2 + 1), b" " * 1_000
        first = asyncio.create_task(posted(gate, large))
        await arrived.wait()
        status, headers = await posted(gate, large)
        assert (status, headers[b"connection"]) == (503, b"close")
        assert int(headers[b"retry-after"]) > 0
        assert (await posted(gate, small))[0] == 200
        may_end.set()
        assert (await first)[0] == (await posted(gate, large))[0] == 200

    asyncio.run(requests())


def test_texts_full_of_numbers_are_refused_together(house):
    rows = [record(f"u{n}", text="1/" * 400) for n in range(reading.MAX_DIGITS // 400 + 1)]
    with calling(house) as client:
        answer = client.post("/v1/records", json={"records": rows})
        assert answer.status_code == 422 and "send them in parts" in answer.json()["error"]["message"]
        assert client.post("/v1/records", json={"records": rows[:2]}).status_code == 200
