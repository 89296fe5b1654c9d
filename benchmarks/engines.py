"""How fast OpenVINO and llama.cpp read prompts and write answers, with the 1.5B model of the catalogue and the same prompts.

Each measured prompt begins with new words, so none of it is in a cache; both engines run two threads and write greedily.
"""

import asyncio
import time
from typing import Any

from benchmarks.row import Row

NAME = "qwen2.5-coder-1.5b"
REACH = 1.5
PROMPT_WORDS, MAX_TOKENS, THREADS = 1100, 64, 2


def main(quick: bool = False) -> list[Row]:
    """Two rows: reading and writing."""
    from unlike.llm.model_catalogue import is_here

    what = f"{NAME}: tokens per second"
    if not is_here(NAME):
        why_not = f"the model is not here; run: unlike models get {NAME}"
        return [Row(f"{what}, {step}", "llama.cpp", None, why_not=why_not) for step in ("reading", "writing")]
    words = 150 if quick else PROMPT_WORDS
    found = {scheme: asyncio.run(_measured(scheme, words)) for scheme in ("openvino", "llama.cpp")}
    facts = {"threads": THREADS, **found}
    return [
        Row(f"{what}, {step}", "llama.cpp", found["openvino"][step] / found["llama.cpp"][step], reach, facts=facts)
        for step, reach in (("reading", REACH), ("writing", None))
    ]


async def _measured(scheme: str, words: int) -> dict[str, Any]:
    from unlike.llm.backend import Sampling
    from unlike.llm.open import open_llm

    backend = open_llm(f"{scheme}:{NAME}", threads=THREADS, context_tokens=4096)
    try:
        await backend.complete(_prompt(20, "first"), Sampling(0.0, 1.0, 2))  # kernels are compiled for the first prompt
        started = time.perf_counter()
        read = await backend.complete(_prompt(words, "second"), Sampling(0.0, 1.0, 1))
        read_s = time.perf_counter() - started
        await backend.complete(_prompt(20, "third"), Sampling(0.0, 1.0, 1))
        started = time.perf_counter()
        written = await backend.complete(_prompt(20, "third"), Sampling(0.0, 1.0, MAX_TOKENS))
        write_s = time.perf_counter() - started
    finally:
        await backend.aclose()
    return {
        "prompt_tokens": read.prompt_tokens,
        "reading": round(read.prompt_tokens / read_s, 1),
        "writing": round(written.completion_tokens / write_s, 1),
    }


def _prompt(words: int, mark: str) -> list[dict[str, str]]:
    text = " ".join(f"The {mark} drum number {n} is louder than the one before." for n in range(words // 10))
    return [{"role": "user", "content": f"{mark}: {text} Tell a long story about these drums."}]
