"""Taking a user out of the memory, and the receipt for it (see ``store.erasure`` for what goes)."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from unlike.errors import InputError, UnlikeError
from unlike.store import audit, erasure, jobs
from unlike.store.database import Store, Tenant, Tx
from unlike.store.records import Unknown
from unlike.store.tables import RECORDS
from unlike.store.users import find_user

ADAPTER = "adapter.json"

log = logging.getLogger(__name__)


def erase(tenant: Tenant, user_id: str, adapters: Sequence[Path] = ()) -> dict[str, Any]:
    """Delete all of a user's, and all of others' that was made with it; what others lost is queued to be built anew.

    Args:
        tenant: Whose user.
        user_id: Of the user.
        adapters: Folders of trained adapters; those that learned from the user are named, since weights cannot be
            unlearned here.

    Returns:
        A receipt to be signed: counts and hashes, no text and no id.

    Raises:
        Unknown: There is no such user.
        InputError: An adapter cannot be asked; nothing was erased.
    """
    trained = _trained_with(user_id, adapters)  # first, for once the user is gone nothing may fail before the receipt
    done = tenant.insist(lambda tx: _take_out(tx, user_id))
    return {
        "what": "erasure of a user from an unlike store",
        "tenant": tenant.name,
        **done,
        "files_scrubbed": _scrubbed(tenant.store),
        "adapters_trained_with_the_user": trained,
    }


def _take_out(tx: Tx, user_id: str) -> dict[str, Any]:
    user = find_user(tx, user_id)
    if user is None:
        raise Unknown(f"no user {user_id!r}; nothing is held about that id")
    items = list(tx.conn.scalars(select(RECORDS.c.item).where(RECORDS.c.user == user).distinct()))
    own, touched = erasure.take_out(tx, user)
    jobs.enqueue(tx, "cluster", sorted({*items, *touched.items}), tx.now_ms)
    jobs.enqueue(tx, "build", touched.users, tx.now_ms + 1)
    audit.note(tx, "erase", user_id, own)
    return {
        "who_hmac_sha256": audit.name_of(tx, user_id),
        "at_ms": tx.now_ms,
        "deleted": own,
        "deleted_of_others": touched.counts,
        "others_built_anew": len(touched.users),
    }


def _scrubbed(store: Store) -> bool:
    """Whether the database's files are clean; what stands in the way is logged, since the user is gone all the same."""
    try:
        erasure.scrub(store)
    except UnlikeError as error:
        log.warning("a user is erased, but the database's files were not scrubbed: %s", error)
        return False
    return True


def _trained_with(user_id: str, adapters: Sequence[Path]) -> list[str]:
    """Names of the adapters whose training users the user was among."""
    if not adapters:
        return []
    from unlike.latent.adapter import user_hash

    described = [(folder.name, _about(folder)) for folder in adapters]
    return [name for name, about in described if user_hash(about["salt"], user_id) in about["users"]]


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        return {"salt": str(about["salt"]), "users": list(about["users"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"adapter {folder.name} does not say whom it was trained on: {type(error).__name__} in {ADAPTER}; nobody is "
            "erased until it does or is no longer named"
        ) from error
