"""Differences with their lineage: which records each one read, and the set that was clustered for it.

A difference is never changed. A new one of the same record takes its place, and the old one stays while a version of a
profile was made from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from unlike.store.database import Tx
from unlike.store.tables import DIFFERENCE_READS, DIFFERENCES, PROFILE_DIFFERENCES, RECORDS


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


def put(tx: Tx, new: NewDifference) -> int:
    """Keep a difference in the place of the record's earlier one; gives its number.

    Raises:
        KeyError: The record, or one it was compared with, is gone.
    """
    people = people_of(tx, [new.record, *new.peers])
    tx.conn.execute(update(DIFFERENCES).where(DIFFERENCES.c.record == new.record).values(current=False))
    number = tx.conn.execute(
        DIFFERENCES.insert().values(
            tenant=tx.tenant,
            record=new.record,
            clustering=new.clustering,
            sealed=tx.keys.seal(tx.conn, people, {"text": new.text}, _about(tx, new.record)),
            people=people,
            made_with=new.made_with,
            n_peers=new.n_peers,
            current=True,
            stale=False,
            created_ms=tx.now_ms,
        )
    ).inserted_primary_key[0]
    reads = [(new.record, "own"), *((peer, "peer") for peer in new.peers)]
    rows = [{"tenant": tx.tenant, "difference": number, "record": record, "role": role} for record, role in reads]
    tx.conn.execute(DIFFERENCE_READS.insert(), rows)
    return number


def current_of(tx: Tx, records: Iterable[int]) -> dict[int, StoredDifference]:
    """The current differences of records, by record number."""
    chosen = select(DIFFERENCES).where(
        DIFFERENCES.c.tenant == tx.tenant, DIFFERENCES.c.record.in_(list(records)), DIFFERENCES.c.current
    )
    rows = tx.conn.execute(chosen).all()
    peers = _peers_of(tx, [row.id for row in rows])
    return {
        row.record: StoredDifference(
            row.id,
            row.stale,
            NewDifference(
                record=row.record,
                peers=peers.get(row.id, ()),
                clustering=row.clustering,
                text=tx.keys.unseal(tx.conn, row.people, row.sealed, _about(tx, row.record))["text"],
                n_peers=row.n_peers,
                made_with=row.made_with,
            ),
        )
        for row in rows
    }


def mark_stale(tx: Tx, records: Sequence[int]) -> None:
    """Note that the differences of records are to be made anew."""
    tx.conn.execute(
        update(DIFFERENCES).where(DIFFERENCES.c.record.in_(records), DIFFERENCES.c.current).values(stale=True)
    )


def sweep(tx: Tx, records: Sequence[int]) -> None:
    """Delete earlier differences of records that no version of a profile was made from."""
    used = select(PROFILE_DIFFERENCES.c.difference)
    tx.conn.execute(
        delete(DIFFERENCES).where(
            DIFFERENCES.c.record.in_(records), ~DIFFERENCES.c.current, DIFFERENCES.c.id.not_in(used)
        )
    )


def people_of(tx: Tx, records: Iterable[int]) -> list[int]:
    """Numbers of the users of records, sorted: whose keys seal a text made of these records.

    Raises:
        KeyError: A record is gone.
    """
    wanted = set(records)
    chosen = select(RECORDS.c.id, RECORDS.c.user).where(RECORDS.c.tenant == tx.tenant, RECORDS.c.id.in_(wanted))
    found: dict[int, int] = dict(tx.conn.execute(chosen).tuples().all())
    return sorted({found[record] for record in wanted})


def _peers_of(tx: Tx, differences: Sequence[int]) -> dict[int, tuple[int, ...]]:
    chosen = select(DIFFERENCE_READS.c.difference, DIFFERENCE_READS.c.record).where(
        DIFFERENCE_READS.c.difference.in_(differences), DIFFERENCE_READS.c.role == "peer"
    )
    found: dict[int, tuple[int, ...]] = {}
    for difference, record in tx.conn.execute(chosen.order_by(DIFFERENCE_READS.c.id)):
        found[difference] = (*found.get(difference, ()), record)
    return found


def _about(tx: Tx, record: int) -> str:
    return f"difference {tx.tenant} {record}"
