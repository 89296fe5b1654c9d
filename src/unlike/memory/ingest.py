"""Adding records: identifiers are removed, texts sealed, and jobs queued, all in one transaction.

Invalid records are refused before anything is stored: ids that not every database and URL can hold, times in seconds.
Characters that no prompt can hold (NUL, half a surrogate pair) become U+FFFD in texts.
"""

import hashlib
import math
import pickle
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from unlike.errors import InputError
from unlike.memory.answers import Added, StoredItem
from unlike.memory.erase import delete_record_in, scrub
from unlike.memory.settings import MemorySettings
from unlike.privacy.redact import Redactor
from unlike.records import Item, Record, canonical_id
from unlike.store import deleted_records, items, jobs, profiles, records
from unlike.store.batches import rows_with
from unlike.store.daily_budget import DAY_MS
from unlike.store.database import Tenant, Tx
from unlike.store.records import NewRecord, Put, Unknown
from unlike.store.tables import PROFILES, RECORDS
from unlike.store.users import Consent

ROWS_AT_ONCE = 2_000
"""Records of one transaction."""
ROWS_PER_PICKLE = 100
"""Records that are unpickled at once, which takes milliseconds."""
MAX_CHARS = {
    "id": 256,
    "user_id": 256,
    "item_id": 256,
    "text": 1_000_000,
    "title": 2_000,
}
"""Maximum length of each field of a record."""
MAX_ITEM_CHARS = {"title": 2_000, "description": 100_000}
IDS = ("id", "user_id", "item_id")
NO_IDS = (".", "..")
"""HTTP clients remove these from the path of a URL."""
LAST_MS = 253_402_300_799_999
"""The end of the year 9999; what is later is no Unix time in milliseconds."""
SECONDS = (631_152_000, 10_000_000_000)
"""Unix times in seconds from 1990 on; as milliseconds they are in the first months of 1970."""

_NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NOT_IN_TEXTS = re.compile(r"[\x00\ud800-\udfff]")


ReadBody = Callable[[bytes], tuple[Sequence[NewRecord], Consent]]
"""Reads the body of a request: the records in it, and the consent of new users."""


@dataclass(frozen=True, slots=True)
class Clean:
    """Records that are ready to be stored.

    Attributes:
        rows: Without identifiers.
        redacted: Number of removed identifiers, by kind.
    """

    rows: Sequence[NewRecord]
    redacted: Mapping[str, int]


def cleaned(rows: Sequence[NewRecord], redactor: Redactor) -> Clean:
    """Check records and remove identifiers from their texts and titles; the database is not used.

    Raises:
        InputError: A row has no id, user, item or text, or one that cannot be stored.
    """
    redacted = Counter[str]()
    return Clean([_clean(row, redactor, redacted) for row in rows], dict(redacted))


@dataclass(frozen=True, slots=True)
class PickledClean:
    """Clean records from another process, in several pickles: loading one of thousands would hold the GIL for too long."""

    parts: Sequence[bytes]
    redacted: Mapping[str, int]

    def loaded(self) -> Clean:
        """The records; other threads run between any two parts."""
        return Clean([row for part in self.parts for row in pickle.loads(part)], self.redacted)


def read_and_cleaned(body: bytes, read: ReadBody, redactor: Redactor) -> tuple[PickledClean, Consent]:
    """The records of a body, checked and without identifiers, and the consent of new users; see ``cleaned``."""
    rows, consent = read(body)
    clean = cleaned(rows, redactor)
    parts = [
        pickle.dumps(clean.rows[first : first + ROWS_PER_PICKLE])
        for first in range(0, len(clean.rows), ROWS_PER_PICKLE)
    ]
    return PickledClean(parts, clean.redacted), consent


def n_chars(rows: Sequence[NewRecord]) -> int:
    """Characters that are searched for identifiers."""
    parts = (one for row in rows for one in (row.record.text, row.record.title, row.item.title, row.item.description))
    return sum(map(len, parts))


