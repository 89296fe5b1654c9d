"""Keys of the HTTP API: shown once, kept as a hash, each of one tenant, for some scopes and perhaps for some time."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Row, delete, func, or_, select, update

from unlike.errors import InputError
from unlike.store.database import Store, Tenant, Tx
from unlike.store.keyring import wrapped_by_another
from unlike.store.records import Unknown
from unlike.store.tables import API_KEYS, TENANTS

PREFIX = "unlike_"
Scope = Literal["read", "write", "generate", "administer"]
"""What a key may do: read; send records; generate texts; edit, export and erase data of users."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: a key of a tenant, with what it may do.

    Attributes:
        tenant: Whose data the request is about.
        name: What the key is called.
        scopes: What it may do.
        expires_ms: When it expires; None for never.
    """

    tenant: Tenant
    name: str
    scopes: frozenset[str]
    expires_ms: int | None


def new(tx: Tx, name: str, scopes: Sequence[str] = SCOPES, expires_ms: int | None = None) -> str:
    """Create a key; it is returned only this once. It takes the place of a revoked key of that name.

    Args:
        tx: An open transaction.
        name: Its name.
        scopes: What it may do.
        expires_ms: When it expires; None for never.

    Raises:
        InputError: The tenant has a key of that name that is not revoked, a scope is unknown, or the expiry is in the past.
    """
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise InputError(f"unknown scope: {', '.join(unknown)}; allowed are {', '.join(SCOPES)}")
    if not scopes or (expires_ms is not None and expires_ms <= tx.now_ms):
        raise InputError("the key would be useless: give at least one scope, and an expiry in the future")
    same = (API_KEYS.c.tenant == tx.tenant) & (API_KEYS.c.name == name)
    tx.conn.execute(delete(API_KEYS).where(same, API_KEYS.c.revoked_ms.is_not(None)))
    if tx.conn.scalar(select(API_KEYS.c.id).where(same)):
        raise InputError(f"there is already a key {name!r}; revoke it or choose another name")
    key = PREFIX + secrets.token_urlsafe(32)
    row = {"tenant": tx.tenant, "name": name, "hash": _hash(key), "created_ms": tx.now_ms}
    row |= {"scopes": sorted(set(scopes)), "expires_ms": expires_ms}
    tx.conn.execute(API_KEYS.insert().values(row))
    return key


def revoke(tx: Tx, name: str) -> None:
    """Revoke a key; one that was revoked before keeps its time.

    Raises:
        Unknown: There is no such key.
    """
    chosen = (API_KEYS.c.tenant == tx.tenant) & (API_KEYS.c.name == name)
    revoked = {"revoked_ms": func.coalesce(API_KEYS.c.revoked_ms, tx.now_ms)}
    if not tx.conn.execute(update(API_KEYS).where(chosen).values(revoked)).rowcount:
        raise Unknown(f"no key {name!r}; see: unlike keys list")


def listed(tx: Tx) -> Sequence[Row[*tuple[Any, ...]]]:
    """(name, created_ms, revoked_ms, scopes, expires_ms) of the tenant's keys."""
    columns = tuple(API_KEYS.c[name] for name in ("name", "created_ms", "revoked_ms", "scopes", "expires_ms"))
    return tx.conn.execute(select(*columns).where(API_KEYS.c.tenant == tx.tenant).order_by(API_KEYS.c.name)).all()


def find(store: Store, key: str) -> Caller | None:
    """Look up a key; None for one that is unknown, revoked or expired.

    Raises:
        AnotherMasterKey: The tenant's keys are wrapped by another master key by now.
    """
    valid = (API_KEYS.c.hash == _hash(key)) & API_KEYS.c.revoked_ms.is_(None)
    lasts = or_(API_KEYS.c.expires_ms.is_(None), API_KEYS.c.expires_ms > store.now_ms())
    columns = (API_KEYS.c.name.label("key"), API_KEYS.c.scopes, API_KEYS.c.expires_ms)
    query = select(TENANTS.c.id, TENANTS.c.name, TENANTS.c.master, *columns).join(
        API_KEYS, API_KEYS.c.tenant == TENANTS.c.id
    )
    with store.connection(writes=False) as conn:
        row = conn.execute(query.where(valid, lasts)).first()
    if row is None:
        return None
    if row.master != store.keys.master.id:
        raise wrapped_by_another(row.master, store.keys.master.id)
    return Caller(Tenant(store, row.id, row.name), row.key, frozenset(row.scopes), row.expires_ms)


def _hash(key: str) -> str:
    """SHA-256 suffices: a key has 256 random bits, so there is nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()
