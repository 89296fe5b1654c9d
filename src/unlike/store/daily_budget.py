"""What a tenant's LLM calls used, day by day (UTC), against its budget."""

from datetime import UTC, datetime

from sqlalchemy import bindparam, select, update

from unlike.errors import UnlikeError
from unlike.progress import n_of
from unlike.store import jobs
from unlike.store.database import Tx
from unlike.store.tables import SPEND, TENANTS

DAY_MS = 24 * 3600 * 1000
RESERVED_S = 5.0
"""After which a call may be retried that was refused because running calls have reserved the rest."""
_SPENT = "today's budget"
"""Start of the reason of jobs that wait for a new budget."""
_SETTINGS = select(TENANTS.c.settings).where(TENANTS.c.id == bindparam("tenant"))


class BudgetSpent(UnlikeError):
    """What is left of the tenant's tokens of the day is less than a piece of work may use.

    Args:
        tx: When.
        budget: Tokens per day.
        used: Tokens of today.
        needed: Tokens that the work may use; 0 if unknown.

    Attributes:
        renewed_in_s: Seconds after which to try again.
    """

    def __init__(self, tx: Tx, budget: int, used: int, needed: int = 0) -> None:
        self.renewed_in_s = (DAY_MS - tx.now_ms % DAY_MS) / 1000
        left, when = budget - used, "it is renewed at midnight UTC"
        if left <= 0:
            why = f"is used up ({used:,}); {when}"
        elif needed > budget:
            why = f"is less than this may use ({needed:,}); give it a larger budget, or ask for a shorter text"
        elif needed > left:
            why = f"has {left:,} left, and this may use {needed:,}; {when}"
        else:
            self.renewed_in_s = RESERVED_S
            why = f"has {left:,} left, but running calls may use them; try again soon"
        super().__init__(f"{_SPENT} of {n_of(budget, 'token')} {why}")


def add(tx: Tx, tokens: int, calls: int = 1, reserved: int = 0, day: str = "") -> None:
    """Count tokens and calls of a day, today by default; a negative reservation releases tokens that were reserved on it."""
    counts = {"tokens": tokens, "calls": calls, "reserved": reserved}
    insert = tx.insert(SPEND).values(tenant=tx.tenant, day=day or day_of(tx), **counts)
    more = {name: SPEND.c[name] + n for name, n in counts.items()}
    tx.conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "day"], set_=more))


def check(tx: Tx) -> int | None:
    """Check that today's budget is not used up; returns the tokens per day, None for no limit.

    Raises:
        BudgetSpent: It is used up.
    """
    budget = budget_of(tx)
    if budget is not None and (used := used_today(tx)) >= budget:
        raise BudgetSpent(tx, budget, used)
    return budget


def reserve(tx: Tx, tokens: int) -> int | None:
    """Reserve tokens of today's budget; returns the tokens per day, None for no limit.

    Raises:
        BudgetSpent: Fewer are left, or the rest is reserved.
    """
    tx.conn.execute(select(TENANTS.c.id).where(TENANTS.c.id == tx.tenant).with_for_update())
    budget = budget_of(tx)
    if budget is not None:
        used, reserved = _today(tx)
        if used >= budget or used + max(0, reserved) + tokens > budget:
            raise BudgetSpent(tx, budget, used, tokens)
        add(tx, 0, 0, tokens)
    return budget


def used_today(tx: Tx) -> int:
    """Tokens since midnight (UTC)."""
    return _today(tx)[0]


def _today(tx: Tx) -> tuple[int, int]:
    """Tokens used and reserved, read by one statement: a call that ends in between moves tokens from one to the other."""
    row = tx.conn.execute(
        select(SPEND.c.tokens, SPEND.c.reserved).where(SPEND.c.tenant == tx.tenant, SPEND.c.day == day_of(tx))
    )
    return tuple(row.one_or_none() or (0, 0))


def budget_of(tx: Tx) -> int | None:
    """Tokens per day; None for no limit."""
    return tx.conn.scalars(_SETTINGS, {"tenant": tx.tenant}).one().get("tokens_a_day")


def set_budget(tx: Tx, tokens_a_day: int | None) -> None:
    """Limit the tokens per day; None for no limit. Jobs that wait for a new budget run now."""
    settings = tx.conn.scalars(_SETTINGS, {"tenant": tx.tenant}).one()
    changed = settings | {"tokens_a_day": tokens_a_day}
    tx.conn.execute(update(TENANTS).where(TENANTS.c.id == tx.tenant).values(settings=changed))
    jobs.run_now(tx, _SPENT)


def day_of(tx: Tx) -> str:
    """Today (UTC), as YYYY-MM-DD."""
    return datetime.fromtimestamp(tx.now_ms / 1000, UTC).strftime("%Y-%m-%d")
