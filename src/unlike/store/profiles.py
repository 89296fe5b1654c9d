"""Profiles, version by version, each with its evidence and lineage; and what people pinned by hand.

A version is never changed, and the number of a deleted one is not given again. One of them is current; going back makes
an earlier one current again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, or_, select, update

from unlike.store.batches import batches
from unlike.store.database import Tx
from unlike.store.lineage import peers_of
from unlike.store.people import people_of
from unlike.store.records import Unknown
from unlike.store.tables import PINS, PROFILE_DIFFERENCES, PROFILE_READS, PROFILE_VERSIONS, PROFILES

Origin = Literal["built", "edited"]
ASKED = "asked"
"""Instead of the digest of a profile that somebody asked to be rebuilt."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of a profile.

    Attributes:
        text: Its words.
        records: Numbers of the user's own records that bear it out.
        n_peers: How many others were compared for it; 0 for one from the user's own records alone.
        pinned: Whether refreshes keep it.
        origin: Who wrote it.
    """

    text: str
    records: tuple[int, ...] = ()
    n_peers: int = 0
    pinned: bool = False
    origin: Origin = "built"


@dataclass(frozen=True, slots=True)
class NewProfile:
    """A profile to keep.

    Attributes:
        user: Number of the user.
        origin: How this version came about.
        statements: Its sentences, in order.
        records: Numbers of the user's own records that were read.
        differences: Numbers of the differences that were read.
        made_with: Digest of the LLM, encoder, templates and settings; a version that a person wrote or went back to has
            that of the version in force before, "" where none is known.
    """

    user: int
    origin: Origin
    statements: tuple[Statement, ...]
    records: tuple[int, ...] = ()
    differences: tuple[int, ...] = ()
    made_with: str = ""

    @property
    def text(self) -> str:
        """The profile as a prompt shows it."""
        return "\n".join(statement.text for statement in self.statements)


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A version of a profile."""

    number: int
    version: int
    current: bool
    stale: bool
    created_ms: int
    profile: NewProfile


def put(tx: Tx, new: NewProfile) -> int:
    """Keep a profile as the newest and current version; returns the version.

    Raises:
        TransactionConflict: A record or difference is gone, or a user no longer agrees to be compared.
    """
    peers = sorted({peer for read in peers_of(tx, new.differences).values() for peer in read})
    people = sorted({new.user, *people_of(tx, new.records, compared=peers)})
    version = _next_version(tx, new.user)
    tx.conn.execute(update(PROFILES).where(_of(tx, new.user)).values(current=False))
    content = {"statements": [asdict(statement) for statement in new.statements]}
    row = {
        "user": new.user,
        "version": version,
        "origin": new.origin,
        "sealed": tx.keys.seal(tx.conn, people, content, place_of(tx, new.user)),
        "people": people,
        "current": True,
        "stale": False,
        "made_with": new.made_with,
        "created_ms": tx.now_ms,
    }
    number = tx.inserted(PROFILES, row)
    roles = dict.fromkeys(peers, "peer") | dict.fromkeys(new.records, "own")
    reads = [{"tenant": tx.tenant, "profile": number, "record": record, "role": role} for record, role in roles.items()]
    if reads:
        tx.conn.execute(PROFILE_READS.insert(), reads)
    made_of = [{"tenant": tx.tenant, "profile": number, "difference": one} for one in new.differences]
    if made_of:
        tx.conn.execute(PROFILE_DIFFERENCES.insert(), made_of)
    return version


def _next_version(tx: Tx, user: int) -> int:
    first = tx.insert(PROFILE_VERSIONS).values(tenant=tx.tenant, user=user, last=1)
    later = first.on_conflict_do_update(index_elements=["user"], set_={"last": PROFILE_VERSIONS.c.last + 1})
    return tx.conn.scalars(later.returning(PROFILE_VERSIONS.c.last)).one()


def current(tx: Tx, user: int) -> StoredProfile | None:
    """The profile in force; None for a user without one."""
    row = tx.conn.execute(_CURRENT, {"tenant": tx.tenant, "user": user}).first()
    return _stored(tx, row) if row else None


def version(tx: Tx, user: int, number: int) -> StoredProfile:
    """One version.

    Raises:
        Unknown: There is no such version.
    """
    row = tx.conn.execute(select(PROFILES).where(_of(tx, user), PROFILES.c.version == number)).first()
    if row is None:
        raise Unknown(
            f"no version {number} of this profile; they are listed beside the profile, and by unlike profile history"
        )
    return _stored(tx, row)


def every_version(tx: Tx, user: int) -> list[StoredProfile]:
    """All versions whole, newest first, read at once: those that an erasure takes meanwhile are all there, or all gone."""
    rows = tx.conn.execute(select(PROFILES).where(_of(tx, user)).order_by(PROFILES.c.version.desc())).all()
    return [_stored(tx, row) for row in rows]


