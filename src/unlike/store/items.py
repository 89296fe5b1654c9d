"""Items of a tenant: what is told of one is kept until something else is told; to say nothing takes nothing back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from unlike.records import Item
from unlike.store.batches import batches
from unlike.store.database import Tx
from unlike.store.tables import ITEMS

_WITH_IDS = select(ITEMS.c.item_id, ITEMS.c.title, ITEMS.c.description).where(
    ITEMS.c.tenant == bindparam("tenant"), ITEMS.c.item_id.in_(bindparam("item_ids", expanding=True))
)


def numbers_of_items(tx: Tx, items: Mapping[str, Item]) -> dict[str, int]:
    """Numbers of items by id; what is new, or new about them, is kept."""
    there = _rows(tx, sorted(items))
    told = [items[item_id] for item_id in sorted(items) if _says_more(items[item_id], there.get(item_id))]
    if told:
        _put(tx, told)
        there |= _rows(tx, [item.id for item in told])
    return {item_id: row.id for item_id, row in there.items()}


def items_with_ids(tx: Tx, item_ids: Iterable[str]) -> dict[str, Item]:
    """The items of these ids that are there."""
    rows = tx.conn.execute(_WITH_IDS, {"tenant": tx.tenant, "item_ids": sorted(set(item_ids))})
    return {item_id: Item(item_id, title, description) for item_id, title, description in rows}


def _put(tx: Tx, items: Sequence[Item]) -> None:
    insert = tx.insert(ITEMS)
    kept = {
        column: func.coalesce(func.nullif(insert.excluded[column], ""), ITEMS.c[column])
        for column in ("title", "description")
    }
    rows = [
        {"tenant": tx.tenant, "item_id": item.id, "title": item.title, "description": item.description}
        for item in items
    ]
    tx.conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "item_id"], set_=kept), rows)


def _rows(tx: Tx, item_ids: Sequence[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    mine = select(ITEMS).where(ITEMS.c.tenant == tx.tenant)
    return {
        row.item_id: row
        for batch in batches(item_ids)
        for row in tx.conn.execute(mine.where(ITEMS.c.item_id.in_(batch)))
    }


def _says_more(item: Item, there: Row[*tuple[Any, ...]] | None) -> bool:
    """Whether an item is new, or told of with other words."""
    if there is None:
        return True
    return item.title not in ("", there.title) or item.description not in ("", there.description)
