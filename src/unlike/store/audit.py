"""The audit log: what was done to whose data, and when; users appear as a keyed hash, never by id."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from unlike.records import canonical_id
from unlike.store.database import Tx
from unlike.store.keyring import about_tenant, wrapped_by_another
from unlike.store.tables import AUDIT, TENANTS

READS = ("read", "export")
"""Actions that change nothing."""


def note(tx: Tx, what: str, user_id: str, counts: Mapping[str, int], by: str = "") -> None:
    """Add an entry.

    Args:
        tx: An open transaction.
        what: The action.
        user_id: Whose data.
        counts: Number of rows by kind.
        by: Name of the API key; "" for a command or the service itself.
    """
    row = {"at_ms": tx.now_ms, "what": what, "who": name_of(tx, user_id), "by": by, "counts": dict(counts)}
    tx.conn.execute(AUDIT.insert().values(tenant=tx.tenant, **row))


def about(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    """The entries about a user, oldest first."""
    mine = (AUDIT.c.tenant == tx.tenant) & (AUDIT.c.who == name_of(tx, user_id))
    rows = tx.conn.execute(
        select(AUDIT.c.at_ms, AUDIT.c.what, AUDIT.c.by, AUDIT.c.counts).where(mine).order_by(AUDIT.c.id)
    )
    return [dict(row) for row in rows.mappings()]


def name_of(tx: Tx, user_id: str) -> str:
    """HMAC-SHA256 of a user id under the tenant's key."""
    return names_of(tx, [user_id])[user_id]


def names_of(tx: Tx, user_ids: Iterable[str]) -> dict[str, str]:
    """The keyed hash of each user id."""
    row = tx.conn.execute(select(TENANTS).where(TENANTS.c.id == tx.tenant)).one()
    if row.master != tx.keys.master.id:
        raise wrapped_by_another(row.master, tx.keys.master.id)
    key = tx.keys.master.unwrap(row.wrapped_key, about_tenant(row.name).encode())
    return {user_id: hmac.new(key, canonical_id(user_id).encode(), "sha256").hexdigest() for user_id in user_ids}
