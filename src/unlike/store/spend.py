"""What a tenant's LLM calls used, day by day (UTC), against its budget."""

from datetime import UTC, datetime

from sqlalchemy import bindparam, select, update

from unlike.errors import UnlikeError
from unlike.store.database import Tx
from unlike.store.tables import SPEND, TENANTS

_SETTINGS = select(TENANTS.c.settings).where(TENANTS.c.id == bindparam("tenant"))


class BudgetSpent(UnlikeError):
    """The tenant's tokens of the day are used up."""


def add(tx: Tx, tokens: int, calls: int = 1) -> None:
    """Count tokens and calls of today."""
    insert = tx.insert(SPEND).values(tenant=tx.tenant, day=_day(tx), tokens=tokens, calls=calls)
    more = {"tokens": SPEND.c.tokens + tokens, "calls": SPEND.c.calls + calls}
    tx.conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "day"], set_=more))


def check(tx: Tx) -> None:
    """Refuse where today's budget is used up.

    Raises:
        BudgetSpent: It is.
    """
    budget = budget_of(tx)
    if budget is None:
        return
    used = tx.conn.scalar(select(SPEND.c.tokens).where(SPEND.c.tenant == tx.tenant, SPEND.c.day == _day(tx))) or 0
    if used >= budget:
        raise BudgetSpent(f"today's budget of {budget:,} tokens is used up ({used:,}); it is renewed at midnight UTC")


def budget_of(tx: Tx) -> int | None:
    """Tokens a day; None for no limit."""
    return tx.conn.scalars(_SETTINGS, {"tenant": tx.tenant}).one().get("tokens_a_day")


def set_budget(tx: Tx, tokens_a_day: int | None) -> None:
    """Limit the tokens of a day; None for no limit."""
    settings = tx.conn.scalars(_SETTINGS, {"tenant": tx.tenant}).one()
    changed = settings | {"tokens_a_day": tokens_a_day}
    tx.conn.execute(update(TENANTS).where(TENANTS.c.id == tx.tenant).values(settings=changed))


def _day(tx: Tx) -> str:
    return datetime.fromtimestamp(tx.now_ms / 1000, UTC).strftime("%Y-%m-%d")
