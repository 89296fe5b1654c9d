"""LLM endpoints that send too much, send for too long, or redirect."""

import asyncio
import gzip
import json
import tracemalloc

import pytest

from tests.llm.endpoint import Endpoint, answer, chunk, chunks, completion, error, send_event, stream
from unlike.errors import Busy, CallFailed, EngineError
from unlike.llm.backend import Sampling
from unlike.llm.chat_passthrough import PassedChat
from unlike.llm.openai_http import OpenAIBackend
from unlike.llm.retry import Waits
from unlike.memory.settings_file import read_settings

MESSAGES = [{"role": "user", "content": "a secret"}]
MOST = 2**20


class Clock:
    """A clock that advances only while a call waits."""

    def __init__(self):
        self.now_s = 0.0

    async def sleep(self, seconds):
        self.now_s += seconds

    def waits(self):
        return Waits(sleep=self.sleep, jitter=lambda: 1.0, now=lambda: 0.0, clock=lambda: self.now_s)


async def whole(backend):
    await backend.complete(MESSAGES, Sampling())


async def pieces(backend):
    async for _ in backend.stream(MESSAGES, Sampling()):
        pass


async def chat(backend):
    await backend.chat(PassedChat(MESSAGES, {}))


async def chat_stream(backend):
    async for _ in backend.chat_stream(PassedChat(MESSAGES, {})):
        pass


WAYS = [whole, pieces, chat, chat_stream]


def ask(way, endpoint, **options):
    async def once():
        backend = OpenAIBackend("m", base_url=endpoint.base_url, **options)
        try:
            await way(backend)
        finally:
            await backend.aclose()

    asyncio.run(once())


def endless(handler, endpoint):
    """Behave: send up to 150 MB."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(150 * 2**20))
    handler.end_headers()
    endpoint.n_sent = 0
    try:
        for _ in range(150 * 16):
            handler.wfile.write(b" " * 2**16)
            endpoint.n_sent += 2**16
    except OSError:
        pass
    handler.close_connection = True


def endless_line(handler, endpoint):
    """Behave: send an event that does not end."""
    endpoint.n_sent = 0
    try:
        for _ in range(150 * 16):
            handler.wfile.write(b"10000\r\n" + b"x" * 2**16 + b"\r\n")
            endpoint.n_sent += 2**16
    except OSError:
        pass
    handler.close_connection = True


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("behaviour", [endless, stream([], endless_line)], ids=["body", "stream"])
def test_a_giant_answer_is_refused_after_a_bound(endpoint, way, behaviour):
    endpoint.always = behaviour
    tracemalloc.start()
    with pytest.raises(CallFailed, match="more than the 1,048,576 bytes allowed"):
        ask(way, endpoint, max_answer_bytes=MOST)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(endpoint.requests) == 1, "it is not asked for again"
    assert peak < 8 * MOST


def test_a_small_answer_cannot_grow(endpoint):
    bomb = gzip.compress(json.dumps(completion("x" * 2**20)).encode())
    endpoint.always = answer(bomb, content_encoding="gzip")
    with pytest.raises(EngineError, match="compresses its answers"):
        ask(whole, endpoint, max_answer_bytes=MOST)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_prompt_follows_no_redirect(endpoint, way, status):
    other = Endpoint()
    endpoint.always = answer(b"", status, location=f"{other.base_url}/chat/completions")
    with pytest.raises(EngineError, match="redirects to .* not followed"):
        ask(way, endpoint)
    other.stop()
    assert not other.requests and len(endpoint.requests) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_call_ends_within_its_time_whatever_retries_are_left(endpoint, way):
    clock = Clock()
    endpoint.always = error(500)
    with pytest.raises(CallFailed, match="may take 30 s in all"):
        ask(way, endpoint, total_s=30, max_retries=100, waits=clock.waits())
    assert 10 < clock.now_s <= 30


@pytest.mark.parametrize("way", WAYS)
def test_a_wait_that_an_engine_asks_for_is_reported_and_never_exceeds_the_time_limit(endpoint, way):
    clock = Clock()
    endpoint.always = error(429, retry_after="40")
    with pytest.raises(Busy) as busy:
        ask(way, endpoint, total_s=30, waits=clock.waits())
    assert (busy.value.retry_after_s, clock.now_s) == (40, 0)


@pytest.mark.parametrize("way", [pieces, chat_stream])
def test_a_stream_that_trickles_ends_within_its_time(endpoint, way):
    clock = Clock()

    def trickle(handler, endpoint):
        while not endpoint.over.is_set():
            clock.now_s += 10
            try:
                send_event(handler, json.dumps(chunk({"content": " more"})))
            except OSError:
                return

    endpoint.always = stream(chunks("Well")[:2], trickle)
    with pytest.raises(CallFailed, match="did not end its answer within 30 s"):
        ask(way, endpoint, total_s=30, waits=clock.waits())


@pytest.mark.parametrize("usage", [{"prompt_tokens": "x"}, {"prompt_tokens": [1]}, 7, {"prompt_tokens": float("inf")}])
@pytest.mark.parametrize("way", WAYS)
def test_a_count_of_tokens_that_is_none_does_not_lose_the_answer(endpoint, way, usage):
    endpoint.always = answer(completion("A good answer.", usage=usage))
    ask(way, endpoint, max_retries=0)


@pytest.mark.parametrize("way", WAYS)
def test_a_deeply_nested_answer_is_a_failed_call(endpoint, way):
    endpoint.always = answer(b"[" * 500_000)
    with pytest.raises(CallFailed, match="no completion"):
        ask(way, endpoint, max_retries=0)


def test_the_limits_are_settings_and_apply_to_endpoints_only(tmp_path):
    path = tmp_path / "memory.toml"
    path.write_text("[llm]\ntimeout_s = 7\nmax_answer_bytes = 2048\n")
    options = read_settings(path).llm_options("openai:m@http://127.0.0.1:9/v1")
    assert (options["timeout_s"], options["max_answer_bytes"]) == (7, 2048)
    assert options["total_s"] < 3600
    assert read_settings(path).llm_options("scripted:echo") == {}
