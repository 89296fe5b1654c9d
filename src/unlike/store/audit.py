"""What was done to whose data and when; people stand in it as a keyed hash, never by name."""

import hmac
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from unlike.store.database import Tx
from unlike.store.keyring import about_tenant
from unlike.store.tables import AUDIT, TENANTS


def note(tx: Tx, what: str, user_id: str, counts: Mapping[str, int]) -> None:
    """Add a line."""
    tx.conn.execute(
        AUDIT.insert().values(
            tenant=tx.tenant, at_ms=tx.now_ms, what=what, who=name_of(tx, user_id), counts=dict(counts)
        )
    )


def about(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    """The lines about a user, oldest first."""
    mine = (AUDIT.c.tenant == tx.tenant) & (AUDIT.c.who == name_of(tx, user_id))
    rows = tx.conn.execute(select(AUDIT.c.at_ms, AUDIT.c.what, AUDIT.c.counts).where(mine).order_by(AUDIT.c.id))
    return [dict(row) for row in rows.mappings()]


def name_of(tx: Tx, user_id: str) -> str:
    """HMAC-SHA256 of a user id under the tenant's key."""
    row = tx.conn.execute(select(TENANTS.c.name, TENANTS.c.wrapped_key).where(TENANTS.c.id == tx.tenant)).one()
    key = tx.keys.master.unwrap(row.wrapped_key, about_tenant(row.name).encode())
    return hmac.new(key, user_id.encode(), "sha256").hexdigest()
