"""Who comes in: keys, rates, sizes; and what is left of a request in metrics and log."""

import asyncio
import json
import logging

import pytest

from tests.serve.conftest import calling, crowd, listening, record
from unlike.llm.http_client import StatusError
from unlike.memory.worker import work_off
from unlike.privacy.keys import MasterKey
from unlike.serve import server
from unlike.serve.auth import Keys
from unlike.serve.errors import names_of
from unlike.serve.logs import JsonLines
from unlike.serve.middleware import Watch
from unlike.serve.prometheus import Metrics
from unlike.serve.rate_limits import Rates
from unlike.store.rotate import rotate

CANARY = "heliotrope-canary"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer unlike_", "Bearer unlike_nope", "Basic unlike_x", "unlike_x", "Bearer ünlike_\xff"],
)
def test_without_a_valid_key_nothing_is_told(house, header):
    with calling(house) as client:
        for path in ("/v1/users", "/v1/nothing", "/v1/users/a/profile"):
            answer = client.get(path, headers={"authorization": header.encode("latin-1")})
            assert (answer.status_code, answer.json()["error"]["type"]) == (401, "unauthorised")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_refused_body_is_not_looked_at(house):
    with calling(house) as client:
        answer = client.post("/v1/records", content=b"{", headers={"authorization": "Bearer x"})
    assert answer.status_code == 401


def test_some_paths_need_no_key(house):
    with calling(house) as client:
        del client.headers["authorization"]
        for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json"):
            assert client.get(path).status_code == 200


def test_the_root_says_what_this_is_and_where_it_is_described(house):
    with calling(house) as client:
        told = client.get("/").json()
        assert told["name"] == "unlike"
        assert client.get(told["api"]).json()["info"]["version"] == told["version"]
        assert client.get(told["inspector"]).status_code == 200


def test_a_revoked_key_stops_when_it_is_forgotten(house):
    keys = Keys(house.store, cache_s=3600)
    header = f"Bearer {house.keys['acme']}"
    assert asyncio.run(keys.caller(header)).tenant.name == "acme"
    house.revoke("acme", "test")
    assert asyncio.run(keys.caller(header)).tenant.name == "acme"
    assert asyncio.run(Keys(house.store, cache_s=0).caller(header)) is None


def test_a_revoked_key_is_remembered_for_less_than_five_seconds(house):
    assert house.service.settings.key_cache_s < 5


def test_a_key_is_looked_up_once_for_all_who_wait(house, monkeypatch):
    asked = []
    find = house.store.connection
    monkeypatch.setattr(house.store, "connection", lambda writes: asked.append(1) or find(writes))
    keys = Keys(house.store, cache_s=3600)

    async def all_at_once():
        return await asyncio.gather(*(keys.caller(f"Bearer {house.keys['acme']}") for _ in range(20)))

    assert {caller.tenant.name for caller in asyncio.run(all_at_once())} == {"acme"}
    assert len(asked) == 1


def test_a_key_made_after_it_was_refused_works(house):
    keys = Keys(house.store, cache_s=3600)
    key = house.new_key("acme", "late")
    house.revoke("acme", "late")
    assert asyncio.run(keys.caller(f"Bearer {key}")) is None
    assert not keys._lookups


def test_rates_fill_again():
    now = [0.0]
    rates = Rates(per_s=0.5, burst=2, clock=lambda: now[0])
    assert [rates.take(b"a"), rates.take(b"a"), rates.take(b"a")] == [0, 0, 2]
    assert rates.take(b"b") == 0
    now[0] = 2.0
    assert [rates.take(b"a"), rates.take(b"a")] == [0, 2]
    now[0] = 1000.0
    assert [rates.take(b"a") for _ in range(3)] == [0, 0, 2]


def test_too_many_requests_of_a_key_are_429(make_house):
    with calling(make_house(requests_per_s=0.01, burst=2)) as client:
        answers = [client.get("/v1/users") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].json()["error"]["type"] == "rate_limited"
        assert 90 <= int(answers[-1].headers["retry-after"]) <= 100
        assert client.get("/healthz").status_code == 200


