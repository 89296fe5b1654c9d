"""A consistent copy of a store while others keep writing; to restore it, open its folder.

A backup still holds what is erased later: keep it no longer than you promise, or rotate the master key and destroy the
old one.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from unlike.errors import InputError
from unlike.store.database import FILE, Store, make_private


def backup(store: Store, folder: Path) -> Path:
    """Copy a store to a folder that holds none; returns the file.

    Raises:
        InputError: The store is in PostgreSQL, the folder holds a store, or it cannot be written.
    """
    if store.engine.dialect.name != "sqlite":
        raise InputError("a store in PostgreSQL cannot be copied to a folder; back it up with: pg_dump --format=custom")
    copy, unfinished = folder / FILE, folder / f"{FILE}.part"
    if copy.exists():
        raise InputError(f"{folder} holds a store; name a folder without one")
    try:
        unfinished.unlink(missing_ok=True)
        make_private(unfinished)
        _copy(store, unfinished)
        unfinished.replace(copy)
    except (OSError, sqlite3.Error) as error:
        raise InputError(
            f"the backup cannot be written to {folder}: {error}; name a folder you may write to"
        ) from error
    return copy


def _copy(store: Store, file: Path) -> None:
    """Copy all pages in one step, so that they are consistent; with a write-ahead log others can write meanwhile."""
    with closing(sqlite3.connect(str(store.engine.url.database))) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
