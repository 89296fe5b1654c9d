"""Streams of an endpoint that breaks them in every way known to us."""

import asyncio
from contextlib import aclosing

import pytest

from tests.llm.endpoint import NO_CHOICES, answer, chunk, chunks, completion, done, error, on_and_on, silence, stream
from tests.llm.test_openai_http import BOUND, MESSAGES, PASSING, Clock, open_backend
from unlike.errors import CallFailed, EngineError
from unlike.llm.backend import Sampling

BEGUN = chunks("A", " good")[:3]


def gone(handler, endpoint):
    """End a stream by closing the connection."""
    handler.close_connection = True


BROKEN = {
    "closed connection": stream([], gone),
    "no event": stream([]),
    "a beginning only": stream([chunk({"role": "assistant", "content": ""})]),
    "no JSON": stream(["<html>"]),
    "JSON of another kind": stream([["what"]]),
    "chunks of another kind": stream([{"choices": [{"delta": "what"}]}]),
    "an error": stream([{"error": {"message": "upstream failed"}}]),
    "too slow": stream([], silence),
}
BEFORE = PASSING | {f"a stream: {kind}": behaviour for kind, behaviour in BROKEN.items()}


def patience(kind):
    """Seconds to wait: few only where it is about waiting, for the machine may be busy."""
    return 0.5 if "too slow" in kind else 10.0


@pytest.fixture
def clock():
    return Clock()


def pieces_of(backend, sampling=Sampling()):  # noqa: B008 - frozen
    async def once():
        try:
            return [piece async for piece in backend.stream(MESSAGES, sampling)]
        finally:
            await backend.aclose()

    return asyncio.run(once())


