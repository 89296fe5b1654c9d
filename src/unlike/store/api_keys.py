"""Keys of the HTTP API: shown once, kept as a hash, each of one tenant."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, update

from unlike.errors import InputError
from unlike.store.database import Store, Tenant, Tx
from unlike.store.records import Unknown
from unlike.store.tables import API_KEYS, TENANTS

PREFIX = "unlike_"


def new(tx: Tx, name: str) -> str:
    """Make a key; this is the only time it is seen.

    Raises:
        InputError: The tenant has a key of that name.
    """
    if tx.conn.scalar(select(API_KEYS.c.id).where(API_KEYS.c.tenant == tx.tenant, API_KEYS.c.name == name)):
        raise InputError(f"a key {name!r} is there already; revoke it or choose another name")
    key = PREFIX + secrets.token_urlsafe(32)
    row = {"tenant": tx.tenant, "name": name, "hash": _hash(key), "created_ms": tx.now_ms}
    tx.conn.execute(API_KEYS.insert().values(row))
    return key


def revoke(tx: Tx, name: str) -> None:
    """Make a key worthless.

    Raises:
        Unknown: There is no such key.
    """
    chosen = (API_KEYS.c.tenant == tx.tenant) & (API_KEYS.c.name == name)
    if not tx.conn.execute(update(API_KEYS).where(chosen).values(revoked_ms=tx.now_ms)).rowcount:
        raise Unknown(f"no key {name!r}; see: unlike keys list")


def listed(tx: Tx) -> Sequence[Row[*tuple[Any, ...]]]:
    """(name, created_ms, revoked_ms) of the tenant's keys."""
    columns = (API_KEYS.c.name, API_KEYS.c.created_ms, API_KEYS.c.revoked_ms)
    return tx.conn.execute(select(*columns).where(API_KEYS.c.tenant == tx.tenant).order_by(API_KEYS.c.name)).all()


def tenant_of(store: Store, key: str) -> Tenant | None:
    """Whose key it is; None for one unknown or revoked."""
    valid = (API_KEYS.c.hash == _hash(key)) & API_KEYS.c.revoked_ms.is_(None)
    query = select(TENANTS.c.id, TENANTS.c.name).join(API_KEYS, API_KEYS.c.tenant == TENANTS.c.id).where(valid)
    with store.connection(writes=False) as conn:
        row = conn.execute(query).first()
    return Tenant(store, row.id, row.name) if row else None


def _hash(key: str) -> str:
    """SHA-256 suffices: a key has 256 random bits, so there is nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()
