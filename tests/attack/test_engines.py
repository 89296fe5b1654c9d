"""Engines that mean it ill, or are asked for several tenants."""

import asyncio
import json

import pytest

from tests.memory.town import memory_of, settle, town
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
from tests.store.rows import BOTH
from unlike.llm.openai_chat import read_completion
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Request


class Salted(ScriptedBackend):
    """Keeps the salts it is sent."""

    def __init__(self):
        super().__init__(lambda messages, sampling: "This person is brief.", name="salted")
        self.salts = []

    async def complete(self, messages, sampling):
        self.salts.append(sampling.cache_salt)
        return await super().complete(messages, sampling)


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


@pytest.mark.parametrize("n", [-1_000_000, 10**30, -1])
def test_tokens_that_cannot_be_are_not_counted(n):
    """Before, a negative number gave back what had been spent of the day's budget."""
    usage = {"prompt_tokens": n, "completion_tokens": 7}
    body = json.dumps({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}], "usage": usage})
    completion = read_completion(body, 0.0)
    assert (completion.prompt_tokens, completion.completion_tokens) == (0, 7)
