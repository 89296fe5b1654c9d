"""OpenAI's own client against a service over a recording engine: what arrives is what was sent, plus the material."""

import contextlib
import json

import httpx
import openai
import pytest

from tests.llm.endpoint import answer, chunk, chunks, completion, error, nothing, stream
from tests.serve.passed import CALL, CHAT, EXTRA, FIELDS, passing
from unlike.llm.retry import Waits
from unlike.store import daily_budget

PERSONAL = {"user": "ada", "metadata": {"item_id": "album-1", "trace": "7"}}
STOLEN = "bob says that album-1 has tunes which stay with one."
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def at(make_house, endpoint):
    with passing(make_house, endpoint) as passed:
        yield passed


@pytest.mark.parametrize("personal", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_arrives_is_what_was_sent_plus_the_material(at, endpoint, personal, streamed):
    asked = dict(messages=CHAT, extra_body=EXTRA, **FIELDS, **(PERSONAL if personal else {}))
    told = at.create(model="unlike", stream=streamed, **asked)
    assert list(told)
    (arrived,) = endpoint.requests
    messages, salt = arrived.pop("messages"), arrived.pop("cache_salt")
    material = messages[: -len(CHAT)]
    assert messages[-len(CHAT) :] == CHAT and salt
    assert [message["role"] for message in material] == (["system"] if personal else [])
    expected = {"model": "m", **FIELDS, **EXTRA} | ({"metadata": {"trace": "7"}} if personal else {})
    ours = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    assert arrived.pop("stream", False) == streamed
    assert arrived == expected | {name: value for name, value in ours.items() if name != "stream"}


def test_nothing_is_added_to_a_bare_chat_but_the_salt(at, endpoint):
    at.create(model="unlike", messages=HELLO, extra_body={"cache_salt": "another tenant's"})
    (arrived,) = endpoint.requests
    assert arrived.pop("cache_salt") != "another tenant's"
    assert arrived == {"model": "m", "messages": HELLO}


def several(first, second, **more):
    choices = [
        {"index": 0, "message": {"role": "assistant", "refusal": None, **first}, "finish_reason": "tool_calls", **more},
        {"index": 1, "message": {"role": "assistant", "refusal": None, **second}, "finish_reason": "stop", **more},
    ]
    return completion("", choices=choices, system_fingerprint="fp")


def test_an_answer_comes_as_the_engine_gave_it(at, endpoint):
    logprobs = {"content": [{"token": "Twelve", "logprob": -0.1, "bytes": None, "top_logprobs": []}], "refusal": None}
    sent = several({"content": None, "tool_calls": [CALL]}, {"content": "Twelve"}, logprobs=logprobs)
    endpoint.always = answer(sent)
    for user in (openai.omit, "ada"):
        told = at.create(model="unlike", messages=HELLO, user=user).model_dump(exclude_unset=True)
        assert told["choices"] == sent["choices"]
        assert (told["usage"], told["system_fingerprint"]) == (sent["usage"], "fp")
        assert told["unlike"]["rung"] == ("full" if user == "ada" else "plain")


def test_thoughts_are_no_part_of_an_answer(at, endpoint):
    endpoint.always = answer(completion("<think>Hm.</think>Twelve."))
    assert at.create(model="unlike", messages=HELLO).choices[0].message.content == "Twelve."
    endpoint.always = stream(chunks("<thi", "nk>Hm.</th", "ink>Tw", "elve."))
    parts = list(at.create(model="unlike", messages=HELLO, stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "Twelve."
    assert parts[-1].choices[0].finish_reason == "stop"


def tool_chunks(arguments):
    """A call of a tool in pieces, beside a second answer in words."""

    def call(**function):
        return [{"index": 0, "function": function}]

    halves = arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]
    parts = [
        {"role": "assistant", "content": None, "tool_calls": call(name="price_of", arguments="")},
        *({"tool_calls": call(arguments=half)} for half in halves),
    ]
    second = [{"index": 1, "delta": {"content": "Or twelve."}, "finish_reason": None}]
    end = [{"index": 1, "delta": {}, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return [
        *(chunk(part) for part in parts),
        chunk({}) | {"choices": second},
        chunk({}, "tool_calls"),
        chunk({}) | {"choices": end},
        chunk({}) | {"choices": [], "usage": usage},
    ]


@pytest.mark.parametrize("user", ["ada", openai.omit])
def test_a_stream_of_several_answers_and_tools_comes_whole(at, endpoint, user):
    endpoint.always = stream(tool_chunks(CALL["function"]["arguments"]))
    asked = {"model": "unlike", "messages": HELLO, "user": user, "stream_options": {"include_usage": True}}
    with at.client.chat.completions.stream(**asked) as events:
        told = events.get_final_completion()
    first, second = told.choices
    assert first.message.tool_calls[0].function.arguments == CALL["function"]["arguments"]
    assert (first.finish_reason, second.finish_reason, second.message.content) == ("tool_calls", "stop", "Or twelve.")
    assert told.usage.total_tokens == 18


STOLEN_CALL = CALL | {"function": {"name": "f", "arguments": json.dumps({"text": STOLEN})}}
THEFTS = {
    "text": completion(STOLEN),
    "tool": several({"content": None, "tool_calls": [STOLEN_CALL]}, {"content": "Well."}),
    "thoughts": several({"content": "Well."}, {"content": "Well.", "reasoning_content": STOLEN}),
}


@pytest.mark.parametrize("kind", THEFTS)
def test_no_part_of_an_answer_may_repeat_a_peer(at, endpoint, kind):
    endpoint.always = answer(THEFTS[kind])
    with pytest.raises(openai.ConflictError) as refusal:
        at.create(model="unlike", messages=HELLO, user="ada", seed=3)
    assert refusal.value.type == "repeated"
    assert [request["seed"] for request in endpoint.requests] == [3, 4]
    at.create(model="unlike", messages=HELLO)  # without a user, so no peer's words are in the prompt


@pytest.mark.parametrize(
    "events",
    [chunks(*(f"{word} " for word in STOLEN.split())), tool_chunks(json.dumps({"text": STOLEN}))],
    ids=["text", "tool"],
)
def test_no_part_of_a_stream_may_repeat_a_peer(at, endpoint, events):
    endpoint.always = stream(events)
    told = []
    with pytest.raises(openai.APIError):
        for part in at.create(model="unlike", messages=HELLO, user="ada", stream=True):
            told.append(part.model_dump_json())
    assert not [part for part in told if "tunes" in part]


def logprobs_of(text):
    entries = [{"token": f"{word} ", "logprob": -0.1, "bytes": None, "top_logprobs": []} for word in text.split()]
    return {"content": entries, "refusal": None}


@pytest.mark.parametrize("streamed", [False, True])
def test_no_probabilities_of_thoughts_may_repeat_a_peer(at, endpoint, streamed):
    choice = {"index": 0, "finish_reason": "stop", "logprobs": logprobs_of(STOLEN)}
    thoughts = f"<think>{STOLEN}</think>"
    if streamed:
        begin = {"index": 0, "delta": {"content": thoughts}, "logprobs": logprobs_of(STOLEN), "finish_reason": None}
        endpoint.always = stream([chunk({}) | {"choices": [begin]}, *chunks("Well.")])
    else:  # an engine that leaves out thoughts, but not their tokens
        endpoint.always = answer(
            completion("", choices=[{**choice, "message": {"role": "assistant", "content": "Hm."}}])
        )
    told = []
    with pytest.raises(openai.APIError, match="repeats"):
        answered = at.create(model="unlike", messages=HELLO, user="ada", logprobs=True, stream=streamed)
        told += [part.model_dump_json() for part in answered]
    assert not [part for part in told if "tunes" in part]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("user", ["ada", openai.omit])
def test_no_field_of_the_engine_s_own_shows_a_prompt_with_texts_of_peers(at, endpoint, streamed, user):
    fields = {"prompt_logprobs": [{"7": {"decoded_token": STOLEN}}], "prompt_token_ids": [7]}
    if streamed:
        endpoint.always = stream([one | fields for one in chunks("Well.")])
        parts = list(at.create(model="unlike", messages=HELLO, user=user, stream=True))
    else:
        sent = completion("Well.", **fields)
        sent["choices"][0]["token_ids"] = [7]
        endpoint.always = answer(sent)
        parts = [at.create(model="unlike", messages=HELLO, user=user)]
    told = "".join(part.model_dump_json() for part in parts)
    assert "Well." in told
    assert ("prompt_logprobs" in told, "token_ids" in told) == ((False, False) if user == "ada" else (True, True))


def test_tool_calls_of_no_known_form_reach_the_engine(at, endpoint):
    message = {"role": "assistant", "content": None, "tool_calls": ["context", 5]}
    at.create(model="unlike", messages=[*HELLO, message], user="ada")
    assert endpoint.requests[0]["messages"][-1] == message


def test_what_the_engine_refuses_is_the_clients_bad_request(at, endpoint):
    body = {"error": {"message": "the prompt was: Hello", "param": "logit_bias", "code": "invalid_value"}}
    endpoint.always = answer(body, 400)
    for streamed in (False, True):
        with pytest.raises(openai.BadRequestError) as refusal:
            at.create(model="unlike", messages=HELLO, logit_bias={"1": 500}, stream=streamed)
        assert (refusal.value.param, refusal.value.code, refusal.value.type) == (
            "logit_bias",
            "invalid_value",
            "llm_refused",
        )
        assert "Hello" not in str(refusal.value)
    assert len(endpoint.requests) == 2


def test_a_busy_engine_stays_busy_for_the_client(at, endpoint):
    endpoint.always = error(429, retry_after="17")
    for streamed in (False, True):
        with pytest.raises(openai.RateLimitError) as refusal:
            at.create(model="unlike", messages=HELLO, stream=streamed)
        assert refusal.value.response.headers["retry-after"] == "18"
        assert (refusal.value.code, refusal.value.type) == ("rate_limit_exceeded", "llm_busy")


def test_an_answer_that_breaks_off_is_an_error_of_the_client_and_costs_what_came(at, endpoint):
    endpoint.always = stream(chunks("word " * 50)[:2])
    at.house.leave("acme", 10_000)
    with at.house.store.tenant("acme").read() as tx:
        before = daily_budget.used_today(tx)
    with pytest.raises(openai.APIError, match="no usable answer"):
        list(at.create(model="unlike", messages=HELLO, stream=True))
    with at.house.store.tenant("acme").read() as tx:
        assert daily_budget.used_today(tx) > before


def test_what_is_used_is_counted(at, endpoint):
    at.house.leave("acme", 10_000)
    with at.house.store.tenant("acme").read() as tx:
        before = daily_budget.used_today(tx)
    at.create(model="unlike", messages=HELLO)
    list(at.create(model="unlike", messages=HELLO, stream=True))
    with at.house.store.tenant("acme").read() as tx:
        assert daily_budget.used_today(tx) - before == 2 * 18


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("path", ["chat/completions", "generate"])
def test_attempts_that_were_sent_and_not_answered_are_counted(make_house, endpoint, path, streamed):
    async def at_once(seconds):
        pass

    body = {"model": "m", "messages": HELLO} if "chat" in path else {"user_id": "ada", "item_id": "album-1"}
    with passing(make_house, endpoint, max_retries=1, waits=Waits(sleep=at_once)) as at:

        def used_by(*behaviours):
            at.house.leave("acme", 100_000)
            endpoint.script = list(behaviours)
            with at.house.store.tenant("acme").read() as tx:
                before = daily_budget.used_today(tx)
            with contextlib.suppress(openai.APIError):
                answer = at.client.post(f"/{path}", body=body | {"stream": streamed}, cast_to=httpx.Response)
                answer.read()
            with at.house.store.tenant("acme").read() as tx:
                return daily_budget.used_today(tx) - before

        fine = answer(completion("Twelve."))
        prompt = used_by(nothing, fine) - 18
        assert prompt > 0
        assert used_by(nothing, nothing) == 2 * prompt
        assert used_by(error(500), fine) == 18


@pytest.mark.parametrize("wrong", [{"seed": float("nan")}, {"stop": ["\ud83d"]}, {"min_p": float("inf")}])
def test_what_is_no_json_is_refused_before_it_is_passed_on(at, endpoint, wrong):
    body = json.dumps({"model": "m", "messages": HELLO, **wrong})
    head = at.house.head() | {"content-type": "application/json"}
    assert httpx.post(f"{at.address}/v1/chat/completions", content=body, headers=head).status_code == 422
    assert not endpoint.requests


@pytest.mark.parametrize("streamed", [False, True])
def test_readiness_says_when_the_endpoint_does_not_answer(at, endpoint, streamed):
    def state_after(behaviour):
        endpoint.always = behaviour
        with contextlib.suppress(openai.APIError):
            list(at.create(model="unlike", messages=HELLO, stream=streamed))
        return at.client.get("/../readyz", cast_to=dict)["llm"]

    fine = answer(completion("Twelve."))
    states = [state_after(behaviour) for behaviour in (error(500), error(400), fine, error(400), error(401), fine)]
    assert states == ["down", "down", "up", "up", "down", "up"]
    endpoint.always = nothing
    with pytest.raises(openai.InternalServerError) as failure:
        at.create(model="unlike", messages=HELLO, stream=streamed)
    assert (failure.value.status_code, failure.value.type) == (503, "llm_unavailable")
    assert "the LLM did not answer" in str(failure.value) and failure.value.response.headers["retry-after"]
