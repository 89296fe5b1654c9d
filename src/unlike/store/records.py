"""Records of a tenant: accepted once each, sealed, and read as a method reads a corpus.

A record id stands for one text. The same record again changes nothing; another text under the same id is kept out and
said, since both cannot be what the user wrote.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from unlike.errors import InputError
from unlike.records import Item, Moment, Record
from unlike.store.database import Tenant, Tx
from unlike.store.keyring import about_user
from unlike.store.tables import ITEMS, RECORDS, USERS
from unlike.store.users import Consent

_MOST = 500
"""Values in one IN."""


class Unknown(InputError):
    """There is no such user, item, record or version."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to keep, and what is known of its item."""

    record: Record
    item: Item


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
    by_id = {row.record.id: row for row in rows}
    known = {stored.record.id: stored.record for stored in with_ids(tx, list(by_id))}
    same = [id_ for id_, record in known.items() if _words(record) == _words(by_id[id_].record)]
    new = [row for id_, row in by_id.items() if id_ not in known]
    users = numbers_of_users(tx, {row.record.user_id for row in new}, consent)
    items = _numbers_of_items(tx, {row.item.id: row.item for row in new})
    tx.keys.of_users(tx.conn, users.values())
    if new:
        tx.conn.execute(RECORDS.insert(), [_row(tx, row, users, items) for row in new])
    return Put(
        n_new=len(new),
        n_same=len(same) + len(rows) - len(by_id),
        conflicts=tuple(sorted(known.keys() - set(same))),
        users=tuple(users.values()),
        items=tuple(items.values()),
    )


def with_ids(tx: Tx, record_ids: Sequence[str]) -> list[Stored]:
    """The records of these ids that are there."""
    return [
        stored
        for first in range(0, len(record_ids), _MOST)
        for stored in read(tx, RECORDS.c.record_id.in_(record_ids[first : first + _MOST]))
    ]


def with_numbers(tx: Tx, numbers: Iterable[int]) -> dict[int, Stored]:
    """Records by their numbers."""
    wanted = sorted(set(numbers))
    return {
        stored.number: stored
        for first in range(0, len(wanted), _MOST)
        for stored in read(tx, RECORDS.c.id.in_(wanted[first : first + _MOST]))
    }


def read(tx: Tx, *where: ColumnElement[bool]) -> list[Stored]:
    """Records that fulfil conditions, by (timestamp, record id)."""
    return [_stored(tx, row) for row in tx.conn.execute(_selected(tx).where(*where))]


def latest(tx: Tx, user: int, n: int) -> list[Stored]:
    """A user's latest n records, oldest first."""
    newest = _selected(tx).where(RECORDS.c.user == user).order_by(None)
    rows = tx.conn.execute(newest.order_by(RECORDS.c.timestamp.desc(), RECORDS.c.record_id.desc()).limit(n)).all()
    return [_stored(tx, row) for row in rows[::-1]]


def numbers_of_users(tx: Tx, user_ids: Iterable[str], consent: Consent) -> dict[str, int]:
    """Numbers of users by id; those not known yet are made, each with a key of its own."""
    wanted = sorted(set(user_ids))
    known = _numbers(tx, USERS, USERS.c.user_id, wanted)
    missing = [user_id for user_id in wanted if user_id not in known]
    if not missing:
        return known
    about = about_user(tx.tenant)
    facts = {"tenant": tx.tenant, "own": consent.own, "peer": consent.peer, "created_ms": tx.now_ms}
    rows = [facts | {"user_id": user_id} | tx.keys.new(about) for user_id in missing]
    tx.conn.execute(USERS.insert(), rows)
    return known | _numbers(tx, USERS, USERS.c.user_id, missing)


def find_user(tx: Tx, user_id: str) -> int | None:
    """Number of a user; None for one nobody has seen."""
    return tx.conn.scalar(select(USERS.c.id).where(USERS.c.tenant == tx.tenant, USERS.c.user_id == user_id))


def put_item(tx: Tx, item: Item) -> int:
    """Keep an item, or what is new about it; gives its number."""
    return _numbers_of_items(tx, {item.id: item})[item.id]


