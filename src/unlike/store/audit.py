"""What was done to whose data and when; people stand in it as a keyed hash, never by name."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from unlike.records import canonical_id
from unlike.store.database import Tx
from unlike.store.keyring import about_tenant, wrapped_by_another
from unlike.store.tables import AUDIT, TENANTS

READS = ("read", "export")
"""What changes nothing."""


def note(tx: Tx, what: str, user_id: str, counts: Mapping[str, int], by: str = "") -> None:
    """Add a line.

    Args:
        tx: An open transaction.
        what: Was done.
        user_id: To whose data.
        counts: Of what there was.
        by: Name of the API key, "" for a command or the service itself.
    """
    row = {"at_ms": tx.now_ms, "what": what, "who": name_of(tx, user_id), "by": by, "counts": dict(counts)}
    tx.conn.execute(AUDIT.insert().values(tenant=tx.tenant, **row))


def about(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    """The lines about a user, oldest first."""
    mine = (AUDIT.c.tenant == tx.tenant) & (AUDIT.c.who == name_of(tx, user_id))
    rows = tx.conn.execute(
        select(AUDIT.c.at_ms, AUDIT.c.what, AUDIT.c.by, AUDIT.c.counts).where(mine).order_by(AUDIT.c.id)
    )
    return [dict(row) for row in rows.mappings()]


def name_of(tx: Tx, user_id: str) -> str:
    """HMAC-SHA256 of a user id under the tenant's key."""
    return names_of(tx, [user_id])[user_id]


def names_of(tx: Tx, user_ids: Iterable[str]) -> dict[str, str]:
    """What users are called where they are not named, by their ids."""
    row = tx.conn.execute(select(TENANTS).where(TENANTS.c.id == tx.tenant)).one()
    if row.master != tx.keys.master.id:
        raise wrapped_by_another(row.master, tx.keys.master.id)
    key = tx.keys.master.unwrap(row.wrapped_key, about_tenant(row.name).encode())
    return {user_id: hmac.new(key, canonical_id(user_id).encode(), "sha256").hexdigest() for user_id in user_ids}