def add(tenant: Tenant, clean: Clean, consent: Consent, settings: MemorySettings) -> Added:
    """Store records; sending them again changes nothing.

    Args:
        tenant: Whose.
        clean: In any order; a record without a time gets the current one.
        consent: Of new users.
        settings: When the jobs that follow are due.
    """
    puts = list[Put]()
    for first in range(0, len(clean.rows), ROWS_AT_ONCE):
        batch = clean.rows[first : first + ROWS_AT_ONCE]
        puts.append(
            tenant.run_with_retry(lambda tx, batch=batch: _put(tx, batch, consent, settings), durable=settings.durable)
        )
    tomorrow = tenant.store.now_ms() + DAY_MS
    refused = tuple(id_ for put in puts for id_ in put.refused)
    n_new_users = sum(put.n_new_users for put in puts)
    return Added(
        n_refused=len(refused),
        refused=refused,
        n_in_future=sum(row.record.timestamp > tomorrow for row in clean.rows),
        n_new=sum(put.n_new for put in puts),
        n_same=sum(put.n_same for put in puts),
        conflicts=tuple(id_ for put in puts for id_ in put.conflicts),
        n_users=len({user for put in puts for user in put.users}),
        n_items=len({item for put in puts for item in put.items}),
        redacted=clean.redacted,
        n_new_users=n_new_users,
        n_compared=n_new_users if consent.peer else 0,
    )


def correct(tenant: Tenant, clean: Clean, settings: MemorySettings, by: str = "", keeps: Collection[str] = ()) -> int:
    """Replace records by those with the same ids; what was made from the old ones is deleted, also others' profiles.

    It is deleted whatever changes, also where the text stays.

    A record without a time keeps that of the old one, and an item keeps its text. A record that was deleted is stored again,
    since to name it is deliberate.

    Args:
        tenant: Whose.
        clean: The new ones.
        settings: When the jobs that follow are due.
        by: Name of the API key.
        keeps: Fields that are taken from the old records: title, rating.

    Returns:
        Number of users whose profiles are built again, the user's own included; see ``answers.ChangedRecord``.

    Raises:
        Unknown: There is no such record, and none was deleted; or its user is refused.
        InputError: It is another user's.
    """

    def change(tx: Tx) -> int:
        rows, before_items, rebuilt = list[NewRecord](), list[int](), set[int]()
        if all([deleted_records.readmit(tx, row.record.id) for row in clean.rows]):
            if _put(tx, clean.rows, Consent(), settings).refused:
                raise Unknown("records of this user are refused")
            return 0
        for row in clean.rows:
            before, touched = delete_record_in(tx, row.record.id, "correct record", by, drops_item=False)
            rebuilt |= touched
            if before.record.user_id != row.record.user_id:
                raise InputError(
                    f"record {row.record.id!r} is another user's; delete it, and send this one with an id of its own"
                )
            kept = {name: getattr(before.record, name) for name in keeps}
            row = replace(row, record=replace(row.record, **kept))
            rows.append(_timed(row, before.record.timestamp))
            before_items.append(before.item)
        _put(tx, rows, Consent(), settings)
        items.drop_unused(tx, before_items)
        return len(rebuilt)

    n_profiles = tenant.run_with_retry(change)
    scrub(tenant.store)
    return n_profiles


def set_item(tenant: Tenant, item: Item, redactor: Redactor) -> StoredItem:
    """Store the text of an item on behalf of the product; an unknown item is created.

    Raises:
        InputError: It has no id, or words that are too long.
    """
    wrong = [*_wrong_id("item_id", item.id), *_too_long(item, MAX_ITEM_CHARS, "item ")]
    if wrong:
        raise InputError(f"item {item.id[:256]!r} cannot be kept: {'; '.join(wrong)}")
    words = {name: _redacted(getattr(item, name), redactor, Counter()) for name in MAX_ITEM_CHARS}
    known = replace(item, id=canonical_id(item.id), **words)

    def change(tx: Tx) -> StoredItem:
        is_new = not items.items_with_ids(tx, [known.id])
        return StoredItem(items.set_item(tx, known), is_new)

    return tenant.run_with_retry(change)


def id_of_feedback(user_id: str, item_id: str, title: str, text: str) -> str:
    """A record id that is always the same for the same text, and reveals nothing about its user."""
    words = "\0".join((canonical_id(user_id), canonical_id(item_id), title, text))
    return f"feedback-{hashlib.sha256(words.encode()).hexdigest()[:24]}"


