"""One query that suffices for a request while nothing about its user has changed.

Records are never changed, only added and deleted, and the text of a profile does not change while its row is current; so
both can be cached while the stamp is the same. Items do change: those that were cached are read again. Row numbers may be
reused after an erasure, so the stamp also holds times.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Dialect, bindparam, func, literal_column, select
from sqlalchemy.sql.compiler import SQLCompiler

from unlike.records import Item
from unlike.store.database import Tenant
from unlike.store.tables import ITEMS, PROFILES, RECORDS, USERS


class Stamp(NamedTuple):
    """Equal stamps mean the same user with the same records, profile and own consent.

    Attributes:
        user: Number of the user; None for an unknown one.
        own: Whether own records may be used, 0 or 1 (SQLite), False or True (PostgreSQL); None for an unknown user.
        profile: Number of the current profile; None for a user without one.
    """

    user: int | None
    created_ms: int | None
    own: int | None
    profile: int | None
    profile_ms: int | None
    n_records: int
    last_record: int | None


def glance(tenant: Tenant, user_id: str, item_ids: Sequence[str]) -> tuple[Stamp, dict[str, Item]]:
    """A user's stamp, and those of some items that are there, at least one of them asked for; ids in their canonical form."""
    asked = sorted(set(item_ids))
    values = {"tenant": tenant.id, "user_id": user_id} | {f"item_{n}": id_ for n, id_ in enumerate(asked)}
    rows = tenant.store.rows(_compiled(len(asked), tenant.store.engine.dialect), values)
    return Stamp(*rows[0][:-3]), {row[-3]: Item(*row[-3:]) for row in rows if row[-3] is not None}


@lru_cache
def _compiled(n_items: int, dialect: Dialect) -> SQLCompiler:
    """The query for ``n_items`` items."""
    there = ITEMS.c.item_id.in_([bindparam(f"item_{n}", type_=ITEMS.c.item_id.type) for n in range(n_items)])
    items = _USER.outerjoin(ITEMS, (ITEMS.c.tenant == _OF_TENANT) & there)
    query = select(*_COLUMNS).select_from(items).compile(dialect=dialect)
    assert isinstance(query, SQLCompiler)
    return query


_RECORDS_OF_USER = select(RECORDS.c.id).where(RECORDS.c.user == USERS.c.id)
_OF_TENANT = bindparam("tenant")
_COLUMNS = (
    USERS.c.id,
    USERS.c.created_ms,
    USERS.c.own,
    PROFILES.c.id,
    PROFILES.c.created_ms,
    _RECORDS_OF_USER.with_only_columns(func.count()).scalar_subquery(),
    # Of a bare column PostgreSQL would look for the maximum among everybody's records, the latest first.
    _RECORDS_OF_USER.with_only_columns(func.max(RECORDS.c.id + literal_column("0"))).scalar_subquery(),
    ITEMS.c.item_id,
    ITEMS.c.title,
    ITEMS.c.description,
)
_USER = (
    select(literal_column("1").label("one"))
    .subquery()
    .outerjoin(USERS, (USERS.c.tenant == _OF_TENANT) & (USERS.c.user_id == bindparam("user_id")))
    .outerjoin(PROFILES, (PROFILES.c.user == USERS.c.id) & PROFILES.c.current)
)
