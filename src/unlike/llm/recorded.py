"""An LLM behind a journal: a call is answered from the journal where it is known, and by the engine where it is not.

All calls of methods, judges and requests go through this class, so that resuming, counting and failing work the same
everywhere.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Protocol

from unlike.errors import CallFailed, EngineError, InputError
from unlike.llm.backend import Backend, Completion, Sampling, n_bytes_of, tokens_of_bytes
from unlike.llm.journal import Call, Entry, key
from unlike.llm.soft_prompt import EmbedsBackend, takes_soft_prompts
from unlike.llm.stop import STOP
from unlike.llm.stream import Pieces, streamed
from unlike.llm.usage import CACHED, Meter, Usage, count, count_unanswered, note, usage_of_failed


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call.

    Attributes:
        key: Of the journal's entry; "" where there is no journal.
        cached: Whether it came without a call of its own: from the journal, or from the same call that was under way.
        wall_s: Seconds of the engine when it was asked; those during which it answered several calls are divided among them.
    """

    text: str
    key: str
    cached: bool
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    wall_s: float

    @classmethod
    def of(cls, entry: "Entry | Completion", key: str, cached: bool) -> "Answer":
        """The answer that an entry of the journal, or an engine's completion, holds."""
        counts = (entry.prompt_tokens, entry.completion_tokens, entry.finish_reason, entry.wall_s)
        return cls(entry.text, key, cached, *counts)


class LLM(Protocol):
    """An LLM behind the journal, or a forecast of one."""

    @property
    def backend(self) -> Backend:
        """The engine: its context size and its way to count tokens."""
        ...

    @property
    def usage(self) -> Usage:
        """What was asked so far."""
        ...

    @property
    def meter(self) -> Meter:
        """Counts the usage."""
        ...

    async def call(self, call: Call) -> Answer:
        """Answer a call, from the journal where it is known.

        Raises:
            CallFailed: This call failed.
            EngineError: No call can succeed.
        """
        ...

    def part(self, on_call: Callable[[Call], None] | None = None) -> "LLM":
        """The same LLM with a usage of its own, for one of several runs that share it; see ``RecordedLLM.part``."""
        ...


class CallStore(Protocol):
    """Keeps answers: the journal in a file, or a table beside the records they were made of."""

    def get(self, key: str) -> Entry | None:
        """What is known about a call."""
        ...

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Commit what came of a call; returns what is kept now."""
        ...

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Note more records whose words an answered call holds."""
        ...


