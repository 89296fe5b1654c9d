"""vLLM in this process, played by a stand-in; `make test-vllm` asks vLLM itself."""

import asyncio
import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.llm import fake_vllm
from tests.llm.tiny_llm import CONTEXT_TOKENS, HIDDEN, tiny_llm
from unlike.errors import CallFailed, EngineError, InputError, MissingPart
from unlike.llm.backend import Sampling
from unlike.llm.local_model import open_local_model
from unlike.llm.open import open_llm
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.transformers_local import TransformersBackend
from unlike.llm.vllm_local import VllmBackend

ASK = [{"role": "user", "content": "Loud drums."}]
GREEDY = Sampling(temperature=0.0, max_tokens=20)
TEXT = np.arange(60, 80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_llm(tmp_path_factory.mktemp("tiny"), seed=1))


@pytest.fixture
def vllm(folder, monkeypatch):
    fake_vllm.put_in_place(monkeypatch)
    opened = open_llm(f"vllm:{folder}", dtype="float32")
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture
def engine(vllm):
    return fake_vllm.AsyncLLMEngine.started[0]


@pytest.fixture(scope="module")
def local(folder):
    return open_local_model(folder)


@pytest.fixture
def transformers(local):
    opened = TransformersBackend(local)
    yield opened
    asyncio.run(opened.aclose())


def prompt_of(local, places=()):
    """The prompt of ASK with vectors at some places that no token has."""
    token_ids = np.array(local.tokens.encode(local.tokens.render(ASK)))
    vectors = np.linspace(-0.5, 0.5, len(places) * HIDDEN, dtype=np.float32).reshape(len(places), HIDDEN)
    token_ids[list(places)] = -1  # what stands at a soft place does not matter
    return SoftPrompt(token_ids, np.array(places, dtype=np.int64), vectors)


def test_it_is_the_same_llm_as_through_transformers(vllm, transformers):
    assert vllm.model == transformers.model.replace("transformers:", "vllm:")
    assert (vllm.llm_hash, vllm.hidden, vllm.context_tokens) == (transformers.llm_hash, HIDDEN, CONTEXT_TOKENS)
    assert vllm.count_tokens(ASK) == transformers.count_tokens(ASK)


def test_words_go_in_as_tokens(vllm, engine, local, transformers):
    told = asyncio.run(vllm.complete(ASK, GREEDY))
    expected = asyncio.run(transformers.complete(ASK, GREEDY))
    assert (told.text, told.prompt_tokens, told.completion_tokens, told.finish_reason) == (
        expected.text,
        expected.prompt_tokens,
        expected.completion_tokens,
        expected.finish_reason,
    )
    assert engine.asked == [{"prompt_token_ids": prompt_of(local).token_ids.tolist()}]


def test_a_soft_prompt_goes_in_as_embeddings_alone(vllm, engine, local, transformers):
    prompt = prompt_of(local, (2, 3, 7))
    told, expected = (asyncio.run(backend.complete_soft(prompt, GREEDY)) for backend in (vllm, transformers))
    assert (told.text, told.prompt_tokens) == (expected.text, expected.prompt_tokens)
    assert told.text != asyncio.run(vllm.complete(ASK, GREEDY)).text
    assert engine.asked[0].keys() == {"prompt_embeds"}


def test_a_salt_goes_with_texts_and_with_soft_prompts(vllm, engine, local):
    salted = replace(GREEDY, cache_salt="tenant-7")
    asyncio.run(vllm.complete(ASK, salted))
    asyncio.run(vllm.complete_soft(prompt_of(local, (2,)), salted))
    assert [asked["cache_salt"] for asked in engine.asked] == ["tenant-7", "tenant-7"]


def test_a_logit_bias_is_heeded_in_texts_and_refused_in_scores(vllm, local):
    biased = replace(GREEDY, logit_bias=((vllm.token_ids("z")[0], 100.0),))
    texts = [asyncio.run(vllm.complete(ASK, biased)), asyncio.run(vllm.complete_soft(prompt_of(local, (2,)), biased))]
    assert [set(completion.text) for completion in texts] == [{"z"}, {"z"}]
    with pytest.raises(InputError, match="scores no texts with a logit bias .* use transformers:MODEL"):
        asyncio.run(vllm.logprobs(prompt_of(local), TEXT, biased.logit_bias))


@pytest.mark.parametrize("places", [(), (2, 3, 7)], ids=["words", "soft"])
def test_scores_are_those_of_transformers(vllm, local, transformers, places):
    prompt = prompt_of(local, places)
    told, expected = (asyncio.run(backend.logprobs(prompt, TEXT)) for backend in (vllm, transformers))
    assert (told.shape, told.dtype) == (TEXT.shape, np.float64)
    assert np.allclose(told, expected, atol=1e-5)


def test_a_vllm_that_cannot_score_behind_soft_prompts_is_told(vllm, engine, local):
    engine.reads_mixed = False
    with pytest.raises(EngineError, match=r"no log-probabilities behind soft prompts; use a newer one"):
        asyncio.run(vllm.logprobs(prompt_of(local, (2,)), TEXT))
    assert len(asyncio.run(vllm.logprobs(prompt_of(local), TEXT))) == len(TEXT)


