"""Records of a tenant: accepted once each, sealed, and read as a method reads a corpus.

A record id stands for one text. The same record again changes nothing; another text under the same id is kept out and
said, since both cannot be what the user wrote.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, func, select, tuple_

from unlike.errors import InputError
from unlike.records import Item, Moment, Record
from unlike.store.batches import batches
from unlike.store.database import Tenant, Tx
from unlike.store.keyring import about_user, wrapped_by_another
from unlike.store.tables import ITEMS, RECORDS, TENANTS, USERS
from unlike.store.users import Consent


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
    items = _numbers_of_items(tx, {row.item.id: row.item for row in new})
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
    return [stored for batch in batches(record_ids) for stored in read(tx, RECORDS.c.record_id.in_(batch))]


def with_numbers(tx: Tx, numbers: Iterable[int]) -> dict[int, Stored]:
    """Records by their numbers."""
    return {
        stored.number: stored for batch in batches(sorted(set(numbers))) for stored in read(tx, RECORDS.c.id.in_(batch))
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
    _check_master(tx)
    about = about_user(tx.tenant)
    facts = {"tenant": tx.tenant, "own": consent.own, "peer": consent.peer, "created_ms": tx.now_ms}
    rows = [facts | {"user_id": user_id} | tx.keys.new(about) for user_id in missing]
    tx.conn.execute(tx.insert(USERS).on_conflict_do_nothing(index_elements=["tenant", "user_id"]), rows)
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
        earlier = tuple_(RECORDS.c.timestamp, RECORDS.c.record_id) < tuple_(*before)
        with self._tenant.read() as tx:
            return [stored.record for stored in read(tx, USERS.c.user_id == user_id, USERS.c.own, earlier)]

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item that may serve others, strictly before a timestamp (ms; None for all)."""
        conditions = [ITEMS.c.item_id == item_id, USERS.c.peer]
        if before is not None:
            conditions.append(RECORDS.c.timestamp < before)
        with self._tenant.read() as tx:
            return [stored.record for stored in read(tx, *conditions)]


_COLUMNS = ("id", "user", "item", "record_id", "sealed", "rating", "timestamp")


def count(tx: Tx) -> int:
    """Records of the tenant."""
    return tx.conn.scalar(select(func.count()).select_from(RECORDS).where(RECORDS.c.tenant == tx.tenant)) or 0


def _selected(tx: Tx) -> Select[*tuple[Any, ...]]:
    """The columns of ``_stored``, of the tenant's records."""
    return (
        select(*(RECORDS.c[column] for column in _COLUMNS), USERS.c.user_id, ITEMS.c.item_id)
        .join(USERS, USERS.c.id == RECORDS.c.user)
        .join(ITEMS, ITEMS.c.id == RECORDS.c.item)
        .where(RECORDS.c.tenant == tx.tenant, USERS.c.tenant == tx.tenant, ITEMS.c.tenant == tx.tenant)
        .order_by(RECORDS.c.timestamp, RECORDS.c.record_id)
    )


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


def _numbers_of_items(tx: Tx, items: Mapping[str, Item]) -> dict[str, int]:
    there = _items(tx, sorted(items))
    told = [items[item_id] for item_id in sorted(items) if _says_more(items[item_id], there.get(item_id))]
    known = {item_id: row.id for item_id, row in there.items()}
    if not told:
        return known
    insert = tx.insert(ITEMS)
    rows = [
        {"tenant": tx.tenant, "item_id": item.id, "title": item.title, "description": item.description} for item in told
    ]
    kept = {
        column: func.coalesce(func.nullif(insert.excluded[column], ""), ITEMS.c[column])
        for column in ("title", "description")
    }
    tx.conn.execute(insert.on_conflict_do_update(index_elements=["tenant", "item_id"], set_=kept), rows)
    return known | _numbers(tx, ITEMS, ITEMS.c.item_id, [item.id for item in told])


def _items(tx: Tx, item_ids: Sequence[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    return {
        row.item_id: row
        for batch in batches(item_ids)
        for row in tx.conn.execute(select(ITEMS).where(ITEMS.c.tenant == tx.tenant, ITEMS.c.item_id.in_(batch)))
    }


def _says_more(item: Item, there: Row[*tuple[Any, ...]] | None) -> bool:
    """Whether an item is new, or told of with other words."""
    if there is None:
        return True
    return item.title not in ("", there.title) or item.description not in ("", there.description)


def _numbers(tx: Tx, table: Table, column: ColumnElement[str], wanted: Sequence[str]) -> dict[str, int]:
    """Numbers of rows by their ids, those that are there."""
    found: dict[str, int] = {}
    for batch in batches(wanted):
        rows = tx.conn.execute(select(column, table.c.id).where(table.c.tenant == tx.tenant, column.in_(batch)))
        found |= {id_: number for id_, number in rows}
    return found


def _check_master(tx: Tx) -> None:
    """No new key is wrapped by a master key that was rotated away meanwhile.

    Raises:
        InputError: It was.
    """
    now = select(TENANTS.c.master).where(TENANTS.c.id == tx.tenant).with_for_update(read=True)
    if (master := tx.conn.scalars(now).one()) != tx.keys.master.id:
        raise wrapped_by_another(master, tx.keys.master.id)
