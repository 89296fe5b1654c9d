"""Writing the text of a request: one LLM call, or one more where the first repeated someone's words."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from unlike.llm.backend import Backend, Completion, Sampling
from unlike.llm.soft import takes_soft_prompts
from unlike.llm.stream import Pieces, streamed
from unlike.memory.answers import Written
from unlike.memory.guard import Refused, guarded
from unlike.memory.request import Prepared
from unlike.memory.settings import MemorySettings
from unlike.privacy.repeats import Others
from unlike.writing.clean import clean_completion
from unlike.writing.clean_stream import cleaned


async def write(prepared: Prepared, backend: Backend, settings: MemorySettings) -> Written:
    """The text of a request.

    Raises:
        Refused: It repeats another person's words, also when asked again.
        CallFailed: The call failed, or its answer holds no words.
        EngineError: The LLM cannot be used.
    """
    answer = clean_completion(await _answered(prepared, prepared.sampling, backend), prepared.expected)
    found = prepared.others.runs_in(answer.text)
    if found and settings.on_repeat == "retry":
        again = replace(prepared.sampling, seed=prepared.sampling.seed + 1)
        second = _both(answer, await _answered(prepared, again, backend))
        answer = clean_completion(second, prepared.expected)
        found = prepared.others.runs_in(answer.text)
    if found and settings.on_repeat != "mark":
        raise Refused(settings.repeat_words, answer.prompt_tokens + answer.completion_tokens)
    return written(prepared, answer, tuple(found))


async def write_stream(
    prepared: Prepared, backend: Backend, settings: MemorySettings, heard: Callable[[str], None] = lambda piece: None
) -> AsyncGenerator[str | Written]:
    """The pieces of a text, then the whole of it; whoever leaves early closes it, which stops the engine's work.

    A stream cannot be taken back, so what would be written again is refused here.

    Args:
        prepared: The request.
        backend: Writes.
        settings: Of the memory.
        heard: Called with each piece as the engine sends it, thoughts included: that is what the text costs.

    Raises:
        Refused: The text was about to repeat another person's words.
        CallFailed: The call failed, or its answer holds no words.
    """
    pieces = cleaned(_streamed(prepared, backend, heard), prepared.expected)
    marks = settings.on_repeat == "mark"
    async with aclosing(guarded(pieces, Others(()) if marks else prepared.others)) as safe:
        async for piece in safe:
            if isinstance(piece, str):
                yield piece
            else:
                found = prepared.others.runs_in(piece.text) if marks else []
                yield written(prepared, piece, tuple(found))


async def _answered(prepared: Prepared, sampling: Sampling, backend: Backend) -> Completion:
    if prepared.soft is None:
        return await backend.complete(prepared.messages, sampling)
    assert takes_soft_prompts(backend)  # whoever prepared it saw to that
    return await backend.complete_soft(prepared.soft, sampling)


async def _streamed(prepared: Prepared, backend: Backend, heard: Callable[[str], None]) -> Pieces:
    """The pieces of an answer; behind vectors there is one."""
    if prepared.soft is None:
        async with aclosing(streamed(backend, prepared.messages, prepared.sampling)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    heard(piece)
                yield piece
    else:
        whole = await _answered(prepared, prepared.sampling, backend)
        yield whole.text
        yield whole


def written(prepared: Prepared, answer: Completion, found: tuple[str, ...] = ()) -> Written:
    """An answer with what it was written from."""
    known = prepared.known
    return Written(
        text=answer.text,
        rung=known.rung,
        why=known.why,
        profile_version=known.profile.version if known.profile else None,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        finish_reason=answer.finish_reason,
        repeats=found,
    )


def _both(first: Completion, second: Completion) -> Completion:
    """The second answer, with the tokens of both."""
    return replace(
        second,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
    )
