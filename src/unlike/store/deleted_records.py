"""Records that were deleted by hand, so that the same file, sent again, does not bring them back; ids only as keyed hashes."""

from collections.abc import Iterable

from sqlalchemy import delete, select

from unlike.store import audit
from unlike.store.batches import rows_with
from unlike.store.database import Tx
from unlike.store.tables import DELETED_RECORDS

_DOMAIN = "record\0"
"""Before an id, so that no record shares the hash of a user."""


def note(tx: Tx, record_id: str) -> None:
    """Refuse a record from now on."""
    row = {"tenant": tx.tenant, "name": _name_of(tx, record_id), "at_ms": tx.now_ms}
    tx.conn.execute(tx.insert(DELETED_RECORDS).values(row).on_conflict_do_nothing(index_elements=["tenant", "name"]))


def readmit(tx: Tx, record_id: str) -> bool:
    """Accept a record again; returns whether it was refused."""
    mine = DELETED_RECORDS.c.tenant == tx.tenant, DELETED_RECORDS.c.name == _name_of(tx, record_id)
    return tx.conn.execute(delete(DELETED_RECORDS).where(*mine)).rowcount > 0


def refused(tx: Tx, record_ids: Iterable[str]) -> set[str]:
    """Those of these records that were deleted."""
    listed = select(DELETED_RECORDS.c.name).where(DELETED_RECORDS.c.tenant == tx.tenant)
    asked = {_DOMAIN + id_: id_ for id_ in record_ids}
    ids = {name: asked[named] for named, name in audit.names_of(tx, asked).items()}
    return {ids[name] for (name,) in rows_with(tx, listed, DELETED_RECORDS.c.name, ids)}


def _name_of(tx: Tx, record_id: str) -> str:
    return audit.name_of(tx, _DOMAIN + record_id)
