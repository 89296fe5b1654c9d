"""Changes of consent: what it no longer covers is deleted at once."""

from dataclasses import astuple
from typing import Any

from sqlalchemy import Column, Select, Table, delete, select

from unlike.memory.answers import ChangedConsent
from unlike.store import audit, jobs, profiles, scrubs, users
from unlike.store.database import Tenant, Tx
from unlike.store.lineage import drop_described_by, drop_from_others
from unlike.store.people import hold
from unlike.store.records import Unknown
from unlike.store.tables import DIFFERENCES, EMBEDDINGS, JOURNAL, PINS, PROFILES, RECORDS
from unlike.store.users import Consent, find_user


def change_consent(
    tenant: Tenant, user_id: str, own: bool | None, peer: bool | None, wording: str = "", by: str = ""
) -> ChangedConsent:
    """Change a user's consent; None leaves a part as it is.

    Without ``own`` the user's differences, profiles and calls are deleted; without ``peer`` everything of others that was made
    with the user's records is deleted and rebuilt without them. Either of them deletes others' kept prompts in which an item
    is described by the user.

    Args:
        tenant: Whose user.
        user_id: Of the user.
        own: See ``Consent``.
        peer: See ``Consent``.
        wording: What the user was shown.
        by: Name of the API key.

    Raises:
        Unknown: There is no such user.
    """
    return tenant.run_with_retry(lambda tx: _change(tx, user_id, own, peer, wording, by))


def _change(tx: Tx, user_id: str, own: bool | None, peer: bool | None, wording: str, by: str) -> ChangedConsent:
    user = find_user(tx, user_id)
    if user is None:
        raise Unknown(f"no user {user_id!r}; consent can be given with the first record")
    hold(tx, user)
    before = users.consent_of(tx, user)
    after = Consent(before.own if own is None else own, before.peer if peer is None else peer, wording)
    if before == after and (own is None and peer is None or before.wording == wording):
        return ChangedConsent(*astuple(before))
    users.set_consent(tx, user, after)
    if before == after:
        return ChangedConsent(*astuple(after))
    others = drop_from_others(tx, user).users if before.peer and not after.peer else ()
    if before.own and not after.own:
        _drop_own(tx, user)
    if not (after.own or after.peer):
        _drop(tx, EMBEDDINGS, EMBEDDINGS.c.record, user)
    items = list(tx.conn.scalars(select(RECORDS.c.item).where(RECORDS.c.user == user).distinct()))
    profiles.mark_stale(tx, [user])
    jobs.enqueue(tx, "cluster", items, tx.now_ms)
    rebuilt = {user, *others} if after.own else set(others)
    jobs.enqueue(tx, "build", sorted(rebuilt), tx.now_ms + 1)
    audit.note(tx, "consent", user_id, {"own": int(after.own), "peer": int(after.peer)}, by)
    scrubs.request(tx)
    return ChangedConsent(*astuple(after), n_profiles=len(rebuilt))


def _drop_own(tx: Tx, user: int) -> None:
    """Delete what was made for the user, and prompts of others with what the user told of items.

    The records stay, and may still serve others where that is agreed.
    """
    drop_described_by(tx, user)
    for table in (JOURNAL, PINS, PROFILES):
        tx.conn.execute(delete(table).where(table.c.user == user))
    _drop(tx, DIFFERENCES, DIFFERENCES.c.record, user)


def _drop(tx: Tx, table: Table, record: Column[Any], user: int) -> None:
    """Delete what a table holds about a user's records."""
    tx.conn.execute(delete(table).where(record.in_(_records_of(user))))


def _records_of(user: int) -> Select[int]:
    return select(RECORDS.c.id).where(RECORDS.c.user == user)
