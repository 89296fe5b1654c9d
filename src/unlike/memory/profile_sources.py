"""What a profile is built from, read in one transaction: key records, and whom each of them is compared with.

No more is opened than is shown: a clustering is numbers, and of an item with hundreds of texts only those of the
representatives are read, or those that are measured.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

from sqlalchemy import select

from unlike.embed.encoder import Encoder
from unlike.memory.private_comparison import figures
from unlike.memory.representatives import Against, against
from unlike.memory.settings import MemorySettings
from unlike.methods.steps import Comparison
from unlike.peers.key_records import choose_key_records
from unlike.peers.representatives import nearest_group
from unlike.prompts.prompt import Passage
from unlike.records import Item
from unlike.store import clusterings, differences, embeddings, jobs, profiles, records, users
from unlike.store.clusterings import StoredClustering
from unlike.store.database import Tx
from unlike.store.differences import StoredDifference
from unlike.store.profiles import StoredProfile
from unlike.store.records import Stored
from unlike.store.tables import ITEMS, RECORDS


class NotReady(Exception):  # noqa: N818 - a signal to the worker
    """What a job relies on is changing; nothing was kept, and the job is to be done again.

    Args:
        reason: In words, none of a user's.
        pause_s: How long to wait before it is done again.

    Attributes:
        pause_s: The same.
    """

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


@dataclass(frozen=True, slots=True)
class Compared:
    """A key record and those it is compared with.

    Attributes:
        own: The user's record.
        item: What it is about.
        against: Whom it is compared with.
        peers: Their records whose texts are read.
        groups: Passages of figures about them instead, in private mode.
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
        current: The current profile.
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
        NotReady: One of the items is being clustered.
    """
    minimum = max(settings.min_records, 1)
    if user not in users.agreeing(tx, [user]) or records.count(tx, user) < minimum:
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


PAUSE_S = 0.2
"""How long a build waits for the clustering of its items."""


def choose(tx: Tx, user: int, encoder: Encoder, settings: MemorySettings) -> list[tuple[Stored, Against | None]]:
    """The key records of a user, each with whom it is compared with.

    Raises:
        NotReady: One of the items is being clustered.
    """
    n, rule, by_item = settings.method.n_records, settings.key_records, _numbers_by_item(tx, user)
    own = records.page(tx, user, 0, n) if rule == "recency" else None
    _check_clustered(tx, by_item if own is None else {stored.item for stored in own})
    compared = partial(_against, tx, by_item, encoder, settings)
    return choose_key_records(records.latest_first(tx, user) if own is None else own, compared, n, rule)


def _check_clustered(tx: Tx, items: Iterable[int]) -> None:
    """What is about to be clustered again is waited for, or the profile would be built twice."""
    if jobs.unfinished(tx, "cluster", sorted(items)):
        raise NotReady("texts on items that this user wrote about are being clustered", PAUSE_S)


def _numbers_by_item(tx: Tx, user: int) -> Mapping[int, set[int]]:
    """The user's records on each item."""
    found: dict[int, set[int]] = {}
    mine = select(RECORDS.c.id, RECORDS.c.item).where(RECORDS.c.tenant == tx.tenant, RECORDS.c.user == user)
    for number, item in tx.conn.execute(mine):
        found.setdefault(item, set()).add(number)
    return found


def _against(
    tx: Tx, by_item: Mapping[int, Collection[int]], encoder: Encoder, settings: MemorySettings, own: Stored
) -> Against | None:
    clustering = clusterings.current(tx, own.item)
    if clustering is None:
        return None
    group_of = clustering.group_of
    home = group_of[own.number] if own.number in group_of else _nearest(tx, clustering, own, encoder)
    if home is None:
        return None
    mine = next((number for number in by_item[own.item] if number in group_of), None)
    return against(clustering, mine, home, settings)


def _nearest(tx: Tx, clustering: StoredClustering, own: Stored, encoder: Encoder) -> int | None:
    """The group that a record counts to which is not clustered; None if it is not known yet."""
    vectors = embeddings.of_records(tx, encoder.name, [own.number, *clustering.group_of])
    if own.number not in vectors or len(vectors) <= len(clustering.group_of) or not clustering.groups:
        return None
    return nearest_group(clustering.groups, vectors, vectors[own.number])
