"""Whom a record is compared with on its item (DPL, equation 4), from one clustering that serves all users.

All texts on an item whose users agree to be compared are clustered once into K + 1 groups. For a user's own record
the most central text of every other group is taken; in the private way the whole group is, and only figures of it are
used. A record that may not serve others is not clustered: it counts to the nearest group.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from unlike.memory.settings import MemorySettings
from unlike.peers.representatives import other_groups, representatives
from unlike.records import latest_per_user
from unlike.store.clusterings import StoredClustering
from unlike.store.differences import StoredDifference
from unlike.store.records import Stored

MIN_MEASURED = 2
"""Figures of a single person are that person's figures, whatever the settings allow."""
MAX_MEASURED = 50
"""Members of a group that are measured, nearest to its centroid first; more would hardly change the figures."""


@dataclass(frozen=True, slots=True)
class Against:
    """Whom a record is compared with, by number of record.

    Attributes:
        clustering: Number of the clustering that they come from.
        n_peers: All others who wrote on the item and agree to be compared.
        peers: Those whose texts are read, the representatives; none in private mode.
        groups: Those of whom only figures are read, in the private way.
    """

    clustering: int
    n_peers: int
    peers: tuple[int, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()

    def gave(self, then: StoredDifference | None) -> bool:
        """Whether a difference is what this comparison gives.

        A text is the same as long as it is there; figures are of a clustering, and another one has others.
        """
        if then is None or then.stale or set(then.difference.peers) != set(self.peers):
            return False
        return not self.groups or then.difference.clustering == self.clustering


def clustered_set(records: Sequence[Stored]) -> list[Stored]:
    """One record of each user, the latest; by record id.

    Args:
        records: Oldest first.
    """
    return sorted(latest_per_user(records, lambda stored: stored.user), key=lambda stored: stored.record.id)


def digest_of(records: Sequence[Stored], n_groups: int, seed: int, encoder: str) -> str:
    """What a clustering depends on."""
    digest = hashlib.sha256(f"{n_groups} {seed} {encoder}".encode())
    for stored in records:
        digest.update(f" {stored.number}".encode())
    return digest.hexdigest()


def against(clustering: StoredClustering, mine: int | None, home: int, settings: MemorySettings) -> Against | None:
    """Whom a user's record is compared with; None where they would be too few.

    Args:
        clustering: Of the item.
        mine: Number of the user's record that is in the clustering: the one compared, a later one, or none.
        home: Group that the record belongs to.
        settings: K, how few are too few, and whether in the private way.
    """
    groups = clustering.groups
    n_peers = sum(len(group) for group in groups) - (mine in clustering.group_of)
    if settings.private:
        at_home = tuple(number for number in groups[home] if number != mine)
        return _measured(clustering.number, other_groups(groups, home, mine), at_home, settings.min_peers)
    peers = representatives(groups, home, settings.method.n_peers, mine)
    if not peers or n_peers < settings.min_peers:
        return None
    return Against(clustering.number, n_peers, peers=tuple(peers))


def _measured(
    clustering: int, away: Sequence[tuple[int, ...]], at_home: tuple[int, ...], min_peers: int
) -> Against | None:
    """Groups of too few people are not measured; if all are too small, all people on the item form one group."""
    minimum = max(min_peers, MIN_MEASURED)
    everyone = tuple(chain(*away, at_home))
    groups = [group for group in away if len(group) >= minimum] or [everyone]
    if len(everyone) < minimum:
        return None
    return Against(clustering, len(everyone), groups=tuple(group[:MAX_MEASURED] for group in groups))
