"""Taking records in: identifiers out, words sealed, and the work that follows asked for, all in one transaction.

What cannot be right is refused before anything is kept: ids that not every database and address can hold, times in
seconds. What no prompt can hold (NUL, half a surrogate pair) becomes U+FFFD in texts, since the rest is what was written.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import func, select

from unlike.errors import InputError
from unlike.memory.answers import Added
from unlike.memory.settings import MemorySettings
from unlike.privacy.redact import Redactor
from unlike.records import Item, Record
from unlike.store import jobs, profiles, records
from unlike.store.batches import batches
from unlike.store.database import Tenant, Tx
from unlike.store.records import NewRecord, Put
from unlike.store.tables import PROFILES, RECORDS
from unlike.store.users import Consent

ROWS_AT_ONCE = 2_000
"""Records of one transaction."""
MOST_CHARS = {
    "id": 256,
    "user_id": 256,
    "item_id": 256,
    "text": 1_000_000,
    "title": 2_000,
}
"""Of each part of a record."""
MOST_ITEM_CHARS = {"title": 2_000, "description": 100_000}
IDS = ("id", "user_id", "item_id")
LAST_MS = 253_402_300_799_999
"""The end of the year 9999; what is later is no Unix time in milliseconds."""
SECONDS = (631_152_000, 10_000_000_000)
"""Unix times in seconds from 1990 on; as milliseconds they lie in the first months of 1970."""

_NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NOT_IN_TEXTS = re.compile(r"[\x00\ud800-\udfff]")


def add(
    tenant: Tenant, rows: Sequence[NewRecord], consent: Consent, redactor: Redactor, settings: MemorySettings
) -> Added:
    """Keep records; sending them again changes nothing.

    Args:
        tenant: Whose.
        rows: In any order; a record without a time bears the present one.
        consent: Of users not known yet.
        redactor: Takes identifiers out of texts and titles.
        settings: When the work that follows is due.

    Raises:
        InputError: A row has no id, user, item or text, or one that cannot be kept; nothing is kept.
    """
    redacted = Counter[str]()
    clean = [_clean(row, redactor, redacted) for row in rows]
    puts = list[Put]()
    for first in range(0, len(clean), ROWS_AT_ONCE):
        batch = clean[first : first + ROWS_AT_ONCE]
        puts.append(tenant.insist(lambda tx, batch=batch: _put(tx, batch, consent, settings)))
    return Added(
        n_new=sum(put.n_new for put in puts),
        n_same=sum(put.n_same for put in puts),
        conflicts=tuple(id_ for put in puts for id_ in put.conflicts),
        n_users=len({user for put in puts for user in put.users}),
        n_items=len({item for put in puts for item in put.items}),
        redacted=dict(redacted),
    )


def id_of_feedback(user_id: str, item_id: str, title: str, text: str) -> str:
    """A record id that the same text gets again, and that tells nothing about whose it is."""
    words = "\0".join((user_id, item_id, title, text))
    return f"feedback-{hashlib.sha256(words.encode()).hexdigest()[:24]}"


def ask_to_build(tx: Tx, users: Sequence[int], settings: MemorySettings) -> None:
    """Build users' profiles anew: after a pause in which more may come where enough is new, else when it has waited.

    Args:
        tx: An open transaction that may write.
        users: Numbers of users with something new.
        settings: What is enough, and how long the rest may wait.
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
    few = set[int]()
    for batch in batches(users):
        newer = (RECORDS.c.user == PROFILES.c.user) & (RECORDS.c.created_ms > PROFILES.c.created_ms)
        counted = select(PROFILES.c.user).join(RECORDS, newer, isouter=True).group_by(PROFILES.c.user)
        mine = counted.where(PROFILES.c.tenant == tx.tenant, PROFILES.c.user.in_(batch), PROFILES.c.current)
        few |= set(tx.conn.scalars(mine.having(func.count(RECORDS.c.id) < n)))
    return few


def _clean(row: NewRecord, redactor: Redactor, found: Counter[str]) -> NewRecord:
    record, item = row.record, row.item
    if wrong := "; ".join(mistakes(row)):
        raise InputError(f"record {record.id[:256]!r} cannot be kept: {wrong}")
    text, title = redactor.redact(readable(record.text)), redactor.redact(readable(record.title))
    found.update(text.found)
    found.update(title.found)
    rating = None if record.rating is None else float(record.rating)  # a database knows no numbers of numpy's
    timestamp = int(record.timestamp)
    record = replace(record, text=text.text, title=title.text, rating=rating, timestamp=timestamp)
    return NewRecord(record, replace(item, title=readable(item.title), description=readable(item.description)))


def mistakes(row: NewRecord) -> Iterator[str]:
    """What is wrong with a row, all of it."""
    record = row.record
    for name in (*IDS, "text"):
        if not getattr(record, name).strip():
            yield f"it has no {name}; every record needs one"
    for name in IDS:
        if _NOT_IN_IDS.search(getattr(record, name)):
            yield f"{name} has a control character or half a surrogate pair in it; leave those out"
    yield from _too_long(record, MOST_CHARS)
    yield from _too_long(row.item, MOST_ITEM_CHARS, "item ")
    if record.rating is not None and not math.isfinite(record.rating):
        yield f"rating {record.rating}; a number is allowed, or none"
    if SECONDS[0] <= record.timestamp < SECONDS[1]:
        yield f"timestamp {record.timestamp} is in seconds; milliseconds are needed: {record.timestamp * 1000}"
    elif not 0 <= record.timestamp <= LAST_MS:
        yield f"timestamp {record.timestamp}; Unix milliseconds are needed, 0 for now"


def _too_long(thing: Record | Item, most: Mapping[str, int], of: str = "") -> Iterator[str]:
    for name, allowed in most.items():
        if len(getattr(thing, name)) > allowed:
            yield f"{of}{name} has {len(getattr(thing, name)):,} characters; {allowed:,} are allowed"


def _timed(row: NewRecord, now_ms: int) -> NewRecord:
    return row if row.record.timestamp else replace(row, record=replace(row.record, timestamp=now_ms))
