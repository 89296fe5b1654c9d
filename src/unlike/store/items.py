"""Items of a tenant: title and description, where each of them comes from, and their version.

The text of an item is in the prompts of all users who wrote about it, so not every record may change it. The first title and
the first description stay until a source with more trust sends another: a record of a user who does not agree to be compared,
a record of one who does, and the product itself (``set_item``), in this order. A title or description that only one user ever
sent is erased with that user; one that two users sent alike, or that the product sent, belongs to no user.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, or_, select, update

from unlike.records import Item
from unlike.store import jobs
from unlike.store.batches import batches, rows_with
from unlike.store.database import Tx
from unlike.store.tables import ITEMS, RECORDS

_WITH_IDS = select(ITEMS.c.item_id, ITEMS.c.title, ITEMS.c.description).where(
    ITEMS.c.tenant == bindparam("tenant"), ITEMS.c.item_id.in_(bindparam("item_ids", expanding=True))
)

PARTS = ("title", "description")
"""The texts of an item; the user from whom each comes is in the column NAME_user."""


class Trust(IntEnum):
    """Where the text of an item comes from; a higher value replaces a lower one."""

    NONE = 0
    RECORD = 1
    PEER_RECORD = 2
    PRODUCT = 3


@dataclass(frozen=True, slots=True)
class SourcedItem:
    """An item with the source of its text.

    Attributes:
        item: Title and description; an empty one leaves the stored one as it is.
        trust: The kind of source.
        user: Number of the user whose record it came with; None for the product, and for what several users sent alike.
    """

    item: Item
    trust: Trust = Trust.PRODUCT
    user: int | None = None

    @property
    def has_text(self) -> bool:
        """Whether there is a title or a description."""
        return self.n_texts > 0

    @property
    def n_texts(self) -> int:
        """How many of title and description there are."""
        return sum(bool(getattr(self.item, part)) for part in PARTS)


def numbers_of_items(tx: Tx, sent: Mapping[str, SourcedItem]) -> dict[str, int]:
    """Numbers of items by id; new items are stored, and the text of known ones is updated where the source may do so."""
    there = _rows(tx, sorted(sent))
    new = [sent[item_id] for item_id in sorted(sent) if item_id not in there]
    if new:
        insert = tx.insert(ITEMS).on_conflict_do_nothing(index_elements=["tenant", "item_id"])
        tx.conn.execute(insert, [_row(tx, one, 1) for one in new])
        there |= _rows(tx, [one.item.id for one in new])
    for item_id, row in there.items():
        _update(tx, row, sent[item_id])
    return {item_id: row.id for item_id, row in there.items()}


def set_item(tx: Tx, item: Item) -> int:
    """Store the text of an item on behalf of the product; returns its version."""
    number = numbers_of_items(tx, {item.id: SourcedItem(item)})[item.id]
    return tx.conn.scalars(select(ITEMS.c.version).where(ITEMS.c.id == number)).one()


def items_with_ids(tx: Tx, item_ids: Iterable[str]) -> dict[str, Item]:
    """The stored items with these ids."""
    rows = tx.conn.execute(_WITH_IDS, {"tenant": tx.tenant, "item_ids": sorted(set(item_ids))})
    return {item_id: Item(item_id, title, description) for item_id, title, description in rows}


def describers_of(tx: Tx, seen: Iterable[Item]) -> set[int] | None:
    """Numbers of the users whose words some items are; None if one of them has another text by now, or is gone.

    Args:
        tx: An open transaction.
        seen: Items as they were read.
    """
    items = {(item.id, item.title, item.description) for item in seen}
    rows = _rows(tx, sorted({item_id for item_id, *_ in items})).values()
    if items != {(row.item_id, row.title, row.description) for row in rows}:
        return None
    return {user for row in rows for user in (row.title_user, row.description_user) if user is not None}


def items_told_by(tx: Tx, user: int) -> list[dict[str, str]]:
    """The titles and descriptions that only this user sent, with the ids of their items; others' are left out."""
    return [
        {"item_id": row.item_id} | {part: getattr(row, part) for part in PARTS if getattr(row, f"{part}_user") == user}
        for row in tx.conn.execute(_told_by(tx, user).order_by(ITEMS.c.item_id))
    ]


