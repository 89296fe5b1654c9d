"""What a sentence encoder must do to be used here."""

from collections.abc import Sequence
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
