"""Removing deleted data from the database's files: pending from the transaction that deletes until it is done.

A pending scrub is a row, so if a process ends before it, the next process does it.
"""

import threading
import time
from collections.abc import Sequence

from sqlalchemy import BigInteger, Connection, Text, cast, delete, func, select, text

from unlike.errors import InputError
from unlike.store.batches import batches
from unlike.store.database import Store, Tx
from unlike.store.tables import METADATA, SCRUBS

POLL_S = 0.02
_ONE_AT_A_TIME = threading.Lock()
_STILL_READ = text("""
    select id from scrubs join lateral (select xact::text::xid8 as deleted) as transactions on true
    where deleted < pg_snapshot_xmax(pg_current_snapshot())
    and (
        deleted >= pg_snapshot_xmin(pg_current_snapshot())
        or exists (
            select from pg_stat_activity as other
            where other.pid <> pg_backend_pid()
            and (other.datid is null or other.datid = (select oid from pg_database where datname = current_database()))
            and coalesce(
                age(other.backend_xmin) >= age(deleted::xid),
                other.query = '<insufficient privilege>'
                and exists (select from pg_locks where pg_locks.pid = other.pid and locktype = 'virtualxid')
            )
        )
        or exists (select from pg_replication_slots where age(xmin) >= age(deleted::xid))
    )
""")
"""Scrubs whose deleted rows PostgreSQL keeps: for a transaction that is still open, prepared ones included, for an older
snapshot, or for a replica. The snapshot of another role's session may be hidden; then its open transaction counts as older.
A number above all of this server's comes from a restored dump, which has no deleted rows.
"""


def request(tx: Tx) -> int:
    """Note that the files have to be scrubbed after this transaction; returns the number of the scrub."""
    xact = 0 if tx.conn.dialect.name == "sqlite" else cast(cast(func.pg_current_xact_id(), Text), BigInteger)
    return tx.conn.scalars(SCRUBS.insert().values(owed_ms=tx.now_ms, xact=xact).returning(SCRUBS.c.id)).one()


def is_pending(conn: Connection, number: int) -> bool:
    """Whether a scrub has not been done yet."""
    return conn.scalar(select(SCRUBS.c.id).where(SCRUBS.c.id == number)) is not None


def n_pending(store: Store) -> int:
    """Number of deletions whose data is still in the files."""
    with store.connection(writes=False) as conn:
        return conn.scalar(select(func.count()).select_from(SCRUBS)) or 0


def scrub_if_pending(store: Store, patience_s: float = 0.0) -> bool:
    """Scrub the files if that is pending; returns whether nothing is pending any more.

    While another thread of this process scrubs, the scrub stays pending, so that many deletions cause few scrubs.

    Raises:
        InputError: The database cannot be used.
    """
    if not n_pending(store):
        return True
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        return False
    try:
        scrub(store, patience_s)
    except StillRead:
        return False
    finally:
        _ONE_AT_A_TIME.release()
    return True


class StillRead(InputError):
    """Deleted rows could not be removed from the files, because another connection is still reading."""


def scrub(store: Store, patience_s: float = 60.0, rewrite: bool = False) -> None:
    """Remove deleted rows from the database's files.

    SQLite has overwritten them in the file (secure_delete), and its log is emptied. PostgreSQL's dead rows are vacuumed;
    its write-ahead log and backups, with the wrapped keys in them, stay until they expire, or until the master key is rotated
    and the old one destroyed (``store.rotate``).

    Args:
        store: The database.
        patience_s: How long to wait for readers.
        rewrite: Also rewrite SQLite's file, which returns its free pages to the disk; it blocks other writers meanwhile.

    Raises:
        StillRead: Another connection still reads what was deleted; what could be removed was.
        InputError: The database cannot be used.
    """
    with store.connection(writes=False) as conn:
        pending = conn.scalars(select(SCRUBS.c.id)).all()
    if store.is_file:
        _scrub_file(store, patience_s, rewrite)
        _note_done(store, pending)
    else:
        still_read = _wait_for_readers(store, patience_s)
        if removable := sorted(set(pending) - still_read):
            _vacuum(store)
            _note_done(store, removable)
        if still_read:
            raise StillRead(
                f"deleted rows of {store.engine.url.render_as_string()} could not be removed: a transaction, a prepared "
                f"transaction or a replication slot has kept them for {patience_s:g} s; end it, then run: "
                "unlike doctor --store ADDRESS --scrub"
            )


def _note_done(store: Store, numbers: Sequence[int]) -> None:
    with store.connection(writes=True) as conn:
        for batch in batches(numbers):
            conn.execute(delete(SCRUBS).where(SCRUBS.c.id.in_(batch)))


def _wait_for_readers(store: Store, patience_s: float) -> set[int]:
    """Numbers of the scrubs whose deleted rows PostgreSQL would still keep."""
    end_s = time.monotonic() + patience_s
    while True:
        with store.connection(writes=False) as conn:
            still_read = set(conn.scalars(_STILL_READ))
        if not still_read or time.monotonic() >= end_s:
            return still_read
        time.sleep(POLL_S)


def _vacuum(store: Store) -> None:
    """Remove dead rows from the store's tables and their indexes, which hold the ids of users and records."""
    tables = ", ".join(table.name for table in METADATA.sorted_tables)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text(f"vacuum (index_cleanup on) {tables}"))


def _scrub_file(store: Store, patience_s: float, rewrite: bool) -> None:
    with store.file() as file:
        file.execute("pragma secure_delete=on")
        file.execute(f"pragma busy_timeout={int(patience_s * 1000)}")
        if rewrite:
            file.execute("vacuum")
        busy, *_ = file.execute("pragma wal_checkpoint(truncate)").fetchone()
    if busy:
        raise StillRead(
            f"the log of {store.engine.url.render_as_string()} could not be emptied: another connection has been reading for "
            f"{patience_s:g} s; end long-running readers, then run: unlike doctor --store DIR --scrub"
        )