def ask_to_build(tx: Tx, users: Sequence[int], settings: MemorySettings) -> None:
    """Queue users' profiles to be rebuilt: after a short pause if there are enough new records, otherwise after a longer one.

    Args:
        tx: An open transaction that may write.
        users: Numbers of users with something new.
        settings: How many new records are enough, and how long fewer may wait.
    """
    refresh = settings.refresh
    profiles.mark_stale(tx, users)
    waits = _with_few_new(tx, users, refresh.new_records) if refresh.new_records > 1 else set[int]()
    ripe = [user for user in users if user not in waits]
    jobs.enqueue(tx, "build", ripe, tx.now_ms + int(refresh.debounce_s * 1000) + 1)
    jobs.enqueue(tx, "build", sorted(waits), tx.now_ms + int(max(refresh.age_s, refresh.debounce_s) * 1000))


def readable(text: str) -> str:
    """The text with U+FFFD for what no prompt can hold."""
    return _NOT_IN_TEXTS.sub("\ufffd", text)


def _put(tx: Tx, rows: Sequence[NewRecord], consent: Consent, settings: MemorySettings) -> Put:
    put = records.put(tx, [_timed(row, tx.now_ms) for row in rows], consent)
    jobs.enqueue(tx, "cluster", put.items, tx.now_ms + int(settings.refresh.debounce_s * 1000))
    ask_to_build(tx, put.users, settings)
    return put


def _with_few_new(tx: Tx, users: Sequence[int], n: int) -> set[int]:
    """Users who have a profile, and fewer than n records that came after it."""
    newer = (RECORDS.c.user == PROFILES.c.user) & (RECORDS.c.created_ms > PROFILES.c.created_ms)
    counted = select(PROFILES.c.user).join(RECORDS, newer, isouter=True).group_by(PROFILES.c.user)
    mine = counted.where(PROFILES.c.tenant == tx.tenant, PROFILES.c.current).having(func.count(RECORDS.c.id) < n)
    return {user for (user,) in rows_with(tx, mine, PROFILES.c.user, users)}


def _clean(row: NewRecord, redactor: Redactor, found: Counter[str]) -> NewRecord:
    record, item = row.record, row.item
    if wrong := "; ".join(mistakes(row)):
        raise InputError(f"record {record.id[:256]!r} cannot be kept: {wrong}")
    text, title = (_redacted(part, redactor, found) for part in (record.text, record.title))
    item = replace(item, **{name: _redacted(getattr(item, name), redactor, found) for name in MAX_ITEM_CHARS})
    rating = None if record.rating is None else float(record.rating)  # a database knows no numbers of numpy's
    timestamp = int(record.timestamp)
    ids = {name: canonical_id(getattr(record, name)) for name in IDS}
    record = replace(record, **ids, text=text, title=title, rating=rating, timestamp=timestamp)
    return NewRecord(record, replace(item, id=record.item_id))


def _redacted(text: str, redactor: Redactor, found: Counter[str]) -> str:
    redacted = redactor.redact(readable(text))
    found.update(redacted.found)
    return redacted.text


def mistakes(row: NewRecord) -> Iterator[str]:
    """What is wrong with a row, all of it."""
    record = row.record
    for name in (*IDS, "text"):
        if not getattr(record, name).strip():
            yield f"it has no {name}; every record needs one"
    for name in IDS:
        yield from _wrong_id(name, getattr(record, name))
    yield from _too_long(record, MAX_CHARS)
    yield from _too_long(row.item, MAX_ITEM_CHARS, "item ")
    if record.rating is not None and not math.isfinite(record.rating):
        yield f"rating {record.rating}; a number is allowed, or none"
    if SECONDS[0] <= record.timestamp < SECONDS[1]:
        yield f"timestamp {record.timestamp} is in seconds; milliseconds are needed: {record.timestamp * 1000}"
    elif not 0 <= record.timestamp <= LAST_MS:
        yield f"timestamp {record.timestamp}; Unix milliseconds are needed, 0 for now"


def _wrong_id(name: str, given: str) -> Iterator[str]:
    if _NOT_IN_IDS.search(given):
        yield f"{name} has a control character or half a surrogate pair in it; leave those out"
    if given in NO_IDS:
        yield f"{name} is {given!r}, which no address can hold; give another one"


def _too_long(thing: Record | Item, most: Mapping[str, int], of: str = "") -> Iterator[str]:
    for name, allowed in most.items():
        if len(getattr(thing, name)) > allowed:
            yield f"{of}{name} has {len(getattr(thing, name)):,} characters; {allowed:,} are allowed"


def _timed(row: NewRecord, default_ms: int) -> NewRecord:
    return row if row.record.timestamp else replace(row, record=replace(row.record, timestamp=default_ms))
