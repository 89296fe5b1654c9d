"""Vectors of records, by record and encoder."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from unlike.store.batches import rows_with
from unlike.store.database import Tx
from unlike.store.tables import EMBEDDINGS, RECORDS, USERS

Vector = NDArray[np.float32]


def put(tx: Tx, encoder: str, vectors: Mapping[int, Vector]) -> None:
    """Keep vectors (d,) of records by their numbers; those there already stay.

    Those of erased records, and of users who agree to no use of their records, are dropped. The rows of the users are locked
    until the transaction ends, so that erasure and withdrawal find what is written here.
    """
    used = select(RECORDS.c.id).join(USERS, USERS.c.id == RECORDS.c.user).where(RECORDS.c.tenant == tx.tenant)
    used = used.where(USERS.c.own | USERS.c.peer).with_for_update(read=True, of=USERS)
    rows = [
        {"tenant": tx.tenant, "record": number, "encoder": encoder, "vector": vectors[number]}
        for (number,) in rows_with(tx, used, RECORDS.c.id, vectors)
    ]
    if rows:
        tx.conn.execute(tx.insert(EMBEDDINGS).on_conflict_do_nothing(index_elements=["record", "encoder"]), rows)


def of_records(tx: Tx, encoder: str, numbers: Iterable[int]) -> dict[int, Vector]:
    """Vectors by record number, of those that have one."""
    made = select(EMBEDDINGS.c.record, EMBEDDINGS.c.vector).where(
        EMBEDDINGS.c.tenant == tx.tenant, EMBEDDINGS.c.encoder == encoder
    )
    return {number: vector for number, vector in rows_with(tx, made, EMBEDDINGS.c.record, numbers)}
