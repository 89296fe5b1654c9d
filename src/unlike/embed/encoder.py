"""The interface ``Encoder``, and what needs no model: scaling to length 1, known vectors, and several encoders as one."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class CutsTexts(Protocol):
    """An encoder that may read only the beginning of a text."""

    def read_share(self, texts: Sequence[str]) -> tuple[int, float] | None:
        """Its limit of tokens per text, and the share of these texts' tokens within it; None where that is not known."""
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
        """As ``CutsTexts``, of the part that reads the least."""
        shares_of = [part.read_share for part in self._parts if isinstance(part, CutsTexts)]
        found = [read for share_of in shares_of if (read := share_of(texts))]
        return min(found, key=lambda read: read[1], default=None)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), sum of the dims) float32."""
        vectors = np.concatenate([part.encode(texts) for part in self._parts], axis=1)
        return vectors / np.float32(len(self._parts) ** 0.5)
