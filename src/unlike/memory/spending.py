"""What a tenant's LLM calls cost: stored at once where there is a budget, otherwise once a second.

Work reserves an estimate of its tokens before it starts, and what it used replaces the reservation when it ends. So
simultaneous calls cannot all spend the same remainder: each starts only while part of the budget is neither used nor
reserved. Usage is counted even while the database cannot be written: a paid answer is still returned, and the count is
stored with the next one (``owes_writing``).

Writes are batched because one costs more than the rest of a request. A process that is killed loses the counts of its last
second and leaves its reservations behind, and a new budget takes effect within a second.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from unlike.errors import UnlikeError
from unlike.llm.usage import Usage
from unlike.settings import MethodSettings
from unlike.store import daily_budget
from unlike.store.database import Tenant, Tx
from unlike.writing.draft import Draft
from unlike.writing.write import Guard

EVERY_S = 1.0

Reserved = tuple[str, int]
"""The day of a reservation, and its tokens."""
NOTHING: Reserved = ("", 0)

log = logging.getLogger(__name__)


class Counted(Protocol):
    """An LLM that counts what is asked of it."""

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        ...

    @property
    def under_way(self) -> Collection[asyncio.Task[Any]]:
        """Calls that are being made, also those whose caller was cancelled."""
        ...


def attempts_of(draft: Draft, guard: Guard) -> int:
    """How often the LLM may be asked for a text that is written whole; see ``writing.write``."""
    n_times = 2 if guard.others.texts and guard.on_repeat == "retry" else 1
    return n_times * (1 + draft.max_rewrites)


def tokens_of_calls(n_calls: int, method: MethodSettings) -> int:
    """Tokens to reserve for the steps before a text; each prompt is assumed to be as long as its answer may be."""
    return n_calls * 2 * method.max_tokens * (1 + method.max_rewrites)


class Spending:
    """The tokens that this process used for a tenant.

    Args:
        tenant: Whose.

    Attributes:
        owes_writing: Whether some usage could not be stored yet.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._lock = threading.Lock()
        self._tokens, self._calls, self._reserved = 0, 0, Counter[str]()
        self._background = set[asyncio.Task[None]]()
        self._limited = True
        self._looked_at = self._written_at = 0.0
        self.owes_writing = False

    def check(self) -> None:
        """Check that today's budget is not used up; whether there is a budget is looked up once a second.

        Raises:
            BudgetSpent: It is used up.
        """
        if self._limited or _is_due(self._looked_at):
            with self._tenant.read() as tx:
                self._set_budget(daily_budget.check(tx))

    @asynccontextmanager
    async def reserve(self, estimate: int, llm: Counted) -> AsyncGenerator[None]:
        """Reserve tokens for a piece of work; at its end, successful or not, count what it used instead.

        Where the work is cancelled and calls of it go on, the tokens stay reserved until these have ended.

        Args:
            estimate: Tokens that it may use.
            llm: Used for this work only; its usage is what is counted.

        Raises:
            BudgetSpent: The rest of the budget is used up or reserved.
        """
        needs_store = self._limited or _is_due(self._looked_at)  # otherwise no thread is needed, which would cost most
        reserved = await self._reserved_in_thread(estimate) if needs_store else NOTHING
        try:
            yield
        finally:
            if llm.under_way:
                self._run_in_background(self._settle(llm, reserved))
            else:
                await self._settle(llm, reserved)

    async def _reserved_in_thread(self, estimate: int) -> Reserved:
        """Reserve tokens; a caller that is cancelled meanwhile leaves nothing reserved."""
        reserving = asyncio.create_task(asyncio.to_thread(self._reserve, estimate))
        try:
            return await asyncio.shield(reserving)
        except asyncio.CancelledError:
            self._run_in_background(self._release(reserving))
            raise

    async def _release(self, reserving: asyncio.Task[Reserved]) -> None:
        with suppress(UnlikeError):  # then nothing was reserved
            if self._add(0, 0, await reserving):
                await asyncio.to_thread(self.write)

    async def _settle(self, llm: Counted, reserved: Reserved) -> None:
        """Count what was used in place of what was reserved, once no call is under way."""
        try:
            if llm.under_way:
                await asyncio.wait(llm.under_way)
        finally:
            used = llm.usage
            tokens = used.prompt_tokens + used.completion_tokens
            if self._add(tokens, used.n_calls if tokens else 0, reserved):
                await asyncio.shield(asyncio.to_thread(self.write))

    def _run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)  # the event loop alone would not keep it
        task.add_done_callback(self._background.discard)

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
