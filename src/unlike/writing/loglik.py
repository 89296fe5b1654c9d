"""How likely a real text is after the prompt of a draft: the mean log-probability per token.

Scores are journalled like answers, under a key of prompt and text: measuring again resumes, and a changed prompt or text has
a score of its own.
"""

import math
from dataclasses import replace
from typing import Protocol, TypeGuard

import numpy as np

from unlike.errors import CallFailed, InputError
from unlike.llm.backend import Backend, Sampling
from unlike.llm.journal import Call, Entry, key
from unlike.llm.recorded import CallStore
from unlike.llm.soft_prompt import EmbedsBackend, Scorer, SoftPrompt, takes_soft_prompts
from unlike.records import Case
from unlike.writing.draft import Draft

STEP = "likelihood"


class ScoringEngine(EmbedsBackend, Scorer, Protocol):
    """An engine that takes soft prompts and scores texts."""


def scorer_of(backend: Backend) -> ScoringEngine:
    """The engine as one that scores.

    Raises:
        InputError: It does not.
    """
    if not _scores(backend):
        raise InputError(
            f"{backend.model} does not score texts, which likelihood needs; use transformers:MODEL or vllm:MODEL"
        )
    return backend


def _scores(backend: Backend) -> TypeGuard[ScoringEngine]:
    return takes_soft_prompts(backend) and hasattr(backend, "logprobs")


async def score(draft: Draft, case: Case, engine: ScoringEngine, journal: CallStore, max_tokens: int) -> float:
    """Mean log-probability per token of a case's real text behind a draft.

    Args:
        draft: What comes before the text, soft vectors included.
        case: With its real text.
        engine: Scores.
        journal: Of the scores.
        max_tokens: Tokens of the text that count, from its beginning.

    Raises:
        CallFailed: The case has no real text, the text does not fit, or the score is no number.
        EngineError: The engine cannot be used.
    """
    if not case.reference:
        raise CallFailed("the case has no real text")
    scored = _with_answer(draft.call, case.reference, case.id, max_tokens)
    name = key(scored, engine.model)
    entry = journal.get(name)
    if entry is None or entry.score is None:
        entry = await journal.put(
            name, scored, engine.model, await _scored(draft.call, case.reference, engine, max_tokens)
        )
    else:
        await journal.link(name, scored.record_ids)
    assert entry.score is not None
    return entry.score


def _with_answer(call: Call, text: str, text_id: str, max_tokens: int) -> Call:
    """The call as one that the real text answers; of how texts are sampled only the logit bias matters to it."""
    return replace(
        call,
        step=STEP,
        messages=[*call.messages, {"role": "assistant", "content": text}],
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=max_tokens, logit_bias=call.sampling.logit_bias),
        record_ids=(*call.record_ids, text_id),
    )


async def _scored(call: Call, text: str, engine: ScoringEngine, max_tokens: int) -> Entry:
    prompt = call.soft or hard_prompt(engine, call)
    real = np.asarray([*engine.tokens.encode(text), engine.tokens.end_id][:max_tokens], np.int64)
    mean = float((await engine.logprobs(prompt, real, call.sampling.logit_bias)).mean())
    if not math.isfinite(mean):
        raise CallFailed(f"{engine.model}: the log-probability of the real text is {mean}; use float32")
    return Entry("done", prompt_tokens=len(prompt.token_ids), completion_tokens=len(real), score=mean)


def hard_prompt(engine: EmbedsBackend, call: Call) -> SoftPrompt:
    """A prompt of words alone as a soft prompt without vectors."""
    token_ids = engine.tokens.encode(engine.tokens.render(call.messages))
    return SoftPrompt(np.asarray(token_ids, np.int64), np.zeros(0, np.int64), np.zeros((0, engine.hidden), np.float32))
