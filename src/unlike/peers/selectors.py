"""With whom a user is compared: the selection R_n of DPL's equation 4, its ablations and a variant, by name."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from unlike.embed.encoder import Encoder
from unlike.peers.representatives import Clustering, cluster, nearest_group, representatives
from unlike.records import Record, random_key
from unlike.settings import by_name


class Selector(Protocol):
    """Picks representatives among the texts of others on an item."""

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k of the peers' records.

        Args:
            target: The user's own record on the item.
            peers: One record of each other user on the same item, none by the target's user.
            k: K of the paper.
        """
        ...


class KMeansSelector:
    """Equation 4: the most central record of every group that is not the target's.

    Clusterings are cached by the digest of the set of records.

    Args:
        encoder: Turns texts into vectors.
        seed: Seed of K-means.
        with_target: Whether the target is clustered with the others; otherwise it is assigned to the nearest of several groups.
    """

    def __init__(self, encoder: Encoder, seed: int = 0, with_target: bool = True) -> None:
        self._encoder = encoder
        self._seed = seed
        self._with_target = with_target
        self._kept: dict[bytes, Clustering] = {}
        self._lock = threading.Lock()

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k representatives, those of the largest groups first."""
        if not peers or k < 1:
            return []
        by_id = {peer.id: peer for peer in peers}
        if self._with_target:
            clustering = self.clustering([target, *peers], k + 1)
            home = clustering.group_of[target.id]
        else:
            clustering = self.clustering(peers, k + 1)
            own, *vectors = self._encoder.encode([target.text, *(peer.text for peer in peers)])
            groups = clustering.groups
            known = dict(zip(by_id, vectors, strict=True))
            home = nearest_group(groups, known, own) if len(groups) > 1 else None
        return [by_id[record_id] for record_id in representatives(clustering.groups, home, k)]

    def clustering(self, records: Sequence[Record], n_groups: int) -> Clustering:
        """The clustering of a set of records, cached.

        Args:
            records: Records on one item, in any order.
            n_groups: K + 1; fewer where there are fewer distinct vectors.
        """
        ordered = sorted(records, key=lambda record: record.id)
        digest = _digest(ordered, n_groups)
        with self._lock:
            kept = self._kept.get(digest)
        if kept is None:
            kept = cluster(ordered, self._encoder.encode([record.text for record in ordered]), n_groups, self._seed)
            with self._lock:
                self._kept[digest] = kept
        return kept


class RandomSelector:
    """K records drawn at random (DPL, table 2, "Random"), always the same for a target and its peers."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k of the peers' records, in random order."""
        return sorted(peers, key=lambda peer: random_key(self._seed, target.id, peer.id))[:k]


class FarthestSelector:
    """The least similar users (DPL, table 2, "SimRank"): the k smallest cosines with the target's vector."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k records, the least similar first."""
        if not peers:
            return []
        ordered = sorted(peers, key=lambda peer: peer.id)
        vectors = self._encoder.encode([target.text, *(peer.text for peer in ordered)])
        # Rounding errors depend on a row's position in the matrix; rounded, equal texts are equal and stay sorted by id.
        similarity = (vectors[1:] @ vectors[0]).round(6)  # (n_peers,)
        return [ordered[i] for i in similarity.argsort(kind="stable")[:k]]


SELECTORS: dict[str, Callable[[Encoder, int], Selector]] = {
    "kmeans": KMeansSelector,
    "kmeans_assigned": lambda encoder, seed: KMeansSelector(encoder, seed, with_target=False),
    "random": lambda encoder, seed: RandomSelector(seed),
    "farthest": lambda encoder, seed: FarthestSelector(encoder),
}

REPRESENTATIVES = "kmeans"
"""The selector of equation 4, as the paper describes it."""


def open_selector(name: str, encoder: Encoder, seed: int = 0) -> Selector:
    """Open a selector by name.

    Raises:
        InputError: There is none of that name.
    """
    return by_name("selector", SELECTORS, name)(encoder, seed)


def _digest(records: Sequence[Record], n_groups: int) -> bytes:
    digest = hashlib.sha256(str(n_groups).encode())
    for record in records:
        digest.update(f"\0{record.id}\0{record.text}".encode())
    return digest.digest()
