"""Representatives by clustering (DPL, equation 4, section 3.2.1).

The texts on item i are clustered into K + 1 groups; in every group but the target's own, the record nearest to the
centroid is taken. The set of texts on an item is the same for all its reviewers, so one clustering serves them all:
clusterings are kept under the digest of the set.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unlike.embed.encoder import Encoder, Vectors
from unlike.peers.lloyd import kmeans
from unlike.records import Record


@dataclass(frozen=True, slots=True)
class Clustering:
    """Groups of records on one item.

    Attributes:
        group_of: Group of each record, by record id.
        nearest: Per group its record ids, nearest to the centroid first.
    """

    group_of: dict[str, int]
    nearest: tuple[tuple[str, ...], ...]


class KMeansSelector:
    """Equation 4: the most central record of every group that is not the target's.

    Args:
        encoder: Turns texts into vectors.
        seed: Of K-means.
    """

    def __init__(self, encoder: Encoder, seed: int = 0) -> None:
        self._encoder = encoder
        self._seed = seed
        self._kept: dict[bytes, Clustering] = {}
        self._lock = threading.Lock()

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k representatives, those of the largest groups first."""
        if not peers or k < 1:
            return []
        clustering = self.clustering([target, *peers], k + 1)
        own = clustering.group_of[target.id]
        by_id = {peer.id: peer for peer in peers}
        groups = [ids for group, ids in enumerate(clustering.nearest) if group != own and ids]
        return [by_id[ids[0]] for ids in sorted(groups, key=lambda ids: (-len(ids), ids[0]))]

    def clustering(self, records: Sequence[Record], n_groups: int) -> Clustering:
        """The clustering of a set of records, made once for all who ask.

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


def cluster(records: Sequence[Record], vectors: Vectors, n_groups: int, seed: int) -> Clustering:
    """K-means over the vectors of a set of records.

    Args:
        records: The set, in a fixed order.
        vectors: (len(records), dim) float32.
        n_groups: Groups wanted; never more than there are distinct vectors.
        seed: Of the initial centroids.
    """
    places: dict[bytes, int] = {}
    labels = np.array([places.setdefault(row.tobytes(), len(places)) for row in vectors])
    if len(places) > n_groups:
        labels, centroids = kmeans(vectors, n_groups, seed)
    else:  # each has a group of its own, or shares it with the very same words
        centroids = vectors[np.unique(labels, return_index=True)[1]]
    distances = np.linalg.norm(vectors - centroids[labels], axis=1)
    order = sorted(range(len(records)), key=lambda i: (distances[i], records[i].id))
    return Clustering(
        group_of={record.id: int(label) for record, label in zip(records, labels, strict=True)},
        nearest=tuple(tuple(records[i].id for i in order if labels[i] == group) for group in range(len(centroids))),
    )


def _digest(records: Sequence[Record], n_groups: int) -> bytes:
    digest = hashlib.sha256(str(n_groups).encode())
    for record in records:
        digest.update(f"\0{record.id}\0{record.text}".encode())
    return digest.digest()
