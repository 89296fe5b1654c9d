"""An encoder without a model: hashed words and character trigrams.

It is deterministic, fast and needs nothing installed, so tests and first steps can use it. It sees spelling and
wording, not meaning: for results use a trained encoder.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np

from unlike.embed.encoder import Vectors


class HashingEncoder:
    """Signed feature hashing of words and character trigrams (Weinberger et al., 2009)."""

    def __init__(self, dim: int = 256) -> None:
        self.dim = dim

    @property
    def name(self) -> str:
        """Identity in caches."""
        return f"hashing:{self.dim}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32; an empty text gets (1, 0, ..., 0)."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for feature in _features(text):
                code = zlib.crc32(feature.encode())
                row[(code >> 1) % self.dim] += 1.0 if code & 1 else -1.0
            if not row.any():
                row[0] = 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _features(text: str) -> list[str]:
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    trigrams = [f"#{word}#"[i : i + 3] for word in words for i in range(len(word))]
    return words + trigrams