def test_what_is_sent_and_what_comes_back(endpoint, clock):
    *pieces, last = pieces_of(open_backend(endpoint.base_url, clock), Sampling(0.3, 0.9, 55, 4))
    assert pieces == ["A", " good", " answer."]
    assert (last.text, last.prompt_tokens, last.completion_tokens, last.finish_reason) == (
        "A good answer.",
        11,
        7,
        "stop",
    )
    assert endpoint.requests == [
        {
            "model": "m",
            "messages": MESSAGES,
            "temperature": 0.3,
            "top_p": 0.9,
            "max_tokens": 55,
            "seed": 4,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


@pytest.mark.parametrize("kind", BEFORE)
def test_what_passes_before_the_first_piece_is_tried_again(endpoint, clock, kind):
    endpoint.script = [BEFORE[kind]] * 2
    backend = open_backend(endpoint.base_url, clock, timeout_s=patience(kind))
    assert pieces_of(backend)[-1].text == "A good answer."
    assert len(endpoint.requests) == 3
    assert clock.slept == [0.25, 0.5]


@pytest.mark.parametrize("kind", BEFORE)
def test_what_does_not_pass_is_one_failed_call(endpoint, clock, kind):
    endpoint.always = BEFORE[kind]
    with pytest.raises(CallFailed, match="given up after 2 attempts"):
        pieces_of(open_backend(endpoint.base_url, clock, max_retries=1, timeout_s=patience(kind)))
    assert len(endpoint.requests) == 2


def test_a_refusal_that_will_not_change_is_asked_once(endpoint, clock):
    endpoint.always = error(400, "the prompt is too long")
    with pytest.raises(CallFailed, match="400.*the prompt is too long"):
        pieces_of(open_backend(endpoint.base_url, clock))
    assert len(endpoint.requests) == 1


def test_what_no_call_survives_stops_the_run(endpoint, clock):
    endpoint.always = error(401)
    with pytest.raises(EngineError, match="OPENAI_API_KEY"):
        pieces_of(open_backend(endpoint.base_url, clock))


def test_what_an_endpoint_sent_instead_is_kept(endpoint, clock):
    endpoint.always = stream([{"error": {"message": "upstream failed"}}])
    with pytest.raises(CallFailed, match="upstream failed") as failure:
        pieces_of(open_backend(endpoint.base_url, clock, max_retries=0))
    assert "upstream failed" in failure.value.raw
    endpoint.always = NO_CHOICES
    with pytest.raises(CallFailed) as failure:
        pieces_of(open_backend(endpoint.base_url, clock, max_retries=0))
    assert '"choices": []' in failure.value.raw


def test_an_answer_of_blanks_fails_before_anything_is_shown(endpoint, clock):
    endpoint.always = stream(chunks(" ", "\n"))
    with pytest.raises(CallFailed, match="the answer is empty"):
        pieces_of(open_backend(endpoint.base_url, clock))
    assert len(endpoint.requests) == 1


def test_what_an_endpoint_calls_reasoning_is_no_part_of_the_text(endpoint, clock):
    thoughts = [chunk({"reasoning_content": "Hm."}), chunk({"reasoning": "So.", "content": None})]
    first, *rest = chunks("A", " good answer.")
    endpoint.always = stream([first, *thoughts, *rest])
    *pieces, last = pieces_of(open_backend(endpoint.base_url, clock))
    assert "".join(pieces) == last.text == "A good answer."
    endpoint.always = stream([first, *thoughts, *chunks(finish_reason="length")[1:]])
    with pytest.raises(CallFailed, match=r"the answer is empty.*raise max_tokens") as failure:
        pieces_of(open_backend(endpoint.base_url, clock))
    assert failure.value.tokens == 18


MIDDLE = {
    "closed connection": (stream(BEGUN, gone), "ClientPayloadError"),
    "no end": (stream(BEGUN, done), "ended before the answer did"),
    "an error": (stream([*BEGUN, {"error": {"message": "upstream failed"}}]), "upstream failed"),
    "no JSON": (stream([*BEGUN, "{"]), "the stream is broken"),
    "too slow": (stream(BEGUN, silence), "no answer within"),
}


@pytest.mark.parametrize("kind", MIDDLE)
def test_what_breaks_in_the_middle_fails_with_what_had_come(endpoint, clock, kind):
    endpoint.always, told = MIDDLE[kind]
    backend, seen = open_backend(endpoint.base_url, clock, timeout_s=patience(kind)), []

    async def once():
        async for piece in backend.stream(MESSAGES, Sampling()):
            seen.append(piece)

    with pytest.raises(CallFailed, match=f"{told}.*not asked again") as failure:
        asyncio.run(once())
    assert failure.value.raw == "".join(seen) == "A good"
    assert len(endpoint.requests) == 1


def test_a_slow_reader_is_no_slow_endpoint(endpoint, clock):
    backend = open_backend(endpoint.base_url, clock, timeout_s=0.5)

    async def dawdle():
        said = []
        async for piece in backend.stream(MESSAGES, Sampling()):
            await asyncio.sleep(0.2)
            said.append(piece)
        return said[-1].text

    assert asyncio.run(dawdle()) == "A good answer."


def test_an_endpoint_that_does_not_stream_gives_one_piece(endpoint, clock):
    endpoint.always = answer(completion("A good answer."))
    first, last = pieces_of(open_backend(endpoint.base_url, clock))
    assert first == last.text == "A good answer."


def test_half_a_surrogate_pair_becomes_a_character_that_can_be_stored(endpoint, clock):
    endpoint.always = stream(chunks("odd ", "\ud83d", " end"))
    *pieces, last = pieces_of(open_backend(endpoint.base_url, clock))
    assert "".join(pieces) == last.text == "odd ? end"


@pytest.mark.parametrize("leaving", ["closed", "cancelled"])
def test_the_endpoint_notices_that_the_reader_left(endpoint, clock, leaving):
    endpoint.always = stream(BEGUN, on_and_on)
    backend = open_backend(endpoint.base_url, clock, timeout_s=5.0)

    async def read(begun):
        async for _ in backend.stream(MESSAGES, Sampling()):
            begun.set()

    async def leave():
        if leaving == "closed":
            async with aclosing(backend.stream(MESSAGES, Sampling())) as pieces:
                assert await anext(pieces) == "A"
        else:
            begun = asyncio.Event()
            task = asyncio.create_task(read(begun))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return await asyncio.to_thread(endpoint.left.wait, 5)

    assert asyncio.run(leave())


def test_schemas_and_stream_options_are_left_out_where_they_are_refused(endpoint, clock):
    endpoint.script = [error(400, "Unknown field: stream_options"), error(422, "no response_format here")]
    backend = open_backend(endpoint.base_url, clock)
    assert pieces_of(backend, BOUND)[-1].text == pieces_of(backend, BOUND)[-1].text == "A good answer."
    sent = [("stream_options" in request, "response_format" in request) for request in endpoint.requests]
    assert sent == [(True, True), (False, True), (False, False), (False, False)]
    assert clock.slept == []
