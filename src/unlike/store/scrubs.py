"""Cleaning the database's files of what was deleted: owed from the transaction that deletes until it is done.

The mark is a row, so that a process that ends in between leaves it to the next one.
"""

from sqlalchemy import Connection, delete, func, select, text

from unlike.errors import InputError
from unlike.store.database import Store, Tx
from unlike.store.tables import SCRUBS


def owe(tx: Tx) -> int:
    """Note that the files have to be cleaned after this transaction; returns the number of the mark."""
    return tx.conn.scalars(SCRUBS.insert().values(owed_ms=tx.now_ms).returning(SCRUBS.c.id)).one()


def is_owed(conn: Connection, number: int) -> bool:
    """Whether the files have not been cleaned yet since that mark."""
    return conn.scalar(select(SCRUBS.c.id).where(SCRUBS.c.id == number)) is not None


def n_owed(store: Store) -> int:
    """How many deletions still lie in the files."""
    with store.connection(writes=False) as conn:
        return conn.scalar(select(func.count()).select_from(SCRUBS)) or 0


def scrub_if_owed(store: Store, patience_s: float = 0.0) -> bool:
    """Clean the files where that is owed; returns whether nothing is owed any more.

    Raises:
        InputError: The database cannot be used.
    """
    if not n_owed(store):
        return True
    try:
        scrub(store, patience_s)
    except StillRead:
        return False
    return True


class StillRead(InputError):
    """The log could not be emptied, because somebody is still reading."""


def scrub(store: Store, patience_s: float = 60.0, rewrite: bool = False) -> None:
    """Leave nothing of deleted rows in the database's files.

    SQLite has overwritten them in the file (secure_delete), and its log is emptied. PostgreSQL's dead rows are vacuumed;
    its write-ahead log and backups, the wrapped keys in them too, are what they were until they expire, or until the master
    key is rotated and the old one destroyed (``store.rotate``).

    Args:
        store: To clean.
        patience_s: How long to wait for those who read.
        rewrite: Write SQLite's file anew, too, which gives back its free pages; nobody else can write meanwhile.

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
            f"the log of {store.engine.url.render_as_string()} could not be emptied: somebody has been reading for "
            f"{patience_s:g} s; end long-running readers, then run: unlike doctor --store DIR --scrub"
        )
