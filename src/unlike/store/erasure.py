"""Taking a user out: everything of the user's own by the user's row, everything of others through lineage.

The invariant: after the transaction that ``take_out`` belongs to, no row refers to the user or to a record of the
user's, and nobody has the user's key. ``scrub`` then sees to what a database leaves behind in its files.
"""

from sqlalchemy import ColumnElement, Table, delete, func, select, text

from unlike.errors import InputError
from unlike.store import jobs
from unlike.store.database import Store, Tx
from unlike.store.lineage import Touched, drop_from_others
from unlike.store.people import hold
from unlike.store.tables import DIFFERENCES, EMBEDDINGS, PINS, PROFILES, RECORDS, USERS


def take_out(tx: Tx, user: int) -> tuple[dict[str, int], Touched]:
    """Delete a user with all that was made of the user's records.

    Returns:
        What there was of the user's own, in rows by table; and what of others was touched.
    """
    hold(tx, user)
    mine = select(RECORDS.c.id).where(RECORDS.c.user == user)
    own = {
        "records": _count(tx, RECORDS, RECORDS.c.user == user),
        "embeddings": _count(tx, EMBEDDINGS, EMBEDDINGS.c.record.in_(mine)),
        "differences": _count(tx, DIFFERENCES, DIFFERENCES.c.record.in_(mine)),
        "profiles": _count(tx, PROFILES, PROFILES.c.user == user),
        "pins": _count(tx, PINS, PINS.c.user == user),
    }
    touched = drop_from_others(tx, user)
    own["jobs"] = jobs.drop(tx, "build", [user])
    own["keys"] = tx.conn.execute(delete(USERS).where(USERS.c.tenant == tx.tenant, USERS.c.id == user)).rowcount
    if own["keys"]:
        tx.keys.forget(user)
    return own, touched


def scrub(store: Store, patience_s: float = 60.0) -> None:
    """Leave nothing of deleted rows in the database's files.

    SQLite has overwritten them (secure_delete); the file is rewritten and the log emptied. PostgreSQL's dead rows are
    vacuumed; its write-ahead log and backups, the wrapped keys in them too, are what they were until they expire, or
    until the master key is rotated and the old one destroyed (``store.rotate``).

    Args:
        store: To clean.
        patience_s: How long to wait for those who read.

    Raises:
        InputError: SQLite's log could not be emptied, because somebody is still reading.
    """
    if store.engine.dialect.name == "sqlite":
        _scrub_file(store, patience_s)
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("vacuum"))


def _scrub_file(store: Store, patience_s: float) -> None:
    with store.file() as file:
        file.execute("pragma secure_delete=on")
        file.execute(f"pragma busy_timeout={int(patience_s * 1000)}")
        file.execute("vacuum")
        busy, *_ = file.execute("pragma wal_checkpoint(truncate)").fetchone()
    if busy:
        raise InputError(
            f"the log of {store.engine.url.render_as_string()} could not be emptied: somebody has been reading for "
            f"{patience_s:g} s; end long-running readers, then run: unlike doctor --store DIR --scrub"
        )


def _count(tx: Tx, table: Table, condition: ColumnElement[bool]) -> int:
    return tx.conn.scalars(select(func.count()).select_from(table).where(table.c.tenant == tx.tenant, condition)).one()
