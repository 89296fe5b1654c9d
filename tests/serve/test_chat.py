"""OpenAI's own client against the service, over a real connection."""

import httpx
import openai
import pytest
from sqlalchemy import select

from tests.serve import llms
from tests.serve.conftest import calling, listening, record
from unlike.llm.scripted import ScriptedBackend
from unlike.store.tables import SPEND

HELLO = [{"role": "user", "content": "Write two sentences about this album and its tunes, please."}]


@pytest.fixture
def at(full_house):
    """The official client, calling as the tenant acme."""
    with (
        listening(full_house.app) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key=full_house.keys["acme"], max_retries=0) as client,
    ):
        yield client


def test_a_chat_without_a_user_passes_through(at, full_house):
    answer = at.chat.completions.create(model="any", messages=HELLO, temperature=0.5, top_p=0.9, max_tokens=9, seed=3)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == full_house.backend.model
    messages, sampling = full_house.backend.calls[-1]
    assert list(messages) == HELLO
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.seed) == (0.5, 0.9, 9, 3)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_user_makes_it_personal(at, full_house):
    answer = at.chat.completions.create(model="any", messages=HELLO, user="ada", metadata={"item_id": "album-1"})
    messages, sampling = full_house.backend.calls[-1]
    assert messages[-1] == HELLO[0]
    assert len(messages) > 1
    assert sampling.cache_salt
    assert answer.unlike["rung"] == "full"
    assert answer.unlike["profile_version"] >= 1


def test_of_an_unknown_user_a_known_item_is_told(at, full_house):
    asked = {"model": "any", "messages": HELLO, "user": "nobody"}
    answer = at.chat.completions.create(**asked, metadata={"item_id": "album-1"})
    system, *messages = full_house.backend.calls[-1][0]
    assert messages == HELLO and system["role"] == "system"
    assert "Title of album-1" in system["content"] and "one particular person" not in system["content"]
    assert (answer.unlike["rung"], answer.unlike["item"]) == ("plain", "album-1")
    assert answer.unlike["why"] == "nothing is known of this user"
    answer = at.chat.completions.create(**asked, metadata={"item_id": "zz"})
    assert list(full_house.backend.calls[-1][0]) == HELLO
    assert answer.unlike["item"] is None and answer.unlike["why"].endswith("; no item 'zz'")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("metadata", "item", "says"),
    [
        ({"item_id": "album-1"}, "album-1", ""),
        ({"trace": "7"}, None, ""),
        ({"item_id": "zz"}, None, "; no item 'zz'"),
        ({"itemId": "album-1"}, None, "; metadata has 'itemId', but the item is read from 'item_id'"),
        ({"item": "album-1"}, None, "; metadata has 'item', but the item is read from 'item_id'"),
    ],
)
def test_an_item_that_was_not_found_is_told(at, stream, metadata, item, says):
    asked = {"model": "any", "messages": HELLO, "metadata": metadata, "stream": stream}

    def told(**user):
        answer = at.chat.completions.create(**asked, **user)
        return (next(iter(answer)) if stream else answer).unlike

    personal, plain = told(user="ada"), told()
    assert personal["rung"] == "full" and personal["item"] == item
    assert personal["why"].endswith(says) and (says or ";" not in personal["why"])
    assert plain["item"] is None
    if "item_id" in metadata:
        assert plain["why"] == "no user is named, so the item is not looked up"


def test_the_chunks_are_the_answer(at):
    asked = {"model": "any", "messages": HELLO, "user": "ada", "seed": 1}
    whole = at.chat.completions.create(**asked)
    chunks = list(at.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    without = list(at.chat.completions.create(**asked, stream=True))
    assert len(without) == len(chunks) - 1


def test_each_answer_without_a_seed_is_another(at, full_house):
    for _ in range(2):
        at.chat.completions.create(model="any", messages=HELLO)
    (_, first), (_, second) = full_house.backend.calls[-2:]
    assert first.seed != second.seed


def test_messages_in_parts_and_from_developers_are_taken(at, full_house):
    parts = [{"type": "text", "text": "Write "}, {"type": "text", "text": "briefly."}]
    at.chat.completions.create(
        model="any", messages=[{"role": "developer", "content": "Be kind."}, {"role": "user", "content": parts}]
    )
    messages, _ = full_house.backend.calls[-1]
    assert [dict(message) for message in messages] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Write briefly."},
    ]


def test_the_model_is_listed_by_both_names(at, full_house):
    names = ["unlike", full_house.backend.model]
    assert [model.id for model in at.models.list()] == names
    assert [at.models.retrieve(name).id for name in names] == names
    with pytest.raises(openai.NotFoundError) as missing:
        at.models.retrieve("gpt-0")
    assert missing.value.type == "unknown"


@pytest.mark.parametrize(
    "wish",
    [
        {"n": 2},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"stop": ["\n"]},
        {"logprobs": True},
        {"presence_penalty": 0.5},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        {"response_format": {"type": "json_schema", "json_schema": "x"}},
        {"extra_body": {"best_of": 3}},
        {"extra_body": {"repetition": 1}},
    ],
)
def test_what_is_not_offered_is_refused_by_name(at, full_house, wish):
    with pytest.raises(openai.BadRequestError) as refusal:
        at.chat.completions.create(model="any", messages=HELLO, **wish)
    name = next(iter(wish.get("extra_body", wish)))
    assert name in str(refusal.value)
    assert (refusal.value.type, refusal.value.code) == ("not_offered", "unsupported_parameter")
    assert refusal.value.param == name
    assert not full_house.backend.calls


