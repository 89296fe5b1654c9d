"""Fields of the chat API that not every endpoint knows."""

import asyncio
import threading

import pytest

from tests.llm.endpoint import error, says
from tests.llm.test_openai_http import BOUND, MESSAGES, Clock, complete, open_backend
from unlike.errors import CallFailed
from unlike.llm.backend import Sampling

NO_MAX_TOKENS = error(
    400,
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    code="unsupported_parameter",
)
SALTED = Sampling(max_tokens=55, cache_salt="tenant-7")
NO_SALT = {
    "OpenAI": error(400, "Unrecognized request argument supplied: cache_salt"),
    "pydantic": error(422, '[{"type":"extra_forbidden","loc":["body","cache_salt"],"msg":"not permitted"}]'),
    "JSON schema": error(400, "Additional properties are not allowed ('cache_salt' was unexpected)"),
}


@pytest.fixture
def clock():
    return Clock()


def limits(endpoint):
    return [{name: size for name, size in sent.items() if name.startswith("max_")} for sent in endpoint.requests]


def test_a_model_that_knows_the_limit_by_its_newer_name_gets_it_so_from_then_on(endpoint, clock):
    endpoint.script = [NO_MAX_TOKENS]
    backend = open_backend(endpoint.base_url, clock)
    assert complete(backend, SALTED).text == complete(backend, SALTED).text == "A good answer."
    assert limits(endpoint) == [{"max_tokens": 55}, {"max_completion_tokens": 55}, {"max_completion_tokens": 55}]
    assert clock.slept == []


@pytest.mark.parametrize(
    "refusal",
    [
        error(
            422, '{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}'
        ),
        error(400, "the field seed is forbidden"),
    ],
)
def test_a_seed_that_is_refused_is_left_out_from_then_on(endpoint, clock, refusal):
    endpoint.script = [refusal]
    backend = open_backend(endpoint.base_url, clock)
    assert complete(backend).text == complete(backend).text == "A good answer."
    assert ["seed" in sent for sent in endpoint.requests] == [True, False, False]


def test_a_seed_that_is_out_of_range_is_a_failed_call(endpoint, clock):
    endpoint.always = error(400, "seed must be at least 0")
    with pytest.raises(CallFailed, match="seed"):
        complete(open_backend(endpoint.base_url, clock))
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "reason",
    [
        "max_tokens is too large: 5000. This model supports at most 4096 completion tokens.",
        "'max_tokens' or 'max_completion_tokens' is too large: 9. This model's maximum context length is 8 tokens.",
        "max_tokens must be at least 1",
    ],
)
def test_a_limit_that_is_out_of_range_is_a_failed_call(endpoint, clock, reason):
    endpoint.always = error(400, reason)
    with pytest.raises(CallFailed, match="max_tokens"):
        complete(open_backend(endpoint.base_url, clock))
    assert limits(endpoint) == [{"max_tokens": 2048}]


def test_a_call_that_is_refused_by_either_name_says_nothing(endpoint, clock):
    endpoint.script = [NO_MAX_TOKENS, error(400, "the prompt is too long")]
    backend = open_backend(endpoint.base_url, clock)
    with pytest.raises(CallFailed, match="the prompt is too long"):
        complete(backend)
    complete(backend)
    assert [list(limit) for limit in limits(endpoint)] == [["max_tokens"], ["max_completion_tokens"], ["max_tokens"]]


def test_the_limits_name_and_a_schema_may_both_be_wrong(endpoint, clock):
    endpoint.script = [NO_MAX_TOKENS, error(400, "response_format?")]
    backend = open_backend(endpoint.base_url, clock)
    complete(backend, BOUND)
    complete(backend, BOUND)
    assert ["response_format" in request for request in endpoint.requests] == [True, True, False, False]
    assert [list(limit) for limit in limits(endpoint)] == [["max_tokens"], *[["max_completion_tokens"]] * 3]


def test_a_call_that_took_long_forgets_nothing_of_what_others_learned_meanwhile(endpoint, clock):
    others_are_done = threading.Event()

    def behave(handler, server):
        if "max_tokens" in handler.asked:
            NO_MAX_TOKENS(handler, server)
        elif "response_format" in handler.asked:
            error(400, "what is a response_format?")(handler, server)
        else:
            assert handler.asked["max_completion_tokens"] != 55 or others_are_done.wait(10)
            says("A good answer.")(handler, server)

    endpoint.always = behave
    backend = open_backend(endpoint.base_url, clock, timeout_s=10.0)

    async def side_by_side():
        long = asyncio.create_task(backend.complete(MESSAGES, SALTED))
        while len(endpoint.requests) < 2:
            await asyncio.sleep(0.001)
        await backend.complete(MESSAGES, BOUND)
        others_are_done.set()
        await long

    asyncio.run(side_by_side())
    endpoint.requests.clear()
    complete(backend, BOUND)
    assert len(endpoint.requests) == 1


def test_a_salt_is_sent_only_where_there_is_one(endpoint, clock):
    backend = open_backend(endpoint.base_url, clock)
    complete(backend, SALTED)
    complete(backend)
    assert [request.get("cache_salt") for request in endpoint.requests] == ["tenant-7", None]
    assert "cache_salt" not in endpoint.requests[1]


@pytest.mark.parametrize("refusal", NO_SALT.values(), ids=NO_SALT)
def test_an_endpoint_without_salts_is_asked_without(endpoint, clock, refusal):
    endpoint.script = [refusal]
    backend = open_backend(endpoint.base_url, clock)
    complete(backend, SALTED)
    complete(backend, SALTED)
    assert ["cache_salt" in request for request in endpoint.requests] == [True, False, False]


def test_a_salt_that_is_badly_made_is_never_left_out(endpoint, clock):
    """The cache would be shared with others unawares."""
    endpoint.always = error(400, "Parameter 'cache_salt' must be a non-empty string if provided.")
    with pytest.raises(CallFailed, match="must be a non-empty string"):
        complete(open_backend(endpoint.base_url, clock), SALTED)
    assert len(endpoint.requests) == 1
