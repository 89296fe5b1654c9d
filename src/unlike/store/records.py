"""Records of a tenant: accepted once each, sealed, and read as a method reads a corpus.

A record id stands for one text. The same record again changes nothing; another text under the same id is kept out and
said, since both cannot be what the user wrote.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select, tuple_

from unlike.errors import InputError
from unlike.records import Item, Moment, Record
from unlike.store.batches import batches
from unlike.store.database import Tenant, Tx
from unlike.store.items import items_with_ids, numbers_of_items
from unlike.store.tables import ITEMS, RECORDS, USERS
from unlike.store.users import Consent, numbers_of_users


class Unknown(InputError):
    """There is no such user, item, record or version."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to keep, and what is known of its item.

    Raises:
        InputError: The item is not the record's.
    """

    record: Record
    item: Item

    def __post_init__(self) -> None:
        if self.item.id != self.record.item_id:
            raise InputError(
                f"record {self.record.id!r} is on item {self.record.item_id!r}, but came with item {self.item.id!r}"
            )


@dataclass(frozen=True, slots=True)
class Put:
    """What came of new records.

    Attributes:
        n_new: Accepted.
        n_same: There already, with the same words.
        conflicts: Ids that are there with other words; those stay.
        users: Numbers of the users who have something new.
        items: Numbers of the items that have something new.
    """

    n_new: int = 0
    n_same: int = 0
    conflicts: tuple[str, ...] = ()
    users: tuple[int, ...] = ()
    items: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """A record with its numbers.

    Attributes:
        number: Of its row.
        user: Number of its user.
        item: Number of its item.
    """

    number: int
    user: int
    item: int
    record: Record


def put(tx: Tx, rows: Sequence[NewRecord], consent: Consent) -> Put:
    """Keep records; idempotent by record id.

    Args:
        tx: An open transaction.
        rows: At most a few thousand at a time.
        consent: Of users not known yet.
    """
    first = {row.record.id: row for row in reversed(rows)}
    known = _kept(tx, list(first))
    new = [row for id_, row in sorted(first.items()) if id_ not in known]
    users = numbers_of_users(tx, {row.record.user_id for row in new}, consent)
    items = numbers_of_items(tx, {row.item.id: row.item for row in new})
    accepted = _insert(tx, new, users, items)
    if len(accepted) < len(new):  # another transaction was first
        known |= _kept(tx, [row.record.id for row in new if row.record.id not in accepted])
    kept = {id_: row.record for id_, row in first.items()} | known
    other = [row.record.id for row in rows if _words(row.record) != _words(kept[row.record.id])]
    return Put(
        n_new=len(accepted),
        n_same=len(rows) - len(accepted) - len(other),
        conflicts=tuple(sorted(set(other))),
        users=tuple(users.values()),
        items=tuple(items.values()),
    )


def with_ids(tx: Tx, record_ids: Sequence[str]) -> list[Stored]:
    """The records of these ids that are there."""
    return [stored for batch in batches(record_ids) for stored in _asked(tx, _WITH_IDS, record_ids=batch)]


def with_numbers(tx: Tx, numbers: Iterable[int]) -> dict[int, Stored]:
    """Records by their numbers."""
    return {
        stored.number: stored
        for batch in batches(sorted(set(numbers)))
        for stored in _asked(tx, _NUMBERED, numbers=batch)
    }


def read(tx: Tx, *where: ColumnElement[bool]) -> list[Stored]:
    """Records that fulfil conditions, by (timestamp, record id)."""
    return _asked(tx, _ORDERED.where(*where))


def latest(tx: Tx, user: int, n: int) -> list[Stored]:
    """A user's latest n records, oldest first."""
    return _asked(tx, _LATEST, user=user, n=n)[::-1]


