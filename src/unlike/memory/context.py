"""What a user's requests are written from, and why no more: the cold-start levels, read once and cached.

    plain         unknown, no records, or no consent     the request alone
    own_records   few records, or no profile yet         the latest own records
    own_summary   a profile without comparisons          the profile and the latest own records
    full          a profile with differences             the same

Reading and unsealing a profile, the records shown with it and the texts of others behind it costs far more than checking
whether any of them has changed, so most requests only check, the items of the records included. The check does not cover
everything about users without a profile (for example whether one is being built), so their contexts expire after some
seconds.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, select

from unlike.memory.answers import Rung
from unlike.memory.settings import MemorySettings
from unlike.privacy.repeats import Others
from unlike.prompts.prompt import Passage, own_record
from unlike.records import Item, canonical_id, texts_of
from unlike.store import profiles, records
from unlike.store.database import Tenant, Tx
from unlike.store.items import items_with_ids
from unlike.store.profiles import StoredProfile
from unlike.store.records import Stored
from unlike.store.request_query import Stamp, glance
from unlike.store.tables import JOBS, RECORDS, USERS
from unlike.writing.draft import Reply

MAX_KEPT = 500
"""Users whose contexts are cached; the texts of others behind a profile take some 200 kB."""
WITHOUT_PROFILE_S = 10.0
"""How long the context of a user without a profile is cached."""


MADE_FROM_TEXTS = (
    "the profile was made from texts of others, and private is true now; it is used again when it is rebuilt"
)


@dataclass(frozen=True, slots=True)
class ProfileContext:
    """What a text for a user may be written from.

    Attributes:
        rung: How much it is.
        why: In words.
        user: Number of the user; None for an unknown one.
        past: The latest own records, as passages, oldest first.
        profile: The current profile.
        peer_ids: Ids of the records of others that the profile goes back to.
        others: Their texts and titles, which may not be repeated; empty if they were not decrypted.
    """

    rung: Rung
    why: str
    user: int | None = None
    past: tuple[Passage, ...] = ()
    profile: StoredProfile | None = None
    peer_ids: tuple[str, ...] = ()
    others: Others = field(default_factory=lambda: Others(()))

    @property
    def items(self) -> tuple[Item, ...]:
        """Those of the records, as they were read."""
        return tuple(passage.item for passage in self.past if passage.item)

    @property
    def profile_version(self) -> int | None:
        """Version of the current profile."""
        return self.profile.version if self.profile else None

    @property
    def summary(self) -> Reply | None:
        """The profile as a step of a method would return it."""
        return Reply(self.profile.profile.text, {}, self.peer_ids) if self.profile else None


class ProfileContextCache:
    """Reads contexts, and caches the latest.

    Args:
        tenant: Whose users.
        settings: Of the memory.
    """

    def __init__(self, tenant: Tenant, settings: MemorySettings) -> None:
        self._tenant = tenant
        self._settings = settings
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Stamp, float, ProfileContext]] = OrderedDict()

    def of(self, user_id: str, item_id: str) -> tuple[ProfileContext, Item | None]:
        """The context of a user, and the item of the request if it is known."""
        user_id, item_id = canonical_id(user_id), canonical_id(item_id)
        with self._lock:
            found = self._kept.get(user_id)
        shown = found[2].items if found else ()
        stamp, items = glance(self._tenant, user_id, [item_id, *(item.id for item in shown)])
        if found and found[0] == stamp and time.monotonic() < found[1] and all(items.get(it.id) == it for it in shown):
            return found[2], items.get(item_id)
        with self._tenant.read() as tx:
            context = read_context(tx, user_id, self._settings)
        self._keep(user_id, stamp, context)
        return context, items.get(item_id)

    def clear(self) -> None:
        """Empty the cache, as after an erasure."""
        with self._lock:
            self._kept.clear()

    def _keep(self, user_id: str, stamp: Stamp, context: ProfileContext) -> None:
        """Cache a context; one that is newer than its stamp is only read once more than necessary."""
        profile = context.profile
        until_s = math.inf if profile else time.monotonic() + WITHOUT_PROFILE_S
        with self._lock:
            self._kept.pop(user_id, None)
            if profile is None or profile.number == stamp.profile:
                self._kept[user_id] = (stamp, until_s, context)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)


def read_context(tx: Tx, user_id: str, settings: MemorySettings, *, with_others: bool = True) -> ProfileContext:
    """What a user's texts may be written from, read from the store.

    Args:
        tx: An open transaction.
        user_id: The user.
        settings: Of the memory.
        with_others: Whether the texts of others behind the profile are decrypted; only a guard against repeats needs them.
    """
    row = tx.conn.execute(_USER, {"tenant": tx.tenant, "user_id": canonical_id(user_id)}).first()
    if row is None:
        return ProfileContext("plain", "nothing is known of this user")
    if not row.own:
        return ProfileContext("plain", "this user does not agree to the use of own records", row.id)
    profile = _profile(tx, row.id, settings)
    without = max(settings.method.n_records, settings.min_records)
    shown = records.latest(tx, row.id, settings.shown_records if profile else without)
    if profile:
        return _with_profile(tx, row.id, profile, shown, settings.repeat_words if with_others else None)
    if not shown:
        return ProfileContext("plain", "this user has no records", row.id)
    why = _why_no_profile(tx, row.id, len(shown), settings)
    return ProfileContext("own_records", why, row.id, _passages(tx, shown[-settings.method.n_records :]))


def _with_profile(
    tx: Tx, user: int, profile: StoredProfile, shown: Sequence[Stored], repeat_words: int | None
) -> ProfileContext:
    """The context of a profile; for None as ``repeat_words`` no text of others is opened."""
    past = _passages(tx, shown)
    numbers = profiles.peers_read(tx, profile.number)
    if numbers or any(statement.n_peers for statement in profile.profile.statements):
        why = f"version {profile.version}, compared with others on the same items"
        if repeat_words is None:
            return ProfileContext("full", why, user, past, profile, tuple(records.ids_of(tx, numbers).values()))
        peers = [peer.record for peer in records.with_numbers(tx, numbers).values()]
        others = Others(texts_of(peers), repeat_words)
        return ProfileContext("full", why, user, past, profile, tuple(peer.id for peer in peers), others)
    why = f"version {profile.version}; {_why_alone(tx, user, profile)}"
    return ProfileContext("own_summary", why, user, past, profile)


def _why_alone(tx: Tx, user: int, profile: StoredProfile) -> str:
    """Why a profile was not compared with others."""
    if profile.profile.origin == "edited":
        return "it was written by hand"
    disagrees = tx.conn.scalar(_OTHER_WHO_DISAGREES, {"user": user})
    agree = "agree to be compared (consent, peer)"
    return (
        f"too few of those who wrote about the same items {agree}"
        if disagrees
        else "too few others wrote about the same items"
    )


def _passages(tx: Tx, shown: Sequence[Stored]) -> tuple[Passage, ...]:
    items = items_with_ids(tx, [one.record.item_id for one in shown]) if shown else {}
    return tuple(own_record(one.record, items[one.record.item_id]) for one in shown)


def _profile(tx: Tx, user: int, settings: MemorySettings) -> StoredProfile | None:
    """The current profile, if it has statements (all of them may have been held back) and may be used."""
    profile = profiles.current(tx, user)
    if profile is None or settings.private and profiles.peers_read(tx, profile.number):
        return None
    return profile if profile.profile.statements else None


def _why_no_profile(tx: Tx, user: int, n_shown: int, settings: MemorySettings) -> str:
    if n_shown < settings.min_records:
        return f"records: {n_shown}; a profile takes {settings.min_records}"
    if there := profiles.current(tx, user):
        withheld = settings.private and profiles.peers_read(tx, there.number)
        return MADE_FROM_TEXTS if withheld else "the profile holds no statement"
    under_way = tx.conn.scalar(_UNDER_WAY, {"tenant": tx.tenant, "user": user})
    return "the profile is not built yet" if under_way else "the profile could not be built; see the jobs"


_USER = select(USERS.c.id, USERS.c.own).where(
    USERS.c.tenant == bindparam("tenant"), USERS.c.user_id == bindparam("user_id")
)
_OWN = RECORDS.alias()
_OTHER_WHO_DISAGREES = (
    select(USERS.c.id)
    .join(RECORDS, RECORDS.c.user == USERS.c.id)
    .join(_OWN, _OWN.c.item == RECORDS.c.item)
    .where(_OWN.c.user == bindparam("user"), USERS.c.id != bindparam("user"), ~USERS.c.peer)
    .limit(1)
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
