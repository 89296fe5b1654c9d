"""Clusterings of the texts on an item: which records were clustered, in which group, how near to its centroid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, exists, select

from unlike.store.database import Tx
from unlike.store.people import people_of
from unlike.store.tables import CLUSTERED, CLUSTERINGS, DIFFERENCES


@dataclass(frozen=True, slots=True)
class StoredClustering:
    """The groups of a set of records on one item.

    Attributes:
        number: Of its row.
        digest: Of the set and of how it was clustered.
        groups: Per group its records by number, nearest to the centroid first.
    """

    number: int
    digest: str
    groups: tuple[tuple[int, ...], ...]

    @property
    def group_of(self) -> Mapping[int, int]:
        """Group of each record."""
        return {record: group for group, records in enumerate(self.groups) for record in records}


_NEWEST = (
    select(CLUSTERINGS)
    .where(CLUSTERINGS.c.tenant == bindparam("tenant"), CLUSTERINGS.c.item == bindparam("item"))
    .order_by(CLUSTERINGS.c.created_ms.desc(), CLUSTERINGS.c.id.desc())
    .limit(1)
)
_MEMBERS = (
    select(CLUSTERED.c.group, CLUSTERED.c.record)
    .where(CLUSTERED.c.clustering == bindparam("clustering"))
    .order_by(CLUSTERED.c.group, CLUSTERED.c.rank)
)


def put(tx: Tx, item: int, digest: str, groups: Sequence[Sequence[int]]) -> StoredClustering:
    """Keep a clustering as the item's current one; the same set clustered alike is kept once.

    Raises:
        TransactionConflict: A record is gone, or its user no longer agrees to be compared.
    """
    people_of(tx, (), compared=[record for records in groups for record in records])
    insert = tx.insert(CLUSTERINGS).values(tenant=tx.tenant, item=item, digest=digest, created_ms=tx.now_ms)
    again = insert.on_conflict_do_update(index_elements=["item", "digest"], set_={"created_ms": tx.now_ms})
    number: int = tx.conn.scalars(again.returning(CLUSTERINGS.c.id)).one()
    rows = [
        {"tenant": tx.tenant, "clustering": number, "record": record, "group": group, "rank": rank}
        for group, records in enumerate(groups)
        for rank, record in enumerate(records)
    ]
    if rows:
        tx.conn.execute(tx.insert(CLUSTERED).on_conflict_do_nothing(index_elements=["clustering", "record"]), rows)
    return StoredClustering(number, digest, tuple(tuple(records) for records in groups))


def current(tx: Tx, item: int) -> StoredClustering | None:
    """The clustering of an item that was kept last."""
    row = tx.conn.execute(_NEWEST, {"tenant": tx.tenant, "item": item}).first()
    if row is None:
        return None
    groups: dict[int, list[int]] = {}
    for group, record in tx.conn.execute(_MEMBERS, {"clustering": row.id}):
        groups.setdefault(group, []).append(record)
    return StoredClustering(row.id, row.digest, tuple(tuple(groups[group]) for group in sorted(groups)))


def sweep(tx: Tx, item: int) -> None:
    """Delete an item's clusterings that are neither the newest nor what a difference was made on."""
    used = exists().where(DIFFERENCES.c.clustering == CLUSTERINGS.c.id)
    newest = current(tx, item)
    tx.conn.execute(
        delete(CLUSTERINGS).where(
            CLUSTERINGS.c.tenant == tx.tenant,
            CLUSTERINGS.c.item == item,
            ~used,
            CLUSTERINGS.c.id != (newest.number if newest else -1),
        )
    )
