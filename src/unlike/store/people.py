"""The users whose words a text is made from: it is sealed under their keys, and needs their consent."""

from collections.abc import Iterable

from sqlalchemy import select

from unlike.store.batches import rows_with
from unlike.store.database import TransactionConflict, Tx
from unlike.store.tables import RECORDS, USERS


def people_of(tx: Tx, records: Iterable[int], compared: Iterable[int] = ()) -> list[int]:
    """Numbers of the users of records, sorted; their rows are locked until the transaction ends.

    Erasure and withdrawal of consent wait for this transaction and then find what it wrote, so nothing is made from
    words that were withdrawn.

    Args:
        tx: An open transaction that may write.
        records: Numbers of records whose words are in a text.
        compared: Numbers of those that are there only as others' records.

    Raises:
        TransactionConflict: A record is gone, or a user no longer agrees to be compared.
    """
    compared = set(compared)
    wanted = {*records, *compared}
    users = dict[int, int]()
    there = select(RECORDS.c.id, RECORDS.c.user, USERS.c.peer).join(USERS, USERS.c.id == RECORDS.c.user)
    held = there.where(RECORDS.c.tenant == tx.tenant).with_for_update(read=True, of=USERS)
    for record, user, peer in rows_with(tx, held, RECORDS.c.id, wanted):
        if peer or record not in compared:
            users[record] = user
    if len(users) < len(wanted):
        raise TransactionConflict(
            "records were erased, or may not be compared any more, while something was made of them"
        )
    return sorted(set(users.values()))


def agrees(tx: Tx, user: int) -> bool:
    """Whether a user agrees to the use of own records; the user's row is locked until the transaction ends."""
    own = select(USERS.c.own).where(USERS.c.tenant == tx.tenant, USERS.c.id == user)
    return bool(tx.conn.scalar(own.with_for_update(read=True)))


def hold(tx: Tx, user: int) -> None:
    """Lock a user's row: wait for transactions that use the user's words, and block new ones until this one ends."""
    tx.conn.execute(select(USERS.c.id).where(USERS.c.tenant == tx.tenant, USERS.c.id == user).with_for_update())
