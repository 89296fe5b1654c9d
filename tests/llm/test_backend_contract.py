"""What every backend must do, asked of each of them."""

import asyncio
from dataclasses import replace

import pytest

from tests.llm import fake_vllm
from tests.llm.tiny_llm import tiny_llm
from unlike.llm.backend import Sampling
from unlike.llm.openai_http import OpenAIBackend
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.transformers_local import TransformersBackend
from unlike.llm.vllm_local import VllmBackend

SHORT = Sampling(temperature=0.0, max_tokens=8)


def ask(text):
    return [{"role": "system", "content": "You review music."}, {"role": "user", "content": text}]


@pytest.fixture(
    params=[
        "scripted",
        "openai",
        "transformers",
        "vllm",
        pytest.param("embedded", marks=pytest.mark.embedded),
        pytest.param("openvino", marks=pytest.mark.embedded),
        pytest.param("openai over embedded", marks=pytest.mark.embedded),
    ]
)
def backend(request):
    if request.param == "scripted":
        return ScriptedBackend.echo()
    if request.param == "openai":
        return OpenAIBackend("m", base_url=request.getfixturevalue("endpoint").base_url)
    if request.param == "transformers":
        return TransformersBackend.open(str(tiny_llm(request.getfixturevalue("tmp_path"))))
    if request.param == "vllm":
        fake_vllm.put_in_place(request.getfixturevalue("monkeypatch"))
        return VllmBackend(str(tiny_llm(request.getfixturevalue("tmp_path"))))
    if request.param == "openvino":
        return request.getfixturevalue("openvino")
    embedded = request.getfixturevalue("embedded")
    return embedded if request.param == "embedded" else OpenAIBackend("m", base_url=embedded.base_url)


def test_it_says_what_it_is(backend):
    engine, _, model = backend.model.partition(":")
    assert engine in ("scripted", "openai", "llama.cpp", "openvino", "transformers", "vllm")
    assert model
    assert backend.context_tokens is None or backend.context_tokens > 0


def test_it_answers_with_text_and_usage(backend):
    completion = asyncio.run(backend.complete(ask("Name a drum, please."), SHORT))
    assert completion.text.strip()
    assert completion.prompt_tokens > 0
    assert completion.completion_tokens > 0
    assert completion.finish_reason in ("stop", "length")
    assert completion.wall_s > 0


def test_a_schema_is_no_obstacle(backend):
    """Whoever does not offer schemas overlooks them."""
    assert backend.offers_schema in (True, False)
    bound = replace(SHORT, schema='{"type": "boolean"}')
    assert asyncio.run(backend.complete(ask("Name a drum, please."), bound)).text.strip()


def test_it_answers_several_at_once(backend):
    async def four():
        return await asyncio.gather(*(backend.complete(ask(f"Song number {n}?"), SHORT) for n in range(4)))

    assert len([c for c in asyncio.run(four()) if c.text.strip()]) == 4


def test_counting_is_exact_or_cautious_and_grows(backend):
    long = ask("The drums are loud and the singer is far away. " * 20)
    counted = backend.count_tokens(long)
    told = asyncio.run(backend.complete(long, SHORT)).prompt_tokens
    assert counted == told if backend.counts_exactly else counted >= told
    assert counted > backend.count_tokens(ask("Loud."))
