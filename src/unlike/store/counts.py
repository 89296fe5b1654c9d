"""Counts of a tenant's data, for people to read."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, func, select, true

from unlike.store import jobs
from unlike.store.database import Tx
from unlike.store.tables import ITEMS, PROFILES, RECORDS, USERS


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts of a tenant.

    Attributes:
        n_compared: Users who may be compared with others.
        n_stale: Current profiles that are to be rebuilt.
        jobs: By state.
    """

    n_users: int
    n_compared: int
    n_items: int
    n_records: int
    n_profiles: int
    n_stale: int
    jobs: dict[str, int]


def facts_of(tx: Tx) -> Facts:
    """Counts of the tenant of an open transaction."""
    return Facts(
        n_users=_count(tx, USERS),
        n_compared=_count(tx, USERS, USERS.c.peer),
        n_items=_count(tx, ITEMS),
        n_records=_count(tx, RECORDS),
        n_profiles=_count(tx, PROFILES, PROFILES.c.current),
        n_stale=_count(tx, PROFILES, PROFILES.c.current & PROFILES.c.stale),
        jobs=jobs.counts(tx.conn, jobs.Scope(tx.tenant)),
    )


def n_with_few_records(tx: Tx, n: int) -> int:
    """How many users agree to the use of their records, and have fewer than n."""
    mine = (RECORDS.c.tenant == USERS.c.tenant) & (RECORDS.c.user == USERS.c.id)
    counted = select(func.count(RECORDS.c.id)).where(mine).scalar_subquery()
    return _count(tx, USERS, USERS.c.own & (counted < n))


def built_since(tx: Tx, at_ms: int) -> list[str]:
    """Ids of users whose current profile was built at that time or later."""
    mine = (PROFILES.c.tenant == tx.tenant) & PROFILES.c.current & (PROFILES.c.origin == "built")
    built = select(USERS.c.user_id).join(PROFILES, PROFILES.c.user == USERS.c.id)
    return list(tx.conn.scalars(built.where(mine, PROFILES.c.created_ms >= at_ms).order_by(USERS.c.user_id)))


def _count(tx: Tx, table: Table, condition: ColumnElement[bool] | None = None) -> int:
    wanted = true() if condition is None else condition
    return tx.conn.scalars(select(func.count()).select_from(table).where(table.c.tenant == tx.tenant, wanted)).one()
