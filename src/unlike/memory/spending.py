"""What a tenant's calls cost: written down at once where there is a budget to keep, otherwise once a second.

A write costs more than the rest of a request. A process that is killed loses what it counted in its last second, and
a budget that is set where there was none counts a second later.
"""

import asyncio
import threading
import time

from unlike.llm.recorded import Usage
from unlike.store import spend
from unlike.store.database import Tenant, Tx

EVERY_S = 1.0


class Spending:
    """The tokens that this process used for a tenant.

    Args:
        tenant: Whose.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._lock = threading.Lock()
        self._tokens, self._calls = 0, 0
        self._limited = True
        self._looked_at = self._written_at = 0.0

    def check(self) -> None:
        """Refuse where today's budget is used up; where there is none, that is looked up once a second.

        Raises:
            BudgetSpent: It is.
        """
        if self._limited or _late(self._looked_at):
            with self._tenant.read() as tx:
                self._looked(spend.check(tx))

    async def spend(self, tokens: int, calls: int = 1) -> None:
        """Count calls, and write them down when it is time."""
        if self._add(tokens, calls):
            await asyncio.to_thread(self.write)

    async def spend_used(self, used: Usage) -> None:
        """Count what a piece of work has used, if anything."""
        if tokens := used.prompt_tokens + used.completion_tokens:
            await self.spend(tokens, used.n_calls)

    def write(self) -> None:
        """Write down what has gathered."""
        with self._lock:
            tokens, calls, self._tokens, self._calls = self._tokens, self._calls, 0, 0
            self._written_at = time.monotonic()
        if calls:
            self._looked(self._tenant.insist(lambda tx: _written(tx, tokens, calls)))

    def _add(self, tokens: int, calls: int) -> bool:
        """Count calls; gives whether it is time to write."""
        with self._lock:
            self._tokens, self._calls = self._tokens + tokens, self._calls + calls
            return self._limited or _late(self._written_at)

    def _looked(self, budget: int | None) -> None:
        self._limited, self._looked_at = budget is not None, time.monotonic()


def _late(last: float) -> bool:
    return time.monotonic() - last >= EVERY_S


def _written(tx: Tx, tokens: int, calls: int) -> int | None:
    """The budget, once the tokens are written."""
    spend.add(tx, tokens, calls)
    return spend.budget_of(tx)
