"""What can be read from a memory besides profiles: records, jobs, consent, and the export of a user."""

from dataclasses import asdict
from typing import Any

from unlike.errors import InputError
from unlike.memory.answers import JobRow, Page, RecordRow
from unlike.memory.profile_pages import known_user
from unlike.store import audit, export, jobs, journal, records, users
from unlike.store.database import Tenant
from unlike.store.items import items_with_ids
from unlike.store.journal import KeptPrompt
from unlike.store.users import Consent

JOB_STATES = ("waiting", "running", "failed")
MAX_ROWS = 10_000
"""Maximum number of rows of a page."""


def records_of(tenant: Tenant, user_id: str, offset: int, limit: int) -> Page[RecordRow]:
    """A user's records, the latest first.

    Raises:
        Unknown: There is no such user.
        InputError: There is no such page.
    """
    check(offset, limit)
    with tenant.read() as tx:
        user = known_user(tx, user_id)
        shown = [stored.record for stored in records.page(tx, user, offset, limit)]
        total = records.count(tx, user)
        items = items_with_ids(tx, list({record.item_id for record in shown}))
    titled = (RecordRow(**asdict(record), item_title=items[record.item_id].title) for record in shown)
    return Page(tuple(titled), total, offset)


def prompts_of(tenant: Tenant, user_id: str, offset: int, limit: int) -> Page[KeptPrompt]:
    """The prompts that were kept of calls for a user, the latest first.

    Raises:
        Unknown: There is no such user.
        InputError: There is no such page.
    """
    check(offset, limit)
    with tenant.read() as tx:
        user = known_user(tx, user_id)
        return Page(tuple(journal.prompts_of(tx, user, offset, limit)), journal.n_prompts(tx, user), offset)


def jobs_in(tenant: Tenant, state: str, user_id: str, offset: int, limit: int) -> Page[JobRow]:
    """Jobs in a state (all for ""), the next due first; with a user, those that the user's profile needs.

    Raises:
        Unknown: There is no such user.
        InputError: There is no such state or page.
    """
    check(offset, limit)
    if state and state not in JOB_STATES:
        raise InputError(f"unknown state of jobs: {state!r}; allowed are {', '.join(JOB_STATES)}")
    with tenant.read() as tx:
        scope = jobs.Scope(tx.tenant, (known_user(tx, user_id),) if user_id else None)
        rows = jobs.listed(tx, state, offset, limit, scope)
        counts = jobs.counts(tx.conn, scope)
    total = counts.get(state, 0) if state else sum(counts.values())
    found = (
        JobRow(row.id, row.kind, row.state, row.attempts, row.run_at_ms, row.error, row.user_id, row.item_id)
        for row in rows
    )
    return Page(tuple(found), total, offset)


def consent_of(tenant: Tenant, user_id: str) -> Consent:
    """What a user agreed to; Unknown where there is no such user."""
    with tenant.read() as tx:
        return users.consent_of(tx, known_user(tx, user_id))


def everything_about(tenant: Tenant, user_id: str) -> dict[str, Any]:
    """All data about a user; Unknown if there is no such user."""
    with tenant.read() as tx:
        return export.everything_about(tx, known_user(tx, user_id), user_id)


def note_read(tenant: Tenant, what: str, user_id: str, by: str) -> None:
    """Note in the audit log that data about a user was read."""
    tenant.run_with_retry(lambda tx: audit.note(tx, what, user_id, {}, by), durable=False)


def check(offset: int, limit: int) -> None:
    """Check the bounds of a page.

    Raises:
        InputError: They are out of range.
    """
    if not (0 <= offset < 2**31 and 1 <= limit <= MAX_ROWS):
        raise InputError(f"there is no page of {limit} rows from row {offset}; 1 to {MAX_ROWS:,} rows from 0 on are")
