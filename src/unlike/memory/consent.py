"""What a user agrees to, and what follows from a change at once: nothing that was made against it stays."""

from sqlalchemy import delete, select

from unlike.memory.ingest import ask_for_work
from unlike.memory.settings import MemorySettings
from unlike.store import audit, jobs, users
from unlike.store.database import Tenant, Tx
from unlike.store.lineage import drop_from_others
from unlike.store.records import Unknown, find_user
from unlike.store.tables import DIFFERENCES, PINS, PROFILES, RECORDS
from unlike.store.users import Consent


def change_consent(
    tenant: Tenant, user_id: str, own: bool | None, peer: bool | None, settings: MemorySettings
) -> Consent:
    """Note what a user agrees to; None leaves that part as it is.

    Without ``own`` the user's differences and profiles go; without ``peer`` all that others have of the user goes,
    and is built anew without.

    Raises:
        Unknown: There is no such user.
    """
    with tenant.write() as tx:
        user = find_user(tx, user_id)
        if user is None:
            raise Unknown(f"no user {user_id!r}; consent can be given with the first record")
        before = users.consent_of(tx, user)
        after = Consent(before.own if own is None else own, before.peer if peer is None else peer)
        users.set_consent(tx, user, after)
        if before.peer and not after.peer:
            touched = drop_from_others(tx, user)
            jobs.enqueue(tx, "build", touched.users, tx.now_ms + 1)
        if before.own and not after.own:
            _drop_own(tx, user)
        if before != after:
            items = list(tx.conn.scalars(select(RECORDS.c.item).where(RECORDS.c.user == user).distinct()))
            ask_for_work(tx, [user], items, settings)
            audit.note(tx, "consent", user_id, {"own": int(after.own), "peer": int(after.peer)})
    return after


def _drop_own(tx: Tx, user: int) -> None:
    """Delete what was made for the user alone; the records stay, and may still serve others where that is agreed."""
    mine = select(RECORDS.c.id).where(RECORDS.c.user == user)
    tx.conn.execute(delete(PINS).where(PINS.c.user == user))
    tx.conn.execute(delete(PROFILES).where(PROFILES.c.user == user))
    tx.conn.execute(delete(DIFFERENCES).where(DIFFERENCES.c.record.in_(mine)))