def _told_by(tx: Tx, user: int) -> Select[*tuple[Any, ...]]:
    mine = or_(*(ITEMS.c[f"{part}_user"] == user for part in PARTS))
    return select(ITEMS).where(ITEMS.c.tenant == tx.tenant, mine)


def clear_items_of(tx: Tx, user: int) -> int:
    """Clear the titles and descriptions that only this user sent; returns of how many items."""
    rows = tx.conn.execute(_told_by(tx, user).with_for_update()).all()
    for row in rows:
        gone = [part for part in PARTS if getattr(row, f"{part}_user") == user]
        changed: dict[str, Any] = dict.fromkeys(gone, "") | dict.fromkeys((f"{part}_user" for part in gone), None)
        trust = row.trust if any(getattr(row, part) for part in PARTS if part not in gone) else Trust.NONE
        changed |= {"trust": trust, "version": row.version + 1}
        tx.conn.execute(update(ITEMS).where(ITEMS.c.id == row.id).values(changed))
    return len(rows)


def drop_unused(tx: Tx, items: Sequence[int]) -> int:
    """Delete those of these items that have no record and no text from the product, and their jobs; returns how many."""
    n = 0
    for batch in batches(items):
        unused = ~select(RECORDS.c.id).where(RECORDS.c.item == ITEMS.c.id).exists()
        chosen = (ITEMS.c.tenant == tx.tenant) & ITEMS.c.id.in_(batch) & (ITEMS.c.trust < Trust.PRODUCT)
        gone = tx.conn.scalars(delete(ITEMS).where(chosen, unused).returning(ITEMS.c.id)).all()
        if gone:
            jobs.drop(tx, "cluster", gone)
        n += len(gone)
    return n


def is_there(tx: Tx, item: int) -> bool:
    """Whether an item still exists."""
    return tx.conn.scalar(select(ITEMS.c.id).where(ITEMS.c.tenant == tx.tenant, ITEMS.c.id == item)) is not None


def _update(tx: Tx, row: Row[*tuple[Any, ...]], sent: SourcedItem) -> None:
    """Take over what the source may change; a part that is sent again by another source belongs to no user any more."""
    is_new = not any(getattr(row, part) for part in PARTS)
    replaces = is_new or sent.trust > row.trust or sent.trust == Trust.PRODUCT
    changed: dict[str, Any] = {}
    for part in PARTS:
        text, user = getattr(sent.item, part), getattr(row, f"{part}_user")
        if text and text == getattr(row, part):
            owner, trust = user if user == sent.user else None, max(row.trust, sent.trust)
            if (owner, trust) != (user, row.trust):
                changed |= {f"{part}_user": owner, "trust": trust}
        elif text and (replaces or sent.trust == row.trust and not getattr(row, part)):
            changed |= {part: text, f"{part}_user": sent.user, "trust": sent.trust, "version": row.version + 1}
    if changed:
        tx.conn.execute(update(ITEMS).where(ITEMS.c.id == row.id).values(changed))


def _row(tx: Tx, sent: SourcedItem, version: int) -> dict[str, Any]:
    return {
        "tenant": tx.tenant,
        "item_id": sent.item.id,
        "title": sent.item.title,
        "description": sent.item.description,
        "trust": sent.trust if sent.has_text else Trust.NONE,
        "title_user": sent.user if sent.item.title else None,
        "description_user": sent.user if sent.item.description else None,
        "version": version,
    }


def _rows(tx: Tx, item_ids: Sequence[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    mine = select(ITEMS).where(ITEMS.c.tenant == tx.tenant)
    return {row.item_id: row for row in rows_with(tx, mine, ITEMS.c.item_id, item_ids)}
