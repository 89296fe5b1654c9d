"""What a profile is built from, read in one transaction: key records, and whom each of them is compared with.

No more is opened than is shown: of an item with hundreds of texts only the representatives, or those that are measured.
"""

from dataclasses import dataclass
from itertools import chain

from sqlalchemy import select

from unlike.embed.encoder import Encoder
from unlike.memory.key_records import choose
from unlike.memory.private import figures
from unlike.memory.representatives import Against
from unlike.memory.settings import MemorySettings
from unlike.methods.steps import Comparison
from unlike.prompts.prompt import Passage
from unlike.records import Item
from unlike.store import differences, profiles, records, users
from unlike.store.database import Tx
from unlike.store.differences import StoredDifference
from unlike.store.profiles import StoredProfile
from unlike.store.records import Stored
from unlike.store.tables import ITEMS


@dataclass(frozen=True, slots=True)
class Compared:
    """A key record and those it is compared with.

    Attributes:
        own: The user's record.
        item: What it is about.
        against: Whom it is compared with.
        peers: Their records whose texts are read.
        groups: What is told of them instead, in the private way.
        before: The current difference of the record.
    """

    own: Stored
    item: Item
    against: Against
    peers: tuple[Stored, ...]
    groups: tuple[Passage, ...]
    before: StoredDifference | None

    @property
    def comparison(self) -> Comparison:
        """As the steps of a method see it."""
        peers = tuple(peer.record for peer in self.peers)
        return Comparison(self.own.record, self.item, peers, self.against.n_peers)

    @property
    def made_from(self) -> tuple[str, ...]:
        """Ids of the records that its difference is made from."""
        peers = (peer.record.id for peer in self.peers)
        return (self.own.record.id, *peers, *(id_ for group in self.groups for id_ in group.record_ids))

    @property
    def n_shown(self) -> int:
        """People whose texts or figures are shown."""
        return len(self.peers) + sum(group.n_others for group in self.groups)

    def still_holds(self, made_with: str) -> bool:
        """Whether the current difference is what would be found again."""
        then = self.before
        return then is not None and then.difference.made_with == made_with and self.against.gave(then)


@dataclass(frozen=True, slots=True)
class Material:
    """What a profile is built from.

    Attributes:
        user: Number of the user.
        past: Key records, oldest first.
        compared: Those of them that are compared.
        current: The profile in force.
        built: The last version that was not written by hand.
    """

    user: int
    past: tuple[Stored, ...]
    compared: tuple[Compared, ...]
    current: StoredProfile | None
    built: StoredProfile | None


def read(tx: Tx, user: int, encoder: Encoder, settings: MemorySettings) -> Material | None:
    """What there is to build from; None for a user who is gone, does not want it, or has too few records.

    Raises:
        Changed: One of the items is being clustered.
    """
    fewest = max(settings.fewest_records, 1)
    if user not in users.agreeing(tx, [user]) or len(records.latest(tx, user, fewest)) < fewest:
        return None
    chosen = sorted(choose(tx, user, encoder, settings), key=lambda one: one[0].record.moment)
    before = differences.current_of(tx, [stored.number for stored, _ in chosen])
    compared = [_compared(tx, one, whom, before.get(one.number), settings) for one, whom in chosen if whom]
    return Material(
        user=user,
        past=tuple(stored for stored, _ in chosen),
        compared=tuple(compared),
        current=profiles.current(tx, user),
        built=_last_built(tx, user),
    )


def _compared(
    tx: Tx, own: Stored, whom: Against, before: StoredDifference | None, settings: MemorySettings
) -> Compared:
    there = records.with_numbers(tx, (*whom.peers, *chain(*whom.groups)))
    item = _item(tx, own)
    groups = [[there[number].record for number in group] for group in whom.groups]
    return Compared(
        own=own,
        item=item,
        against=whom,
        peers=tuple(there[number] for number in whom.peers),
        groups=tuple(figures(own.record, item, group, settings) for group in groups),
        before=before,
    )


def _item(tx: Tx, own: Stored) -> Item:
    row = tx.conn.execute(select(ITEMS.c.title, ITEMS.c.description).where(ITEMS.c.id == own.item)).one()
    return Item(own.record.item_id, row.title, row.description)


def _last_built(tx: Tx, user: int) -> StoredProfile | None:
    built = (version for version, origin, *_ in profiles.versions(tx, user) if origin == "built")
    last = next(built, None)
    return None if last is None else profiles.version(tx, user, last)
