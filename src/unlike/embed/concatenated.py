"""Several encoders as one: their vectors side by side."""

from collections.abc import Sequence

import numpy as np

from unlike.embed.encoder import Encoder, Vectors


class ConcatenatedEncoder:
    """Concatenates the unit vectors of encoders, so the cosine of two texts is the mean of the encoders' cosines.

    Args:
        parts: At least one encoder.
    """

    def __init__(self, parts: Sequence[Encoder]) -> None:
        self._parts = parts

    @property
    def name(self) -> str:
        """Identity in caches."""
        return "+".join(part.name for part in self._parts)

    def read_share(self, texts: Sequence[str]) -> tuple[int, float] | None:
        """``SentenceTransformerEncoder.read_share`` of the part that reads the least; None if no part has that method."""
        share_of = [getattr(part, "read_share", lambda texts: None) for part in self._parts]
        found = [read for read_share in share_of if (read := read_share(texts))]
        return min(found, key=lambda read: read[1], default=None)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), sum of the dims) float32."""
        vectors = np.concatenate([part.encode(texts) for part in self._parts], axis=1)
        return vectors / np.float32(len(self._parts) ** 0.5)
