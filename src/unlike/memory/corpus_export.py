"""A corpus of the users of a store who agree to both uses of their records, curated and split like any other."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from unlike.data.curate import write_corpus
from unlike.data.sources import Source, table
from unlike.errors import InputError
from unlike.records import Record
from unlike.settings import CurateSettings
from unlike.store.batches import batches
from unlike.store.database import Tenant, Tx
from unlike.store.records import read
from unlike.store.tables import ITEMS, RECORDS, USERS

RECORD_COLUMNS = ("record_id", "user_id", "item_id", "text", "title", "rating", "timestamp")
ITEM_COLUMNS = ("item_id", "title", "description")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_corpus_of(tenant: Tenant, settings: CurateSettings, out: Path) -> dict[str, Any]:
    """Make the corpus folder.

    Args:
        tenant: Whose users.
        settings: Thresholds and split.
        out: The folder; a corpus that is there is replaced.

    Returns:
        The manifest.

    Raises:
        InputError: No user agrees, no record passes the thresholds, or the folder cannot be written.
    """
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        # Readable for its owner alone, and on the disk where the texts go anyway.
        with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.texts-") as folder:
            with tenant.read() as tx:
                source = _source(tx, Path(folder))
            return write_corpus(source, settings, out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}; make room or choose another folder") from error


def _source(tx: Tx, folder: Path) -> Source:
    """The consenting users' records as files; columns without values are left out."""
    filled = _write(folder / "records.jsonl", _records(tx), RECORD_COLUMNS)
    if not filled:
        raise InputError("no user agrees to both uses of their records; see: unlike consent USER --own yes --peer yes")
    of_items = _write(folder / "items.jsonl", _items(tx), ITEM_COLUMNS)
    named = table(folder / "records.jsonl", filled, folder / "items.jsonl", of_items)
    return Source("store", named.records, named.record_fields, named.items, named.item_fields)


def _write(file: Path, rows: Iterator[Mapping[str, Any]], columns: tuple[str, ...]) -> dict[str, str]:
    """Write rows; returns the columns with values, as a source names them."""
    filled = set[str]()
    with file.open("w", encoding="utf-8") as lines:
        for row in rows:
            filled.update(name for name in columns if row[name] not in (None, ""))
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return {name: name for name in columns if name in filled}


def _records(tx: Tx) -> Iterator[dict[str, Any]]:
    """Some users at a time."""
    agreeing = select(USERS.c.id).where(USERS.c.tenant == tx.tenant, USERS.c.own, USERS.c.peer).order_by(USERS.c.id)
    for users in batches(list(tx.conn.scalars(agreeing))):
        for stored in read(tx, RECORDS.c.user.in_(users)):
            yield _row(stored.record)


def _row(record: Record) -> dict[str, Any]:
    return {
        "record_id": record.id,
        "user_id": record.user_id,
        "item_id": record.item_id,
        "text": record.text,
        "title": record.title,
        "rating": record.rating,
        # As a date, since small numbers would be read as seconds.
        "timestamp": (EPOCH + timedelta(milliseconds=record.timestamp)).isoformat(timespec="milliseconds"),
    }


def _items(tx: Tx) -> Iterator[dict[str, Any]]:
    query = select(ITEMS.c.item_id, ITEMS.c.title, ITEMS.c.description).where(ITEMS.c.tenant == tx.tenant)
    for row in tx.conn.execute(query.order_by(ITEMS.c.item_id)).mappings():
        yield dict(row)
