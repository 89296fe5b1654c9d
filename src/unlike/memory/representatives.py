"""Who is compared with a user on an item (DPL, equation 4), from one clustering that serves everybody.

All texts on an item whose users agree to be compared are clustered once into K + 1 groups. For a user's own record
the most central text of every other group is taken. A record that may not serve others is not clustered: it counts to
the group whose mean it is nearest to, a variant of equation 4 that keeps it out of everybody's centroids.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from unlike.store.clusterings import StoredClustering
from unlike.store.embeddings import Vector
from unlike.store.records import Stored


def clustered_set(records: Sequence[Stored]) -> list[Stored]:
    """One record of each user, the latest; by record id."""
    latest = {stored.user: stored for stored in records}
    return sorted(latest.values(), key=lambda stored: stored.record.id)


def digest_of(records: Sequence[Stored], n_groups: int, encoder: str) -> str:
    """What a clustering depends on."""
    digest = hashlib.sha256(f"{n_groups} {encoder}".encode())
    for stored in records:
        digest.update(f" {stored.number}".encode())
    return digest.hexdigest()


def representatives(
    clustering: StoredClustering, own: Stored, users: Mapping[int, int], vectors: Mapping[int, Vector], k: int
) -> tuple[int, ...]:
    """Numbers of at most k records that the user's own record is compared with, those of the largest groups first.

    Args:
        clustering: Of the item.
        own: The user's record on it.
        users: User of each clustered record.
        vectors: (d,) of each clustered record and of the own one.
        k: K.
    """
    others = [[record for record in group if users[record] != own.user] for group in clustering.groups]
    home = clustering.group_of.get(own.number)
    if home is None:
        home = _nearest_group(clustering, vectors, vectors[own.number])
    away = [group for place, group in enumerate(others) if place != home and group]
    away.sort(key=lambda group: (-len(group), group[0]))
    return tuple(group[0] for group in away[:k])


def _nearest_group(clustering: StoredClustering, vectors: Mapping[int, Vector], own: Vector) -> int:
    means = [np.mean([vectors[record] for record in group], axis=0) for group in clustering.groups]
    return int(np.argmin([float(np.linalg.norm(mean - own)) for mean in means]))
