"""Opens the journal's SQLite file and brings it to the newest schema.

The schema's version is SQLite's ``user_version``: migration n takes a file from version n to n + 1, in the transaction
that also writes the new number. ``application_id`` tells a journal from anybody else's database.
"""

import sqlite3
import time
from pathlib import Path

from unlike.errors import InputError

APPLICATION_ID = 0x756E6C6B  # "unlk"
BUSY_S = 60.0
"""How long a process waits for another one that is writing."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE calls (
            key TEXT PRIMARY KEY,
            tenant TEXT NOT NULL,
            step TEXT NOT NULL,
            model TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('done', 'failed')),
            text TEXT NOT NULL,
            error TEXT NOT NULL,
            raw TEXT NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            finish_reason TEXT NOT NULL,
            wall_s REAL NOT NULL,
            attempts INTEGER NOT NULL
        )""",
        """CREATE TABLE call_records (
            record_id TEXT NOT NULL,
            key TEXT NOT NULL REFERENCES calls (key) ON DELETE CASCADE,
            PRIMARY KEY (record_id, key)
        ) WITHOUT ROWID""",
        "CREATE INDEX call_records_by_key ON call_records (key)",
    ),
    (
        "ALTER TABLE calls ADD COLUMN score REAL",
        "ALTER TABLE calls ADD COLUMN prompt BLOB",  # JSON of the messages, compressed
    ),
)


def open_journal_file(path: Path) -> sqlite3.Connection:
    """A connection to the journal at a path, made where there is none.

    Raises:
        InputError: The place cannot be written, the file is something else, or a newer version wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise unusable(path, error) from error
    return db


def unusable(path: Path, error: Exception) -> InputError:
    """The error for a journal that SQLite cannot read or write."""
    return InputError(
        f"journal: cannot use {str(path)!r}: {error}; free the place it lies in, or choose another folder"
    )


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    _switch_to_wal(db)
    # In WAL mode NORMAL loses nothing when the process is killed; only a power cut may take the last commits.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
    db.execute("BEGIN")  # one look at the whole: another process may be migrating just now
    version = _version(db, path)
    db.execute("COMMIT")
    if version < len(MIGRATIONS):
        _migrate(db, path)


def _switch_to_wal(db: sqlite3.Connection) -> None:
    """Turn on the write-ahead log, the one statement that does not itself wait for another process doing the same."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _version(db: sqlite3.Connection, path: Path) -> int:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if tables and application != APPLICATION_ID:
        raise InputError(f"journal: {str(path)!r} is a database of something else; choose another file or folder")
    if version > len(MIGRATIONS):
        raise InputError(
            f"journal: {str(path)!r} has schema {version}; this version knows up to {len(MIGRATIONS)}; update unlike"
        )
    return version


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated while this one waited for the lock.
        for number in range(_version(db, path), len(MIGRATIONS)):
            for statement in MIGRATIONS[number]:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
