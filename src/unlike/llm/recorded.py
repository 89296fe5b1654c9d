"""An LLM that remembers: the journal first, the engine only for what is not there.

Every method calls an LLM through this one door, so that resuming, counting and failing work the same everywhere. One
object serves one run.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from typing import Literal, Protocol

from unlike.errors import CallFailed, EngineError
from unlike.llm.backend import Backend, Completion, Sampling
from unlike.llm.journal import Call, Entry, key
from unlike.llm.soft import takes_soft_prompts


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to.

    Attributes:
        key: Of the journal's entry.
        cached: Whether nothing had to be asked for it: it was in the journal, or the same call was under way.
        wall_s: Seconds the engine took when it was asked.
    """

    text: str
    key: str
    cached: bool
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    wall_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run cost so far.

    Attributes:
        n_calls: Calls really made, failed ones included.
        n_cached: Calls answered without asking.
        n_calls_failed: Of the calls made, those that failed.
        prompt_tokens: Of the calls made.
        completion_tokens: Of the calls made.
    """

    n_calls: int = 0
    n_cached: int = 0
    n_calls_failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def since(self, earlier: "Usage") -> "Usage":
        """What was added after an earlier reading."""
        return Usage(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))

    def plus(self, answer: Answer) -> "Usage":
        """The same and one answer more."""
        if answer.cached:
            return replace(self, n_cached=self.n_cached + 1)
        return replace(
            self,
            n_calls=self.n_calls + 1,
            prompt_tokens=self.prompt_tokens + answer.prompt_tokens,
            completion_tokens=self.completion_tokens + answer.completion_tokens,
        )


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

    async def call(self, call: Call) -> Answer:
        """Answer a call, from the journal where it is known.

        Raises:
            CallFailed: This call failed.
            EngineError: No call can succeed.
        """
        ...


class Remembers(Protocol):
    """What keeps answers: the journal in a file, or a table beside the records they were made of."""

    def get(self, key: str) -> Entry | None:
        """What is known about a call."""
        ...

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Commit what came of a call; gives what is kept now."""
        ...

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Note more records whose words an answered call holds."""
        ...


class RecordedLLM:
    """A backend behind a journal.

    Args:
        backend: Asked for what the journal does not hold; the caller closes it.
        journal: Read and written; the caller closes it.
        concurrency: Calls under way at the same time.

    Attributes:
        usage: What was used so far, as a snapshot that stays as it is.
    """

    def __init__(self, backend: Backend, journal: Remembers, concurrency: int = 16) -> None:
        self.backend = backend
        self.concurrency = concurrency
        self.usage = Usage()
        self._journal = journal
        self._free = asyncio.Semaphore(concurrency)
        self._under_way: dict[str, asyncio.Task[Entry]] = {}
        self._failed: dict[str, CallFailed] = {}
        self._broken: EngineError | None = None

    async def call(self, call: Call) -> Answer:
        """Answer one call, from the journal or from the engine.

        A call that failed in an earlier run is asked again; one that failed in this run fails again at once.
        ``repeat`` is added to the seed, for else a repetition would be the same text. Stopping to wait for an answer
        does not stop the call: others may want it, and it is paid for.

        Raises:
            CallFailed: This call failed for good.
            EngineError: No call can succeed; every later one fails with the same words.
            InputError: The journal cannot be used.
        """
        name = key(call, self.backend.model)
        if name in self._failed:
            raise CallFailed(str(self._failed[name]), self._failed[name].raw)
        entry = self._journal.get(name)
        under_way = self._under_way.get(name)
        cached = under_way is not None or (entry is not None and entry.state == "done")
        if entry is None or entry.state == "failed":
            entry = await asyncio.shield(under_way or self._start(name, call))
        if cached:
            await self._journal.link(name, call.record_ids)
            self.usage = replace(self.usage, n_cached=self.usage.n_cached + 1)
        return _answer(name, entry, cached)

    def _start(self, name: str, call: Call) -> asyncio.Task[Entry]:
        task = asyncio.create_task(self._ask(name, call))
        self._under_way[name] = task
        task.add_done_callback(lambda done: self._finished(name, done))
        return task

    def _finished(self, name: str, task: asyncio.Task[Entry]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # seen here, should nobody be waiting any more

    async def _ask(self, name: str, call: Call) -> Entry:
        async with self._free:
            if self._broken is not None:
                raise EngineError(str(self._broken)) from self._broken
            sampling = replace(call.sampling, seed=call.sampling.seed + call.repeat)
            try:
                completion = await self._complete(call, sampling)
            except EngineError as error:
                self._broken = error
                raise
            except CallFailed as failure:
                self._count(1, Completion(""))
                self._failed[name] = failure
                await self._put(name, call, Entry("failed", error=str(failure), raw=failure.raw))
                raise
            self._count(0, completion)
            return await self._put(name, call, _done(completion))

    async def _complete(self, call: Call, sampling: Sampling) -> Completion:
        if call.soft is None:
            return await self.backend.complete(call.messages, sampling)
        if not takes_soft_prompts(self.backend):
            raise EngineError(f"{self.backend.model} takes no soft prompts; use transformers:MODEL or vllm:MODEL")
        return await self.backend.complete_soft(call.soft, sampling)

    async def _put(self, name: str, call: Call, entry: Entry) -> Entry:
        return await self._journal.put(name, call, self.backend.model, entry)

    def _count(self, n_failed: Literal[0, 1], completion: Completion) -> None:
        so_far = self.usage
        self.usage = Usage(
            n_calls=so_far.n_calls + 1,
            n_cached=so_far.n_cached,
            n_calls_failed=so_far.n_calls_failed + n_failed,
            prompt_tokens=so_far.prompt_tokens + completion.prompt_tokens,
            completion_tokens=so_far.completion_tokens + completion.completion_tokens,
        )


def _done(completion: Completion) -> Entry:
    return Entry(
        "done",
        text=completion.text,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        finish_reason=completion.finish_reason,
        wall_s=completion.wall_s,
    )


def _answer(name: str, entry: Entry, cached: bool) -> Answer:
    return Answer(
        text=entry.text,
        key=name,
        cached=cached,
        prompt_tokens=entry.prompt_tokens,
        completion_tokens=entry.completion_tokens,
        finish_reason=entry.finish_reason,
        wall_s=entry.wall_s,
    )
