"""How likely a method makes the real text: its mean log-probability per token after the method's draft.

Far less noisy than comparing sampled texts, so it detects small gains. The method runs unchanged; the real text is scored
after its draft instead of a text being written. Scores are journalled like answers, so a measurement can be resumed.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unlike.errors import CallFailed, InputError, custom_code
from unlike.evaluate.running.run_method import Job, Progress, run_jobs, write_whole
from unlike.llm.journal import Journal
from unlike.records import Case
from unlike.writing.loglik import score, scorer_of

FILE = "likelihood.jsonl"
LOGLIK = "loglik"


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a method makes the real text of a case: a row of ``likelihood.jsonl``.

    Attributes:
        case_id: The case.
        loglik: Mean log-probability per token; None where there is an ``error``.
        max_tokens: Tokens of the real text that count, from its beginning.
        error: Why there is no value.
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
        jobs: Methods over cases with real texts; their LLM must be able to score texts (transformers, vLLM in process).
        max_tokens: Tokens of the real text that count, from its beginning.
        journal: Holds what was scored before, and takes what is scored now.
        on_progress: Called after every case.

    Returns:
        A row per case for each job, in the order of its cases.

    Raises:
        InputError: The LLM does not score texts, or the journal cannot be used.
        EngineError: The engine cannot be used; what was scored is in the journal.
    """
    engines = {id(job): scorer_of(job.kit.llm.backend) for job in jobs}

    async def scored(job: Job, case: Case) -> Likelihood:
        try:
            if not case.reference:
                raise CallFailed("the case has no real text")
            with custom_code(f"method {job.name!r} on case {case.id!r}"):
                draft = await job.method(case, job.kit)
                loglik = await score(draft, case, engines[id(job)], journal, max_tokens)
        except CallFailed as failure:
            return Likelihood(case.id, None, max_tokens, str(failure))
        return Likelihood(case.id, loglik, max_tokens)

    return await run_jobs(jobs, scored, on_progress=on_progress)


def write_likelihood(folder: Path, rows: Sequence[Likelihood]) -> None:
    """Write the rows beside those of a run.

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
