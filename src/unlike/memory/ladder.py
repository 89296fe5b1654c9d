"""The cold-start ladder: how much of a user there is to write from, and why no more.

plain         nobody, nothing, or not wanted         the request alone
own_records   few records, or no profile yet         the latest own records
own_summary   a profile, but nobody to compare with  the profile and the latest own records
full          a profile with differences             the same
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from unlike.memory.answers import Rung
from unlike.memory.settings import MemorySettings
from unlike.store import profiles, records
from unlike.store.database import Tx
from unlike.store.profiles import StoredProfile
from unlike.store.records import Stored
from unlike.store.tables import JOBS, USERS

_USER = select(USERS.c.id, USERS.c.own).where(
    USERS.c.tenant == bindparam("tenant"), USERS.c.user_id == bindparam("user_id")
)


_UNDER_WAY = (
    select(JOBS.c.id)
    .where(
        JOBS.c.tenant == bindparam("tenant"),
        JOBS.c.kind == "build",
        JOBS.c.subject == bindparam("user"),
        JOBS.c.state != "failed",
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Known:
    """What a text for a user may be written from.

    Attributes:
        rung: How much it is.
        why: In words.
        user: Number of the user; None for one nobody has seen.
        shown: Latest own records, oldest first.
        profile: The profile in force.
        peers: Numbers of the records of others that it goes back to.
    """

    rung: Rung
    why: str
    user: int | None = None
    shown: Sequence[Stored] = ()
    profile: StoredProfile | None = None
    peers: Sequence[int] = ()


def known_of(tx: Tx, user_id: str, settings: MemorySettings) -> Known:
    """The highest rung that a user stands on."""
    row = tx.conn.execute(_USER, {"tenant": tx.tenant, "user_id": user_id}).first()
    if row is None:
        return Known("plain", "nothing is known of this user")
    if not row.own:
        return Known("plain", "this user does not let own records be used", row.id)
    profile = _profile(tx, row.id)
    without = max(settings.method.n_records, settings.fewest_records)
    shown = records.latest(tx, row.id, settings.shown_records if profile else without)
    if profile is None and not shown:
        return Known("plain", "this user has no records", row.id)
    if profile is None:
        return Known(
            "own_records",
            _why_no_profile(tx, row.id, len(shown), settings),
            row.id,
            shown[-settings.method.n_records :],
        )
    peers = profiles.peers_read(tx, profile.number)
    if peers or any(statement.n_peers for statement in profile.profile.statements):
        why = f"version {profile.version}, compared with others on the same items"
        return Known("full", why, row.id, shown, profile, peers)
    return Known("own_summary", f"version {profile.version}; {_why_alone(profile)}", row.id, shown, profile)


def _profile(tx: Tx, user: int) -> StoredProfile | None:
    """The profile in force, if it says anything: all of its statements may have been held back."""
    profile = profiles.current(tx, user)
    return profile if profile and profile.profile.statements else None


def _why_alone(profile: StoredProfile) -> str:
    if profile.profile.origin == "edited":
        return "it was written by hand"
    return "too few others wrote about the items of its records"


def _why_no_profile(tx: Tx, user: int, n_shown: int, settings: MemorySettings) -> str:
    if n_shown < settings.fewest_records:
        return f"records: {n_shown}; a profile takes {settings.fewest_records}"
    if profiles.current(tx, user):
        return "the profile holds no statement"
    return (
        "the profile is still being built"
        if tx.conn.scalar(_UNDER_WAY, {"tenant": tx.tenant, "user": user})
        else "the profile could not be built; see the jobs"
    )
