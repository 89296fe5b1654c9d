"""Chat models of the transformers library behind the engine protocols."""

import asyncio
import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.llm.tiny_llm import CONTEXT_TOKENS, HIDDEN, KINDS, byte_tokenizer, tiny_llm
from tests.worlds import kit_for, world
from unlike.errors import CallFailed, EngineError, InputError, MissingPart
from unlike.llm import transformers_local
from unlike.llm.backend import Sampling
from unlike.llm.journal import Journal
from unlike.llm.local_model import ChatTokenizer, open_local_model
from unlike.llm.open import open_llm
from unlike.llm.recorded import RecordedLLM
from unlike.llm.soft_prompt import SoftPrompt
from unlike.llm.transformers_local import TransformersBackend
from unlike.methods.baselines import rag
from unlike.writing.write import write

GREEDY = Sampling(temperature=0.0, max_tokens=20)
SAMPLED = Sampling(temperature=1.0, top_p=0.9, max_tokens=20, seed=5)


def ask(text):
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module", params=sorted(KINDS))
def local(request, tmp_path_factory):
    return open_local_model(str(tiny_llm(tmp_path_factory.mktemp(request.param), request.param, seed=1)))


@pytest.fixture
def backend(local):
    opened = TransformersBackend(local, batch_size=4)
    yield opened
    asyncio.run(opened.aclose())


def prompt_of(local, text, places=()):
    """The prompt of a text; at some places the vectors of the very tokens that stood there."""
    token_ids = np.array(local.tokens.encode(local.tokens.render(ask(text))))
    places = np.array(places, dtype=np.int64)
    vectors = local.embeddings[torch.from_numpy(token_ids[places])].numpy()
    token_ids[places] = -1  # what stands at a soft place does not matter
    return SoftPrompt(token_ids, places, vectors)


def gathered(calls):
    async def all_of_them():
        return await asyncio.gather(*calls)

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_the_same_call_gives_the_same_text_alone_and_in_company(backend, sampling):
    questions = [ask("Song." * n) for n in range(1, 8)]
    alone = [asyncio.run(backend.complete(question, sampling)).text for question in questions]
    assert [c.text for c in gathered(backend.complete(question, sampling) for question in questions)] == alone
    assert len(set(alone)) > 3


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_vectors_that_are_the_tokens_own_change_nothing(backend, local, sampling):
    hard, soft = prompt_of(local, "Loud drums."), prompt_of(local, "Loud drums.", (0, 3, 8, 9))
    every = prompt_of(local, "Loud drums.", range(len(hard.token_ids)))
    expected = asyncio.run(backend.complete(ask("Loud drums."), sampling))
    for prompt in (hard, soft, every):
        completion = asyncio.run(backend.complete_soft(prompt, sampling))
        assert (completion.text, completion.finish_reason) == (expected.text, expected.finish_reason)
        assert (completion.prompt_tokens, completion.completion_tokens) == (
            expected.prompt_tokens,
            expected.completion_tokens,
        )
    text = np.arange(60, 90)
    scores = gathered(backend.logprobs(prompt, text) for prompt in (hard, soft, every))
    assert np.allclose(scores[0], scores[1], atol=1e-5)
    assert np.allclose(scores[0], scores[2], atol=1e-5)


def test_other_vectors_change_what_is_written_and_its_score(backend, local):
    hard = prompt_of(local, "Loud drums.")
    vectors = np.full((2, HIDDEN), 0.5, dtype=np.float32)
    soft = SoftPrompt(hard.token_ids, np.array([2, 3]), vectors)
    texts = [c.text for c in gathered(backend.complete_soft(prompt, GREEDY) for prompt in (hard, soft))]
    scores = gathered(backend.logprobs(prompt, np.arange(60, 70)) for prompt in (hard, soft))
    assert texts[0] != texts[1]
    assert not np.allclose(scores[0], scores[1], atol=1e-2)


def test_scores_are_the_models_loss_alone_and_in_company(backend, local):
    prompts = [prompt_of(local, "Song." * n) for n in range(1, 6)]
    texts = [np.arange(60, 60 + 7 * n) for n in range(1, 6)]
    together = gathered(backend.logprobs(prompt, text) for prompt, text in zip(prompts, texts, strict=True))
    for prompt, text, logprobs in zip(prompts, texts, together, strict=True):
        ids = torch.from_numpy(np.concatenate([prompt.token_ids, text]))[None]
        labels = ids.clone()
        labels[:, : len(prompt.token_ids)] = -100
        loss = local.model(input_ids=ids, labels=labels).loss.item()
        assert (logprobs.shape, logprobs.dtype) == (text.shape, np.float64)
        assert logprobs.sum() == pytest.approx(-loss * len(text), abs=1e-3)
        assert np.allclose(logprobs, asyncio.run(backend.logprobs(prompt, text)), atol=1e-5)


