"""The OpenAI backend against a server that misbehaves in every way known to us."""

import asyncio
import json
import socket

import pytest

from tests.llm import endpoint as behaviours
from tests.llm.endpoint import EMPTY_BODY, GARBAGE, NO_CHOICES, answer, completion, error, half_a_body, nothing, silence
from unlike.errors import CallFailed, EngineError, InputError, NoAnswer
from unlike.llm.backend import Sampling
from unlike.llm.openai_http import OpenAIBackend
from unlike.llm.retry import Waits

MESSAGES = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}
BOUND = Sampling(schema=json.dumps(SCHEMA))
NOON = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT

PASSING = {
    "429": error(429),
    "500": error(500),
    "501": error(501),
    "503": error(503),
    "408": error(408),
    "409": error(409),
    "425": error(425),
    "half a body": half_a_body,
    "closed connection": nothing,
    "no JSON": GARBAGE,
    "no choices": NO_CHOICES,
    "JSON of another kind": answer(["what"]),
    "an error inside a 200": answer({"error": {"message": "upstream failed"}}),
    "empty body": EMPTY_BODY,
    "too slow": silence,
}
UNANSWERED = [PASSING[kind] for kind in ("500", "501", "503", "half a body", "closed connection", "too slow")]
"""Where the endpoint itself failed, and not what it was asked."""


class Clock:
    """A clock that never waits and remembers how long it should have."""

    def __init__(self):
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)

    def waits(self, **more):
        return Waits(sleep=self.sleep, jitter=lambda: 0.5, now=lambda: NOON, **more)


@pytest.fixture
def clock():
    return Clock()


def open_backend(base_url, clock, **options):
    return OpenAIBackend("m", base_url=base_url, waits=clock.waits(), **{"timeout_s": 0.5, **options})


def complete(backend, sampling=Sampling()):  # noqa: B008 - frozen
    async def once():
        try:
            return await backend.complete(MESSAGES, sampling)
        finally:
            await backend.aclose()

    return asyncio.run(once())


