"""What a tenant's calls cost: written down at once where there is a budget to keep, otherwise once a second.

A call that may be dear is reserved before it is made and settled after, so calls made at once cannot all take what is left:
one starts only while something is left that no other has reserved. What was used is counted whatever happens to the database:
an answer that was paid for is given out, and what could not be written down is written with the next one (``owes_writing``).

A write costs more than the rest of a request. A process that is killed loses what it counted in its last second, leaves what
it had reserved as spent, and a budget that is set where there was none counts a second later.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from unlike.errors import UnlikeError
from unlike.llm.usage import Usage
from unlike.store import spend
from unlike.store.database import Tenant, Tx

EVERY_S = 1.0

log = logging.getLogger(__name__)


class Counted(Protocol):
    """An LLM that counts what is asked of it."""

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        ...


class Spending:
    """The tokens that this process used for a tenant.

    Args:
        tenant: Whose.

    Attributes:
        owes_writing: Whether something that was used could not be written down yet.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._lock = threading.Lock()
        self._tokens, self._calls, self._reserved = 0, 0, 0
        self._limited = True
        self._looked_at = self._written_at = 0.0
        self.owes_writing = False

    def check(self) -> None:
        """Refuse where today's budget is used up; where there is none, that is looked up once a second.

        Raises:
            BudgetSpent: It is.
        """
        if self._limited or _late(self._looked_at):
            with self._tenant.read() as tx:
                self._looked(spend.check(tx))

    @asynccontextmanager
    async def hold(self, estimate: int, llm: Counted) -> AsyncGenerator[None]:
        """Reserve tokens for a piece of work, and count what it used in their place, however it ends.

        Args:
            estimate: Tokens that it may use.
            llm: Made for this work alone; its usage is what is counted.

        Raises:
            BudgetSpent: Nothing is left that is not reserved.
        """
        reserved = await asyncio.to_thread(self._reserve, estimate)
        try:
            yield
        finally:
            used = llm.usage
            tokens = used.prompt_tokens + used.completion_tokens
            if self._add(tokens, used.n_calls if tokens else 0, reserved):
                await asyncio.shield(asyncio.to_thread(self.write))

    async def spend(self, tokens: int, calls: int = 1) -> None:
        """Count calls, and write them down when it is time."""
        if self._add(tokens, calls):
            await asyncio.to_thread(self.write)

    async def spend_used(self, used: Usage) -> None:
        """Count what a piece of work has used, if anything."""
        if tokens := used.prompt_tokens + used.completion_tokens:
            await self.spend(tokens, used.n_calls)

    def write(self) -> None:
        """Write down what has gathered; what cannot be written now is kept for the next time."""
        with self._lock:
            tokens, calls, reserved = self._tokens, self._calls, self._reserved
            self._tokens, self._calls, self._reserved = 0, 0, 0
            self._written_at = time.monotonic()
        if not (calls or tokens or reserved):
            return
        try:
            self._looked(self._tenant.insist(lambda tx: _written(tx, tokens, calls, reserved), durable=False))
            self.owes_writing = False
        except UnlikeError as error:
            self._add(tokens, calls, reserved)
            self.owes_writing = True
            log.error("what a tenant used cannot be written down yet: %s", type(error.__cause__ or error).__name__)

    def _reserve(self, tokens: int) -> int:
        """Reserve tokens of a budget, where there is one; gives how many."""
        self.check()
        if not self._limited:
            return 0
        budget = self._tenant.insist(lambda tx: spend.reserve(tx, tokens), durable=False)
        self._looked(budget)
        return 0 if budget is None else tokens

    def _add(self, tokens: int, calls: int, reserved: int = 0) -> bool:
        """Count calls, and what need not be reserved any more; gives whether it is time to write."""
        with self._lock:
            self._tokens, self._calls, self._reserved = (
                self._tokens + tokens,
                self._calls + calls,
                self._reserved + reserved,
            )
            return self._limited or _late(self._written_at)

    def _looked(self, budget: int | None) -> None:
        self._limited, self._looked_at = budget is not None, time.monotonic()


def _late(last: float) -> bool:
    return time.monotonic() - last >= EVERY_S


def _written(tx: Tx, tokens: int, calls: int, reserved: int) -> int | None:
    """The budget, once the tokens are written."""
    spend.add(tx, tokens, calls, -reserved)
    return spend.budget_of(tx)
