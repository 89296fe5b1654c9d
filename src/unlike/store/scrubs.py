"""Removing deleted data from the database's files: pending from the transaction that deletes until it is done.

A pending scrub is a row, so if a process ends before it, the next process does it.
"""

from sqlalchemy import Connection, delete, func, select, text

from unlike.errors import InputError
from unlike.store.database import Store, Tx
from unlike.store.tables import SCRUBS


def request(tx: Tx) -> int:
    """Note that the files have to be scrubbed after this transaction; returns the number of the scrub."""
    return tx.conn.scalars(SCRUBS.insert().values(owed_ms=tx.now_ms).returning(SCRUBS.c.id)).one()


def is_pending(conn: Connection, number: int) -> bool:
    """Whether a scrub has not been done yet."""
    return conn.scalar(select(SCRUBS.c.id).where(SCRUBS.c.id == number)) is not None


def n_pending(store: Store) -> int:
    """Number of deletions whose data is still in the files."""
    with store.connection(writes=False) as conn:
        return conn.scalar(select(func.count()).select_from(SCRUBS)) or 0


def scrub_if_pending(store: Store, patience_s: float = 0.0) -> bool:
    """Scrub the files if that is pending; returns whether nothing is pending any more.

    Raises:
        InputError: The database cannot be used.
    """
    if not n_pending(store):
        return True
    try:
        scrub(store, patience_s)
    except StillRead:
        return False
    return True


class StillRead(InputError):
    """The log could not be emptied, because another connection is still reading."""


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
        StillRead: SQLite's log could not be emptied.
        InputError: The database cannot be used.
    """
    with store.connection(writes=False) as conn:
        last = conn.scalar(select(func.max(SCRUBS.c.id))) or 0
    if store.is_file:
        _scrub_file(store, patience_s, rewrite)
    else:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("vacuum"))
    with store.connection(writes=True) as conn:
        conn.execute(delete(SCRUBS).where(SCRUBS.c.id <= last))


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
