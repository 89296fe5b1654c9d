"""A client that disconnects ends the LLM call that was made for it."""

import asyncio
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from tests.llm.endpoint import chunk, stream
from tests.memory.town import lived_in, town
from tests.serve.passed import passing
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
from unlike.inspector.store.inspection import Inspection
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Request
from unlike.store import daily_budget

CHAT = {"model": "unlike", "messages": [{"role": "user", "content": "Hello"}]}
TEXT = {"user_id": "ada", "item_id": "album-1"}


def until_left(handler, endpoint):
    """Behave: answer nothing more, and note when the caller closes the connection."""
    handler.connection.settimeout(20)
    endpoint.asked.set()
    if not handler.connection.recv(1):
        endpoint.left.set()
    handler.close_connection = True


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT | {"user": "ada"}),
        ("/v1/chat/completions", CHAT | {"stream": True}),
        ("/v1/generate", TEXT),
        ("/v1/generate", TEXT | {"stream": True}),
        ("/v1/playground", TEXT | {"method": "non_perso"}),
    ],
)
def test_the_call_ends_when_the_client_has_left(make_house, endpoint, path, body):
    endpoint.asked = threading.Event()
    endpoint.always = stream([chunk({"content": "Well"})], until_left) if "stream" in body else until_left
    with passing(make_house, endpoint) as at:
        content = json.dumps(body)
        head = {"host": "x", "content-type": "application/json", "content-length": len(content)} | at.house.head()
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", content]
        where = urlsplit(at.address)
        with socket.create_connection((where.hostname, where.port)) as client:
            client.sendall("\r\n".join(lines).encode())
            assert endpoint.asked.wait(120)
        assert endpoint.left.wait(120)


class SlowBackend(ScriptedBackend):
    """Answers when it may."""

    def __init__(self):
        super().__init__(lambda *_: "Is brief.", name="slow")
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_answer.set()

    async def complete(self, messages, sampling):
        self.asked.set()
        await self.may_answer.wait()
        return await super().complete(messages, sampling)


async def compare(inspection):
    await inspection.compare("ann", "tea", 2, "kmeans")


async def play(inspection):
    async for _ in inspection.play(Request("ann", "tea"), "dpl"):
        pass


@pytest.mark.parametrize("work", [compare, play])
def test_a_call_that_is_finished_for_the_journal_is_charged_though_its_caller_has_left(in_sqlite, work):  # noqa: F811
    llm = SlowBackend()
    memory = lived_in(in_sqlite, town(), llm)
    with memory.tenant.write() as tx:
        daily_budget.set_budget(tx, 10**6)
    memory.close()
    before, _ = _spend(memory)

    async def leaving():
        llm.asked.clear()
        llm.may_answer.clear()
        caller = asyncio.create_task(work(Inspection(memory)))
        await llm.asked.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert _spend(memory)[1] > 0, "the tokens stay reserved while the calls go on"
        llm.may_answer.set()
        async with asyncio.timeout(60):
            while _spend(memory)[1]:
                await asyncio.sleep(0.01)

    asyncio.run(leaving())
    used, reserved = _spend(memory)
    assert reserved == 0
    assert used > before


def _spend(memory):
    with memory.tenant.read() as tx:
        return tuple(tx.conn.exec_driver_sql("select tokens, reserved from spend").one())
