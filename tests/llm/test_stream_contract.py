"""What an answer in pieces must be, asked of every engine, also of those that answer only whole."""

import asyncio
import time
from contextlib import aclosing

import pytest

from tests.llm.tiny_llm import tiny_llm
from unlike.llm.backend import Completion, Sampling
from unlike.llm.open import open_llm
from unlike.llm.openai_http import OpenAIBackend
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.stream import Streams, streamed, takes_streaming, whole
from unlike.llm.transformers_local import TransformersBackend

GREEDY = Sampling(temperature=0.0, max_tokens=12)
STORY = Sampling(temperature=1.0, top_p=1.0, max_tokens=1500, seed=3)
LONG = [{"role": "user", "content": "Write a very long story."}]
ASK = [{"role": "system", "content": "You review music."}, {"role": "user", "content": "Name a drum, please."}]


@pytest.fixture(
    params=[
        "scripted",
        "openai",
        "vllm over http",
        "whole",
        pytest.param("embedded", marks=pytest.mark.embedded),
        pytest.param("openvino", marks=pytest.mark.embedded),
        pytest.param("openai over embedded", marks=pytest.mark.embedded),
    ]
)
def backend(request):
    value = request.getfixturevalue
    if request.param == "scripted":
        return ScriptedBackend.echo()
    if request.param == "openai":
        return OpenAIBackend("m", base_url=value("endpoint").base_url)
    if request.param == "vllm over http":
        folder = tiny_llm(value("tmp_path"))
        return open_llm(f"vllm:m@{value('endpoint').base_url}", model_folder=str(folder))
    if request.param == "whole":
        return TransformersBackend.open(str(tiny_llm(value("tmp_path"))))
    if request.param == "openvino":
        return value("openvino")
    embedded = value("embedded")
    return embedded if request.param == "embedded" else OpenAIBackend("m", base_url=embedded.base_url)


def collected(backend, sampling=GREEDY):
    async def once():
        return [piece async for piece in streamed(backend, ASK, sampling)]

    return asyncio.run(once())


def test_pieces_of_text_and_then_one_completion(backend):
    *pieces, last = collected(backend)
    assert isinstance(last, Completion)
    assert pieces
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert pieces[0].strip()
    assert len(pieces) > 1 or not takes_streaming(backend)


def test_joined_they_are_what_a_whole_answer_says(backend):
    *pieces, last = collected(backend)
    expected = asyncio.run(backend.complete(ASK, GREEDY))
    assert "".join(pieces) == last.text == expected.text
    assert (last.prompt_tokens, last.completion_tokens, last.finish_reason) == (
        expected.prompt_tokens,
        expected.completion_tokens,
        expected.finish_reason,
    )
    assert last.wall_s > 0


def test_read_to_its_end_it_is_a_completion(backend):
    assert asyncio.run(whole(streamed(backend, ASK, GREEDY))).text == asyncio.run(backend.complete(ASK, GREEDY)).text


def test_several_at_once_do_not_mix(backend):
    """Greedy texts may differ in company (the last bits of the logits do), but each answer counts its own prompt."""
    asked = [ASK, [*ASK[:1], {"role": "user", "content": "Name a drum that a child can carry, please. " * 3}]]

    async def one(messages):
        *pieces, last = [piece async for piece in streamed(backend, messages, GREEDY)]
        assert "".join(pieces) == last.text
        return last.prompt_tokens

    async def both():
        return await asyncio.gather(*(one(messages) for messages in asked))

    assert asyncio.run(both()) == [asyncio.run(one(messages)) for messages in asked]


def test_closed_early_it_gives_nothing_more_and_the_engine_answers_on(backend):
    async def leave():
        pieces = streamed(backend, ASK, GREEDY)
        async with aclosing(pieces):
            assert isinstance(await anext(pieces), str)
        assert [piece async for piece in pieces] == []
        return await backend.complete(ASK, GREEDY)

    assert asyncio.run(leave()).text.strip()


@pytest.mark.embedded
@pytest.mark.parametrize("over_http", [False, True])
@pytest.mark.parametrize("leaving", ["closed", "cancelled"])
def test_leaving_early_frees_the_slot_of_the_embedded_engine(embedded, over_http, leaving):
    backend: Streams = OpenAIBackend("m", base_url=embedded.base_url) if over_http else embedded

    async def read(pieces, begun):
        async with aclosing(pieces):
            async for _ in pieces:
                begun.set()

    async def leave():
        if leaving == "closed":
            async with aclosing(backend.stream(LONG, STORY)) as pieces:
                await anext(pieces)
            return
        begun = asyncio.Event()
        task = asyncio.create_task(read(backend.stream(LONG, STORY), begun))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def leave_both_slots():
        await asyncio.gather(leave(), leave())
        # Both slots answer again long before 1,500 tokens could have been written.
        started = time.monotonic()
        await asyncio.gather(*(embedded.complete(ASK, Sampling(0.0, max_tokens=1)) for _ in range(2)))
        return time.monotonic() - started

    assert asyncio.run(leave_both_slots()) < 15
