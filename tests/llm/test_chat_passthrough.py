"""What a chat that is passed on uses, however it ends."""

import asyncio

import pytest

from unlike.errors import CallFailed
from unlike.llm.backend import PART_TOKENS, estimate_tokens
from unlike.llm.chat_passthrough import PassedChat, PassthroughLLM
from unlike.llm.journal import Call
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.usage import Meter, Usage

MESSAGES = [{"role": "user", "content": "Hello there"}]
CHAT = PassedChat(MESSAGES, {})
READ = estimate_tokens(MESSAGES)
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}
PIECE = {"choices": [{"delta": {"content": "twelve chars"}}]}


class Engine(ScriptedBackend):
    """Gives chunks, and then fails or says nothing more."""

    def __init__(self, chunks=(), error=None):
        super().__init__(lambda messages, sampling: "unused")
        self.chunks, self.error = chunks, error
        self.waits = asyncio.Event()

    async def complete(self, messages, sampling):
        return await self.chat(None)

    async def chat(self, chat):
        if self.error:
            raise self.error
        self.waits.set()
        await asyncio.Event().wait()

    async def chat_stream(self, chat):
        for chunk in self.chunks:
            yield chunk
        if self.error:
            raise self.error


def read(llm):
    async def all_of_it():
        return [chunk async for chunk in llm.stream(CHAT)]

    return asyncio.run(all_of_it())


def test_a_stream_counts_what_the_engine_says_else_an_estimate():
    meter = Meter()
    told = PassthroughLLM(Engine([PIECE, {"choices": [], "usage": USAGE}]), meter)
    assert len(read(told)) == 2
    assert told.usage == meter.usage == Usage(1, 0, 0, 5, 7)
    untold = PassthroughLLM(Engine([PIECE, PIECE]))
    read(untold)
    assert untold.usage == Usage(1, 0, 0, READ, 8)


def test_a_stream_that_fails_counts_what_came():
    for chunks, used in [((), Usage(1, 0, 1)), ((PIECE,), Usage(1, 0, 1, READ, 4))]:
        llm = PassthroughLLM(Engine(chunks, CallFailed("broken")))
        with pytest.raises(CallFailed):
            read(llm)
        assert llm.usage == used


@pytest.mark.parametrize("kind", ["passed", "written"])
def test_a_call_that_is_cancelled_counts_the_prompt_that_was_read(kind):
    async def cancelled():
        engine = Engine()
        llm = PassthroughLLM(engine) if kind == "passed" else RecordedLLM(engine)
        asked = llm.whole(CHAT) if kind == "passed" else llm.call(Call("chat", "", MESSAGES))
        task = asyncio.create_task(asked)
        await engine.waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return llm.usage

    used = asyncio.run(cancelled())
    assert used.n_calls == 1 and used.prompt_tokens > 0 and not used.completion_tokens


def test_parts_that_are_no_text_are_estimated():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}
    parts = [
        {"role": "user", "content": [{"type": "text", "text": "abc"}, image]},
        {"role": "assistant", "content": None},
    ]
    assert estimate_tokens(parts) == 8 + 1 + PART_TOKENS + 8
