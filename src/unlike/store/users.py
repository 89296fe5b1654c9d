"""Users of a tenant: their numbers, lists of them, and what they agreed to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from unlike.records import canonical_id
from unlike.store import erasure_receipts
from unlike.store.batches import rows_with
from unlike.store.database import TransactionConflict, Tx
from unlike.store.keyring import about_user, wrapped_by_another
from unlike.store.tables import CONSENTS, PROFILES, RECORDS, TENANTS, USERS


@dataclass(frozen=True, slots=True)
class Consent:
    """What a user's records may be used for.

    Attributes:
        own: For texts written for the user.
        peer: To be compared with others' records. Without it a record is in no other user's prompt, and in no clustering.
        wording: The text that the user was shown and agreed to.
    """

    own: bool = True
    peer: bool = False
    wording: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user in a list.

    Attributes:
        uniqueness: Distance from the population, if it is known; see ``memory.population``.
    """

    user_id: str
    n_records: int
    own: bool
    peer: bool
    profile_version: int | None
    stale: bool
    last_record_ms: int | None
    uniqueness: float | None = None


_N_RECORDS = select(func.count()).where(RECORDS.c.user == USERS.c.id).scalar_subquery().label("n_records")
_LAST = select(func.max(RECORDS.c.timestamp)).where(RECORDS.c.user == USERS.c.id).scalar_subquery().label("last_ms")

SORTS = {"user_id": USERS.c.user_id, "records": _N_RECORDS.desc(), "recent": _LAST.desc().nulls_last()}
"""Orders of a list of users, by name."""


def numbers_of(
    tx: Tx, search: str = "", sort: str = "user_id", offset: int = 0, limit: int | None = None
) -> Sequence[int]:
    """Numbers of the users of a page; of all of them where there is no limit."""
    ordered = select(USERS.c.id).where(_holds(tx, search)).order_by(SORTS[sort], USERS.c.user_id)
    return tx.conn.scalars(ordered.offset(offset).limit(limit)).all()


def with_numbers(tx: Tx, numbers: Sequence[int]) -> dict[int, UserRow]:
    """Users by their numbers, in the order of these; those who are gone are left out."""
    profile = (PROFILES.c.user == USERS.c.id) & PROFILES.c.current
    columns = (USERS.c.user_id, _N_RECORDS, USERS.c.own, USERS.c.peer, PROFILES.c.version, PROFILES.c.stale, _LAST)
    query = select(USERS.c.id, *columns).join(PROFILES, profile, isouter=True).where(USERS.c.tenant == tx.tenant)
    found = {
        row.id: UserRow(row.user_id, row.n_records, row.own, row.peer, row.version, bool(row.stale), row.last_ms)
        for row in rows_with(tx, query, USERS.c.id, numbers)
    }
    return {number: found[number] for number in numbers if number in found}


def count(tx: Tx, search: str = "") -> int:
    """Users whose id holds some words."""
    return tx.conn.scalar(select(func.count()).select_from(USERS).where(_holds(tx, search))) or 0


def _holds(tx: Tx, search: str) -> ColumnElement[bool]:
    mine = USERS.c.tenant == tx.tenant
    return mine & USERS.c.user_id.contains(canonical_id(search), autoescape=True) if search else mine


def consent_of(tx: Tx, user: int) -> Consent:
    """What a user agreed to."""
    last = select(CONSENTS.c.wording).where(CONSENTS.c.user == USERS.c.id).order_by(CONSENTS.c.id.desc()).limit(1)
    columns = (USERS.c.own, USERS.c.peer, last.scalar_subquery().label("wording"))
    row = tx.conn.execute(select(*columns).where(USERS.c.tenant == tx.tenant, USERS.c.id == user)).one()
    return Consent(row.own, row.peer, row.wording or "")