def test_too_large_bodies_are_413_also_without_a_length(make_house):
    house = make_house(max_bytes=5_000)
    body = json.dumps({"records": [record(text="x" * 6_000)]}).encode()
    pieces = (body[first : first + 100] for first in range(0, len(body), 100))
    with listening(house.app) as address:
        import httpx

        with httpx.Client(base_url=address, headers=house.head() | {"content-type": "application/json"}) as client:
            for content in (body, pieces):
                answer = client.post("/v1/records", content=content)
                assert (answer.status_code, answer.json()["error"]["type"]) == (413, "too_large")
            assert client.post("/v1/records", json={"records": [record()]}).status_code == 200
            assert client.get("/v1/users").json()["total"] == 1


def test_more_records_than_allowed_are_refused(make_house):
    with calling(make_house(max_records=2)) as client:
        answer = client.post("/v1/records", json={"records": [record(f"u{n}") for n in range(3)]})
    assert answer.status_code == 422
    assert "allowed are 1 to 2" in answer.json()["error"]["message"]


def lines_of(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_neither_log_nor_metrics_hold_anything_of_a_user(full_house, full, logged, monkeypatch):
    row = record(CANARY, f"item-{CANARY}", f"My {CANARY}.", title=CANARY)
    full.post("/v1/records", json={"records": [row]}).raise_for_status()
    full.get(f"/v1/users/{CANARY}/records").raise_for_status()
    full.get("/v1/users", params={"search": CANARY}).raise_for_status()
    full.post("/v1/generate", json={"user_id": CANARY, "item_id": f"item-{CANARY}"}).raise_for_status()
    full.get(f"/{CANARY}")
    full.request(CANARY.upper(), f"/v1/users/{CANARY}/profile")
    full.post("/v1/records", json={CANARY: CANARY})

    async def broken(*_):
        raise ValueError(CANARY)

    monkeypatch.setattr(full_house.service.memory(full_house.store.tenant("acme")), "export", broken)
    assert full.get(f"/v1/users/{CANARY}/export").status_code == 500
    full_house.work()
    logging.getLogger("asyncio").error("Task exception was never retrieved: %s", CANARY)
    told = logged.getvalue() + full.get("/metrics").text
    assert "/v1/users/{user_id:path}/records" in told
    assert CANARY not in told.lower()


def test_a_request_is_a_line(full, logged):
    answer = full.get("/v1/users")
    (line,) = lines_of(logged)
    assert line["event"] == "request"
    assert (line["method"], line["route"], line["status"], line["tenant"]) == ("GET", "/v1/users", 200, "acme")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert 0 < line["seconds"] < 60


def test_an_unexpected_error_is_500_with_an_id_that_the_log_knows(house, logged, monkeypatch):
    async def broken(*_):
        raise ValueError(CANARY)

    monkeypatch.setattr(house.service.memory(house.store.tenant("acme")), "users", broken)
    with calling(house) as client:  # the log's line about a request may come after the answer
        answer = client.get("/v1/users")
    failed, request = lines_of(logged)
    assert answer.status_code == request["status"] == 500
    assert failed["request_id"] == answer.headers["x-request-id"]
    assert failed["request_id"] in answer.json()["error"]["message"]
    assert failed["error"] == "ValueError"
    assert names_of(StatusError(401, "no", {})) == "StatusError 401"
    assert any("broken" in place for place in failed["places"])
    assert CANARY not in answer.text


def test_errors_are_logged_without_their_words():
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        record = logging.LogRecord(
            "uvicorn.error", 40, __file__, 1, "Oh, %s", (CANARY,), (ValueError, error, error.__traceback__)
        )
    line = json.loads(JsonLines().format(record))
    assert (line["event"], line["error"]) == ("Oh, …", "ValueError")
    assert CANARY not in str(line)


@pytest.mark.parametrize(
    ("message", "args", "event"),
    [
        ("Started server process [%d]", (7,), "Started server process [7]"),
        ("Running on %s://%s:%d", ("http", CANARY, 8000), "Running on …://…:8000"),
        ("100% done", (), "100% done"),
    ],
)
def test_a_line_of_the_log_has_its_numbers_and_no_other_argument(message, args, event):
    record = logging.LogRecord("uvicorn.error", 20, __file__, 1, message, args, None)
    assert json.loads(JsonLines().format(record))["event"] == event


def test_a_client_who_left_is_counted_as_such():
    async def silent(scope, receive, send):
        return None

    metrics = Metrics()
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    asyncio.run(Watch(silent, metrics)(scope, None, None))
    assert 'unlike_requests_total{method="GET",route="none",status="499"} 1.0' in metrics.text({}).decode()


def test_a_request_that_the_server_cancels_gets_the_usual_error():
    sent = []

    async def waits(_scope, _receive, _send):
        await asyncio.Event().wait()

    async def main():
        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET"}
        request = asyncio.create_task(Watch(waits, Metrics())(scope, None, send))
        await asyncio.sleep(0)
        request.cancel(msg="Task cancelled, timeout graceful shutdown exceeded")
        await request

    asyncio.run(main())
    start, body = sent
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (503, b"application/json")
    assert json.loads(body["body"])["error"]["type"] == "stopping"


def test_metrics_count_requests_tokens_and_jobs(full):
    full.post("/v1/records", json={"records": [record("dee", "album-1")]}).raise_for_status()
    used = full.post("/v1/generate", json={"user_id": "ada", "item_id": "album-1"}).json()
    counts = dict(line.rsplit(" ", 1) for line in full.get("/metrics").text.splitlines() if line[0] != "#")
    assert counts['unlike_requests_total{method="POST",route="/v1/generate",status="200"}'] == "1.0"
    assert counts['unlike_request_seconds_count{route="/v1/generate"}'] == "1.0"
    assert float(counts['unlike_llm_tokens_total{kind="prompt",work="request"}']) == used["prompt_tokens"]
    assert float(counts['unlike_llm_calls_total{work="request"}']) == 1
    assert float(counts['unlike_llm_calls_total{work="build"}']) == 0
    assert float(counts['unlike_jobs{state="waiting"}']) >= 1


def test_metrics_count_the_calls_of_builds(house, client):
    client.post("/v1/records", json=crowd()).raise_for_status()
    asyncio.run(work_off(house.store, house.service.memory))
    counts = client.get("/metrics").text
    assert f'unlike_llm_calls_total{{work="build"}} {house.backend.n_calls}.0' in counts
    assert 'unlike_llm_calls_total{work="request"} 0.0' in counts
    (used,) = (
        line for line in counts.splitlines() if line.startswith('unlike_llm_tokens_total{kind="prompt",work="build"')
    )
    assert float(used.split()[-1]) > 0


def test_without_a_database_all_is_503_but_the_process_is_up(house, client):
    for file in list(house.folder.iterdir()):
        file.unlink()
    (house.folder / "store.sqlite").mkdir()
    house.store.engine.dispose()  # last: a worker may hold a connection to the deleted file, which no one gets again
    assert client.get("/healthz").json() == {"status": "up"}
    assert client.get("/readyz").status_code == 503
    assert client.get("/metrics").status_code == 200
    answer = client.get("/v1/users")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "store_unavailable")
    assert "sqlite" not in answer.text


