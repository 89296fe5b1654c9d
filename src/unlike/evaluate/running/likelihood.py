"""How likely a method makes the real text: its mean log-probability per token behind the method's last prompt.

Far less noisy than any comparison of a sampled text, so small gains show. The method runs as it is, with every call but
its last one answered from the journal or the engine; in place of the last answer the real text is scored. Scores are
journalled as answers are, so measuring again is resuming, and no score outlives the prompt or the text it belongs to.
"""

import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from unlike.errors import CallFailed, InputError
from unlike.evaluate.running.run import Job, Progress, run_jobs, write_whole
from unlike.llm.backend import Backend, Sampling
from unlike.llm.forecast import n_prompt_tokens
from unlike.llm.journal import Call, Entry, Journal, key
from unlike.llm.recorded import LLM, Answer, Usage
from unlike.llm.soft import EmbedsBackend, Scorer, SoftPrompt, takes_soft_prompts
from unlike.methods.kit import Kit, Outcome
from unlike.methods.table import Method
from unlike.records import Case

FILE = "likelihood.jsonl"
LOGLIK = "loglik"
STEP = "likelihood"
LAST_STEPS = ("generate", "generate_turns", "soft")
"""The steps that write the text itself."""
NOT_WRITTEN = "(not written: only the likelihood of the real text is measured)"


class ScoringEngine(EmbedsBackend, Scorer, Protocol):
    """An engine that takes soft prompts and scores texts."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a method makes the real text of a case: the row of ``likelihood.jsonl``.

    Attributes:
        case_id: The case.
        loglik: Mean log-probability per token; None exactly where ``error`` says why there is none.
        max_tokens: Tokens of the real text that count, from its beginning.
        error: Why there is none.
    """

    case_id: str
    loglik: float | None
    max_tokens: int
    error: str = ""


async def likelihood(
    jobs: Sequence[Job], max_tokens: int, journal: Journal, on_progress: Callable[[Progress], None]
) -> list[list[Likelihood]]:
    """Mean log-probability per token of the real texts.

    Args:
        jobs: Methods over cases with real texts; their LLM must score (transformers, vLLM in process).
        max_tokens: Tokens of the real text that count, from its beginning.
        journal: Holds what was scored before, and takes what is scored now.
        on_progress: Called after every case.

    Returns:
        A row a case for each job, in the order of its cases.

    Raises:
        InputError: The LLM does not score texts, or the journal cannot be used.
        EngineError: The engine cannot be used; what was scored is in the journal.
    """
    scored = [replace(job, method=_scored(job, max_tokens, journal)) for job in jobs]
    rows_of = await run_jobs(scored, on_progress=on_progress)
    return [
        [Likelihood(row.case_id, None if row.text is None else float(row.text), max_tokens, row.error) for row in rows]
        for rows in rows_of
    ]


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


def write_likelihood(folder: Path, rows: Sequence[Likelihood]) -> None:
    """Keep the rows beside those of a run.

    Raises:
        InputError: They cannot be written.
    """
    write_whole(folder / FILE, "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows))


def read_likelihood(folder: Path) -> list[Likelihood]:
    """The rows of a run folder; none where nothing was measured.

    Raises:
        InputError: They cannot be read.
    """
    if not (folder / FILE).is_file():
        return []
    try:
        with (folder / FILE).open(encoding="utf-8") as lines:
            return [Likelihood(**json.loads(line)) for line in lines]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder / FILE} cannot be read: {error}; delete it and measure again") from error


class LastCallReplaced:
    """An LLM that answers as ever, but has something else done in place of the last call.

    Args:
        llm: Answers all other calls.
        instead: Answers the last one.
    """

    def __init__(self, llm: LLM, instead: Callable[[Call], Awaitable[Answer]]) -> None:
        self._llm = llm
        self._instead = instead

    @property
    def backend(self) -> Backend:
        """The engine."""
        return self._llm.backend

    @property
    def usage(self) -> Usage:
        """What was asked so far."""
        return self._llm.usage

    async def call(self, call: Call) -> Answer:
        """Answer a call."""
        return await (self._instead(call) if call.step in LAST_STEPS else self._llm.call(call))


def without_text(llm: LLM) -> LastCallReplaced:
    """An LLM for experiments that measure likelihood alone: it writes no text, and counts the prompt of the one left out."""

    async def left_out(call: Call) -> Answer:
        return Answer(NOT_WRITTEN, "", True, n_prompt_tokens(call, llm.backend), 0, "left out", 0.0)

    return LastCallReplaced(llm, left_out)


class Scoring:
    """Scores a real text in place of a call.

    Args:
        engine: Scores.
        journal: Of the scores.
        case: Whose real text is scored.
        max_tokens: Tokens of it that count.

    Attributes:
        loglik: Mean log-probability per token, once the call was made.
    """

    def __init__(self, engine: ScoringEngine, journal: Journal, case: Case, max_tokens: int) -> None:
        self.loglik: float | None = None
        self._engine, self._journal = engine, journal
        self._case, self._real, self._max_tokens = case, case.reference or "", max_tokens

    async def score(self, call: Call) -> Answer:
        """The score of the real text behind a call's prompt."""
        scored = self._as_scored(call)
        model = self._engine.model
        name = key(scored, model)
        entry = self._journal.get(name)
        if entry is None:
            entry = await self._journal.put(name, scored, model, await self._score(call))
        else:
            await self._journal.link(name, scored.record_ids)
        self.loglik = float(entry.text)
        return Answer(".", name, False, entry.prompt_tokens, 0, "scored", 0.0)

    def _as_scored(self, call: Call) -> Call:
        """The call as one that the real text answers; how texts are sampled does not matter to it."""
        answered = [*call.messages, {"role": "assistant", "content": self._real}]
        return replace(
            call,
            step=STEP,
            messages=answered,
            sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=self._max_tokens),
            record_ids=(*call.record_ids, self._case.id),
        )

    async def _score(self, call: Call) -> Entry:
        tokens = self._engine.tokens
        prompt = call.soft or hard_prompt(self._engine, call)
        real = np.asarray([*tokens.encode(self._real), tokens.end_id][: self._max_tokens], np.int64)
        mean = float((await self._engine.logprobs(prompt, real)).mean())
        if not math.isfinite(mean):
            raise CallFailed(f"{self._engine.model}: the log-probability of the real text is {mean}; use float32")
        return Entry("done", text=repr(mean), prompt_tokens=len(prompt.token_ids), completion_tokens=len(real))


def hard_prompt(engine: EmbedsBackend, call: Call) -> SoftPrompt:
    """A prompt of words alone as a soft prompt without vectors."""
    token_ids = engine.tokens.encode(engine.tokens.render(call.messages))
    return SoftPrompt(np.asarray(token_ids, np.int64), np.zeros(0, np.int64), np.zeros((0, engine.hidden), np.float32))


def _scored(job: Job, max_tokens: int, journal: Journal) -> Method:
    """The job's method with the score, as text, in place of its text."""
    engine = scorer_of(job.kit.llm.backend)

    async def scored(case: Case, kit: Kit) -> Outcome:
        if not case.reference:
            raise CallFailed("the case has no real text")
        scoring = Scoring(engine, journal, case, max_tokens)
        await job.method(case, replace(kit, llm=LastCallReplaced(kit.llm, scoring.score)))
        if scoring.loglik is None:
            raise CallFailed(f"method {job.name!r} made no call of step {' or '.join(LAST_STEPS)} to score behind")
        return Outcome(repr(scoring.loglik), {})

    return scored
