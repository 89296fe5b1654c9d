"""Erasing users and records, and the receipts for it (see ``store.erase_rows`` for what is deleted)."""

import json
import logging
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from unlike.errors import InputError, UnlikeError
from unlike.memory.answers import ChangedRecord
from unlike.records import canonical_id
from unlike.store import audit, deleted_records, erase_rows, erasure_receipts, jobs, profiles, records, scrubs
from unlike.store.database import Store, Tenant, Tx
from unlike.store.records import Stored, Unknown
from unlike.store.tables import TENANTS, USERS
from unlike.store.users import find_user

ADAPTER = "adapter.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErasedAgain:
    """What became of the users of receipts.

    Attributes:
        user_ids: Who were in the store, and are erased.
        n_readmitted: Users who were readmitted after their erasure and have been new since; they stay.
        n_absent: Users who are not in the store.
        n_elsewhere: Receipts of other tenants, which are ignored.
    """

    user_ids: tuple[str, ...]
    n_readmitted: int
    n_absent: int
    n_elsewhere: int


def erase(tenant: Tenant, user_id: str, adapters: Sequence[Path] = (), by: str = "") -> dict[str, Any]:
    """Delete all data of a user, and all data of others that was made with it, which is queued to be rebuilt.

    The user's records are refused from then on. For a user who was erased before, the receipt of that erasure is returned.

    Args:
        tenant: Whose user.
        user_id: Of the user.
        adapters: Folders of trained adapters; those trained on the user are named in the receipt, since weights cannot be
            unlearned here.
        by: Name of the API key.

    Returns:
        A receipt to be signed: counts and hashes, no text and no id.

    Raises:
        Unknown: There is no such user.
        InputError: An adapter cannot be read; nothing was erased.
    """
    trained = _trained_with(user_id, adapters)  # first: once the user is erased, nothing may fail before the receipt
    receipt = tenant.run_with_retry(lambda tx: _take_out(tx, user_id, trained, by))
    scrub(tenant.store)
    with tenant.read() as tx:
        return erasure_receipts.receipt_of(tx, user_id) or receipt


def receipt_of(tenant: Tenant, user_id: str) -> dict[str, Any]:
    """The receipt of a user's erasure, to be signed.

    Raises:
        Unknown: There was none.
    """
    with tenant.read() as tx:
        receipt = erasure_receipts.receipt_of(tx, user_id)
    if receipt is None:
        raise Unknown(f"no user {user_id!r} was erased")
    return receipt


def refuse(tenant: Tenant, user_id: str, refused: bool, by: str = "") -> bool:
    """Refuse future records of a user who has none, or accept them again; returns whether they are refused now.

    Raises:
        InputError: The user has records, and can only be erased.
    """

    def change(tx: Tx) -> bool:
        if refused and find_user(tx, user_id) is not None:
            raise InputError(f"user {user_id!r} has records here; to refuse further ones, erase the user")
        if refused:
            erasure_receipts.note(tx, user_id, None, None)
        elif not erasure_receipts.readmit(tx, user_id):
            return False
        audit.note(tx, "refuse" if refused else "readmit", user_id, {}, by)
        return refused

    return tenant.run_with_retry(change)


def erase_again(tenant: Tenant, receipts: Sequence[Mapping[str, Any]], adapters: Sequence[Path] = ()) -> ErasedAgain:
    """Erase the users of these receipts who exist again, as after restoring a backup.

    Users who were readmitted after their erasure, and have been new since, stay. The store keeps the receipts it lacks.

    Args:
        tenant: Whose users; receipts of other tenants are ignored.
        receipts: Verified ones.
        adapters: See ``erase``.
    """
    mine = [receipt for receipt in receipts if receipt.get("tenant") == tenant.name]
    latest = {str(one["who_hmac_sha256"]): one for one in sorted(mine, key=lambda receipt: int(receipt["at_ms"]))}
    with tenant.read() as tx:
        of_tenant = select(USERS.c.user_id, USERS.c.created_ms).where(USERS.c.tenant == tx.tenant)
        since = {user_id: created_ms for user_id, created_ms in tx.conn.execute(of_tenant)}
        names = {user_id: name for user_id, name in audit.names_of(tx, since).items() if name in latest}
    back = sorted(user_id for user_id, name in names.items() if since[user_id] <= latest[name]["at_ms"])
    for user_id in back:
        erase(tenant, user_id, adapters)
    readmitted = {names[user_id] for user_id in names.keys() - set(back)}
    missing = {name: receipt for name, receipt in latest.items() if name not in readmitted}
    tenant.run_with_retry(lambda tx: erasure_receipts.restore(tx, missing))
    return ErasedAgain(tuple(back), len(readmitted), len(latest) - len(names), len(receipts) - len(mine))


