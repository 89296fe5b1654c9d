"""Whom a record is compared with on its item (DPL, equation 4), from one clustering that serves everybody.

All texts on an item whose users agree to be compared are clustered once into K + 1 groups. For a user's own record
the most central text of every other group is taken; in the private way the whole group is, and only figures of it are
used. A record that may not serve others is not clustered: it counts to the group whose mean it is nearest to, a variant
of equation 4 that keeps it out of everybody's centroids.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from unlike.memory.settings import MemorySettings
from unlike.store.clusterings import StoredClustering
from unlike.store.differences import StoredDifference
from unlike.store.embeddings import Vector
from unlike.store.records import Stored

FEWEST_MEASURED = 2
"""Figures of a single person are that person's figures, whatever the settings allow."""
MOST_MEASURED = 50
"""Of a group so many are measured, those nearest to its centroid: that many show how a group writes."""


@dataclass(frozen=True, slots=True)
class Against:
    """Whom a record is compared with, by number of record.

    Attributes:
        clustering: Number of the clustering that they come from.
        n_peers: All others who wrote on the item and agree to be compared.
        peers: Those whose texts are read, the representatives; nobody in the private way.
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
    latest = {stored.user: stored for stored in records}
    return sorted(latest.values(), key=lambda stored: stored.record.id)


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
    others = [_without(group, mine) for group in clustering.groups]
    away = [group for place, group in enumerate(others) if place != home and group]
    away.sort(key=lambda group: (-len(group), group[0]))
    if settings.private:
        return _measured(clustering.number, away, others[home], settings.fewest_peers)
    n_peers = sum(len(group) for group in others)
    if not away or n_peers < settings.fewest_peers:
        return None
    return Against(clustering.number, n_peers, peers=tuple(group[0] for group in away[: settings.method.n_peers]))


def means_of(clustering: StoredClustering, vectors: Mapping[int, Vector]) -> NDArray[np.float32]:
    """The mean of each group, (groups, dim)."""
    return np.stack([np.mean([vectors[record] for record in group], axis=0) for group in clustering.groups])


def nearest(means: NDArray[np.float32], vector: Vector) -> int:
    """The group whose mean a vector (dim,) is nearest to."""
    return int(np.argmin(np.linalg.norm(means - vector, axis=1)))


def _measured(
    clustering: int, away: Sequence[tuple[int, ...]], at_home: tuple[int, ...], fewest_peers: int
) -> Against | None:
    """Groups of too few people stay unknown; where all are, everybody on the item is one group."""
    fewest = max(fewest_peers, FEWEST_MEASURED)
    everybody = tuple(chain(*away, at_home))
    groups = [group for group in away if len(group) >= fewest] or [everybody]
    if len(everybody) < fewest:
        return None
    return Against(clustering, len(everybody), groups=tuple(group[:MOST_MEASURED] for group in groups))


def _without(group: tuple[int, ...], number: int | None) -> tuple[int, ...]:
    return tuple(record for record in group if record != number) if number in group else group