def versions(tx: Tx, user: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """(version, origin, current, stale, created_ms) of all versions, newest first."""
    columns = (PROFILES.c.version, PROFILES.c.origin, PROFILES.c.current, PROFILES.c.stale, PROFILES.c.created_ms)
    return tx.conn.execute(select(*columns).where(_of(tx, user)).order_by(PROFILES.c.version.desc())).all()


def go_back(tx: Tx, user: int, number: int) -> None:
    """Make a version current again.

    Raises:
        Unknown: There is no such version.
    """
    version(tx, user, number)
    before = made_with(tx, user)
    tx.conn.execute(update(PROFILES).where(_of(tx, user)).values(current=PROFILES.c.version == number))
    tx.conn.execute(update(PROFILES).where(_of(tx, user), PROFILES.c.current).values(made_with=before))


def made_with(tx: Tx, user: int) -> str:
    """What the profile in force was made with; "" where that is not known."""
    found = tx.conn.scalar(select(PROFILES.c.made_with).where(_of(tx, user), PROFILES.c.current))
    return "" if found in (None, ASKED) else found


def outdated(tx: Tx, now: str, *, private: bool) -> list[int]:
    """Numbers of the users whose current profiles were made with something else, those aside whose rebuild was asked for.

    Args:
        tx: An open transaction.
        now: The digest in force, or its beginning.
        private: Whether profiles that go back to others' texts are outdated in any case.
    """
    other = PROFILES.c.made_with.not_in(("", ASKED)) & ~PROFILES.c.made_with.startswith(now)
    read = exists().where(PROFILE_READS.c.profile == PROFILES.c.id, PROFILE_READS.c.role == "peer")
    found = select(PROFILES.c.user).where(PROFILES.c.tenant == tx.tenant, PROFILES.c.current)
    return list(tx.conn.scalars(found.where(or_(other, read) if private else other).order_by(PROFILES.c.user)))


def mark_stale(tx: Tx, users: Sequence[int], *, asked: bool = False) -> None:
    """Note that the profiles of users are to be rebuilt; ``asked``: also what people wrote or went back to."""
    changed = {"stale": True} | ({"made_with": ASKED} if asked else {})
    for batch in batches(users):
        of_users = and_(PROFILES.c.tenant == tx.tenant, PROFILES.c.user.in_(batch))
        tx.conn.execute(update(PROFILES).where(of_users, PROFILES.c.current).values(changed))


def pin(tx: Tx, user: int, statements: Sequence[Statement], made_in: int | None = None) -> None:
    """What refreshes keep from now on, instead of what they kept before.

    Args:
        tx: An open transaction.
        user: Number of the user.
        statements: To keep.
        made_in: Number of the profile that the built ones among them come from; they go when it goes.
    """
    tx.conn.execute(PINS.delete().where(PINS.c.tenant == tx.tenant, PINS.c.user == user))
    for statement in statements:
        source = made_in if statement.origin == "built" else None
        people = _people_of_profile(tx, source) if source is not None else [user]
        sealed = tx.keys.seal(tx.conn, people, asdict(statement), place_of(tx, user))
        row = {"tenant": tx.tenant, "user": user, "profile": source, "sealed": sealed, "people": people}
        tx.conn.execute(PINS.insert().values(row | {"created_ms": tx.now_ms}))


def pinned(tx: Tx, user: int) -> list[tuple[Statement, int | None]]:
    """What refreshes keep, each with the number of the profile it comes from."""
    rows = tx.conn.execute(select(PINS).where(PINS.c.tenant == tx.tenant, PINS.c.user == user).order_by(PINS.c.id))
    return [
        (_statement(tx.keys.unseal(tx.conn, row.people, row.sealed, place_of(tx, user))), row.profile) for row in rows
    ]


def lineage_of(tx: Tx, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of the own records and of the differences that a version read, by the number of its row."""
    own = tx.conn.scalars(_READ, {"profile": number, "role": "own"})
    return tuple(own), tuple(tx.conn.scalars(_MADE_OF, {"profile": number}))


def peers_read(tx: Tx, number: int) -> list[int]:
    """Numbers of the records of others whose words a version goes back to, by the number of its row."""
    return list(tx.conn.scalars(_READ, {"profile": number, "role": "peer"}))


# Put together once: that is most of what a statement of a request costs.
_CURRENT = select(PROFILES).where(
    PROFILES.c.tenant == bindparam("tenant"), PROFILES.c.user == bindparam("user"), PROFILES.c.current
)
_READ = (
    select(PROFILE_READS.c.record)
    .where(PROFILE_READS.c.profile == bindparam("profile"), PROFILE_READS.c.role == bindparam("role"))
    .order_by(PROFILE_READS.c.id)
)
_MADE_OF = (
    select(PROFILE_DIFFERENCES.c.difference)
    .where(PROFILE_DIFFERENCES.c.profile == bindparam("profile"))
    .order_by(PROFILE_DIFFERENCES.c.id)
)


def _stored(tx: Tx, row: Row[Any]) -> StoredProfile:
    content = tx.keys.unseal(tx.conn, row.people, row.sealed, place_of(tx, row.user))
    own, made_of = lineage_of(tx, row.id)
    profile = NewProfile(
        user=row.user,
        origin=row.origin,
        statements=tuple(_statement(statement) for statement in content["statements"]),
        records=own,
        differences=made_of,
        made_with=row.made_with,
    )
    return StoredProfile(row.id, row.version, row.current, row.stale, row.created_ms, profile)


def _of(tx: Tx, user: int) -> ColumnElement[bool]:
    return and_(PROFILES.c.tenant == tx.tenant, PROFILES.c.user == user)


def _people_of_profile(tx: Tx, number: int) -> list[int]:
    return tx.conn.scalars(select(PROFILES.c.people).where(PROFILES.c.id == number)).one()


def _statement(row: dict[str, Any]) -> Statement:
    return Statement(row["text"], tuple(row["records"]), row["n_peers"], row["pinned"], row["origin"])


def place_of(tx: Tx, user: int) -> str:
    """What the words of a user's profiles and pins are bound to."""
    return f"profile {tx.tenant} {user}"
