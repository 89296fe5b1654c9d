"""Taking a user out: everything of the user's own by the user's row, everything of others through lineage.

The invariant: after the transaction that ``take_out`` belongs to, no row refers to the user or to a record of the
user's, and nobody has the user's key. ``scrub`` then sees to what a database leaves behind in its files.
"""

from sqlalchemy import ColumnElement, Table, delete, func, select, text

from unlike.store import jobs
from unlike.store.database import Store, Tx
from unlike.store.lineage import Touched, drop_from_others
from unlike.store.tables import (
    DIFFERENCES,
    EMBEDDINGS,
    PINS,
    PROFILES,
    RECORDS,
    USERS,
)


def take_out(tx: Tx, user: int) -> tuple[dict[str, int], Touched]:
    """Delete a user with all that was made of the user's records.

    Returns:
        What there was of the user's own, in rows by table; and what of others was touched.
    """
    own = {
        "records": _count(tx, RECORDS, RECORDS.c.user == user),
        "embeddings": _count(
            tx, EMBEDDINGS, EMBEDDINGS.c.record.in_(select(RECORDS.c.id).where(RECORDS.c.user == user))
        ),
        "differences": _count(
            tx, DIFFERENCES, DIFFERENCES.c.record.in_(select(RECORDS.c.id).where(RECORDS.c.user == user))
        ),
        "profiles": _count(tx, PROFILES, PROFILES.c.user == user),
        "pins": _count(tx, PINS, PINS.c.user == user),
    }
    touched = drop_from_others(tx, user)
    own["jobs"] = jobs.drop(tx, "build", [user])
    tx.conn.execute(delete(USERS).where(USERS.c.tenant == tx.tenant, USERS.c.id == user))
    tx.keys.forget(user)
    return own | {"keys": 1}, touched


def scrub(store: Store) -> None:
    """Leave nothing of deleted rows in the database's files.

    SQLite has overwritten them (secure_delete); the file is rewritten and the log emptied. PostgreSQL's dead rows are
    vacuumed; its write-ahead log and backups keep what they hold until they expire, unreadable without the keys.
    """
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        if store.engine.dialect.name == "sqlite":
            conn.connection.driver_connection.execute("vacuum")
            conn.connection.driver_connection.execute("pragma wal_checkpoint(truncate)")
        else:
            conn.execute(text("vacuum"))


def _count(tx: Tx, table: Table, condition: ColumnElement[bool]) -> int:
    return tx.conn.scalar(select(func.count()).select_from(table).where(condition)) or 0