class StoredRecords:
    """A tenant's records as methods read them: ``unlike.records.Records``.

    Consent is kept here, at the only door: a user who does not let own records be used has no history, and a record
    whose user does not agree to be compared is nobody's peer.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def item(self, item_id: str) -> Item:
        """The item of that id.

        Raises:
            Unknown: No such item.
        """
        with self._tenant.read() as tx:
            row = tx.conn.execute(select(ITEMS).where(ITEMS.c.tenant == tx.tenant, ITEMS.c.item_id == item_id)).first()
        if row is None:
            raise Unknown(f"no item {item_id!r}; send it with a record on it, or with the request")
        return Item(row.item_id, row.title, row.description)

    def history(self, user_id: str, before: Moment) -> Sequence[Record]:
        """The user's own records before a moment, oldest first."""
        time, record_id = before
        earlier = or_(RECORDS.c.timestamp < time, and_(RECORDS.c.timestamp == time, RECORDS.c.record_id < record_id))
        with self._tenant.read() as tx:
            return [stored.record for stored in read(tx, USERS.c.user_id == user_id, USERS.c.own, earlier)]

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item that may serve others, strictly before a timestamp (ms; None for all)."""
        conditions = [ITEMS.c.item_id == item_id, USERS.c.peer]
        if before is not None:
            conditions.append(RECORDS.c.timestamp < before)
        with self._tenant.read() as tx:
            return [stored.record for stored in read(tx, *conditions)]


def count(tx: Tx) -> int:
    """Records of the tenant."""
    return tx.conn.scalar(select(func.count()).select_from(RECORDS).where(RECORDS.c.tenant == tx.tenant)) or 0


def _selected(tx: Tx) -> Select[Any]:
    return (
        select(RECORDS, USERS.c.user_id, ITEMS.c.item_id)
        .join(USERS, USERS.c.id == RECORDS.c.user)
        .join(ITEMS, ITEMS.c.id == RECORDS.c.item)
        .where(RECORDS.c.tenant == tx.tenant)
        .order_by(RECORDS.c.timestamp, RECORDS.c.record_id)
    )


def _stored(tx: Tx, row: Row[Any]) -> Stored:
    words = tx.keys.unseal(tx.conn, [row.user], row.sealed, _about(tx, row.record_id))
    record = Record(row.record_id, row.user_id, row.item_id, words["text"], words["title"], row.rating, row.timestamp)
    return Stored(row.id, row.user, row.item, record)


def _row(tx: Tx, new: NewRecord, users: Mapping[str, int], items: Mapping[str, int]) -> dict[str, Any]:
    record, user = new.record, users[new.record.user_id]
    words = {"text": record.text, "title": record.title}
    return {
        "tenant": tx.tenant,
        "user": user,
        "item": items[new.item.id],
        "record_id": record.id,
        "sealed": tx.keys.seal(tx.conn, [user], words, _about(tx, record.id)),
        "rating": record.rating,
        "timestamp": record.timestamp,
        "created_ms": tx.now_ms,
    }


def _about(tx: Tx, record_id: str) -> str:
    return f"record {tx.tenant} {record_id}"


def _words(record: Record) -> tuple[str, str, str, str]:
    return (record.user_id, record.item_id, record.title, record.text)


def _numbers_of_items(tx: Tx, items: Mapping[str, Item]) -> dict[str, int]:
    known = _numbers(tx, ITEMS, ITEMS.c.item_id, sorted(items))
    told = [item for item in items.values() if item.id not in known or item.title or item.description]
    if told:
        insert = tx.insert(ITEMS)
        rows = [
            {"tenant": tx.tenant, "item_id": item.id, "title": item.title, "description": item.description}
            for item in told
        ]
        kept = {
            column: func.coalesce(func.nullif(insert.excluded[column], ""), ITEMS.c[column])
            for column in ("title", "description")
        }
        tx.conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "item_id"], set_=kept), rows)
    missing = [item_id for item_id in items if item_id not in known]
    return known | _numbers(tx, ITEMS, ITEMS.c.item_id, missing)


def _numbers(tx: Tx, table: Any, column: ColumnElement[str], wanted: Sequence[str]) -> dict[str, int]:  # noqa: ANN401
    """Numbers of rows by their ids, those that are there."""
    found: dict[str, int] = {}
    for first in range(0, len(wanted), _MOST):
        chunk = wanted[first : first + _MOST]
        rows = tx.conn.execute(select(column, table.c.id).where(table.c.tenant == tx.tenant, column.in_(chunk)))
        found |= {id_: number for id_, number in rows}
    return found
