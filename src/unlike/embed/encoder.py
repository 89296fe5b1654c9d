"""The interface ``Encoder``, and what needs no model: scaling to length 1, and vectors that are known."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""(n_texts, dim) float32, every row of Euclidean length 1."""


class Encoder(Protocol):
    """f_emb of the papers (DEP eq. 2): texts to unit vectors."""

    @property
    def name(self) -> str:
        """Model and every setting that changes its vectors; part of every cache key."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts, in their order: (len(texts), dim) float32, rows of length 1."""
        ...


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1, (n, dim); a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1).astype(np.float32)


class KnownVectors:
    """An Encoder that looks up given vectors; it encodes no other texts.

    Args:
        vectors: (dim,) float32 by text.
        name: Name of the encoder that made them.
    """

    def __init__(self, vectors: Mapping[str, Vectors], name: str = "known") -> None:
        self.vectors, self.name = vectors, name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The given vectors of the texts, (len(texts), dim) float32."""
        return np.stack([self.vectors[text] for text in texts])
