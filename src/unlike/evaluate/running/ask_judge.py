"""Asking an LLM to grade texts: what all judges share. A reply without a clear grade is a recorded failure, never a value.

The plain judge (``judge``) and the rubric judge (``rubric_judge``) differ in the prompt and in how a reply is read.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from unlike.errors import CallFailed, InputError
from unlike.llm.backend import Sampling
from unlike.llm.recorded import LLM
from unlike.methods.steps import together
from unlike.prompts.prompt import Ask
from unlike.prompts.task import Task
from unlike.writing.draft import Draft, draft_of
from unlike.writing.expected import ANSWER
from unlike.writing.write import write


@dataclass(frozen=True, slots=True)
class Question:
    """A text to grade.

    Attributes:
        case_id: Id of the case.
        ask: The prompt.
        sampling: Sampling of every call.
        read: Turns a cleaned reply into a value, or into the reason why it has none.
    """

    case_id: str
    ask: Ask
    sampling: Sampling
    read: Callable[[str], float | str]


@dataclass(frozen=True, slots=True)
class NoScore:
    """A grade that is missing.

    Attributes:
        case_id: Id of the case.
        repeat: Number of the repeated call, from 0.
        reason: What went wrong.
        raw: What the judge or its engine sent, if anything.
    """

    case_id: str
    repeat: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Grades of one method's texts.

    Attributes:
        per_case: Mean over the repeats that gave a value, 0..1, by case id.
        n_failed: Cases where no repeat gave one.
        failures: Every missing grade, including those of cases that have a value from other repeats.
        left_out: By case id: what was shortened for the judge's context; only of cases where something was.
    """

    per_case: dict[str, float]
    n_failed: int
    failures: tuple[NoScore, ...]
    left_out: dict[str, tuple[str, ...]]

    @property
    def note(self) -> str:
        """How many texts have no grade, and why the first of them has none; empty where all have one."""
        missing = [failure for failure in self.failures if failure.case_id not in self.per_case]
        n_texts = len(self.per_case) + self.n_failed
        return f"{self.n_failed} of {n_texts} texts got no grade ({missing[0].reason})" if missing else ""


@dataclass(frozen=True, slots=True)
class _Graded:
    """One case: its values, missing grades and what was shortened."""

    case_id: str
    values: tuple[float, ...] = ()
    failures: tuple[NoScore, ...] = ()
    left_out: tuple[str, ...] = ()


async def grade(questions: Sequence[Question], llm: LLM, task: Task, repeats: int = 1) -> Judged:
    """Ask all questions side by side; the journal keeps every reply.

    Args:
        questions: One per case.
        llm: The judge.
        task: Words and templates.
        repeats: Calls per question, each with its own seed; their values are averaged.

    Raises:
        EngineError: The judge cannot be used at all; what was answered is kept.
    """
    graded = await together([_graded(question, llm, task, repeats) for question in questions])
    return Judged(
        per_case={case.case_id: fmean(case.values) for case in graded if case.values},
        n_failed=sum(not case.values for case in graded),
        failures=tuple(failure for case in graded for failure in case.failures),
        left_out={case.case_id: case.left_out for case in graded if case.left_out},
    )


async def draft_to_parse(ask: Ask, llm: LLM, task: Task, sampling: Sampling) -> Draft:
    """The prompt of a call whose reply is parsed, not shown.

    Raises:
        CallFailed: It cannot be made to fit.
    """
    try:
        draft = await asyncio.to_thread(draft_of, ask, task, llm.backend, sampling)
    except InputError as error:
        raise CallFailed(str(error)) from error
    return replace(draft, expected=ANSWER)


def with_schema(sampling: Sampling, schema: str, llm: LLM) -> Sampling:
    """The sampling with a JSON schema of the reply, where the engine offers it.

    Replies are read leniently all the same, since not every endpoint keeps to a schema.
    """
    return replace(sampling, schema=schema) if llm.backend.offers_schema else sampling


async def _graded(question: Question, llm: LLM, task: Task, repeats: int) -> _Graded:
    """All repeats of one case."""
    case_id = question.case_id
    try:
        draft = await draft_to_parse(question.ask, llm, task, question.sampling)
    except CallFailed as failure:
        return _Graded(case_id, failures=tuple(NoScore(case_id, n, str(failure), "") for n in range(repeats)))
    grades = await together([_value(question, draft, n, llm) for n in range(repeats)])
    return _Graded(
        case_id,
        values=tuple(value for value in grades if not isinstance(value, NoScore)),
        failures=tuple(value for value in grades if isinstance(value, NoScore)),
        left_out=draft.left_out,
    )


async def _value(question: Question, draft: Draft, repeat: int, llm: LLM) -> float | NoScore:
    """One grade, or why there is none."""
    try:
        reply = await write(replace(draft, call=replace(draft.call, repeat=repeat)), llm)
    except CallFailed as failure:
        return NoScore(question.case_id, repeat, str(failure), failure.raw)
    value = question.read(reply.text)
    return NoScore(question.case_id, repeat, value, reply.text) if isinstance(value, str) else value
