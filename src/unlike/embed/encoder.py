"""What a sentence encoder must do to be used here."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""(n_texts, dim) float32, every row of Euclidean length 1."""


class Encoder(Protocol):
    """f_emb of the papers (DEP eq. 2): texts to unit vectors.

    Attributes:
        name: Model and every setting that changes its vectors; part of every cache key.
    """

    @property
    def name(self) -> str:
        """Identity in caches."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts, in their order: (len(texts), dim) float32, rows of length 1."""
        ...


def unit(vectors: Vectors) -> Vectors:
    """Vectors of length 1; zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1).astype(np.float32)


class KnownVectors:
    """An encoder of texts whose vectors are known.

    Args:
        vectors: (dim,) of each text.
        name: Of the encoder that made them.
    """

    def __init__(self, vectors: Mapping[str, Vectors], name: str = "known") -> None:
        self.vectors, self.name = vectors, name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim) float32."""
        return np.stack([self.vectors[text] for text in texts])
