"""All texts of a corpus as vectors in the cache, made here or by many workers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unlike.config import vector_file
from unlike.embed.cache import CachedEncoder
from unlike.embed.encoder import Encoder, Vectors
from unlike.embed.open import open_encoder
from unlike.llm.stop import STOP
from unlike.progress import OnProgress, no_progress
from unlike.spread.engine import RayEngine, cluster
from unlike.spread.pool import done_by_workers

TEXTS_A_UNIT = 512
"""Maximum number of texts that are encoded again when a worker is lost."""


def embed(
    texts: Sequence[str],
    embedder: str,
    engine: RayEngine | None = None,
    on_progress: OnProgress = no_progress,
) -> int:
    """Bring vectors of texts into this machine's cache; those that exist cost nothing.

    Args:
        texts: In any order; equal ones are encoded once.
        embedder: Name, as in ``open_encoder``.
        engine: None for this process.
        on_progress: Called after each batch.

    Returns:
        How many different texts there are.

    Raises:
        EngineError: The endpoint of the embedder cannot be used.
        InputError: No such embedder or cluster, or the cache cannot be written.
        MissingPart: Something needed is not installed.
    """
    unique = list(dict.fromkeys(texts))
    units = [unique[start : start + TEXTS_A_UNIT] for start in range(0, len(unique), TEXTS_A_UNIT)]
    encoder, n_done = open_encoder(embedder, vector_file()), 0
    if engine is None:
        for unit in units:
            encoder.encode(unit)
            n_done += len(unit)
            on_progress("embed", n_done, len(unique), "")
            STOP.raise_if_requested()
        return len(unique)
    arrived = Arrived(encoder.name)
    kept = CachedEncoder(arrived, vector_file())
    with cluster(engine) as workers:
        for number, vectors in done_by_workers(EmbedWork(embedder), units, workers):
            arrived.vectors = dict(zip(units[number], vectors, strict=True))
            kept.encode(units[number])
            n_done += len(units[number])
            on_progress("embed", n_done, len(unique), "")
            STOP.raise_if_requested()
    return len(unique)


class EmbedWork:
    """Encodes units of texts; each machine has a cache of its own, so that one that begins again goes on.

    Args:
        embedder: Name, as in ``open_encoder``.
    """

    def __init__(self, embedder: str) -> None:
        self._embedder = embedder
        self._encoder: Encoder | None = None

    def open(self) -> None:
        """Open the encoder."""
        self._encoder = open_encoder(self._embedder, vector_file())

    def do(self, unit: Sequence[str]) -> Vectors:
        """Vectors of the texts, (len(unit), dim) float32."""
        assert self._encoder
        return self._encoder.encode(unit)


class Arrived:
    """An Encoder of vectors that were made elsewhere, through which the cache takes them in.

    Args:
        name: Of the encoder that made them.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.vectors: dict[str, Any] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts that have arrived, (len(texts), dim) float32."""
        return np.stack([self.vectors[text] for text in texts])
