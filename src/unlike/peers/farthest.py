"""The least similar users as representatives (DPL, table 2, "SimRank")."""

from collections.abc import Sequence

from unlike.embed.encoder import Encoder
from unlike.records import Record


class FarthestSelector:
    """The k records whose vectors have the smallest cosine with the target's."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k records, the least similar first."""
        if not peers:
            return []
        vectors = self._encoder.encode([target.text, *(peer.text for peer in peers)])
        similarity = vectors[1:] @ vectors[0]  # (n_peers,)
        order = sorted(range(len(peers)), key=lambda i: (similarity[i], peers[i].id))
        return [peers[i] for i in order[:k]]