def delete_record(tenant: Tenant, record_id: str, by: str = "") -> ChangedRecord:
    """Delete one record with everything made from it, also others' profiles, and refuse it from then on.

    Raises:
        Unknown: There is no such record.
    """

    def change(tx: Tx) -> ChangedRecord:
        stored, rebuilt = delete_record_in(tx, record_id, "delete record", by)
        deleted_records.note(tx, stored.record.id)
        return ChangedRecord(stored.record.user_id, len(rebuilt))

    changed = tenant.run_with_retry(change)
    scrub(tenant.store)
    return changed


def delete_record_in(
    tx: Tx, record_id: str, why: str, by: str, *, drops_item: bool = True
) -> tuple[Stored, frozenset[int]]:
    """Delete a record in an open transaction, and queue what was made from it to be rebuilt.

    Returns:
        The record, and the numbers of the users whose profiles are rebuilt; its own user only with a profile before.
    """
    found = records.with_ids(tx, [canonical_id(record_id)])
    if not found:
        raise Unknown(f"no record {record_id!r}")
    (stored,) = found
    own = [stored.user] if profiles.versions(tx, stored.user) else []
    touched = erase_rows.take_out_records(tx, stored.user, [stored.number], drops_items=drops_item)
    jobs.enqueue(tx, "cluster", touched.items, tx.now_ms)
    jobs.enqueue(tx, "build", [stored.user, *touched.users], tx.now_ms + 1)
    audit.note(tx, why, stored.record.user_id, {"records": 1}, by)
    scrubs.request(tx)
    return stored, frozenset([*own, *touched.users])


def erase_tenant(tenant: Tenant) -> bool:
    """Delete a tenant with all its data; returns whether the database's files are scrubbed."""
    tenant.run_with_retry(
        lambda tx: (tx.conn.execute(delete(TENANTS).where(TENANTS.c.id == tx.tenant)), scrubs.request(tx))
    )
    return scrub(tenant.store)


def _take_out(tx: Tx, user_id: str, trained: Sequence[str], by: str) -> dict[str, Any]:
    user = find_user(tx, user_id)
    if user is None:
        if before := erasure_receipts.receipt_of(tx, user_id):
            return before
        raise Unknown(f"no user {user_id!r}; nothing is held about that id")
    own, touched = erase_rows.take_out(tx, user)
    jobs.enqueue(tx, "cluster", touched.items, tx.now_ms)
    jobs.enqueue(tx, "build", touched.users, tx.now_ms + 1)
    audit.note(tx, "erase", user_id, own, by)
    receipt = {
        "what": "erasure of a user from an unlike store",
        "tenant": tx.conn.scalars(select(TENANTS.c.name).where(TENANTS.c.id == tx.tenant)).one(),
        "who_hmac_sha256": audit.name_of(tx, user_id),
        "at_ms": tx.now_ms,
        "deleted": own,
        "deleted_of_others": touched.counts,
        "others_rebuilt": len(touched.users),
        "adapters_trained_with_the_user": list(trained),
    }
    erasure_receipts.note(tx, user_id, receipt, scrubs.request(tx))
    return receipt | {"files_scrubbed": False}


def scrub(store: Store, patience_s: float = 1.0) -> bool:
    """Scrub the database's files; if that fails now, it stays pending, since the data itself is deleted."""
    try:
        return scrubs.scrub_if_pending(store, patience_s)
    except UnlikeError as error:
        log.warning("something was deleted, but the database's files were not scrubbed: %s", error)
        return False


def _trained_with(user_id: str, adapters: Sequence[Path]) -> list[str]:
    """Names of the adapters whose training users the user was among."""
    if not adapters:
        return []
    from unlike.latent.adapter import user_hash

    # An adapter has the ids as its corpus had them, which may be in another form than the store's.
    forms = {user_id, unicodedata.normalize("NFC", user_id), unicodedata.normalize("NFD", user_id)}
    described = [(folder.name, _about(folder)) for folder in adapters]
    return [
        name for name, about in described if any(user_hash(about["salt"], form) in about["users"] for form in forms)
    ]


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        return {"salt": str(about["salt"]), "users": list(about["users"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"adapter {folder.name} does not state which users it was trained on: {type(error).__name__} in {ADAPTER}; "
            "nothing is erased until it does or is removed from the settings"
        ) from error
