"""An encoder without a model: hashed words and character trigrams.

It is deterministic, fast and needs nothing installed, so tests and first steps can use it. It sees spelling and
wording, not meaning: for results use a trained encoder.
"""

import re
import zlib
from collections import Counter
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
            sums = [0] * self.dim
            for feature, n in _features(text).items():
                code = zlib.crc32(feature.encode())
                sums[(code >> 1) % self.dim] += n if code & 1 else -n
            row[:] = sums
            if not row.any():
                row[0] = 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _features(text: str) -> Counter[str]:
    words = Counter(re.findall(r"\w+|[^\w\s]", text.lower()))
    features = words.copy()
    for word, n in words.items():
        padded = f"#{word}#"
        for i in range(len(word)):
            features[padded[i : i + 3]] += n
    return features
