"""What a tenant's LLM calls used, day by day (UTC), against its budget."""

from datetime import UTC, datetime

from sqlalchemy import bindparam, select, update

from unlike.errors import UnlikeError
from unlike.store import jobs
from unlike.store.database import Tx
from unlike.store.tables import SPEND, TENANTS

DAY_MS = 24 * 3600 * 1000
_SPENT = "today's budget"
"""How the reason begins for which a job waits until it is renewed."""
_SETTINGS = select(TENANTS.c.settings).where(TENANTS.c.id == bindparam("tenant"))


class BudgetSpent(UnlikeError):
    """The tenant's tokens of the day are used up.

    Args:
        budget: Tokens a day.
        used: Tokens of today.
        renewed_in_s: How long until the next day begins (UTC).

    Attributes:
        renewed_in_s: The same.
    """

    def __init__(self, budget: int, used: int, renewed_in_s: float) -> None:
        super().__init__(f"{_SPENT} of {budget:,} tokens is used up ({used:,}); it is renewed at midnight UTC")
        self.renewed_in_s = renewed_in_s


def add(tx: Tx, tokens: int, calls: int = 1) -> None:
    """Count tokens and calls of today."""
    insert = tx.insert(SPEND).values(tenant=tx.tenant, day=_day(tx), tokens=tokens, calls=calls)
    more = {"tokens": SPEND.c.tokens + tokens, "calls": SPEND.c.calls + calls}
    tx.conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "day"], set_=more))


def check(tx: Tx) -> int | None:
    """Refuse where today's budget is used up; gives the tokens a day, None for no limit.

    Raises:
        BudgetSpent: It is.
    """
    budget = budget_of(tx)
    if budget is not None and (used := used_today(tx)) >= budget:
        raise BudgetSpent(budget, used, (DAY_MS - tx.now_ms % DAY_MS) / 1000)
    return budget


def used_today(tx: Tx) -> int:
    """Tokens since midnight (UTC)."""
    return tx.conn.scalar(select(SPEND.c.tokens).where(SPEND.c.tenant == tx.tenant, SPEND.c.day == _day(tx))) or 0


def budget_of(tx: Tx) -> int | None:
    """Tokens a day; None for no limit."""
    return tx.conn.scalars(_SETTINGS, {"tenant": tx.tenant}).one().get("tokens_a_day")


def set_budget(tx: Tx, tokens_a_day: int | None) -> None:
    """Limit the tokens of a day; None for no limit. Jobs that wait for the budget to be renewed are tried again now."""
    settings = tx.conn.scalars(_SETTINGS, {"tenant": tx.tenant}).one()
    changed = settings | {"tokens_a_day": tokens_a_day}
    tx.conn.execute(update(TENANTS).where(TENANTS.c.id == tx.tenant).values(settings=changed))
    jobs.hurry(tx, _SPENT)


def _day(tx: Tx) -> str:
    return datetime.fromtimestamp(tx.now_ms / 1000, UTC).strftime("%Y-%m-%d")