@pytest.mark.parametrize("behaviour", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again(endpoint, clock, behaviour):
    endpoint.script = [behaviour, behaviour]
    assert complete(open_backend(endpoint.base_url, clock)).text == "A good answer."
    assert len(endpoint.requests) == 3
    assert clock.slept == [0.25, 0.5]


@pytest.mark.parametrize("behaviour", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_is_one_failed_call(endpoint, clock, behaviour):
    endpoint.always = behaviour
    with pytest.raises(CallFailed, match="given up after 3 attempts") as failure:
        complete(open_backend(endpoint.base_url, clock, max_retries=2, timeout_s=0.2))
    assert len(endpoint.requests) == 3
    assert isinstance(failure.value, NoAnswer) == (behaviour in UNANSWERED)


def test_an_endpoint_that_is_busy_is_waited_for_longer(endpoint, clock):
    """But no longer than was allowed, however short the pauses that it asks for."""
    endpoint.script = [error(429, retry_after="0")] * 12
    patient = {"max_retries": 2, "patience_s": 600.0}
    assert complete(open_backend(endpoint.base_url, clock, **patient)).text == "A good answer."
    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, *[30.0] * 5]
    endpoint.always = error(429)
    clock.slept.clear()
    with pytest.raises(EngineError, match="did so for 10 minutes; what is done is kept: run the same command again"):
        complete(open_backend(endpoint.base_url, clock, **patient))
    assert 570 < sum(clock.slept) <= 600


def test_a_failed_call_keeps_what_the_endpoint_sent(endpoint, clock):
    endpoint.always = GARBAGE
    with pytest.raises(CallFailed) as failure:
        complete(open_backend(endpoint.base_url, clock, max_retries=0))
    assert failure.value.raw == "<html>we will be right back</html>"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_that_will_not_change_is_asked_once(endpoint, clock, status):
    endpoint.always = error(status, "the prompt is too long")
    with pytest.raises(CallFailed, match=f"{status}.*the prompt is too long") as failure:
        complete(open_backend(endpoint.base_url, clock))
    assert "too long" in failure.value.raw
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("refusal", [(401, None), (402, None), (403, None), (404, None), (429, "insufficient_quota")])
def test_what_no_call_survives_stops_the_run(endpoint, clock, refusal):
    endpoint.always = error(refusal[0], code=refusal[1])
    with pytest.raises(EngineError, match="OPENAI_API_KEY"):
        complete(open_backend(endpoint.base_url, clock))
    assert len(endpoint.requests) == 1


def test_an_empty_text_is_a_failed_call(endpoint, clock):
    endpoint.always = answer(completion(" \n"))
    with pytest.raises(CallFailed, match="empty"):
        complete(open_backend(endpoint.base_url, clock))
    assert len(endpoint.requests) == 1


def test_what_an_endpoint_calls_reasoning_is_no_part_of_the_text(endpoint, clock):
    body = completion("A good answer.")
    body["choices"][0]["message"] |= {"reasoning_content": "Hm.", "reasoning": "So."}
    endpoint.always = answer(body)
    assert complete(open_backend(endpoint.base_url, clock)).text == "A good answer."
    body["choices"][0] |= {"finish_reason": "length"}
    body["choices"][0]["message"] |= {"content": None}
    endpoint.always = answer(body)
    with pytest.raises(CallFailed, match=r"the answer is empty.*raise max_tokens") as failure:
        complete(open_backend(endpoint.base_url, clock))
    assert failure.value.tokens == 18 and "Hm." in failure.value.raw


def test_an_endpoint_that_never_accepts_a_connection_stops_the_run(clock):
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(EngineError, match=f"cannot be reached: {address}"):
            complete(open_backend(address, clock))
    assert len(clock.slept) == 2


def test_an_endpoint_that_goes_away_later_fails_the_call_only(clock):
    server = behaviours.Endpoint()
    backend = open_backend(server.base_url, clock, max_retries=3)

    async def twice():
        await backend.complete(MESSAGES, Sampling())
        await backend.aclose()
        server.stop()
        await backend.complete(MESSAGES, Sampling())

    with pytest.raises(NoAnswer, match="given up after 4 attempts"):
        asyncio.run(twice())


@pytest.mark.parametrize(
    ("headers", "asked_s"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:00:00 GMT"}, 0.0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
    ],
)
def test_it_waits_as_long_as_it_is_asked_to(endpoint, clock, headers, asked_s):
    endpoint.script = [error(429, **headers)]
    complete(open_backend(endpoint.base_url, clock))
    assert clock.slept == [asked_s + 0.25]


def test_a_wait_beyond_the_cap_ends_the_call(endpoint, clock):
    endpoint.always = error(429, retry_after="3600")
    with pytest.raises(CallFailed, match="asks to wait 3600 s"):
        complete(open_backend(endpoint.base_url, clock))
    assert clock.slept == []


def test_sampling_messages_and_usage_go_through(endpoint, clock):
    done = complete(open_backend(endpoint.base_url, clock), Sampling(0.3, 0.9, 55, 4))
    assert endpoint.requests == [
        {"model": "m", "messages": MESSAGES, "temperature": 0.3, "top_p": 0.9, "max_tokens": 55, "seed": 4}
    ]
    assert (done.prompt_tokens, done.completion_tokens, done.finish_reason) == (11, 7, "stop")


def test_a_logit_bias_goes_through_and_is_never_left_out(endpoint, clock):
    biased = Sampling(logit_bias=((7, 0.5), (11, -1.25)))
    complete(open_backend(endpoint.base_url, clock), biased)
    assert endpoint.requests[0]["logit_bias"] == {"7": 0.5, "11": -1.25}
    endpoint.always = error(400, "logit_bias: extra fields not permitted")
    with pytest.raises(CallFailed, match="logit_bias"):
        complete(open_backend(endpoint.base_url, clock), biased)


def test_the_tokens_of_a_bias_need_the_tokenizer_of_the_models_name(endpoint):
    backend = OpenAIBackend("a model of ours", base_url=endpoint.base_url)
    with pytest.raises(
        InputError, match="LLM 'a model of ours': no such folder; give a model folder, a model name of the hub"
    ):
        backend.token_ids("a")


def test_a_schema_goes_through(endpoint, clock):
    complete(open_backend(endpoint.base_url, clock), BOUND)
    assert endpoint.requests[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }


def sent_with_schema(endpoint):
    return ["response_format" in request for request in endpoint.requests]


@pytest.mark.parametrize("status", [400, 422, 501])
def test_an_endpoint_that_knows_no_schemas_is_asked_without_and_that_is_remembered(endpoint, clock, status):
    endpoint.script = [error(status, "response_format: extra fields not permitted")]
    backend = open_backend(endpoint.base_url, clock)
    assert complete(backend, BOUND).text == complete(backend, BOUND).text == "A good answer."
    assert sent_with_schema(endpoint) == [True, False, False]
    assert clock.slept == []
    assert backend.offers_schema  # else a run that goes on would ask with other keys


def test_without_its_schema_a_call_is_as_stubborn_as_every_other(endpoint, clock):
    endpoint.script = [error(503), error(400), error(429)]
    assert complete(open_backend(endpoint.base_url, clock), BOUND).text == "A good answer."
    assert sent_with_schema(endpoint) == [True, True, False, False]


def test_a_call_that_is_refused_either_way_says_nothing_about_schemas(endpoint, clock):
    endpoint.script = [error(400), error(400, "the prompt is too long")]
    backend = open_backend(endpoint.base_url, clock)
    with pytest.raises(CallFailed, match="the prompt is too long"):
        complete(backend, BOUND)
    complete(backend, BOUND)
    assert sent_with_schema(endpoint) == [True, False, True]


def test_half_a_surrogate_pair_becomes_a_character_that_can_be_stored(endpoint, clock):
    endpoint.always = answer(completion("odd \ud83d end"))
    assert complete(open_backend(endpoint.base_url, clock)).text == "odd ? end"


def test_connections_do_not_outlive_their_event_loop(endpoint, clock):
    backend = open_backend(endpoint.base_url, clock)
    for _ in range(2):
        assert asyncio.run(backend.complete(MESSAGES, Sampling())).text == "A good answer."


def test_openai_itself_needs_a_key(monkeypatch):
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        OpenAIBackend("gpt-4o-mini")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert OpenAIBackend("gpt-4o-mini").model == "openai:gpt-4o-mini"


def test_an_endpoint_of_ones_own_goes_without_a_key(endpoint, clock, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
    complete(open_backend(None, clock))
    complete(open_backend(None, clock, api_key="mine"))
    assert endpoint.keys == ["Bearer none", "Bearer mine"]


def test_an_address_that_is_none_is_told_at_once():
    with pytest.raises(InputError, match="localhost:8000"):
        OpenAIBackend("m", base_url="localhost:8000")
