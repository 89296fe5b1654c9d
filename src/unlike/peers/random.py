"""Representatives drawn at random (DPL, table 2, "Random")."""

import hashlib
from collections.abc import Sequence

from unlike.records import Record


class RandomSelector:
    """A seeded draw that depends on target and peers alone, not on what was asked before."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """K of the peers' records."""
        return sorted(peers, key=lambda peer: self._draw(target.id, peer.id))[:k]

    def _draw(self, target_id: str, peer_id: str) -> bytes:
        return hashlib.sha256(f"{self._seed}\0{target_id}\0{peer_id}".encode()).digest()
