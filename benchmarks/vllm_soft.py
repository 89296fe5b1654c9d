"""DEP's generation on vLLM: prompts with soft vectors against prompts of words, of the same lengths, on the same vLLM.

In the soft places stand the embeddings of the very words, so both sides must write the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from benchmarks.in_vllm import in_vllm
from benchmarks.row import Row

if TYPE_CHECKING:
    from unlike.llm.backend import Completion, Messages
    from unlike.llm.soft_prompt import SoftPrompt
    from unlike.llm.vllm_local import VllmBackend

REACH = 0.9
N_PROMPTS, N_VECTORS, MAX_TOKENS = 64, 48, 64
FEWEST_EQUAL = 0.9
"""Share of the texts that must be the same: rounding may turn a greedy choice between two equally likely words."""


def main(quick: bool = False) -> list[Row]:
    """One row."""
    return in_vllm("vllm_soft", quick)


def measured(quick: bool) -> list[Row]:
    """The same, in vLLM's environment."""
    value, facts = asyncio.run(_measured(8 if quick else N_PROMPTS))
    what, against = "DEP generation on vLLM, tokens a second", "text prompts of the same lengths"
    return [Row(what, against, value, REACH, facts=facts)]


async def _measured(n: int) -> tuple[float, dict[str, float]]:
    from unlike.llm.backend import Sampling
    from unlike.llm.vllm_local import VllmBackend

    greedy = Sampling(temperature=0.0, max_tokens=MAX_TOKENS)
    backend = VllmBackend("smollm2", dtype="float32", context_tokens=2048, engine={"enforce_eager": True})
    asked = [_messages(number) for number in range(n)]
    soft = [_soft(backend, messages) for messages in asked]
    try:
        await _tokens_a_second([backend.complete(asked[0], greedy), backend.complete_soft(soft[0], greedy)])
        of_words, words = await _tokens_a_second([backend.complete(messages, greedy) for messages in asked])
        of_vectors, vectors = await _tokens_a_second([backend.complete_soft(prompt, greedy) for prompt in soft])
    finally:
        await backend.aclose()
    equal = sum(a == b for a, b in zip(words, vectors, strict=True)) / n
    assert equal >= FEWEST_EQUAL, f"only {equal:.0%} of the texts are the same"
    facts = {"tokens_s": round(of_vectors, 1), "tokens_s_of_words": round(of_words, 1), "texts_equal": round(equal, 3)}
    return of_vectors / of_words, facts


async def _tokens_a_second(calls: "Sequence[Awaitable[Completion]]") -> tuple[float, list[str]]:
    """Of all calls at once, and their texts."""
    started = time.perf_counter()
    answers = await asyncio.gather(*calls)
    seconds = time.perf_counter() - started
    return sum(answer.completion_tokens for answer in answers) / seconds, [answer.text for answer in answers]


def _messages(number: int) -> "Messages":
    told = " ".join(f"Sentence {place} of letter {number} says little." for place in range(40))
    return [{"role": "user", "content": f"{told}\n\nAnswer letter {number} at length."}]


def _soft(backend: "VllmBackend", messages: "Messages") -> "SoftPrompt":
    """The same prompt with the embeddings of some of its words as vectors."""
    import numpy as np

    from unlike.llm.soft_prompt import SoftPrompt
    from unlike.llm.token_embeddings import open_token_embeddings

    token_ids = np.asarray(backend.tokens.encode(backend.tokens.render(messages)), np.int64)
    places = np.arange(8, 8 + N_VECTORS)
    none = SoftPrompt(token_ids, np.zeros(0, np.int64), np.zeros((0, backend.hidden), np.float32))
    embedded = open_token_embeddings("smollm2").embedded(none).float().numpy()
    return SoftPrompt(token_ids, places, embedded[places])
