"""Writing the text of a request: one LLM call, or one more where the first repeated someone's words."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from unlike.llm.backend import Backend, Completion
from unlike.llm.stream import streamed
from unlike.memory.answers import Written
from unlike.memory.guard import Refused, guarded
from unlike.memory.request import Prepared
from unlike.memory.settings import MemorySettings
from unlike.privacy.repeats import repeats


async def write(prepared: Prepared, backend: Backend, settings: MemorySettings) -> Written:
    """The text of a request.

    Raises:
        Refused: It repeats another person's words, also when asked again.
        CallFailed: The call failed.
        EngineError: The LLM cannot be used.
    """
    answer = await backend.complete(prepared.messages, prepared.sampling)
    found = repeats(answer.text, prepared.others, settings.repeat_words)
    if found and settings.on_repeat == "retry":
        again = replace(prepared.sampling, seed=prepared.sampling.seed + 1)
        answer = _both(answer, await backend.complete(prepared.messages, again))
        found = repeats(answer.text, prepared.others, settings.repeat_words)
    if found and settings.on_repeat != "mark":
        raise Refused(settings.repeat_words, answer.prompt_tokens + answer.completion_tokens)
    return written(prepared, answer, tuple(found))


async def write_stream(prepared: Prepared, backend: Backend, settings: MemorySettings) -> AsyncGenerator[str | Written]:
    """The pieces of a text, then the whole of it; whoever leaves early closes it, which stops the engine's work.

    A stream cannot be taken back, so what would be written again is refused here.

    Raises:
        Refused: The text was about to repeat another person's words.
    """
    pieces = streamed(backend, prepared.messages, prepared.sampling)
    marks = settings.on_repeat == "mark"
    async with aclosing(guarded(pieces, () if marks else prepared.others, settings.repeat_words)) as safe:
        async for piece in safe:
            if isinstance(piece, str):
                yield piece
            else:
                found = repeats(piece.text, prepared.others, settings.repeat_words) if marks else []
                yield written(prepared, piece, tuple(found))


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
