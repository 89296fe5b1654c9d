"""Deleting expired data, by the retention settings."""

from collections.abc import Callable

from sqlalchemy import Table, delete, select

from unlike.memory.erase import scrub
from unlike.memory.settings import Retention
from unlike.store import audit, erase_rows, jobs, scrubs
from unlike.store.batches import MAX_VALUES
from unlike.store.database import Tenant, Tx
from unlike.store.tables import AUDIT, JOURNAL, PINS, PROFILES, RECORDS, USERS

DAY_MS = 24 * 3600 * 1000


def expire(tenant: Tenant, retention: Retention) -> dict[str, int]:
    """Delete expired data; returns the number of rows of each kind."""
    found = {
        "records": _all_of(tenant, lambda tx: _expire_records(tx, retention.records)),
        "profile_versions": _all_of(tenant, lambda tx: _delete(tx, PROFILES, retention.profile_versions)),
        "calls": _all_of(tenant, lambda tx: _delete(tx, JOURNAL, retention.calls)),
        "audit": _all_of(tenant, lambda tx: _delete(tx, AUDIT, retention.audit)),
    }
    if any(found.values()):
        scrub(tenant.store)
    return found


def _all_of(tenant: Tenant, some: Callable[[Tx], int]) -> int:
    """Delete in batches, so that others can write in between."""
    n = 0
    while done := tenant.run_with_retry(some):
        n += done
    return n


def _expire_records(tx: Tx, days: float | None) -> int:
    if days is None:
        return 0
    old = (RECORDS.c.tenant == tx.tenant) & (RECORDS.c.created_ms < tx.now_ms - days * DAY_MS)
    columns = select(RECORDS.c.id, RECORDS.c.user, USERS.c.user_id).join(USERS, USERS.c.id == RECORDS.c.user)
    rows = tx.conn.execute(columns.where(old).order_by(RECORDS.c.user).limit(MAX_VALUES)).all()
    for user, user_id in {(row.user, row.user_id) for row in rows}:
        mine = [row.id for row in rows if row.user == user]
        touched = erase_rows.take_out_records(tx, user, mine)
        jobs.enqueue(tx, "cluster", touched.items, tx.now_ms)
        jobs.enqueue(tx, "build", [user, *touched.users], tx.now_ms + 1)
        audit.note(tx, "expire", user_id, {"records": len(mine)})
    if rows:
        scrubs.request(tx)
    return len(rows)


def _delete(tx: Tx, table: Table, days: float | None) -> int:
    if days is None:
        return 0
    at = table.c.at_ms if table is AUDIT else table.c.created_ms
    old = select(table.c.id).where(table.c.tenant == tx.tenant, at < tx.now_ms - days * DAY_MS)
    if table is PROFILES:
        # A pinned statement goes with the version whose lineage it has, so that version stays while it is pinned.
        pinned = select(PINS.c.id).where(PINS.c.profile == PROFILES.c.id).exists()
        old = old.where(~PROFILES.c.current, ~pinned)
    numbers = tx.conn.scalars(old.limit(MAX_VALUES)).all()
    if numbers:
        tx.conn.execute(delete(table).where(table.c.id.in_(numbers)))
        scrubs.request(tx)
    return len(numbers)
