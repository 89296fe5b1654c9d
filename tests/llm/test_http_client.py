"""The HTTP client against a real server on loopback."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading

import pytest

from tests.llm.endpoint import answer, completion, nothing, stream
from unlike.errors import CallFailed, InputError
from unlike.llm.http_client import ConnectionFailed, HttpClient, StatusError

BODY = {"messages": []}


def open_client(base_url, **changed):
    return HttpClient(base_url, "key", **{"name": "m", "timeout_s": 60.0, "max_bytes": 10_000, **changed})


def post(client):
    async def once():
        try:
            return await client.post("chat/completions", BODY)
        finally:
            await client.aclose()

    return asyncio.run(once())


def in_parts(*parts):
    """Behave: send a stream of events in these parts."""

    def behave(handler, endpoint):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for part in (*parts, b""):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    return behave


@pytest.mark.parametrize(
    ("parts", "events"),
    [
        ([b'data: {"a": 1}\n\ndata: 2\n\ndata: [DONE]\n\ndata: late\n\n'], ['{"a": 1}', "2"]),
        ([b"data:1\r\n\r\ndata: 2\r\n\r\n"], ["1", "2"]),
        ([b"data:1\r", b"\n\r", b"\ndata: 2\r\n", b"\r\n"], ["1", "2"]),
        ([b"data: 1\r\rdata: 2\r\r"], ["1", "2"]),
        ([b": a comment\n\nevent: message\nid: 7\ndata: 1\ndata: 2\n\n"], ["1\n2"]),
        ([*(bytes([byte]) for byte in "data: é 😀\n\n".encode())], ["é 😀"]),
        ([b"data: 1\n\ndata: no blank line"], ["1", "no blank line"]),
        ([b"data: 1\n\ndata: [DONE]"], ["1"]),
        ([b"data:\n\ndata: 1\n\n"], ["", "1"]),
        ([b"\n\n\n"], []),
        ([], []),
    ],
)
def test_events_are_read_however_they_arrive(endpoint, parts, events):
    endpoint.always = in_parts(*parts)

    async def read():
        client = open_client(endpoint.base_url)
        async with client.posted("chat/completions", BODY) as response:
            assert response.is_stream
            found = [event async for event in response.events()]
        await client.aclose()
        return found

    assert asyncio.run(read()) == events


def test_connections_are_used_again_and_every_loop_has_its_own(endpoint):
    client = open_client(endpoint.base_url)
    seen = set()
    always = endpoint.always

    def noting(handler, server):
        seen.add(handler.client_address)
        always(handler, server)

    endpoint.always = noting

    async def thrice():
        for _ in range(3):
            await client.post("chat/completions", BODY)

    asyncio.run(thrice())
    assert len(seen) == 1
    asyncio.run(thrice())
    assert len(seen) == 2


UNCLOSED = """
import asyncio
from unlike.llm.http_client import HttpClient
client = HttpClient({url!r}, "key", name="m", timeout_s=60.0, max_bytes=10_000)
for _ in range(2):
    print(len(asyncio.run(client.post("chat/completions", {{}}))) > 0)
async def cut_off():
    await client.post("chat/completions", {{}})
    raise SystemExit(0)
asyncio.run(cut_off())
"""


CLOSED_LAST = """
import asyncio
from unlike.llm.http_client import HttpClient
from unlike.sync import wait_for
client = HttpClient({url!r}, "key", name="m", timeout_s=60.0, max_bytes=10_000)
async def ask_and_close():
    print(len(await client.post("chat/completions", {{}})) > 0)
    wait_for(client.aclose())  # as at the end of a ``with`` block: the loop has no other step left
asyncio.run(ask_and_close())
"""


@pytest.mark.parametrize(("script", "printed"), [(UNCLOSED, "True\nTrue\n"), (CLOSED_LAST, "True\n")])
def test_a_client_that_is_closed_late_or_not_at_all_ends_in_silence(endpoint, script, printed):
    ended = subprocess.run(
        [sys.executable, "-c", script.format(url=endpoint.base_url)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, printed, "")


def test_connections_of_a_loop_that_runs_elsewhere_are_closed_there(endpoint):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = open_client(endpoint.base_url)
    asyncio.run_coroutine_threadsafe(client.post("chat/completions", BODY), loop).result(60)
    session = next(iter(client._sessions.values()))
    post(client)
    assert asyncio.run_coroutine_threadsafe(_closed(session), loop).result(60)
    del client
    gc.collect()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


async def _closed(session):
    return session.closed


@pytest.mark.parametrize(
    ("address", "sent"),
    [("http://{}", "Bearer key"), ("http://me:pass@{}", "Basic bWU6cGFzcw==")],
)
def test_a_password_in_the_address_takes_the_place_of_the_key(endpoint, address, sent):
    post(open_client(address.format(endpoint.base_url.removeprefix("http://"))))
    assert endpoint.keys == [sent]


def test_organisation_project_and_query_are_sent(endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-1")
    seen = {}

    def noting(handler, server):
        seen.update(handler.headers, path=handler.path)
        answer(completion("Good."))(handler, server)

    endpoint.always = noting
    post(open_client(f"{endpoint.base_url}/?api-version=1"))
    assert (seen["OpenAI-Organization"], seen["OpenAI-Project"]) == ("org-1", "project-1")
    assert seen["path"] == "/v1/chat/completions?api-version=1"
    assert seen["Accept-Encoding"] == "identity"


def test_the_proxy_of_the_environment_is_used_but_not_where_it_says_no(endpoint, monkeypatch):
    paths = []

    def noting(handler, server):
        paths.append(handler.path)
        answer(completion("Good."))(handler, server)

    endpoint.always = noting
    monkeypatch.setenv("http_proxy", endpoint.base_url.removesuffix("/v1"))
    post(open_client("http://model.invalid/v1"))
    assert paths == ["http://model.invalid/v1/chat/completions"]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    post(open_client(endpoint.base_url))
    assert paths[1:] == ["/v1/chat/completions"]
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(InputError, match="socks5 proxies cannot be used"):
        open_client("http://model.invalid/v1")


def test_an_error_says_its_code_and_field(endpoint):
    for body, code, param in [
        ({"error": {"message": "no", "code": "bad", "param": "seed"}}, "bad", "seed"),
        ({"message": "no", "code": 7}, 7, None),
        ({"error": "no"}, None, None),
        (["no"], None, None),
        (b"no", None, None),
    ]:
        endpoint.always = answer(body, 418, x_request="7")
        with pytest.raises(StatusError) as refused:
            post(open_client(endpoint.base_url))
        error = refused.value
        assert (error.status, error.code, error.param, error.headers["X-Request"]) == (418, code, param, "7")


def test_an_answer_that_is_too_long_is_given_up(endpoint):
    endpoint.always = answer(b"x" * 10_001)
    with pytest.raises(CallFailed, match="more than the 10,000 bytes allowed"):
        post(open_client(endpoint.base_url))
    endpoint.always = stream(["x" * 10_001])
    with pytest.raises(CallFailed, match="more than the 10,000 bytes allowed"):
        post(open_client(endpoint.base_url))


def test_who_cannot_be_reached_is_told_from_who_hangs_up(endpoint):
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionFailed) as failed:
            post(open_client(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    assert failed.value.unreachable
    endpoint.always = nothing
    with pytest.raises(ConnectionFailed, match="disconnected") as failed:
        post(open_client(endpoint.base_url))
    assert not (failed.value.unreachable or failed.value.timed_out)


def test_what_is_no_address_is_one_line():
    with pytest.raises(InputError, match="is not an address"):
        open_client("http://127.0.0.1:99999999/v1")
