"""Records of a tenant: accepted once each, sealed, and read as a method reads a corpus.

A record id belongs to one text. Sending the same record again changes nothing; another text under the same id is not
stored and is reported, since both cannot be what the user wrote.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count as count_from
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select, tuple_

from unlike.errors import InputError
from unlike.records import END_OF_TIME, Item, Moment, Record, canonical_id
from unlike.store import deleted_records, erasure_receipts
from unlike.store.batches import batches, rows_with
from unlike.store.database import Tenant, Tx
from unlike.store.items import SourcedItem, Trust, items_with_ids, numbers_of_items
from unlike.store.tables import ITEMS, RECORDS, USERS
from unlike.store.users import Consent, agreeing_to_compare, known_users, numbers_of_users


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
    """Result of storing records.

    Attributes:
        n_new: Accepted.
        n_same: There already, with the same words.
        conflicts: Ids that are there with other words or another rating; those stay.
        refused: Ids of records that were deleted before, or whose users were erased or refused in advance.
        n_new_users: Users not known before.
        users: Numbers of the users who have something new.
        items: Numbers of the items that have something new.
    """

    n_new: int = 0
    n_same: int = 0
    conflicts: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    n_new_users: int = 0
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
    """Keep records; idempotent by record id, except that a record sent again may describe its item.

    Args:
        tx: An open transaction.
        rows: At most a few thousand at a time.
        consent: Of users not known yet.
    """
    first = {row.record.id: row for row in reversed(rows)}
    known = _kept(tx, list(first))
    sent = [row for id_, row in sorted(first.items()) if id_ not in known]
    new = allowed(tx, sent)
    users, n_new_users = numbers_of_users(tx, {row.record.user_id for row in new}, consent)
    items = numbers_of_items(tx, _sourced(tx, new, users))
    _update_items_of(
        tx, [row for id_, row in sorted(first.items()) if id_ in known and _is_same(row.record, known[id_])]
    )
    accepted = _insert(tx, new, users, items)
    if len(accepted) < len(new):  # another transaction was first
        known |= _kept(tx, [row.record.id for row in new if row.record.id not in accepted])
    kept = {row.record.id: row.record for row in new} | known
    there = [row for row in rows if row.record.id in kept]
    other = [row.record.id for row in there if not _is_same(row.record, kept[row.record.id])]
    return Put(
        n_new=len(accepted),
        n_same=len(there) - len(accepted) - len(other),
        conflicts=tuple(sorted(set(other))),
        refused=tuple(row.record.id for row in rows if row.record.id not in kept),
        n_new_users=n_new_users,
        users=tuple(users.values()),
        items=tuple(items.values()),
    )


def _update_items_of(tx: Tx, rows: Sequence[NewRecord]) -> None:
    """Update the items that stored records, sent again, describe."""
    rows = [row for row in rows if SourcedItem(row.item).has_text]
    numbers_of_items(tx, _sourced(tx, rows, known_users(tx, {row.record.user_id for row in rows})))


def allowed(tx: Tx, rows: Sequence[NewRecord]) -> list[NewRecord]:
    """Those of some records that were not deleted, and whose users are known, or new and not refused."""
    wanted = {row.record.user_id for row in rows}
    gone = erasure_receipts.refused(tx, wanted - known_users(tx, wanted).keys())
    deleted = deleted_records.refused(tx, [row.record.id for row in rows])
    return [row for row in rows if row.record.user_id not in gone and row.record.id not in deleted]


def _sourced(tx: Tx, rows: Sequence[NewRecord], users: Mapping[str, int]) -> dict[str, SourcedItem]:
    """The items of records by id: of each the text with the most trust, and of several the first with title and description."""
    agreed = agreeing_to_compare(tx, list(users.values()))
    sourced = dict[str, SourcedItem]()
    for row in rows:
        user = users[row.record.user_id]
        one = SourcedItem(row.item, Trust.PEER_RECORD if user in agreed else Trust.RECORD, user)
        before = sourced.setdefault(row.item.id, one)
        if before.item == row.item and before.user != user:
            sourced[row.item.id] = SourcedItem(row.item, max(one.trust, before.trust))
        elif (one.has_text, one.trust, one.n_texts) > (before.has_text, before.trust, before.n_texts):
            sourced[row.item.id] = one
    return sourced


def with_ids(tx: Tx, record_ids: Sequence[str]) -> list[Stored]:
    """The records of these ids that are there."""
    return [stored for batch in batches(record_ids) for stored in _asked(tx, _WITH_IDS, record_ids=batch)]


def numbers_of(tx: Tx, record_ids: Sequence[str]) -> dict[int, int]:
    """Numbers of the records of these ids that are there, each with its user's; no text is opened."""
    mine = select(RECORDS.c.id, RECORDS.c.user).where(RECORDS.c.tenant == tx.tenant)
    return {number: user for number, user in rows_with(tx, mine, RECORDS.c.record_id, record_ids)}


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


def without_texts(tx: Tx, *where: ColumnElement[bool]) -> list[Stored]:
    """Records that fulfil conditions, by (timestamp, record id); nothing is decrypted, so texts and titles are ""."""
    rows = tx.conn.execute(_WITHOUT_TEXTS.where(*where), {"tenant": tx.tenant})
    return [
        Stored(number, user, item, Record(id_, user_id, item_id, "", "", rating, timestamp))
        for number, user, item, id_, rating, timestamp, user_id, item_id in rows
    ]


