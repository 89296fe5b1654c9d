"""What a tenant's calls cost: written down at once where there is a budget to keep, otherwise once a second.

A write costs more than the rest of a request. A process that is killed loses what it counted in its last second, and
whether there is a budget is looked up as often.
"""

import threading
import time

from unlike.store import spend
from unlike.store.database import Tenant, Tx

WRITTEN_EVERY_S = 1.0


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
        self._written_at = 0.0

    def check(self) -> None:
        """Refuse where today's budget is used up; without a budget nothing is asked.

        Raises:
            BudgetSpent: It is.
        """
        if self._limited:
            with self._tenant.read() as tx:
                spend.check(tx)

    def add(self, tokens: int) -> bool:
        """Count a call; gives whether it is time to write."""
        with self._lock:
            self._tokens, self._calls = self._tokens + tokens, self._calls + 1
            return self._limited or time.monotonic() - self._written_at >= WRITTEN_EVERY_S

    def write(self) -> None:
        """Write down what has gathered."""
        with self._lock:
            tokens, calls, self._tokens, self._calls = self._tokens, self._calls, 0, 0
            self._written_at = time.monotonic()
        if calls:
            self._limited = self._tenant.insist(lambda tx: _written(tx, tokens, calls))


def _written(tx: Tx, tokens: int, calls: int) -> bool:
    """Whether the tenant has a budget, once the tokens are written."""
    spend.add(tx, tokens, calls)
    return spend.budget_of(tx) is not None
