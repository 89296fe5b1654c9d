"""Representatives by clustering (DPL, equation 4, section 3.2.1).

The texts on item i are clustered into K + 1 groups; of every group but the target's own, the record nearest to the
centroid is taken. The set of texts on an item is the same for all its reviewers, so one clustering serves them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from unlike.embed.encoder import Vectors
from unlike.peers.lloyd import kmeans
from unlike.records import Record

MemberT = TypeVar("MemberT", str, int)


@dataclass(frozen=True, slots=True)
class Clustering:
    """Groups of records on one item.

    Attributes:
        groups: Record ids of each group, nearest to the centroid first; the largest group first, none of them empty.
    """

    groups: tuple[tuple[str, ...], ...]

    @property
    def group_of(self) -> dict[str, int]:
        """Group of each record, by record id."""
        return {record_id: group for group, ids in enumerate(self.groups) for record_id in ids}


def cluster(records: Sequence[Record], vectors: Vectors, n_groups: int, seed: int) -> Clustering:
    """K-means over the vectors of a set of records.

    Args:
        records: The set, in a fixed order.
        vectors: (len(records), dim) float32.
        n_groups: Number of groups; fewer where there are fewer distinct vectors.
        seed: Seed of the initial centroids.
    """
    label_of: dict[bytes, int] = {}
    labels = np.array([label_of.setdefault(row.tobytes(), len(label_of)) for row in vectors])
    if len(label_of) > n_groups:
        labels, centroids = kmeans(vectors, n_groups, seed)
    else:  # one group per distinct vector
        centroids = vectors[np.unique(labels, return_index=True)[1]]
    distances = np.linalg.norm(vectors - centroids[labels], axis=1)
    order = sorted(range(len(records)), key=lambda i: (distances[i], records[i].id))
    groups = [tuple(records[i].id for i in order if labels[i] == group) for group in range(len(centroids))]
    return Clustering(tuple(sorted(filter(None, groups), key=lambda ids: (-len(ids), ids[0]))))


def other_groups(
    groups: Sequence[Sequence[MemberT]], home: int | None, own: MemberT | None = None
) -> list[tuple[MemberT, ...]]:
    """Every group but the target's, the largest first; ties keep their order.

    Args:
        groups: Groups of a clustering.
        home: Index of the target's group; None for a target in none of them.
        own: Another record of the target's user that was clustered; it is left out.
    """
    others = [tuple(one for one in group if one != own) for place, group in enumerate(groups) if place != home]
    return sorted(filter(None, others), key=lambda group: -len(group))


def representatives(
    groups: Sequence[Sequence[MemberT]], home: int | None, k: int, own: MemberT | None = None
) -> list[MemberT]:
    """R_n (equation 4): the most central record of each other group, at most K of them; see ``other_groups``."""
    return [group[0] for group in other_groups(groups, home, own)[:k]]


def nearest_group(groups: Sequence[Sequence[MemberT]], vectors: Mapping[MemberT, Vectors], target: Vectors) -> int:
    """Index of the group whose mean is nearest to a record that was not clustered.

    A variant of equation 4 for texts that must not serve others: they are part of no centroid.

    Args:
        groups: Groups of a clustering.
        vectors: (dim,) vector of each member.
        target: (dim,) vector of the record.
    """
    means = np.stack([np.mean([vectors[member] for member in group], axis=0) for group in groups])
    return int(np.argmin(np.linalg.norm(means - target, axis=1)))