def test_prompt_embeddings_are_on_and_the_prefix_cache_is_off(folder, monkeypatch):
    fake_vllm.put_in_place(monkeypatch)
    asyncio.run(VllmBackend(folder, context_tokens=512, engine={"enforce_eager": True}).aclose())
    (engine,) = fake_vllm.AsyncLLMEngine.started
    # A processor computes in float32, and there vLLM 0.32 dies of a seeded call that it reads in pieces.
    dtype, in_pieces = ("auto", True) if torch.cuda.is_available() else ("float32", False)
    assert engine.args == fake_vllm.AsyncEngineArgs(folder, dtype, 512, True, False, True, in_pieces)
    assert engine.is_shut_down


def test_embeddings_go_in_as_the_engine_computes_and_its_name_tells_how(vllm, folder, local):
    other = VllmBackend(folder, dtype="bfloat16")
    assert other.model == f"{vllm.model}:bfloat16"
    asyncio.run(other.complete_soft(prompt_of(local, (2,)), GREEDY))
    assert fake_vllm.AsyncLLMEngine.started[-1].asked[0]["prompt_embeds"].dtype == torch.bfloat16
    asyncio.run(other.aclose())


def test_calls_of_several_loops_and_at_the_same_time(vllm):
    async def three():
        return await asyncio.gather(*(vllm.complete(ASK, GREEDY) for _ in range(3)))

    assert len({completion.text for _ in range(2) for completion in asyncio.run(three())}) == 1


def test_a_call_given_up_is_taken_out(vllm, engine):
    engine.hangs = True

    async def give_up():
        call = asyncio.create_task(vllm.complete(ASK, GREEDY))
        while not engine.asked:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(give_up())
    asyncio.run(vllm.aclose())
    assert engine.aborted == 1


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (fake_vllm.EngineGenerateError(), "'deeper'"),
        (fake_vllm.VLLMError("no room\nat all"), "no room"),
        (ValueError("no room"), "no room"),
    ],
)
def test_what_fails_in_vllm_is_a_failed_call_and_the_next_one_is_not(vllm, engine, failure, told):
    engine.failure = failure
    with pytest.raises(CallFailed, match=f"{vllm.model}: {told}$"):
        asyncio.run(vllm.complete(ASK, GREEDY))
    engine.failure = None
    assert asyncio.run(vllm.complete(ASK, GREEDY)).text


def test_a_dead_vllm_ends_the_run(vllm, engine):
    engine.failure = fake_vllm.EngineDeadError()
    with pytest.raises(EngineError, match="has died"):
        asyncio.run(vllm.complete(ASK, GREEDY))


def test_what_does_not_fit_is_told_and_never_reaches_vllm(vllm, engine, local):
    other = SoftPrompt(np.arange(4), np.array([1]), np.zeros((1, HIDDEN + 1), np.float32))
    beyond = SoftPrompt(np.array([5, 99_999]), np.zeros(0, np.int64), np.zeros((0, HIDDEN), np.float32))
    for prompt, told in ((other, "soft vectors have 33 dimensions"), (beyond, "token ids from 5 to 99999")):
        with pytest.raises(InputError, match=told):
            asyncio.run(vllm.complete_soft(prompt, GREEDY))
        with pytest.raises(InputError, match=told):
            asyncio.run(vllm.logprobs(prompt, TEXT))
    with pytest.raises(InputError, match="at least one token"):
        asyncio.run(vllm.logprobs(SoftPrompt(np.zeros(0, np.int64), other.places[:0], other.vectors[:0]), TEXT))
    long = Sampling(0.0, max_tokens=CONTEXT_TOKENS)
    for call in (vllm.complete(ASK, long), vllm.complete_soft(prompt_of(local, (2,)), long)):
        with pytest.raises(CallFailed, match=f"exceed the context of {CONTEXT_TOKENS}"):
            asyncio.run(call)
    assert engine.asked == []


def test_an_empty_answer_is_a_failed_call_with_its_tokens(vllm, monkeypatch):
    monkeypatch.setattr(type(vllm.tokens), "decode", lambda tokens, token_ids: " ")
    with pytest.raises(CallFailed, match=r"the answer is empty .*raise max_tokens \(--max-tokens\)") as failure:
        asyncio.run(vllm.complete(ASK, replace(GREEDY, max_tokens=2)))
    assert failure.value.tokens == vllm.count_tokens(ASK) + 2


def test_a_closed_one_says_so(vllm, engine):
    asyncio.run(vllm.aclose())
    assert engine.is_shut_down
    with pytest.raises(EngineError, match="closed"):
        asyncio.run(vllm.complete(ASK, GREEDY))


def test_a_vllm_that_does_not_start_is_told(folder, monkeypatch):
    fake_vllm.put_in_place(monkeypatch)
    with pytest.raises(EngineError, match="vLLM cannot start: no memory for the cache; its log"):
        VllmBackend(folder, context_tokens=1)
    with pytest.raises(InputError, match="wheels"):
        VllmBackend(folder, engine={"wheels": 4})


def test_a_missing_vllm_names_the_command(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "vllm" else real(name))
    with pytest.raises(MissingPart, match=r'vllm is not installed; .*pip install "\.\[vllm\]"'):
        open_llm("vllm:smollm2")