def test_texts_and_scores_may_be_asked_at_the_same_time(backend, local):
    prompt = prompt_of(local, "Loud.")
    first, score, second = gathered(
        [
            backend.complete(ask("Loud."), GREEDY),
            backend.logprobs(prompt, np.arange(60, 70)),
            backend.complete(ask("Loud."), GREEDY),
        ]
    )
    assert first.text == second.text
    assert len(score) == 10


def test_max_tokens_cuts(backend):
    cut = asyncio.run(backend.complete(ask("Loud drums."), Sampling(0.0, max_tokens=6)))
    assert (cut.finish_reason, cut.completion_tokens) == ("length", 6)


def test_a_call_given_up_leaves_the_others_as_they_are(backend):
    """The batch is under way when one of its calls is cancelled."""
    questions = [ask(f"Song {n}") for n in range(3)]
    expected = [asyncio.run(backend.complete(question, GREEDY)).text for question in questions]

    async def scene():
        tasks = [asyncio.create_task(backend.complete(question, GREEDY)) for question in questions]
        endless = asyncio.create_task(backend.complete(ask("Endless."), Sampling(1.0, 1.0, 1500, seed=2)))
        done = await asyncio.gather(*tasks)
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        return [c.text for c in done], (await backend.complete(questions[0], GREEDY)).text

    texts, later = asyncio.run(scene())
    assert texts == expected
    assert later == expected[0]


def test_a_prompt_beyond_the_context_is_a_failed_call(backend, local):
    fits = CONTEXT_TOKENS - backend.count_tokens(ask("Loud."))
    with pytest.raises(CallFailed, match=f"{fits + 1} new ones exceed the context of {CONTEXT_TOKENS}"):
        asyncio.run(backend.complete(ask("Loud."), Sampling(max_tokens=fits + 1)))
    prompt = prompt_of(local, "Loud.")
    assert len(asyncio.run(backend.logprobs(prompt, np.full(fits, 60)))) == fits
    with pytest.raises(CallFailed, match="exceed the context"):
        asyncio.run(backend.logprobs(prompt, np.full(fits + 1, 60)))


def test_what_is_for_another_llm_is_told(backend, local):
    token_ids = prompt_of(local, "Loud.").token_ids
    wide = SoftPrompt(token_ids, np.array([1]), np.zeros((1, 48), dtype=np.float32))
    with pytest.raises(InputError, match=f"48 dimensions, the LLM's token embeddings {HIDDEN}"):
        asyncio.run(backend.complete_soft(wide, GREEDY))
    with pytest.raises(InputError, match=f"48 dimensions, the LLM's token embeddings {HIDDEN}"):
        asyncio.run(backend.logprobs(wide, np.array([60])))
    with pytest.raises(InputError, match="to 259; the LLM knows 0 to 258"):
        asyncio.run(backend.logprobs(prompt_of(local, "Loud."), np.array([259])))


def test_a_score_needs_something_before_it(backend):
    nothing = SoftPrompt(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, HIDDEN), np.float32))
    with pytest.raises(InputError, match="at least one token"):
        asyncio.run(backend.logprobs(nothing, np.array([60])))


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried"),
            r"out of memory with [12] calls at a time; lower batch_size",
        ),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate"), "lower batch_size"),
        (RuntimeError("probability tensor contains nan\nmore"), "probability tensor contains nan$"),
    ],
)
def test_what_torch_raises_is_a_failed_call_and_the_next_one_is_not(backend, monkeypatch, raised, told):
    def fail(*_):
        raise raised

    with monkeypatch.context() as broken:
        broken.setattr(transformers_local, "write", fail)

        async def two():
            calls = (backend.complete(ask(text), GREEDY) for text in ("Loud.", "Soft."))
            return await asyncio.gather(*calls, return_exceptions=True)

        failures = asyncio.run(two())
    for failure in failures:
        assert isinstance(failure, CallFailed)
        with pytest.raises(CallFailed, match=told):
            raise failure
    assert asyncio.run(backend.complete(ask("Loud."), GREEDY)).text


