"""How likely a method makes the real text: its mean log-probability a token behind the method's last prompt.

Far less noisy than any comparison of a sampled text, so small gains show. The method runs as it is, with every call but
its last one answered from the journal or the engine; in place of the last answer the real text is scored.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unlike.errors import CallFailed, InputError
from unlike.evaluate.run import Job, Progress, run_jobs
from unlike.llm.backend import Backend
from unlike.llm.journal import Call
from unlike.llm.recorded import LLM, Answer, Usage
from unlike.llm.soft import EmbedsBackend, Scorer, SoftPrompt, takes_soft_prompts
from unlike.methods.kit import Kit, Outcome
from unlike.methods.table import Method
from unlike.records import Case

FILE = "likelihood.jsonl"
LOGLIK = "loglik"
LAST_STEPS = ("generate", "soft")
"""The steps that write the text itself."""


class ScoringEngine(EmbedsBackend, Scorer, Protocol):
    """An engine that takes soft prompts and scores texts."""


async def likelihood(
    jobs: Sequence[Job], max_tokens: int, on_progress: Callable[[Progress], None]
) -> list[dict[str, float]]:
    """Mean log-probability a token of the real text, by case, for each job.

    Args:
        jobs: Methods over cases with real texts; their LLM must score (transformers, vLLM in process).
        max_tokens: Tokens of the real text that count, from its beginning.
        on_progress: Called after every case.

    Raises:
        InputError: The LLM does not score texts.
        EngineError: The engine cannot be used.
    """
    told: list[dict[str, float]] = [{} for _ in jobs]
    scored = [replace(job, method=_scored(job, max_tokens, values)) for job, values in zip(jobs, told, strict=True)]
    await run_jobs(scored, on_progress=on_progress)
    return told


def scorer_of(backend: Backend) -> ScoringEngine:
    """The engine as one that scores.

    Raises:
        InputError: It does not.
    """
    if not takes_soft_prompts(backend) or not hasattr(backend, "logprobs"):
        raise InputError(
            f"{backend.model} does not score texts, which likelihood needs; use transformers:MODEL or vllm:MODEL"
        )
    return backend  # type: ignore[return-value]


def write_likelihood(folder: Path, values: dict[str, float]) -> None:
    """Keep the values beside the rows of a run."""
    lines = (json.dumps({"case_id": case_id, LOGLIK: value}) + "\n" for case_id, value in values.items())
    (folder / FILE).write_text("".join(lines), encoding="utf-8")


def read_likelihood(folder: Path) -> dict[str, float]:
    """The values of a run folder; empty where it has none."""
    if not (folder / FILE).is_file():
        return {}
    with (folder / FILE).open(encoding="utf-8") as lines:
        return {row["case_id"]: row[LOGLIK] for row in map(json.loads, lines)}


class LastCallScored:
    """An LLM that answers as ever, but scores a real text in place of the last call."""

    def __init__(self, llm: LLM, engine: ScoringEngine, real: NDArray[np.int64]) -> None:
        self.loglik: float | None = None
        self._llm, self._engine, self._real = llm, engine, real

    @property
    def backend(self) -> Backend:
        """The engine."""
        return self._llm.backend

    @property
    def usage(self) -> Usage:
        """What was asked so far."""
        return self._llm.usage

    async def call(self, call: Call) -> Answer:
        """Answer a call, or score the real text behind it."""
        if call.step not in LAST_STEPS:
            return await self._llm.call(call)
        prompt = call.soft or hard_prompt(self._engine, call)
        self.loglik = float((await self._engine.logprobs(prompt, self._real)).mean())
        return Answer(".", "", True, len(prompt.token_ids), 0, "scored", 0.0)


def hard_prompt(engine: EmbedsBackend, call: Call) -> SoftPrompt:
    """A prompt of words alone as a soft prompt without vectors."""
    token_ids = engine.tokens.encode(engine.tokens.render(call.messages))
    return SoftPrompt(np.asarray(token_ids, np.int64), np.zeros(0, np.int64), np.zeros((0, engine.hidden), np.float32))


def _scored(job: Job, max_tokens: int, values: dict[str, float]) -> Method:
    engine = scorer_of(job.kit.llm.backend)

    async def scored(case: Case, kit: Kit) -> Outcome:
        if not case.reference:
            raise CallFailed("the case has no real text")
        real = [*engine.tokens.encode(case.reference), engine.tokens.end_id][:max_tokens]
        llm = LastCallScored(kit.llm, engine, np.asarray(real, np.int64))
        outcome = await job.method(case, replace(kit, llm=llm))
        if llm.loglik is not None:
            values[case.id] = llm.loglik
        return outcome

    return scored