def test_what_asks_for_nothing_is_overlooked(at):
    nothing = {"n": 1, "stop": None, "tools": [], "presence_penalty": 0, "store": False, "service_tier": "auto"}
    assert at.chat.completions.create(model="any", messages=HELLO, **nothing).choices


@pytest.mark.parametrize(
    ("messages", "param"),
    [([], "messages"), ([{"role": "user"}, {"content": "x"}], "messages.1.role"), ([7], "messages.0")],
)
def test_a_chat_that_is_none_is_refused(at, messages, param):
    with pytest.raises(openai.UnprocessableEntityError) as refusal:
        at.chat.completions.create(model="any", messages=messages)
    assert (refusal.value.type, refusal.value.code, refusal.value.param) == ("invalid", "invalid", param)


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"role": "tool", "content": "x"}, "role"),
        ({"role": "user", "content": ""}, "content"),
        ({"role": "user", "content": [IMAGE]}, "content"),
        ({"role": "assistant", "content": "x", "tool_calls": [{}]}, "tool_calls"),
    ],
)
def test_an_llm_in_this_process_reads_text_only(at, message, field):
    with pytest.raises(openai.BadRequestError) as refusal:
        at.chat.completions.create(model="any", messages=[*HELLO, message])
    assert refusal.value.param == f"messages[1].{field}"


def test_what_says_nothing_in_a_message_is_overlooked(at, full_house):
    told = [{"role": "assistant", "content": "Hm.", "refusal": None, "tool_calls": None, "name": "x"}, *HELLO]
    at.chat.completions.create(model="any", messages=told, seed=-7)
    messages, sampling = full_house.backend.calls[-1]
    assert messages[0] == {"role": "assistant", "content": "Hm."}
    assert sampling.seed >= 0


def test_a_wrong_key_is_the_clients_authentication_error(at):
    with pytest.raises(openai.AuthenticationError) as refusal:
        at.with_options(api_key="sk-1234").models.list()
    assert refusal.value.code == "invalid_api_key"


def test_a_spent_budget_is_the_clients_rate_limit_error(at, full_house):
    full_house.leave("acme", 2_100)
    at.chat.completions.create(model="any", messages=HELLO)
    for user in (openai.omit, "ada"):
        with pytest.raises(openai.RateLimitError):
            at.chat.completions.create(model="any", messages=HELLO, user=user)


def test_a_chat_that_repeats_a_peer_is_refused_and_paid_for(make_house):
    stolen = "bob says that album-1 has tunes which stay with one."
    house = make_house("full", llm=ScriptedBackend(lambda messages, sampling: stolen, name="thief"))
    with calling(house) as client:
        answer = client.post("/v1/chat/completions", json={"model": "any", "messages": HELLO, "user": "ada"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "repeated")
    with house.store.tenant("acme").read() as tx:
        assert tx.conn.scalar(select(SPEND.c.tokens).where(SPEND.c.tenant == tx.tenant)) > 0


def test_a_percent_sign_in_an_id_is_one(at, full_house):
    """Over a real connection, since the test client decodes paths twice."""
    http = httpx.Client(base_url=str(at.base_url), headers=full_house.head())
    http.post("records", json={"records": [record("%2F")]}).raise_for_status()
    assert http.get("users/%252F/records").json()["rows"][0]["user_id"] == "%2F"
    assert http.get("users/%2F/records").status_code == 404


def test_a_schema_reaches_an_engine_that_knows_them(make_house):
    house = make_house(llm=llms.Schooled())
    wish = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    with calling(house) as client:
        answer = client.post(
            "/v1/chat/completions", json={"model": "m", "messages": HELLO, "response_format": wish, "stream": True}
        )
    assert '"content":"An answer."' in answer.text
    ((_, sampling),) = house.backend.asked
    assert sampling.schema == '{"type": "object"}'


@pytest.mark.parametrize(
    ("llm", "error"), [(llms.down, openai.InternalServerError), (llms.failed, openai.InternalServerError)]
)
@pytest.mark.parametrize("stream", [True, False])
def test_an_llm_that_fails_is_the_clients_server_error(make_house, llm, error, stream):
    house = make_house(llm=llm())
    with (
        listening(house.app) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key=house.keys["acme"], max_retries=0) as client,
        pytest.raises(error) as seen,
    ):
        client.chat.completions.create(model="m", messages=HELLO, stream=stream)
    assert "diary" not in str(seen.value)


def test_an_answer_that_breaks_off_is_an_error_of_the_client_and_costs_what_came(make_house):
    house = make_house(llm=llms.failed(n_words=40))
    house.leave("acme", 2_100)
    with (
        listening(house.app) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key=house.keys["acme"], max_retries=0) as client,
        pytest.raises(openai.APIError, match="no usable answer"),
    ):
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    with calling(house) as client:
        assert client.post("/v1/chat/completions", json={"model": "m", "messages": HELLO}).status_code == 429


def test_who_leaves_a_chat_stops_the_llm_and_pays_for_what_came(make_house):
    house = make_house(llm=llms.Endless(40))
    house.leave("acme", 2_100)
    with listening(house.app) as address:
        with openai.OpenAI(base_url=f"{address}/v1", api_key=house.keys["acme"]) as client:
            chunks = client.chat.completions.create(model="m", messages=HELLO, stream=True)
            assert next(iter(chunks)).choices[0].delta.content
            chunks.close()
        assert house.backend.stopped.wait(120)
    with calling(house) as client:
        assert client.post("/v1/chat/completions", json={"model": "m", "messages": HELLO}).status_code == 429