def consents_of(tx: Tx, user: int) -> list[dict[str, Any]]:
    """All consents of a user with their times and wordings, oldest first."""
    columns = tuple(CONSENTS.c[name] for name in ("at_ms", "own", "peer", "source", "wording"))
    rows = tx.conn.execute(select(*columns).where(CONSENTS.c.user == user).order_by(CONSENTS.c.id))
    return [dict(row) for row in rows.mappings()]


def _note_consents(tx: Tx, users: Iterable[int], consent: Consent, source: str) -> None:
    facts = {"tenant": tx.tenant, "at_ms": tx.now_ms, "source": source}
    agreed = {"own": consent.own, "peer": consent.peer, "wording": consent.wording}
    tx.conn.execute(CONSENTS.insert(), [facts | agreed | {"user": user} for user in users])


def set_consent(tx: Tx, user: int, consent: Consent) -> None:
    """Note what a user agrees to from now on."""
    changed = tx.conn.execute(
        update(USERS).where(USERS.c.tenant == tx.tenant, USERS.c.id == user).values(own=consent.own, peer=consent.peer)
    )
    if changed.rowcount:
        _note_consents(tx, [user], consent, "changed")


def agreeing(tx: Tx, users: Sequence[int]) -> set[int]:
    """Those of these users who agree to the use of their own records."""
    return _those(tx, users, USERS.c.own)


def agreeing_to_compare(tx: Tx, users: Sequence[int]) -> set[int]:
    """Those of these users who agree to be compared with others."""
    return _those(tx, users, USERS.c.peer)


def _those(tx: Tx, users: Sequence[int], agreed: ColumnElement[bool]) -> set[int]:
    mine = select(USERS.c.id).where(USERS.c.tenant == tx.tenant, agreed)
    return {user for (user,) in rows_with(tx, mine, USERS.c.id, users)}


def find_user(tx: Tx, user_id: str) -> int | None:
    """Number of a user; None for an unknown one."""
    mine = (USERS.c.tenant == tx.tenant) & (USERS.c.user_id == canonical_id(user_id))
    return tx.conn.scalar(select(USERS.c.id).where(mine))


def numbers_of_users(tx: Tx, user_ids: Iterable[str], consent: Consent) -> tuple[dict[str, int], int]:
    """Numbers of users by id, and how many were not known yet: they are made, each with a key of its own.

    Raises:
        TransactionConflict: A user was erased, and is refused, since the caller looked.
    """
    wanted = sorted(set(user_ids))
    known = known_users(tx, wanted)
    missing = [user_id for user_id in wanted if user_id not in known]
    if not missing:
        return known, 0
    _check_master(tx)
    about = about_user(tx.tenant)
    facts = {"tenant": tx.tenant, "own": consent.own, "peer": consent.peer, "created_ms": tx.now_ms}
    rows = [facts | {"user_id": user_id} | tx.keys.new(about) for user_id in missing]
    insert = tx.insert(USERS).on_conflict_do_nothing(index_elements=["tenant", "user_id"]).returning(USERS.c.id)
    if made := tx.conn.scalars(insert, rows).all():
        _note_consents(tx, made, consent, "record")
    if erasure_receipts.refused(tx, missing):  # after the insert, which an erasure of the new users would wait for
        raise TransactionConflict("a user was erased while the user's records came in; try again")
    return known | known_users(tx, missing), len(made)


def known_users(tx: Tx, user_ids: Iterable[str]) -> dict[str, int]:
    """Numbers of users by id, of those that are there."""
    mine = select(USERS.c.user_id, USERS.c.id).where(USERS.c.tenant == tx.tenant)
    return {user_id: number for user_id, number in rows_with(tx, mine, USERS.c.user_id, user_ids)}


def _check_master(tx: Tx) -> None:
    """Check that the master key was not rotated meanwhile, since new keys are wrapped by it.

    Raises:
        InputError: It was rotated.
    """
    now = select(TENANTS.c.master).where(TENANTS.c.id == tx.tenant).with_for_update(read=True)
    if (master := tx.conn.scalars(now).one()) != tx.keys.master.id:
        raise wrapped_by_another(master, tx.keys.master.id)