def test_with_another_master_key_it_is_503_and_the_operator_is_told(full_house, logged):
    new = MasterKey(b"n" * 32)
    rotate(full_house.store, new)
    with calling(full_house) as client:
        ready = client.get("/readyz")
        answer = client.post("/v1/records", json=crowd(("dee",)))
        assert "has to restart it with that key" in answer.json()["error"]["message"]
    assert (ready.status_code, ready.json()["store"]) == (503, "another_master_key")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "store_unavailable")
    assert new.id not in answer.text and answer.headers["retry-after"]
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    told = [line["level"] for line in lines if line["event"].endswith("restart this service with that one")]
    assert len(told) == 2 and set(told) == {"error"}


def test_after_a_rotation_nothing_is_answered_from_what_is_cached(make_house):
    house = make_house("full", key_cache_s=0.0)
    asks = [
        ("/v1/generate", {"user_id": "ada", "item_id": "album-1"}),
        ("/v1/chat/completions", {"model": "m", "user": "ada", "messages": [{"role": "user", "content": "Write."}]}),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Write."}]}),
    ]
    with calling(house) as client:
        assert {client.post(ask[0], json=ask[1]).status_code for ask in asks} == {200}
        profile = client.get("/v1/users/ada/profile")
        rotate(house.store, MasterKey(b"n" * 32))
        after = [client.post(ask[0], json=ask[1]) for ask in asks] + [client.get("/v1/users/ada/profile")]
    assert profile.status_code == 200 and {answer.status_code for answer in after} == {503}


def test_the_server_runs_on_uvloop():
    loops = []

    async def note():
        loops.append(type(asyncio.get_running_loop()).__module__)

    server.run(note())
    assert loops == ["uvloop"]
