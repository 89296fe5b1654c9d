"""Receipts of erasures, and the users whose records are refused; ids appear only as keyed hashes (``audit.name_of``).

An erased user cannot come back by a record that is sent again. A row without a receipt is of a user refused in advance.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select, update

from unlike.store import audit
from unlike.store.batches import rows_with
from unlike.store.database import Tx
from unlike.store.scrubs import is_pending
from unlike.store.tables import ERASURES

_ADDED = ("files_scrubbed", "public_key", "signature")
"""What is added to a receipt each time it is given out."""


def note(tx: Tx, user_id: str, receipt: dict[str, Any] | None, scrub: int | None) -> None:
    """Refuse a user's records from now on, and store the receipt of the erasure.

    Args:
        tx: An open transaction.
        user_id: Whose.
        receipt: What was erased, not signed; None for a refusal in advance.
        scrub: Number of the pending scrub.
    """
    row = {"tenant": tx.tenant, "who": audit.name_of(tx, user_id), "refused": True, "at_ms": tx.now_ms}
    erased = {} if receipt is None else {"receipt": receipt, "scrub": scrub}
    insert = tx.insert(ERASURES).values(row | erased)
    changed = {"refused": True} | (erased | {"at_ms": tx.now_ms} if erased else {})
    tx.conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "who"], set_=changed))


def receipt_of(tx: Tx, user_id: str) -> dict[str, Any] | None:
    """The receipt of a user's last erasure, not signed; None if there was no erasure."""
    row = tx.conn.execute(
        select(ERASURES).where(ERASURES.c.tenant == tx.tenant, ERASURES.c.who == audit.name_of(tx, user_id))
    ).first()
    if row is None or row.receipt is None:
        return None
    return row.receipt | {"files_scrubbed": row.scrub is None or not is_pending(tx.conn, row.scrub)}


def readmit(tx: Tx, user_id: str) -> bool:
    """Accept a user's records again; returns whether they were refused."""
    mine = (ERASURES.c.tenant == tx.tenant) & (ERASURES.c.who == audit.name_of(tx, user_id))
    return tx.conn.execute(update(ERASURES).where(mine, ERASURES.c.refused).values(refused=False)).rowcount > 0


def restore(tx: Tx, receipts: Mapping[str, Mapping[str, Any]]) -> None:
    """Store receipts that the store lacks, as after restoring a backup, and refuse their users' records.

    Args:
        tx: An open transaction.
        receipts: By the keyed hash of the user; where the store has one as late as that, nothing changes.
    """
    rows = [
        {"tenant": tx.tenant, "who": who, "refused": True, "receipt": _unsigned(receipt), "at_ms": receipt["at_ms"]}
        for who, receipt in sorted(receipts.items())
    ]
    if rows:
        insert = tx.insert(ERASURES)
        new = insert.excluded
        changed = {"refused": True, "receipt": new.receipt, "scrub": None, "at_ms": new.at_ms}
        is_later = ERASURES.c.receipt.is_(None) | (ERASURES.c.at_ms < new.at_ms)
        tx.conn.execute(
            insert.on_conflict_do_update(index_elements=["tenant", "who"], set_=changed, where=is_later), rows
        )


def _unsigned(receipt: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in receipt.items() if name not in _ADDED}


def refused(tx: Tx, user_ids: Iterable[str]) -> set[str]:
    """Those of these users whose records are refused."""
    names = {name: user_id for user_id, name in audit.names_of(tx, user_ids).items()}
    listed = select(ERASURES.c.who).where(ERASURES.c.tenant == tx.tenant, ERASURES.c.refused)
    return {names[who] for (who,) in rows_with(tx, listed, ERASURES.c.who, names)}