class StoredRecords:
    """A tenant's records as methods read them: ``unlike.records.Records``.

    Consent is kept here, at the only door: a user who does not let own records be used has no history, and a record
    whose user does not agree to be compared is nobody's peer.
    """

    def __init__(self, tenant: Tenant, seen: Callable[[Sequence[Stored]], None] = lambda stored: None) -> None:
        """Read a tenant's records.

        Args:
            tenant: Whose.
            seen: Is shown every record that is handed out, with its number.
        """
        self._tenant = tenant
        self._seen = seen

    def item(self, item_id: str) -> Item:
        """The item of that id.

        Raises:
            Unknown: No such item.
        """
        with self._tenant.read() as tx:
            found = items_with_ids(tx, [item_id])
        if not found:
            raise Unknown(f"no item {item_id!r}; send it with a record on it, or with the request")
        return found[item_id]

    def history(self, user_id: str, before: Moment) -> Sequence[Record]:
        """The user's own records before a moment, oldest first."""
        with self._tenant.read() as tx:
            timestamp, record_id = before
            return self._handed_out(_asked(tx, _HISTORY, user_id=user_id, timestamp=timestamp, record_id=record_id))

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item that may serve others, strictly before a timestamp (ms; None for all)."""
        with self._tenant.read() as tx:
            limit = LATER if before is None else before
            return self._handed_out(_asked(tx, _PEERS, item_id=item_id, before=limit))

    def _handed_out(self, stored: Sequence[Stored]) -> list[Record]:
        self._seen(stored)
        return [one.record for one in stored]


def count(tx: Tx) -> int:
    """Records of the tenant."""
    return tx.conn.scalar(select(func.count()).select_from(RECORDS).where(RECORDS.c.tenant == tx.tenant)) or 0


LATER = 2**62
"""A timestamp after all that can be kept (ms)."""
_COLUMNS = ("id", "user", "item", "record_id", "sealed", "rating", "timestamp")
_TENANT = bindparam("tenant")
_SELECTED = (
    select(*(RECORDS.c[column] for column in _COLUMNS), USERS.c.user_id, ITEMS.c.item_id)
    .join(USERS, USERS.c.id == RECORDS.c.user)
    .join(ITEMS, ITEMS.c.id == RECORDS.c.item)
    .where(USERS.c.tenant == _TENANT, ITEMS.c.tenant == _TENANT)
)
"""The columns of ``_stored``, of a tenant's records: those of its users on its items. To name the records' own tenant too
would lead PostgreSQL through all of them, as long as it has not counted them. Statements of requests are put together
once: that is most of what they cost."""
_ORDERED = _SELECTED.order_by(RECORDS.c.timestamp, RECORDS.c.record_id)
_NUMBERED = _ORDERED.where(RECORDS.c.id.in_(bindparam("numbers", expanding=True)))
_WITH_IDS = _ORDERED.where(
    RECORDS.c.tenant == _TENANT, RECORDS.c.record_id.in_(bindparam("record_ids", expanding=True))
)
_HISTORY = _ORDERED.where(
    USERS.c.user_id == bindparam("user_id"),
    USERS.c.own,
    tuple_(RECORDS.c.timestamp, RECORDS.c.record_id) < tuple_(bindparam("timestamp"), bindparam("record_id")),
)
_PEERS = _ORDERED.where(
    ITEMS.c.item_id == bindparam("item_id"), USERS.c.peer, RECORDS.c.timestamp < bindparam("before")
)
_LATEST = (
    _SELECTED.where(RECORDS.c.user == bindparam("user"))
    .order_by(RECORDS.c.timestamp.desc(), RECORDS.c.record_id.desc())
    .limit(bindparam("n"))
)


def _asked(tx: Tx, statement: Select[Any], **values: object) -> list[Stored]:
    """The tenant's records that a statement finds, with their words, whose keys are read together."""
    rows = tx.conn.execute(statement, {"tenant": tx.tenant, **values}).all()
    tx.keys.of_users(tx.conn, {row.user for row in rows})
    return [_stored(tx, row) for row in rows]


def _stored(tx: Tx, row: Row[*tuple[Any, ...]]) -> Stored:
    number, user, item, id_, sealed, rating, timestamp, user_id, item_id = row
    words = tx.keys.unseal(tx.conn, [user], sealed, place_of(tx, id_))
    record = Record(id_, user_id, item_id, words["text"], words["title"], rating, timestamp)
    return Stored(number, user, item, record)


def _kept(tx: Tx, record_ids: Sequence[str]) -> dict[str, Record]:
    return {stored.record.id: stored.record for stored in with_ids(tx, record_ids)}


def _insert(tx: Tx, new: Sequence[NewRecord], users: Mapping[str, int], items: Mapping[str, int]) -> set[str]:
    """Insert records; gives the ids of those that nobody else inserted meanwhile."""
    if not new:
        return set()
    tx.keys.of_users(tx.conn, users.values())
    insert = tx.insert(RECORDS).on_conflict_do_nothing(index_elements=["tenant", "record_id"])
    rows = [_row(tx, row, users, items) for row in new]
    return set(tx.conn.scalars(insert.returning(RECORDS.c.record_id), rows))


def _row(tx: Tx, new: NewRecord, users: Mapping[str, int], items: Mapping[str, int]) -> dict[str, Any]:
    record, user = new.record, users[new.record.user_id]
    words = {"text": record.text, "title": record.title}
    return {
        "tenant": tx.tenant,
        "user": user,
        "item": items[new.item.id],
        "record_id": record.id,
        "sealed": tx.keys.seal(tx.conn, [user], words, place_of(tx, record.id)),
        "rating": record.rating,
        "timestamp": record.timestamp,
        "created_ms": tx.now_ms,
    }


def place_of(tx: Tx, record_id: str) -> str:
    """What a record's words are bound to."""
    return f"record {tx.tenant} {record_id}"


def _words(record: Record) -> tuple[str, str, str, str]:
    return (record.user_id, record.item_id, record.title, record.text)
