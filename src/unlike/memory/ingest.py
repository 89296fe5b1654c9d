"""Taking records in: identifiers out, words sealed, and the work that follows asked for, all in one transaction."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from unlike.errors import InputError
from unlike.memory.answers import Added
from unlike.memory.settings import MemorySettings
from unlike.privacy.redact import Redactor
from unlike.store import jobs, profiles, records
from unlike.store.database import Tenant, Tx
from unlike.store.records import NewRecord, Put
from unlike.store.users import Consent

ROWS_AT_ONCE = 2_000
"""Records of one transaction."""
MOST_CHARS = 1_000_000
"""Of one text."""


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
        InputError: A row has no id, user, item or text; nothing of its batch is kept.
    """
    redacted = Counter[str]()
    clean = [_clean(row, redactor, redacted) for row in rows]
    puts = list[Put]()
    for first in range(0, len(clean), ROWS_AT_ONCE):
        with tenant.write() as tx:
            batch = [_timed(row, tx.now_ms) for row in clean[first : first + ROWS_AT_ONCE]]
            puts.append(records.put(tx, batch, consent))
            ask_for_work(tx, puts[-1].users, puts[-1].items, settings)
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


def ask_for_work(tx: Tx, users: Sequence[int], items: Sequence[int], settings: MemorySettings) -> None:
    """Cluster items and build users' profiles, after a pause in which more may come."""
    due = tx.now_ms + int(settings.refresh.debounce_s * 1000)
    profiles.mark_stale(tx, users)
    jobs.enqueue(tx, "cluster", items, due)
    jobs.enqueue(tx, "build", users, due + 1)


def _clean(row: NewRecord, redactor: Redactor, found: Counter[str]) -> NewRecord:
    record = row.record
    missing = [name for name in ("id", "user_id", "item_id", "text") if not getattr(record, name).strip()]
    if missing:
        raise InputError(f"record {record.id!r} has no {', '.join(missing)}; every record needs all of them")
    if len(record.text) > MOST_CHARS:
        raise InputError(f"record {record.id!r} has {len(record.text):,} characters; {MOST_CHARS:,} are allowed")
    text, title = redactor.redact(record.text), redactor.redact(record.title)
    found.update(text.found)
    found.update(title.found)
    return replace(row, record=replace(record, text=text.text, title=title.text))


def _timed(row: NewRecord, now_ms: int) -> NewRecord:
    return row if row.record.timestamp else replace(row, record=replace(row.record, timestamp=now_ms))
