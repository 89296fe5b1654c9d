"""The cold-start ladder: how much of a user there is to write from, and why no more.

plain         nobody, nothing, or not wanted        the request alone
own_records   few records, or no profile yet        the latest own records
own_summary   a profile, but nobody to compare with the profile of the own records
full          a profile with differences            the profile and the latest own records
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from unlike.memory.answers import Rung
from unlike.memory.settings import MemorySettings
from unlike.store import profiles, records
from unlike.store.database import Tx
from unlike.store.profiles import StoredProfile
from unlike.store.records import Stored
from unlike.store.tables import USERS


@dataclass(frozen=True, slots=True)
class Known:
    """What a text for a user may be written from.

    Attributes:
        rung: How much it is.
        why: In words.
        user: Number of the user; None for one nobody has seen.
        shown: Latest own records, oldest first.
        profile: The profile in force.
    """

    rung: Rung
    why: str
    user: int | None = None
    shown: Sequence[Stored] = ()
    profile: StoredProfile | None = None


def known_of(tx: Tx, user_id: str, settings: MemorySettings) -> Known:
    """The highest rung that a user stands on."""
    mine = (USERS.c.tenant == tx.tenant) & (USERS.c.user_id == user_id)
    row = tx.conn.execute(select(USERS.c.id, USERS.c.own).where(mine)).first()
    if row is None:
        return Known("plain", "nothing is known of this user")
    if not row.own:
        return Known("plain", "this user does not let own records be used", row.id)
    profile = profiles.current(tx, row.id)
    shown = records.latest(tx, row.id, settings.shown_records if profile else settings.method.n_records)
    if profile is None and not shown:
        return Known("plain", "this user has no records", row.id)
    if profile is None:
        return Known("own_records", _why_no_profile(len(shown), settings), row.id, shown)
    n_peers = max((statement.n_peers for statement in profile.profile.statements), default=0)
    if not n_peers:
        why = f"version {profile.version}; nobody else wrote about the items of its records"
        return Known("own_summary", why, row.id, shown, profile)
    return Known("full", f"version {profile.version}, compared with others on the same items", row.id, shown, profile)


def _why_no_profile(n_shown: int, settings: MemorySettings) -> str:
    if n_shown < settings.fewest_records:
        return f"{n_shown} record, {settings.fewest_records} make a profile"
    return "the profile is still being built"