def test_an_empty_answer_is_a_failed_call(local):
    """The first token it writes is declared its end."""
    token_ids = prompt_of(local, "Loud.").token_ids[None]
    first = int(local.model(input_ids=torch.from_numpy(token_ids)).logits[0, -1].argmax())
    control = local.tokens.tokenizer.convert_ids_to_tokens(first)
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": [control]})
    mute = TransformersBackend(replace(local, tokens=ChatTokenizer(tokenizer), ends=(first,)))
    with pytest.raises(CallFailed, match=r"the answer is empty \(finish reason 'stop'\)") as failure:
        asyncio.run(mute.complete(ask("Loud."), GREEDY))
    assert failure.value.tokens == token_ids.size + 1
    mute = TransformersBackend(replace(local, tokens=ChatTokenizer(tokenizer)))
    with pytest.raises(CallFailed, match=r"raise max_tokens \(--max-tokens\)") as failure:
        asyncio.run(mute.complete(ask("Loud."), Sampling(temperature=0.0, max_tokens=1)))
    assert failure.value.tokens == token_ids.size + 1


def test_closing_answers_what_waits_and_ends_it(local):
    backend = TransformersBackend(local, batch_size=2)

    async def scene():
        tasks = [asyncio.create_task(backend.complete(ask(f"Song {n}"), GREEDY)) for n in range(5)]
        await asyncio.sleep(0)
        await backend.aclose()
        return await asyncio.gather(*tasks)

    assert len(asyncio.run(scene())) == 5
    with pytest.raises(EngineError, match="is closed; open it again"):
        asyncio.run(backend.complete(ask("Loud."), GREEDY))
    assert local.model is not None


def test_a_smaller_context_may_be_asked_for_and_no_larger_one(local, tmp_path):
    folder = tiny_llm(tmp_path / "mine")
    small = open_llm(f"transformers:{folder}", context_tokens=300)
    assert small.context_tokens == 300
    with pytest.raises(CallFailed, match="exceed the context of 300"):
        asyncio.run(small.complete(ask("Loud."), Sampling(max_tokens=290)))
    asyncio.run(small.aclose())
    for asked in (None, CONTEXT_TOKENS + 1):
        assert TransformersBackend(local, context_tokens=asked).context_tokens == CONTEXT_TOKENS
    assert TransformersBackend(replace(local, context_tokens=None), context_tokens=300).context_tokens == 300


def test_prompts_are_fitted_to_the_context_asked_for(local):
    """The oldest records go; the rest is answered."""
    crowd = world([(0, item, item) for item in range(6)], targets=[5])
    (case,), kit = crowd.cases("test"), kit_for(crowd, max_tokens=20, retriever="recency")

    async def outcome(backend):
        llm = RecordedLLM(backend, Journal.open(None))
        draft = await rag(case, replace(kit, llm=llm))
        return draft.outcome(await write(draft, llm))

    backends = (TransformersBackend(local), TransformersBackend(local, context_tokens=1200))
    whole, cut = (asyncio.run(outcome(backend)) for backend in backends)
    assert whole.trace["generate"]["left_out"] == []
    assert cut.trace["generate"]["left_out"]
    assert cut.trace["generate"]["prompt_tokens"] + 20 <= 1200 < whole.trace["generate"]["prompt_tokens"]


def test_journals_tell_models_and_precisions_apart(local, tmp_path):
    engine, _, name = TransformersBackend(local).model.partition(":")
    assert (engine, name) == ("transformers", local.name)
    folder = tiny_llm(tmp_path / "mine")
    half = open_llm(f"transformers:{folder}", dtype="bfloat16", batch_size=2, device="cpu")
    assert half.model == f"transformers:mine#{half.llm_hash[:12]}:bfloat16"
    assert asyncio.run(half.complete(ask("Loud."), GREEDY)).text
    asyncio.run(half.aclose())


def test_settings_that_cannot_be_are_told(local, tmp_path):
    with pytest.raises(InputError, match="batch_size 0; give 1 or more"):
        TransformersBackend(local, batch_size=0)
    with pytest.raises(InputError, match="context_tokens 0; give 1 or more"):
        TransformersBackend(local, context_tokens=0)
    with pytest.raises(InputError, match="allowed are: dtype, batch_size, device, context_tokens"):
        open_llm(f"transformers:{tmp_path}", slots=3)


def test_a_missing_engine_names_the_command(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "transformers" else real(name))
    with pytest.raises(MissingPart, match=r'pip install "\.\[latent\]"'):
        open_llm("transformers:smollm2")
