"""A user's profile as a person sees it: statements with evidence, versions, editing, going back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select

from unlike.errors import InputError
from unlike.memory.answers import Changed, Evidence, NoConsent, Profile, Version
from unlike.memory.ingest import readable
from unlike.privacy.redact import Redactor
from unlike.privacy.repeats import ngrams
from unlike.store import audit, jobs, profiles, records, users
from unlike.store.database import Tenant, Tx
from unlike.store.profiles import NewProfile, Statement, StoredProfile
from unlike.store.records import Unknown
from unlike.store.tables import USERS
from unlike.store.users import find_user

MAX_STATEMENT_CHARS = 10_000
"""Of one statement."""
SAME_WORDS = 5
"""A statement that shares a run of this many words with a built one keeps its evidence."""


def profile(tenant: Tenant, user_id: str, version: int | None) -> Profile:
    """A version of a profile, the current one for None.

    Raises:
        Unknown: There is no such user, profile or version.
    """
    with tenant.read() as tx:
        user = known_user(tx, user_id)
        stored = profiles.current(tx, user) if version is None else profiles.version(tx, user, version)
        if stored is None:
            raise Unknown(f"user {user_id!r} has no profile{_why(tx, user)}")
        numbers = {number for statement in stored.profile.statements for number in statement.records}
        ids = records.ids_of(tx, numbers)
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


def _why(tx: Tx, user: int) -> str:
    if not users.agreeing(tx, [user]):
        return ", since own records may not be used (consent, own)"
    return " yet; it is built from records, see the user's jobs"


def cleaned(statements: Sequence[Evidence], redactor: Redactor) -> list[Evidence]:
    """Statements ready to be stored: identifiers are removed; the database is not used.

    Raises:
        InputError: A statement is empty or very long.
    """
    for statement in statements:
        n_chars = len(statement.text.strip())
        if not 0 < n_chars <= MAX_STATEMENT_CHARS:
            raise InputError(
                f"a statement has {n_chars:,} characters; 1 to {MAX_STATEMENT_CHARS:,} are allowed; leave it out"
            )
    return [replace(one, text=redactor.redact(readable(one.text)).text) for one in statements]


def edit(tenant: Tenant, user_id: str, statements: Sequence[Evidence], read_ms: int | None = None, by: str = "") -> int:
    """Store a profile edited by hand; returns the new version.

    A statement that is in an earlier version, or shares a run of words with a built one, keeps that statement's evidence,
    and the new version its lineage. So text that others had a part in keeps its lineage after a small edit. Any other
    statement is the person's own.

    Args:
        tenant: Whose.
        user_id: Whose profile.
        statements: In order; see ``cleaned``.
        read_ms: ``created_ms`` of the profile that the person read before; None if there was none.
        by: Name of the API key.

    Raises:
        Unknown: There is no such user.
        Changed: The profile changed after it was read.
        NoConsent: The user does not agree to the use of own records.
    """

    def change(tx: Tx) -> int:
        version = _edit(tx, user_id, statements, read_ms)
        audit.note(tx, "edit", user_id, {"statements": len(statements)}, by)
        return version

    return tenant.run_with_retry(change)


def _edit(tx: Tx, user_id: str, statements: Sequence[Evidence], read_ms: int | None) -> int:
    user = _agreeing_user(tx, user_id)
    _check_unchanged(tx, user, read_ms)
    origins = _Origins(profiles.every_version(tx, user))
    found = [origins.of(statement) for statement in statements]
    lineages = [profiles.lineage_of(tx, number) for number in dict.fromkeys(source for _, source in found if source)]
    own = dict.fromkeys(number for records, _ in lineages for number in records)
    made_of = dict.fromkeys(number for _, differences in lineages for number in differences)
    new = tuple(statement for statement, _ in found)
    made_with = profiles.made_with(tx, user)
    version = profiles.put(tx, NewProfile(user, "edited", new, tuple(own), tuple(made_of), made_with))
    number = profiles.version(tx, user, version).number
    profiles.pin(tx, user, [statement for statement in new if statement.pinned], number)
    return version


def _check_unchanged(tx: Tx, user: int, read_ms: int | None) -> None:
    """Otherwise text of a user erased meanwhile could return as if the person had written it."""
    now = profiles.current(tx, user)
    if read_ms is not None and (now is None or now.created_ms != read_ms):
        raise Changed("the profile was rebuilt since it was read, so nothing was changed; read it and edit it again")


def go_back(tenant: Tenant, user_id: str, version: int, by: str = "") -> None:
    """Make an earlier version current; its pinned statements are pinned again, and no others.

    Raises:
        Unknown: There is no such user or version.
    """

    def change(tx: Tx) -> None:
        user = known_user(tx, user_id)
        profiles.go_back(tx, user, version)
        stored = profiles.version(tx, user, version)
        profiles.pin(tx, user, [one for one in stored.profile.statements if one.pinned], stored.number)
        audit.note(tx, "roll back", user_id, {}, by)

    tenant.run_with_retry(change)


def ask_to_build(tenant: Tenant, user_ids: Sequence[str] | None) -> int:
    """Queue profiles to be built now; all for None. Returns how many.

    Raises:
        Unknown: There is no such user.
        NoConsent: A user does not agree to the use of own records.
    """
    return tenant.run_with_retry(lambda tx: _ask_to_build(tx, user_ids))


def _ask_to_build(tx: Tx, user_ids: Sequence[str] | None) -> int:
    if user_ids is None:
        chosen = list(tx.conn.scalars(select(USERS.c.id).where(USERS.c.tenant == tx.tenant, USERS.c.own)))
    else:
        chosen = [_agreeing_user(tx, user_id) for user_id in dict.fromkeys(user_ids)]
    profiles.mark_stale(tx, chosen, asked=True)
    jobs.enqueue(tx, "build", chosen, tx.now_ms)
    return len(chosen)


def known_user(tx: Tx, user_id: str) -> int:
    """Number of a user.

    Raises:
        Unknown: There is no such user.
    """
    user = find_user(tx, user_id)
    if user is None:
        raise Unknown(f"no user {user_id!r}; users come with their first record")
    return user


def _agreeing_user(tx: Tx, user_id: str) -> int:
    user = known_user(tx, user_id)
    if not users.agreeing(tx, [user]):
        raise NoConsent(f"user {user_id!r} does not agree to the use of own records, so there is no profile")
    return user


class _Origins:
    """Where the statements of a user's profiles come from: by their text, and by each run of some words of a built one.

    Args:
        versions: Of the profile, newest first.
    """

    def __init__(self, versions: Sequence[StoredProfile]) -> None:
        self._by_text: dict[str, tuple[Statement, int]] = {}
        self._by_words: dict[tuple[str, ...], tuple[Statement, int]] = {}
        for version in versions:
            for one in version.profile.statements:
                if one.text not in self._by_text:
                    self._by_text[one.text] = one, version.number
                    for words in ngrams(one.text, SAME_WORDS) if one.origin == "built" else ():
                        self._by_words.setdefault(words, (one, version.number))

    def of(self, statement: Evidence) -> tuple[Statement, int | None]:
        """A statement as it is kept, and the number of the version whose lineage it takes over."""
        if statement.text in self._by_text:
            one, number = self._by_text[statement.text]
            return replace(one, pinned=statement.pinned), number if one.origin == "built" else None
        for words in ngrams(statement.text, SAME_WORDS):
            if words in self._by_words:
                one, number = self._by_words[words]
                return replace(one, text=statement.text, pinned=statement.pinned), number
        return Statement(statement.text, (), 0, statement.pinned, "edited"), None


def _evidence(statement: Statement, ids: Mapping[int, str]) -> Evidence:
    there = tuple(ids[number] for number in statement.records if number in ids)
    return Evidence(statement.text, there, statement.n_peers, statement.pinned, statement.origin)
