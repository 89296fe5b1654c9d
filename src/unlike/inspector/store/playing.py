"""A method at work before one's eyes: its prompts as they are sent, its text as it is written, then what it came to."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from unlike.errors import CallFailed, EngineError, UnlikeError
from unlike.llm.backend import Backend, Completion, Messages
from unlike.llm.journal import Call
from unlike.llm.recorded import LLM, Answer, Usage
from unlike.llm.soft import takes_soft_prompts
from unlike.llm.stream import Pieces, streamed
from unlike.memory.guard import guarded
from unlike.memory.settings import MemorySettings
from unlike.methods.kit import Kit, Outcome
from unlike.methods.table import Method
from unlike.privacy.repeats import Others, repeats
from unlike.records import Case
from unlike.store import records
from unlike.store.database import Tenant
from unlike.writing.clean_stream import cleaned
from unlike.writing.expected import Expected

LAST_STEPS = ("generate", "generate_turns", "soft")
"""Those that write the text itself; of it nothing is kept."""
SHARED_WORDS = 4
"""So many words in a row that another person wrote on the item too are marked."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a step asked the LLM."""

    step: str
    messages: Messages


@dataclass(frozen=True, slots=True)
class Played:
    """A text by one method, and what it took.

    Attributes:
        shared: Runs of words that others wrote on the item too, as they stand in the text.
        n_calls: Calls of the LLM that were made.
        n_kept: Calls whose answer was kept from before.
        prompt_tokens: Of the calls made.
        completion_tokens: Of the calls made.
    """

    method: str
    text: str
    shared: tuple[str, ...]
    n_calls: int
    n_kept: int
    prompt_tokens: int
    completion_tokens: int
    wall_s: float


Event = Prompt | str | Played


class Watched:
    """An LLM whose prompts and words are seen as they come.

    Args:
        recorded: Answers the steps before the text.
        tenant: Whose records the prompts are made of.
        user_id: For whom; words of others may not be repeated to this one.
        settings: What happens to words of others.
        expected: What the text is expected to be.

    Attributes:
        backend: The engine.
        told: What came so far and was not read yet; None ends it.
    """

    def __init__(
        self, recorded: LLM, tenant: Tenant, user_id: str, settings: MemorySettings, expected: Expected
    ) -> None:
        self.backend: Backend = recorded.backend
        self.told = asyncio.Queue[Prompt | str | None]()
        self._recorded, self._settings = recorded, settings
        self._tenant, self._user_id, self._expected = tenant, user_id, expected
        self._last = Usage()

    @property
    def usage(self) -> Usage:
        """What all calls took so far."""
        before, last = self._recorded.usage, self._last
        return Usage(
            before.n_calls + last.n_calls,
            before.n_cached,
            before.n_calls_failed,
            before.prompt_tokens + last.prompt_tokens,
            before.completion_tokens + last.completion_tokens,
        )

    async def call(self, call: Call) -> Answer:
        """Answer a call; a text is told piece by piece.

        Raises:
            CallFailed: This call failed, or its answer holds no words.
            EngineError: No call can succeed.
            Refused: The text was about to repeat another person's words.
        """
        self.told.put_nowait(Prompt(call.step, call.messages))
        if call.step not in LAST_STEPS:
            return await self._recorded.call(call)
        try:
            answer = await self._written(call)
        except CallFailed as failure:
            self._last = replace(self._last, n_calls=1, completion_tokens=failure.tokens)
            raise
        found = Answer(
            text=answer.text,
            key="",
            cached=False,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            finish_reason=answer.finish_reason,
            wall_s=answer.wall_s,
        )
        self._last = self._last.plus(found)
        return found

    async def _written(self, call: Call) -> Completion:
        theirs = await asyncio.to_thread(self._others, call.record_ids)
        async with aclosing(guarded(cleaned(self._pieces(call), self._expected), theirs)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, str):
                    return piece
                self.told.put_nowait(piece)
        raise AssertionError("pieces end with a Completion")

    def _others(self, record_ids: Sequence[str]) -> Others:
        """Texts of others that the LLM saw, which may not be repeated unless that is only to be marked."""
        if self._settings.on_repeat == "mark":
            return Others(())
        with self._tenant.read() as tx:
            read = records.with_ids(tx, record_ids)
        texts = [one.record.text for one in read if one.record.user_id != self._user_id]
        return Others(texts, self._settings.repeat_words)

    async def _pieces(self, call: Call) -> Pieces:
        if call.soft is None:
            async with aclosing(streamed(self.backend, call.messages, call.sampling)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        if not takes_soft_prompts(self.backend):
            raise EngineError(f"{self.backend.model} takes no soft prompts; use transformers:MODEL or vllm:MODEL")
        whole = await self.backend.complete_soft(call.soft, call.sampling)
        yield whole.text
        yield whole


async def play(name: str, method: Method, case: Case, kit: Kit, peers: Sequence[str]) -> AsyncGenerator[Event]:
    """Try a method: its prompts and the pieces of its text, then what it came to.

    Whoever leaves early closes it, which stops the engine's work.

    Args:
        name: Of the method.
        method: To try.
        case: The request.
        kit: Its collaborators; its LLM is watched.
        peers: Texts of others on the item, to mark what is shared with them.
    """
    watched, started_s = kit.llm, time.monotonic()
    assert isinstance(watched, Watched)
    task = asyncio.create_task(_done(method(case, kit), watched.told))
    try:
        while (event := await watched.told.get()) is not None:
            yield event
        outcome = await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, UnlikeError):  # what it raised was raised above
            await task
    usage = watched.usage
    yield Played(
        method=name,
        text=outcome.text,
        shared=tuple(await asyncio.to_thread(repeats, outcome.text, peers, SHARED_WORDS)),
        n_calls=usage.n_calls,
        n_kept=usage.n_cached,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        wall_s=round(time.monotonic() - started_s, 3),
    )


async def _done(work: Awaitable[Outcome], told: "asyncio.Queue[Prompt | str | None]") -> Outcome:
    """The outcome; whoever waits for what is told learns that nothing more comes."""
    try:
        return await work
    finally:
        told.put_nowait(None)
