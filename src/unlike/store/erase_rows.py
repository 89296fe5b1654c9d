"""Erasing a user: the user's own rows by the user's number, rows of others by lineage.

The invariant: after the transaction that ``take_out`` belongs to, no row refers to the user or to a record of the
user's, and the user's key is deleted. ``store.scrubs`` then removes what the database leaves behind in its files.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Table, delete, func, select

from unlike.store import jobs
from unlike.store.batches import rows_with
from unlike.store.database import Tx
from unlike.store.items import clear_items_of, drop_unused
from unlike.store.lineage import Touched, drop_from_others, drop_own
from unlike.store.people import hold
from unlike.store.tables import DIFFERENCES, EMBEDDINGS, ITEMS, JOURNAL, PINS, PROFILES, RECORDS, USERS


def take_out(tx: Tx, user: int) -> tuple[dict[str, int], Touched]:
    """Delete a user with everything made from the user's records.

    Returns:
        Number of deleted rows of the user by table, and what was deleted of others, with the items that remain.
    """
    hold(tx, user)
    mine = select(RECORDS.c.id).where(RECORDS.c.user == user)
    own = {
        "records": _count(tx, RECORDS, RECORDS.c.user == user),
        "embeddings": _count(tx, EMBEDDINGS, EMBEDDINGS.c.record.in_(mine)),
        "differences": _count(tx, DIFFERENCES, DIFFERENCES.c.record.in_(mine)),
        "profiles": _count(tx, PROFILES, PROFILES.c.user == user),
        "pins": _count(tx, PINS, PINS.c.user == user),
        "calls": _count(tx, JOURNAL, JOURNAL.c.user == user),
    }
    touched = drop_from_others(tx, user)
    own["jobs"] = jobs.drop(tx, "build", [user])
    items = list(tx.conn.scalars(select(RECORDS.c.item).where(RECORDS.c.user == user).distinct()))
    own["items"] = clear_items_of(tx, user)
    own["keys"] = tx.conn.execute(delete(USERS).where(USERS.c.tenant == tx.tenant, USERS.c.id == user)).rowcount
    if own["keys"]:
        tx.keys.forget(user)
    drop_unused(tx, items)
    return own, replace(touched, items=_existing(tx, {*touched.items, *items}))


def take_out_records(tx: Tx, user: int, chosen: Sequence[int], *, drops_items: bool = True) -> Touched:
    """Delete some of a user's records with everything made from them, the user's own and others'.

    Args:
        tx: An open transaction.
        user: Number of the user.
        chosen: Numbers of the records.
        drops_items: Whether items that have no record any more are deleted with their texts.
    """
    hold(tx, user)
    mine = select(RECORDS.c.id).where(RECORDS.c.user == user, RECORDS.c.id.in_(chosen))
    items = list(tx.conn.scalars(select(RECORDS.c.item).where(RECORDS.c.id.in_(mine)).distinct()))
    touched = drop_from_others(tx, user, mine)
    drop_own(tx, user, mine)
    tx.conn.execute(delete(RECORDS).where(RECORDS.c.id.in_(list(tx.conn.scalars(mine)))))
    if drops_items:
        drop_unused(tx, items)
    return replace(touched, items=_existing(tx, {*touched.items, *items}))


def _count(tx: Tx, table: Table, condition: ColumnElement[bool]) -> int:
    return tx.conn.scalars(select(func.count()).select_from(table).where(table.c.tenant == tx.tenant, condition)).one()


def _existing(tx: Tx, items: Iterable[int]) -> tuple[int, ...]:
    mine = select(ITEMS.c.id).where(ITEMS.c.tenant == tx.tenant)
    return tuple(item for (item,) in rows_with(tx, mine, ITEMS.c.id, items))
