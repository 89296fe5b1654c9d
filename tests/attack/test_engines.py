"""Engines that mean it ill, or are asked for several tenants."""

import asyncio
import json

import pytest

from tests.memory.town import memory_of, settle, town
from tests.serve.conftest import calling, crowd
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
from tests.store.rows import BOTH
from unlike.llm.openai_chat import read_completion
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Request


class Salted(ScriptedBackend):
    """Keeps the salts it is sent."""

    def __init__(self):
        super().__init__(lambda messages, sampling: "This person is brief.", name="salted")

    @property
    def salts(self):
        return [sampling.cache_salt for _, sampling in self.calls]


def test_no_prompt_of_a_tenant_goes_out_without_a_salt(in_sqlite):  # noqa: F811 - a fixture
    """Before, those of builds, the playground and comparisons did."""
    engines = {name: Salted() for name in ("ours", "theirs")}
    for name, engine in engines.items():
        memory = memory_of(in_sqlite, engine, tenant=name)
        asyncio.run(memory.add(town(), BOTH))
        settle(memory)
        asyncio.run(memory.generate(Request("ann", "tea")))
    ours, theirs = (set(engine.salts) for engine in engines.values())
    assert ours and theirs and "" not in ours | theirs and not ours & theirs


ROUTES = {
    "/v1/generate": {},
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "Hello"}]},
    "/v1/map/differences": {"k": 1},
    **{f"/v1/playground {method}": {"method": method} for method in ("non_perso", "rag", "dpl", "stored_profile")},
}


@pytest.mark.parametrize("stream", [False, True])
def test_every_route_that_calls_the_llm_sends_a_salt_of_the_tenant(make_house, stream):
    """Two tenants with the same data share no salt, in builds, texts, chats, playground and comparisons."""
    house = make_house(llm=Salted())
    salts = {tenant: [] for tenant in ("acme", "other")}
    for tenant, seen in salts.items():
        with calling(house, tenant) as client:
            client.post("/v1/records", json=crowd()).raise_for_status()
            house.work()
            assert house.backend.calls, "profiles were built"
            for path, more in ROUTES.items():
                n_before = len(house.backend.calls)
                body = {"user_id": "ada", "item_id": "album-1", "stream": stream} | more
                if "messages" in body:
                    body = {"user": "ada", "stream": stream, **more}
                elif "differences" in path:
                    del body["stream"]
                client.post(path.partition(" ")[0], json=body).raise_for_status()
                assert len(house.backend.calls) > n_before, path
        seen += house.backend.salts
        house.backend.calls.clear()
    assert all(salts["acme"]) and all(salts["other"])
    assert not set(salts["acme"]) & set(salts["other"])


@pytest.mark.parametrize("n", [-1_000_000, 10**30, -1])
def test_tokens_that_cannot_be_are_not_counted(n):
    """Before, a negative number gave back what had been spent of the day's budget."""
    usage = {"prompt_tokens": n, "completion_tokens": 7}
    body = json.dumps({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}], "usage": usage})
    completion = read_completion(body, 0.0)
    assert (completion.prompt_tokens, completion.completion_tokens) == (0, 7)
