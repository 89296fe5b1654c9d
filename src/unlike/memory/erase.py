"""Taking a user out of the memory, and the receipt for it (see ``store.erasure`` for what goes)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from unlike.store import audit, erasure, jobs
from unlike.store.database import Tenant
from unlike.store.records import Unknown, find_user
from unlike.store.tables import RECORDS

ADAPTER = "adapter.json"


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
    """
    with tenant.write() as tx:
        user = find_user(tx, user_id)
        if user is None:
            raise Unknown(f"no user {user_id!r}; nothing is held about that id")
        items = list(tx.conn.scalars(select(RECORDS.c.item).where(RECORDS.c.user == user).distinct()))
        own, touched = erasure.take_out(tx, user)
        who = audit.name_of(tx, user_id)
        jobs.enqueue(tx, "cluster", sorted({*items, *touched.items}), tx.now_ms)
        jobs.enqueue(tx, "build", touched.users, tx.now_ms + 1)
        audit.note(tx, "erase", user_id, own)
        at_ms = tx.now_ms
    erasure.scrub(tenant.store)
    return {
        "what": "erasure of a user from an unlike store",
        "tenant": tenant.name,
        "who_hmac_sha256": who,
        "at_ms": at_ms,
        "deleted": own,
        "deleted_of_others": touched.counts,
        "others_built_anew": len(touched.users),
        "adapters_trained_with_the_user": _trained_with(user_id, adapters),
    }


def _trained_with(user_id: str, adapters: Sequence[Path]) -> list[str]:
    """Names of the adapters whose training users the user was among."""
    if not adapters:
        return []
    from unlike.latent.adapter import user_hash

    named = list[str]()
    for folder in adapters:
        about = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        if user_hash(about["salt"], user_id) in about["users"]:
            named.append(folder.name)
    return named
