"""Which ids a misspelt one may mean."""

from difflib import get_close_matches
from typing import Any

from sqlalchemy import Column, select

from unlike.records import canonical_id
from unlike.store.database import Tx

MAX_SIMILAR = 2_000
"""Ids that are compared with a misspelt one."""


def similar_ids(tx: Tx, ids: Column[Any], given: str) -> list[str]:
    """Stored ids that look like a misspelt one, and begin alike; the closest first.

    Args:
        tx: An open transaction.
        ids: Column of ids in a table that belongs to tenants.
        given: The misspelt id.
    """
    given = canonical_id(given)
    mine = (ids.table.c.tenant == tx.tenant) & ids.startswith(given[:2], autoescape=True)
    return get_close_matches(given, tx.conn.scalars(select(ids).where(mine).limit(MAX_SIMILAR)).all())
