"""DPL over some cases on the embedded LLM, against its prompts alone sent to the raw engine as fast as it takes them.

Both sides use llama.cpp in this process with the same slots and threads, write greedily and stop at the same length.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.row import Row

if TYPE_CHECKING:
    from unlike.llm.llama_cpp import LlamaCppBackend

REACH = 0.95
N_CASES, MAX_TOKENS, SLOTS = 20, 32, 4


def main(quick: bool = False) -> list[Row]:
    """One row."""
    n_cases = 3 if quick else N_CASES
    our_s, our_tokens, prompts = asyncio.run(_pipeline(n_cases))
    their_s, their_tokens = _raw(prompts)
    assert abs(our_tokens / their_tokens - 1) < 0.01, f"{our_tokens} tokens were written, and {their_tokens} alone"
    return [
        Row(
            what=f"embedded LLM, DPL over {n_cases} cases, tokens a second",
            against="the same prompts sent to the raw engine",
            value=(our_tokens / our_s) / (their_tokens / their_s),
            reach=REACH,
            facts={
                "calls": len(prompts),
                "slots": SLOTS,
                "tokens_written": our_tokens,
                "written_s": round(our_tokens / our_s, 1),
                "written_s_raw": round(their_tokens / their_s, 1),
                "s": round(our_s, 1),
                "raw_s": round(their_s, 1),
            },
        )
    ]


async def _pipeline(n_cases: int) -> tuple[float, int, list[Any]]:
    """Seconds, tokens written, and the messages of all calls in the order in which they were asked."""
    from unlike.api import open_kit, sample_corpus
    from unlike.evaluate.running.run_method import arun
    from unlike.settings import MethodSettings

    corpus = sample_corpus()
    backend, asked = _open(), []
    complete = backend.complete

    async def listened(messages: Any, sampling: Any) -> Any:  # noqa: ANN401
        asked.append(messages)
        return await complete(messages, sampling)

    backend.complete = listened  # type: ignore[method-assign]
    settings = MethodSettings(n_records=2, n_peers=2, temperature=0.0, max_tokens=MAX_TOKENS)
    with tempfile.TemporaryDirectory() as folder:
        kit = open_kit(
            corpus, backend, "hashing:256", settings, journal=Path(folder) / "journal.sqlite", concurrency=SLOTS
        )
        started = time.perf_counter()
        rows = await arun(corpus, "dpl", kit, Path(folder) / "run", limit=n_cases)
        seconds = time.perf_counter() - started
    await backend.aclose()
    assert all(row.status == "done" for row in rows), "every case is answered"
    return seconds, kit.llm.usage.completion_tokens, asked


def _raw(prompts: Sequence[Any]) -> tuple[float, int]:
    """Seconds and tokens of the same prompts, in the same order, on a new engine, with nothing of ours around it."""
    from unlike.llm.backend import Sampling
    from unlike.llm.llama_cpp import chat_request

    backend = _open()
    engine = backend._server  # noqa: SLF001 - the raw engine is what is measured
    requests = [chat_request(messages, Sampling(0.0, 0.95, MAX_TOKENS), cache_prompt=True) for messages in prompts]

    def written(request: dict[str, Any]) -> int:
        chunks: list[dict[str, Any]] = []
        engine.handle_chat_completions(request, lambda chunk: chunks.append(chunk))
        return next(chunk["usage"]["completion_tokens"] for chunk in reversed(chunks) if chunk.get("usage"))

    with ThreadPoolExecutor(SLOTS) as pool:
        started = time.perf_counter()
        tokens = sum(pool.map(written, requests))
        seconds = time.perf_counter() - started
    asyncio.run(backend.aclose())
    return seconds, tokens


def _open() -> "LlamaCppBackend":
    from unlike.llm.llama_cpp import LlamaCppBackend

    return LlamaCppBackend("smollm2", slots=SLOTS, context_tokens=4096)
