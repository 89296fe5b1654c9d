"""What a tenant's LLM calls cost: stored at once where there is a budget, otherwise once a second.

A request, and each call of a build, reserves the tokens that it may use before it starts, and what it used replaces the
reservation when it ends. It starts only if these are left of the budget, neither used nor reserved, so simultaneous calls
cannot all spend the same remainder. Usage is counted even while the database cannot be written: a paid answer is still
returned, and the count is stored with the next one (``owes_writing``).

Writes are batched because one costs more than the rest of a request. A process that is killed loses the counts of its last
second and leaves its reservations behind, and a new budget takes effect within a second.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Literal, Protocol

from unlike.errors import UnlikeError
from unlike.llm.backend import Backend
from unlike.llm.journal import Call
from unlike.llm.recorded import n_prompt_tokens
from unlike.llm.usage import Meter, Usage
from unlike.store import daily_budget
from unlike.store.database import Tenant, Tx
from unlike.writing.draft import Draft
from unlike.writing.write import Guard

EVERY_S = 1.0

Reserved = tuple[str, int]
"""The day of a reservation, and its tokens."""
NOTHING: Reserved = ("", 0)
Work = Literal["request", "build"]
"""What an LLM was asked for."""

log = logging.getLogger(__name__)


class Counted(Protocol):
    """An LLM that counts what is asked of it."""

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        ...


def attempts_of(draft: Draft, guard: Guard) -> int:
    """How often the LLM may be asked for a text that is written whole; see ``writing.write``."""
    n_times = 2 if guard.others.texts and guard.on_repeat == "retry" else 1
    return n_times * (1 + draft.max_rewrites)


class Spending:
    """The tokens that this process used for a tenant.

    Args:
        tenant: Whose.

    Attributes:
        owes_writing: Whether some usage could not be stored yet.
        on_used: Called with what each piece of work used.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._lock = threading.Lock()
        self._tokens, self._calls, self._reserved = 0, 0, Counter[str]()
        self._releasing = set[asyncio.Task[None]]()
        self._limited = True
        self._looked_at = self._written_at = 0.0
        self.owes_writing = False
        self.on_used: Callable[[Usage, Work], None] = lambda used, work: None

    def check(self) -> None:
        """Check that today's budget is not used up; whether there is a budget is looked up once a second.

        Raises:
            BudgetSpent: It is used up.
        """
        if self._limited or _is_due(self._looked_at):
            with self._tenant.read() as tx:
                self._set_budget(daily_budget.check(tx))

    @asynccontextmanager
    async def reserve(self, estimate: int, llm: Counted, work: Work = "request") -> AsyncGenerator[None]:
        """Reserve tokens for a piece of work; at its end, successful or not, count what it used instead.

        Args:
            estimate: Tokens that it may use.
            llm: Used for this work only; its usage is what is counted.
            work: What it is.

        Raises:
            BudgetSpent: Fewer are left of the budget, or others have reserved them.
        """
        needs_store = self._limited or _is_due(self._looked_at)  # otherwise no thread is needed, which would cost most
        reserved = await self._reserved_in_thread(estimate) if needs_store else NOTHING
        try:
            yield
        finally:
            await self._settle(llm.usage, reserved, work)

    @asynccontextmanager
    async def call(self, call: Call, backend: Backend, work: Work) -> AsyncGenerator[Meter]:
        """Reserve tokens for one call to a backend while it is made; yields the meter that counts it."""
        meter = Meter()
        async with self.reserve(n_prompt_tokens(call, backend) + call.sampling.max_tokens, meter, work):
            yield meter

    async def _reserved_in_thread(self, estimate: int) -> Reserved:
        """Reserve tokens; a caller that is cancelled meanwhile leaves nothing reserved."""
        reserving = asyncio.create_task(asyncio.to_thread(self._reserve, estimate))
        try:
            return await asyncio.shield(reserving)
        except asyncio.CancelledError:
            task = asyncio.create_task(self._release(reserving))
            self._releasing.add(task)  # the event loop alone would not keep it
            task.add_done_callback(self._releasing.discard)
            raise

    async def _release(self, reserving: asyncio.Task[Reserved]) -> None:
        with suppress(UnlikeError):  # then nothing was reserved
            if self._add(0, 0, await reserving):
                await asyncio.to_thread(self.write)

    async def _settle(self, used: Usage, reserved: Reserved, work: Work) -> None:
        """Count what was used in place of what was reserved."""
        tokens = used.prompt_tokens + used.completion_tokens
        self.on_used(used, work)
        if self._add(tokens, used.n_calls if tokens else 0, reserved):
            await asyncio.shield(asyncio.to_thread(self.write))

    def write(self) -> None:
        """Store the counts so far; those that cannot be stored now are kept for the next time."""
        with self._lock:
            tokens, calls, reserved = self._tokens, self._calls, self._reserved
            self._tokens, self._calls, self._reserved = 0, 0, Counter[str]()
            self._written_at = time.monotonic()
        if not (calls or tokens or any(reserved.values())):
            return
        try:
            self._set_budget(
                self._tenant.run_with_retry(lambda tx: _written(tx, tokens, calls, reserved), durable=False)
            )
            self.owes_writing = False
        except UnlikeError as error:
            self._add(tokens, calls, *reserved.items())
            self.owes_writing = True
            log.error("usage of a tenant cannot be stored yet: %s", type(error.__cause__ or error).__name__)

    def _reserve(self, tokens: int) -> Reserved:
        """Reserve tokens of the budget if there is one."""
        if not self._limited:
            self.check()
        if not self._limited:
            return NOTHING
        budget, day = self._tenant.run_with_retry(
            lambda tx: (daily_budget.reserve(tx, tokens), daily_budget.day_of(tx)), durable=False
        )
        self._set_budget(budget)
        return NOTHING if budget is None else (day, tokens)

    def _add(self, tokens: int, calls: int, *reserved: Reserved) -> bool:
        """Count calls and reservations that ended; returns whether the counts are to be stored now."""
        with self._lock:
            self._tokens += tokens
            self._calls += calls
            for day, n in reserved:
                self._reserved[day] += n
            return self._limited or _is_due(self._written_at)

    def _set_budget(self, budget: int | None) -> None:
        self._limited, self._looked_at = budget is not None, time.monotonic()


def _is_due(last: float) -> bool:
    return time.monotonic() - last >= EVERY_S


def _written(tx: Tx, tokens: int, calls: int, reserved: Mapping[str, int]) -> int | None:
    """Store the counts, each reservation's with its day; returns the budget."""
    today = daily_budget.day_of(tx)
    daily_budget.add(tx, tokens, calls, -reserved.get(today, 0))
    for day, n in reserved.items():
        if n and day != today:
            daily_budget.add(tx, 0, 0, -n, day)
    return daily_budget.budget_of(tx)