def ids_of(tx: Tx, numbers: Iterable[int]) -> dict[int, str]:
    """Ids of records by their numbers; no text is opened."""
    mine = select(RECORDS.c.id, RECORDS.c.record_id).where(RECORDS.c.tenant == tx.tenant)
    return {number: record_id for number, record_id in rows_with(tx, mine, RECORDS.c.id, numbers)}


def latest(tx: Tx, user: int, n: int) -> list[Stored]:
    """A user's latest n records, oldest first."""
    return page(tx, user, 0, n)[::-1]


def latest_on(tx: Tx, user: int, item_id: str) -> Stored | None:
    """A user's latest record on an item."""
    found = _asked(tx, _PAGE.where(ITEMS.c.item_id == item_id), user=user, offset=0, limit=1)
    return found[0] if found else None


def page(tx: Tx, user: int, offset: int, limit: int) -> list[Stored]:
    """Some of a user's records, the latest first."""
    return _asked(tx, _PAGE, user=user, offset=offset, limit=limit)


def latest_first(tx: Tx, user: int) -> Iterator[Stored]:
    """All records of a user, the latest first, opened some at a time."""
    for offset in count_from(0, PAGE_ROWS):
        yield from (found := page(tx, user, offset, PAGE_ROWS))
        if len(found) < PAGE_ROWS:
            return


class StoredRecords:
    """A tenant's records as methods read them: ``unlike.records.Records``.

    Consent is kept here, at the only door: a user who does not agree to the use of own records has no history, and a record
    whose user does not agree to be compared is never a peer.
    """

    def __init__(self, tenant: Tenant, seen: Callable[[Sequence[Stored]], None] = lambda stored: None) -> None:
        """Read a tenant's records.

        Args:
            tenant: Whose.
            seen: Called with every record that is returned, with its number.
        """
        self._tenant = tenant
        self._seen = seen

    def item(self, item_id: str) -> Item:
        """The item of that id.

        Raises:
            Unknown: No such item.
        """
        with self._tenant.read() as tx:
            found = items_with_ids(tx, [canonical_id(item_id)])
        if not found:
            raise Unknown(f"no item {item_id!r}; send it with a record on it, or with the request")
        return found[canonical_id(item_id)]

    def history(self, user_id: str, before: Moment) -> Sequence[Record]:
        """The user's own records before a moment, oldest first."""
        with self._tenant.read() as tx:
            whose = {"user_id": canonical_id(user_id)}
            return self._returned(_asked(tx, _HISTORY, **whose, timestamp=before[0], record_id=before[1]))

    def peers(self, item_id: str, before: int | None) -> Sequence[Record]:
        """All records on an item that may serve others, strictly before a timestamp (ms; None for all)."""
        with self._tenant.read() as tx:
            limit = END_OF_TIME[0] if before is None else before
            return self._returned(_asked(tx, _PEERS, item_id=canonical_id(item_id), before=limit))

    def _returned(self, stored: Sequence[Stored]) -> list[Record]:
        self._seen(stored)
        return [one.record for one in stored]


def count(tx: Tx, user: int | None = None) -> int:
    """Records of a user; of the whole tenant for None."""
    mine = RECORDS.c.tenant == tx.tenant if user is None else RECORDS.c.user == user
    return tx.conn.scalar(select(func.count()).select_from(RECORDS).where(mine)) or 0


PAGE_ROWS = 50
"""Records that are opened at once where it is not known how many are needed."""
_TENANT = bindparam("tenant")


def _selected(*columns: str) -> Select[*tuple[Any, ...]]:
    """Columns of a tenant's records, and the ids of user and item: those of its users on its items.

    To name the records' own tenant too would lead PostgreSQL through all of them, as long as it has not counted them.
    """
    return (
        select(*(RECORDS.c[column] for column in columns), USERS.c.user_id, ITEMS.c.item_id)
        .join(USERS, USERS.c.id == RECORDS.c.user)
        .join(ITEMS, ITEMS.c.id == RECORDS.c.item)
        .where(USERS.c.tenant == _TENANT, ITEMS.c.tenant == _TENANT)
    )


# Statements of requests are put together once: that is most of what they cost.
_ORDER = (RECORDS.c.timestamp, RECORDS.c.record_id)
_SELECTED = _selected("id", "user", "item", "record_id", "sealed", "rating", "timestamp")
_ORDERED = _SELECTED.order_by(*_ORDER)
_WITHOUT_TEXTS = _selected("id", "user", "item", "record_id", "rating", "timestamp").order_by(*_ORDER)
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
_PAGE = (
    _SELECTED.where(RECORDS.c.user == bindparam("user"))
    .order_by(RECORDS.c.timestamp.desc(), RECORDS.c.record_id.desc())
    .offset(bindparam("offset"))
    .limit(bindparam("limit"))
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
    """Insert records; returns the ids of those that no other transaction has inserted meanwhile."""
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


def _is_same(sent: Record, kept: Record) -> bool:
    """Whether a record is the stored one; a missing rating matches any."""
    words = all(getattr(sent, name) == getattr(kept, name) for name in ("user_id", "item_id", "title", "text"))
    return words and sent.rating in (None, kept.rating)
