"""A user's profile as a person sees it: statements with evidence, versions, editing, going back."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from unlike.errors import InputError
from unlike.memory.answers import Evidence, Profile, Version
from unlike.privacy.redact import Redactor
from unlike.store import jobs, profiles, records
from unlike.store.database import Tenant, Tx
from unlike.store.profiles import NewProfile, Statement
from unlike.store.records import Unknown, find_user
from unlike.store.tables import USERS


def profile(tenant: Tenant, user_id: str, version: int | None) -> Profile:
    """A version of a profile, the current one for None.

    Raises:
        Unknown: There is no such user, profile or version.
    """
    with tenant.read() as tx:
        user = known_user(tx, user_id)
        stored = profiles.current(tx, user) if version is None else profiles.version(tx, user, version)
        if stored is None:
            raise Unknown(f"user {user_id!r} has no profile yet; it is built from records, see the user's jobs")
        numbers = {number for statement in stored.profile.statements for number in statement.records}
        ids = {number: one.record.id for number, one in records.with_numbers(tx, numbers).items()}
        versions = tuple(Version(*row) for row in profiles.versions(tx, user))
    return Profile(
        user_id=user_id,
        version=stored.version,
        origin=stored.profile.origin,
        current=stored.current,
        stale=stored.stale,
        created_ms=stored.created_ms,
        statements=tuple(_evidence(statement, ids) for statement in stored.profile.statements),
        versions=versions,
    )


def edit(tenant: Tenant, user_id: str, statements: Sequence[Evidence], redactor: Redactor) -> int:
    """Keep a profile as a person wants it; gives the new version.

    A statement whose words are those of the version before keeps its evidence; any other is the person's own.

    Raises:
        Unknown: There is no such user.
        InputError: A statement is empty.
    """
    if any(not statement.text.strip() for statement in statements):
        raise InputError("a statement is empty; leave it out instead")
    with tenant.write() as tx:
        user = known_user(tx, user_id)
        before = profiles.current(tx, user)
        known = {one.text: one for one in before.profile.statements} if before else {}
        new = tuple(_edited(statement, known, redactor) for statement in statements)
        built = before is not None and any(statement.origin == "built" for statement in new)
        lineage = profiles.lineage_of(tx, before.number) if before and built else ((), ())
        made_in = before.number if before else None
        version = profiles.put(tx, NewProfile(user, "edited", new, *lineage))
        profiles.pin(tx, user, [statement for statement in new if statement.pinned], made_in)
    return version


def go_back(tenant: Tenant, user_id: str, version: int) -> None:
    """Make an earlier version current.

    Raises:
        Unknown: There is no such user or version.
    """
    with tenant.write() as tx:
        profiles.go_back(tx, known_user(tx, user_id), version)


def ask_to_build(tenant: Tenant, user_ids: Sequence[str] | None) -> int:
    """Queue profiles to be built now; all for None. Gives how many.

    Raises:
        Unknown: There is no such user.
    """
    with tenant.write() as tx:
        if user_ids is None:
            users = list(tx.conn.scalars(select(USERS.c.id).where(USERS.c.tenant == tx.tenant, USERS.c.own)))
        else:
            users = [known_user(tx, user_id) for user_id in user_ids]
        profiles.mark_stale(tx, users)
        jobs.enqueue(tx, "build", users, tx.now_ms)
    return len(users)


def known_user(tx: Tx, user_id: str) -> int:
    """Number of a user.

    Raises:
        Unknown: There is no such user.
    """
    user = find_user(tx, user_id)
    if user is None:
        raise Unknown(f"no user {user_id!r}; users come with their first record")
    return user


def _edited(statement: Evidence, known: Mapping[str, Statement], redactor: Redactor) -> Statement:
    before = known.get(statement.text)
    if before is not None:
        return Statement(before.text, before.records, before.n_peers, statement.pinned, before.origin)
    return Statement(redactor.redact(statement.text).text, (), 0, statement.pinned, "edited")


def _evidence(statement: Statement, ids: Mapping[int, str]) -> Evidence:
    there = tuple(ids[number] for number in statement.records if number in ids)
    return Evidence(statement.text, there, statement.n_peers, statement.pinned, statement.origin)