class EngineTime:
    """An engine's time, divided equally among the calls under way at each moment: all shares add up to the time it worked.

    Args:
        now: The clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._at_s = now, now()
        self._n_under_way, self._share_s = 0, 0.0

    def begin(self) -> float:
        """Note that a call begins; returns what ``end`` needs."""
        return self._change(1)

    def end(self, began: float) -> float:
        """Note that a call ends; returns its seconds."""
        return self._change(-1) - began

    def _change(self, n: int) -> float:
        """Note that ``n`` calls more are under way; returns the seconds of a call that has been under way from the start."""
        now_s = self._now()
        self._share_s += (now_s - self._at_s) / max(self._n_under_way, 1)
        self._at_s, self._n_under_way = now_s, self._n_under_way + n
        return self._share_s


Hold = Callable[[Call], AbstractAsyncContextManager[Meter | None]]
"""What a call holds while it is made, such as a place among a limited number; its meter counts this call, if there is one."""


@dataclass(slots=True)
class _Shared:
    """What an LLM shares with its parts."""

    hold: Hold
    time: EngineTime
    under_way: dict[str, asyncio.Task[Entry]] = field(default_factory=dict[str, asyncio.Task[Entry]])
    failed: dict[str, CallFailed] = field(default_factory=dict[str, CallFailed])
    broken: EngineError | None = None


def _one_of(n: int) -> Hold:
    """A place among ``n``."""
    if n < 1:
        raise InputError(f"concurrency {n}: give 1 or more")
    places = asyncio.Semaphore(n)
    return lambda call: places


class RecordedLLM:
    """A backend behind a journal.

    Args:
        backend: Asked for what the journal does not hold; the caller closes it.
        journal: Read and written; the caller closes it. None keeps nothing: every call is made.
        concurrency: Calls under way at the same time, or what each call holds while it is made.
        meter: Counts what this and other LLMs are asked.
        time: Measures the seconds of each call.

    Raises:
        InputError: ``concurrency`` is below 1.
    """

    def __init__(
        self,
        backend: Backend,
        journal: CallStore | None = None,
        concurrency: int | Hold = 16,
        meter: Meter | None = None,
        time: EngineTime | None = None,
    ) -> None:
        self.backend = backend
        self._journal = journal
        self._shared = _Shared(
            _one_of(concurrency) if isinstance(concurrency, int) else concurrency, time or EngineTime()
        )
        self._meters = (Meter(), meter) if meter else (Meter(),)
        self._on_call: Callable[[Call], None] | None = None

    @property
    def usage(self) -> Usage:
        """What was used so far, as a snapshot that stays as it is."""
        return self.meter.usage

    @property
    def meter(self) -> Meter:
        """Counts the usage, and that of the parts."""
        return self._meters[0]

    def part(self, on_call: Callable[[Call], None] | None = None) -> "RecordedLLM":
        """The same LLM with a usage of its own; what is used through a part counts for the whole too.

        A call that another part had asked for already counts as cached.

        Args:
            on_call: Called with each call before it is answered.
        """
        part = copy(self)
        part._meters, part._on_call = (Meter(), *self._meters), on_call
        return part

    async def call(self, call: Call) -> Answer:
        """Answer one call, from the journal or from the engine.

        A call that failed in an earlier run is asked again; one that failed in this run fails again at once.
        ``repeat`` is added to the seed; otherwise a repetition would be the same text. With a journal, a caller that is
        cancelled does not cancel the call: others may wait for it, and it is paid for.

        Raises:
            CallFailed: This call failed for good.
            EngineError: No call can succeed; every later one fails with the same words.
            InputError: The journal cannot be used.
            Stopped: The user asked to stop before this call began.
        """
        if self._on_call:
            self._on_call(call)
        if self._journal is None:
            async with self._shared.hold(call) as meter:
                return Answer.of(await self._ask(call, meter), "", cached=False)
        name, shared = key(call, self.backend.model), self._shared
        if name in shared.failed:
            failure = shared.failed[name]
            raise type(failure)(str(failure), failure.raw)
        entry = self._journal.get(name)
        under_way = shared.under_way.get(name)
        cached = under_way is not None or (entry is not None and entry.state == "done")
        if entry is None or entry.state == "failed":
            entry = await asyncio.shield(under_way or self._start(name, call, self._journal))
        if cached:
            await self._journal.link(name, call.record_ids)
            count(self._meters, CACHED)
        return Answer.of(entry, name, cached)

    async def stream(self, call: Call) -> Pieces:
        """Answer one call piece by piece; neither read from the journal nor kept.

        Where a stream is closed early and the engine reports no usage, its tokens are estimated.

        Raises:
            CallFailed: This call failed.
            EngineError: No call can succeed.
        """
        if self._on_call:
            self._on_call(call)
        async with self._shared.hold(call) as meter, aclosing(self._streamed(call, self._counting(meter))) as pieces:
            async for piece in pieces:
                yield piece

    async def _streamed(self, call: Call, meters: Sequence[Meter]) -> Pieces:
        n_bytes, used, unanswered = 0, None, count_unanswered()
        try:
            async with aclosing(self._pieces(call)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, str):
                        n_bytes += n_bytes_of(piece)
                    else:
                        used = _usage_of(piece)
                    yield piece
        except CallFailed as failure:
            note(meters, failure)
            estimated = replace(self._estimated(call, n_bytes), n_calls_failed=1)
            used = usage_of_failed(failure) if failure.tokens or not n_bytes else estimated
            raise
        except EngineError as error:
            note(meters, error)
            used = None if n_bytes else Usage()
            raise
        finally:
            used = self._estimated(call, n_bytes) if used is None else used
            count(meters, used.plus(unanswered.usage(lambda: n_prompt_tokens(call, self.backend))))

    def _counting(self, meter: Meter | None) -> Sequence[Meter]:
        """The meters of a call, with the one of its own."""
        return (*self._meters, meter) if meter else self._meters

    def _start(self, name: str, call: Call, journal: CallStore) -> asyncio.Task[Entry]:
        task = asyncio.create_task(self._ask_and_keep(name, call, journal))
        self._shared.under_way[name] = task
        task.add_done_callback(lambda done: self._finished(name, done))
        return task

    def _finished(self, name: str, task: asyncio.Task[Entry]) -> None:
        del self._shared.under_way[name]
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not warn where no one waits any more

    async def _ask_and_keep(self, name: str, call: Call, journal: CallStore) -> Entry:
        async with self._shared.hold(call) as meter:  # until it is committed, so that a kill loses at most these calls
            try:
                answer = await self._ask(call, meter)
            except CallFailed as failure:
                self._shared.failed[name] = failure
                failed = Entry("failed", error=str(failure), raw=failure.raw)
                await STOP.in_flight(journal.put(name, call, self.backend.model, failed))
                raise
            counts = (answer.prompt_tokens, answer.completion_tokens, answer.finish_reason, answer.wall_s)
            done = Entry("done", answer.text, "", "", *counts)
            return await STOP.in_flight(journal.put(name, call, self.backend.model, done))

    async def _ask(self, call: Call, meter: Meter | None) -> Completion:
        await STOP.check()
        meters = self._counting(meter)
        if self._shared.broken is not None:
            raise EngineError(str(self._shared.broken)) from self._shared.broken
        began, unanswered = self._shared.time.begin(), count_unanswered()
        try:
            completion = await STOP.in_flight(self._complete(call))
        except EngineError as error:
            self._shared.broken = error
            note(meters, error)
            raise
        except CallFailed as failure:
            note(meters, failure)
            count(meters, usage_of_failed(failure))
            raise
        except asyncio.CancelledError:
            count(meters, self._estimated(call, 0))  # the engine has read the prompt
            raise
        finally:
            engine_s = self._shared.time.end(began)
            if unanswered.n:
                count(meters, unanswered.usage(lambda: n_prompt_tokens(call, self.backend)))
        count(meters, _usage_of(completion))
        return replace(completion, wall_s=engine_s)

    async def _complete(self, call: Call) -> Completion:
        if call.soft is None:
            return await self.backend.complete(call.messages, _sampling_of(call))
        return await self._soft_backend().complete_soft(call.soft, _sampling_of(call))

    async def _pieces(self, call: Call) -> Pieces:
        """The pieces as the engine sends them; behind soft vectors there is one."""
        if call.soft is not None:
            whole = await self._soft_backend().complete_soft(call.soft, _sampling_of(call))
            yield whole.text
            yield whole
            return
        async with aclosing(streamed(self.backend, call.messages, _sampling_of(call))) as pieces:
            async for piece in pieces:
                yield piece

    def _soft_backend(self) -> EmbedsBackend:
        if not takes_soft_prompts(self.backend):
            raise EngineError(f"{self.backend.model} takes no soft prompts; use transformers:MODEL or vllm:MODEL")
        return self.backend

    def _estimated(self, call: Call, n_bytes: int) -> Usage:
        """The estimated usage of an answer that was closed early."""
        return Usage(1, 0, 0, n_prompt_tokens(call, self.backend), tokens_of_bytes(n_bytes))


def n_prompt_tokens(call: Call, backend: Backend) -> int:
    """Length of a call's prompt, soft vectors included."""
    return backend.count_tokens(call.messages) if call.soft is None else len(call.soft.token_ids)


def _sampling_of(call: Call) -> Sampling:
    """How a call is answered: with its repeat number in the seed, and sharing the engine's cache with its tenant at most."""
    if call.sampling.cache_salt and not call.repeat:
        return call.sampling
    salt = call.sampling.cache_salt or (hashlib.sha256(call.tenant.encode()).hexdigest()[:32] if call.tenant else "")
    return replace(call.sampling, seed=call.sampling.seed + call.repeat, cache_salt=salt)


def _usage_of(completion: Completion) -> Usage:
    return Usage(1, 0, 0, completion.prompt_tokens, completion.completion_tokens)
