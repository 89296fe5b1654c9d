"""What a user's requests are written from, whatever they ask for, kept open until something of it changes.

To read and unseal a profile, the records shown with it and the texts of others behind it costs many times what it costs
to ask whether any of them has changed, so that is all that most requests ask. Of users without a profile more may change than
is asked for (whether one is being built, say), so these are read again after some seconds. What becomes known of the items of
records shown before is shown with the next change.
"""

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from unlike.memory.ladder import Known, known_of
from unlike.memory.settings import MemorySettings
from unlike.privacy.repeats import Others
from unlike.prompts.prompt import Passage, own_record
from unlike.records import Item
from unlike.store import records
from unlike.store.database import Tenant, Tx
from unlike.store.glance import Stamp, glance
from unlike.store.items import items_with_ids

MOST_KEPT = 500
"""Users whose words are kept open; the texts of others behind a profile take some 200 kB."""
WITHOUT_PROFILE_S = 10.0
"""For so long what is known of a user without a profile is kept."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user's requests are written from.

    Attributes:
        known: How much it is.
        others: Texts of others whose words the LLM saw when it wrote the profile.
        past: The own records shown, as passages, oldest first.
        profile: The profile as a passage, where there is one.
    """

    known: Known
    others: Others
    past: tuple[Passage, ...]
    profile: tuple[Passage, ...]


class Standings:
    """Reads standings, and keeps those read last.

    Args:
        tenant: Whose users.
        settings: Of the memory.
    """

    def __init__(self, tenant: Tenant, settings: MemorySettings) -> None:
        self._tenant = tenant
        self._settings = settings
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Stamp, float, Standing]] = OrderedDict()

    def of(self, user_id: str, item_id: str) -> tuple[Standing, Item | None]:
        """The standing of a user, and the item that is asked about where it is known."""
        stamp, item = glance(self._tenant, user_id, item_id)
        with self._lock:
            found = self._kept.get(user_id)
        if found and found[0] == stamp and time.monotonic() < found[1]:
            return found[2], item
        with self._tenant.read() as tx:
            standing = read_standing(tx, user_id, self._settings)
        self._keep(user_id, stamp, standing)
        return standing, item

    def forget(self) -> None:
        """Keep nothing open any more, as after an erasure."""
        with self._lock:
            self._kept.clear()

    def _keep(self, user_id: str, stamp: Stamp, standing: Standing) -> None:
        """What is newer than its stamp is read once more than it need be."""
        profile = standing.known.profile
        until_s = math.inf if profile else time.monotonic() + WITHOUT_PROFILE_S
        with self._lock:
            self._kept.pop(user_id, None)
            if profile is None or profile.number == stamp.profile:
                self._kept[user_id] = (stamp, until_s, standing)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


def read_standing(tx: Tx, user_id: str, settings: MemorySettings) -> Standing:
    """The standing of a user, read anew."""
    known = known_of(tx, user_id, settings)
    items = items_with_ids(tx, [one.record.item_id for one in known.shown]) if known.shown else {}
    peers = records.with_numbers(tx, known.peers).values()
    return Standing(
        known=known,
        others=Others([peer.record.text for peer in peers], settings.repeat_words),
        past=tuple(own_record(one.record, items[one.record.item_id]) for one in known.shown),
        profile=(Passage("profile", known.profile.profile.text),) if known.profile else (),
    )
