"""Items of a tenant: what is told of one, by whom, and in which version.

An item's words stand in prompts of all who write about it, so not every record may change them. Whoever tells first is
believed until somebody with more right tells otherwise: a record of somebody who does not agree to be compared, one of
somebody who does, and the product itself (``tell``), in this order. Words that only one user ever told of an item go with that
user; what two users told alike is nobody's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update

from unlike.records import Item
from unlike.store.batches import batches
from unlike.store.database import Tx
from unlike.store.tables import ITEMS, RECORDS

_WITH_IDS = select(ITEMS.c.item_id, ITEMS.c.title, ITEMS.c.description).where(
    ITEMS.c.tenant == bindparam("tenant"), ITEMS.c.item_id.in_(bindparam("item_ids", expanding=True))
)


class Trust(IntEnum):
    """Who told of an item."""

    NOBODY = 0
    RECORD = 1
    PEER_RECORD = 2
    PRODUCT = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody tells of an item.

    Attributes:
        item: Title and description; empty ones tell nothing.
        trust: Who tells it.
        user: Number of the user whose record it came with.
    """

    item: Item
    trust: Trust = Trust.PRODUCT
    user: int | None = None

    @property
    def says_something(self) -> bool:
        """Whether there are words."""
        return bool(self.item.title or self.item.description)


def numbers_of_items(tx: Tx, told: Mapping[str, Told]) -> dict[str, int]:
    """Numbers of items by id; what is new is kept, and what is told of a known one by somebody with more right."""
    there = _rows(tx, sorted(told))
    new = [told[item_id] for item_id in sorted(told) if item_id not in there]
    if new:
        insert = tx.insert(ITEMS).on_conflict_do_nothing(index_elements=["tenant", "item_id"])
        tx.conn.execute(insert, [_row(tx, one, 1) for one in new])
        there |= _rows(tx, [one.item.id for one in new])
    for item_id, row in there.items():
        _tell(tx, row, told[item_id])
    return {item_id: row.id for item_id, row in there.items()}


def tell(tx: Tx, item: Item) -> int:
    """Say what an item is, for the product itself; gives the version of its words."""
    number = numbers_of_items(tx, {item.id: Told(item)})[item.id]
    return tx.conn.scalars(select(ITEMS.c.version).where(ITEMS.c.id == number)).one()


def items_with_ids(tx: Tx, item_ids: Iterable[str]) -> dict[str, Item]:
    """The items of these ids that are there."""
    rows = tx.conn.execute(_WITH_IDS, {"tenant": tx.tenant, "item_ids": sorted(set(item_ids))})
    return {item_id: Item(item_id, title, description) for item_id, title, description in rows}


def forget_teller(tx: Tx, user: int) -> int:
    """Take back what only this user told of items; gives of how many."""
    mine = (ITEMS.c.tenant == tx.tenant) & (ITEMS.c.told_by == user)
    nothing = {"title": "", "description": "", "trust": Trust.NOBODY, "told_by": None, "version": ITEMS.c.version + 1}
    return tx.conn.execute(update(ITEMS).where(mine).values(nothing)).rowcount


def drop_unused(tx: Tx, items: Sequence[int]) -> int:
    """Delete those of these items that nobody writes about and that the product did not tell of; gives how many."""
    n = 0
    for batch in batches(items):
        unused = ~select(RECORDS.c.id).where(RECORDS.c.item == ITEMS.c.id).exists()
        chosen = (ITEMS.c.tenant == tx.tenant) & ITEMS.c.id.in_(batch) & (ITEMS.c.trust < Trust.PRODUCT)
        n += tx.conn.execute(delete(ITEMS).where(chosen, unused)).rowcount
    return n


def is_there(tx: Tx, item: int) -> bool:
    """Whether there still is an item."""
    return tx.conn.scalar(select(ITEMS.c.id).where(ITEMS.c.tenant == tx.tenant, ITEMS.c.id == item)) is not None


def _tell(tx: Tx, row: Row[*tuple[Any, ...]], told: Told) -> None:
    words = told.item.title or row.title, told.item.description or row.description
    changed: dict[str, Any] = {}
    if words == (row.title, row.description):
        if any(words) and row.told_by is not None and told.user != row.told_by:
            changed = {"told_by": None, "trust": max(row.trust, told.trust)}
    elif told.trust > row.trust or told.trust == Trust.PRODUCT or not (row.title or row.description):
        changed = _row(tx, Told(Item(row.item_id, *words), told.trust, told.user), row.version + 1)
    if changed:
        tx.conn.execute(update(ITEMS).where(ITEMS.c.id == row.id).values(changed))


def _row(tx: Tx, told: Told, version: int) -> dict[str, Any]:
    return {
        "tenant": tx.tenant,
        "item_id": told.item.id,
        "title": told.item.title,
        "description": told.item.description,
        "trust": told.trust if told.says_something else Trust.NOBODY,
        "told_by": told.user if told.says_something else None,
        "version": version,
    }


def _rows(tx: Tx, item_ids: Sequence[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    mine = select(ITEMS).where(ITEMS.c.tenant == tx.tenant)
    return {
        row.item_id: row
        for batch in batches(item_ids)
        for row in tx.conn.execute(mine.where(ITEMS.c.item_id.in_(batch)))
    }
