"""Differences with their lineage: which records each one read, and the set that was clustered for it.

A difference is never changed. A new one of the same record takes its place, and the old one stays while a version of a
profile was made from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, select, true, update

from unlike.store.batches import batches, rows_with
from unlike.store.database import Tx
from unlike.store.lineage import peers_of
from unlike.store.people import people_of
from unlike.store.tables import DIFFERENCE_READS, DIFFERENCES, PROFILE_DIFFERENCES


@dataclass(frozen=True, slots=True)
class NewDifference:
    """What one comparison found.

    Attributes:
        record: Number of the user's own record.
        peers: Numbers of the records it was compared with, whose words are in the prompt.
        clustering: Number of the clustering they were chosen by; None where nothing was clustered.
        text: What the LLM found.
        n_peers: Records of others on the item that could have been chosen.
        made_with: Digest of the model, prompt and settings.
    """

    record: int
    peers: tuple[int, ...]
    clustering: int | None
    text: str
    n_peers: int
    made_with: str


@dataclass(frozen=True, slots=True)
class StoredDifference:
    """A difference with its number."""

    number: int
    stale: bool
    difference: NewDifference
    current: bool = True


def put(tx: Tx, new: NewDifference) -> int:
    """Keep a difference in the place of the record's earlier one; returns its number.

    Raises:
        TransactionConflict: The record, or one it was compared with, is gone; or a user no longer agrees to be compared.
    """
    people = people_of(tx, [new.record], compared=new.peers)
    earlier = (DIFFERENCES.c.tenant == tx.tenant) & (DIFFERENCES.c.record == new.record)
    tx.conn.execute(update(DIFFERENCES).where(earlier).values(current=False))
    row = {
        "record": new.record,
        "clustering": new.clustering,
        "sealed": tx.keys.seal(tx.conn, people, {"text": new.text}, place_of(tx, new.record)),
        "people": people,
        "made_with": new.made_with,
        "n_peers": new.n_peers,
        "current": True,
        "stale": False,
        "created_ms": tx.now_ms,
    }
    number = tx.inserted(DIFFERENCES, row)
    reads = [(new.record, "own"), *((peer, "peer") for peer in new.peers)]
    rows = [{"tenant": tx.tenant, "difference": number, "record": record, "role": role} for record, role in reads]
    tx.conn.execute(DIFFERENCE_READS.insert(), rows)
    return number


def current_of(tx: Tx, records: Iterable[int]) -> dict[int, StoredDifference]:
    """The current differences of records, by record number."""
    return {found.difference.record: found for found in _read(tx, records, DIFFERENCES.c.current)}


def every_one_of(tx: Tx, records: Iterable[int]) -> list[StoredDifference]:
    """The differences of records, earlier ones too, oldest first."""
    return sorted(_read(tx, records, true()), key=lambda found: found.number)


def _read(tx: Tx, records: Iterable[int], chosen: ColumnElement[bool]) -> list[StoredDifference]:
    mine = select(DIFFERENCES).where(DIFFERENCES.c.tenant == tx.tenant, chosen)
    rows = list(rows_with(tx, mine, DIFFERENCES.c.record, records))
    peers = peers_of(tx, [row.id for row in rows])
    tx.keys.of_users(tx.conn, {user for row in rows for user in row.people})  # read together
    return [_stored(tx, row, peers.get(row.id, ())) for row in rows]


def mark_stale(tx: Tx, records: Sequence[int]) -> None:
    """Note that the differences of records are to be rebuilt."""
    for batch in batches(records):
        tx.conn.execute(update(DIFFERENCES).where(_of(tx, batch), DIFFERENCES.c.current).values(stale=True))


def sweep(tx: Tx, records: Sequence[int]) -> None:
    """Delete earlier differences of records that no version of a profile was made from."""
    used = exists().where(PROFILE_DIFFERENCES.c.difference == DIFFERENCES.c.id)
    for batch in batches(records):
        tx.conn.execute(delete(DIFFERENCES).where(_of(tx, batch), ~DIFFERENCES.c.current, ~used))


def _of(tx: Tx, records: Sequence[int]) -> ColumnElement[bool]:
    return and_(DIFFERENCES.c.tenant == tx.tenant, DIFFERENCES.c.record.in_(records))


def _stored(tx: Tx, row: Row[*tuple[Any, ...]], peers: tuple[int, ...]) -> StoredDifference:
    difference = NewDifference(
        record=row.record,
        peers=peers,
        clustering=row.clustering,
        text=tx.keys.unseal(tx.conn, row.people, row.sealed, place_of(tx, row.record))["text"],
        n_peers=row.n_peers,
        made_with=row.made_with,
    )
    return StoredDifference(row.id, row.stale, difference, row.current)


def place_of(tx: Tx, record: int) -> str:
    """What the words of a record's differences are bound to."""
    return f"difference {tx.tenant} {record}"
