"""Another master key: every tenant's and user's key is unwrapped with the old one and wrapped with the new, at once.

No text is touched. Once the old master key is destroyed, the keys in older backups and logs open no more, and with them
nothing that was erased since: rotation is how erasure reaches what no delete can.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, select, update

from unlike.privacy.keys import MasterKey
from unlike.store.batches import MAX_VALUES
from unlike.store.database import Store
from unlike.store.keyring import about_tenant, about_user
from unlike.store.tables import TENANTS, USERS

About = Callable[[Row[*tuple[Any, ...]]], str]


def rotate(store: Store, new: MasterKey) -> dict[str, int]:
    """Wrap all keys with another master key, in one transaction.

    This store and all that are open with the old master key must be opened again.

    Returns:
        How many keys of "tenants" and of "users" were wrapped.

    Raises:
        Unreadable: A key is wrapped by neither; nothing is changed.
    """
    old = store.keys.master
    with store.connection(writes=True) as conn:
        conn.execute(
            select(TENANTS.c.id).with_for_update()
        )  # creating a user waits for this, and then needs the new key
        return {
            "tenants": _wrap_again(conn, TENANTS, old, new, lambda row: about_tenant(row.name)),
            "users": _wrap_again(conn, USERS, old, new, lambda row: about_user(row.tenant)),
        }


def _wrap_again(conn: Connection, table: Table, old: MasterKey, new: MasterKey, about: About) -> int:
    wrapped = update(table).where(table.c.id == bindparam("number"))
    after, n = 0, 0
    while rows := conn.execute(select(table).where(table.c.id > after).order_by(table.c.id).limit(MAX_VALUES)).all():
        changed = [{"number": row.id} | _wrapped(row, old, new, about(row).encode()) for row in rows]
        conn.execute(wrapped, changed)
        after, n = rows[-1].id, n + len(rows)
    return n


def _wrapped(row: Row[*tuple[Any, ...]], old: MasterKey, new: MasterKey, about: bytes) -> dict[str, Any]:
    return {"wrapped_key": new.wrap(old.unwrap(row.wrapped_key, about), about), "master": new.id}
