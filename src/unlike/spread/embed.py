"""Vectors of all texts of a corpus in the cache, made by this process or by many workers."""

from collections.abc import Sequence

from unlike.embed.cache import CachedEncoder
from unlike.embed.encoder import Encoder, KnownVectors, Vectors
from unlike.embed.open import open_encoder, parts_of
from unlike.llm.stop import STOP
from unlike.progress import OnProgress, no_progress
from unlike.settings import vector_file
from unlike.spread.pool import done_by_workers
from unlike.spread.ray_start import RayEngine, cluster

TEXTS_PER_UNIT = 512
"""Maximum number of texts per unit of work; so many are encoded again when a worker is lost."""


def embed(
    texts: Sequence[str],
    embedder: str,
    engine: RayEngine | None = None,
    on_progress: OnProgress = no_progress,
) -> int:
    """Encode texts into this machine's cache; vectors that exist are not computed again.

    Args:
        texts: In any order; equal ones are encoded once.
        embedder: Name, as in ``open_encoder``.
        engine: None for this process.
        on_progress: Called after each batch.

    Returns:
        Number of distinct texts.

    Raises:
        EngineError: The endpoint of the embedder cannot be used.
        InputError: No such embedder or cluster, or the cache cannot be written.
        MissingPart: A package is not installed.
    """
    unique = list(dict.fromkeys(texts))
    units = [unique[start : start + TEXTS_PER_UNIT] for start in range(0, len(unique), TEXTS_PER_UNIT)]
    encoders, n_done = _encoders(embedder), 0
    if engine is None:
        for unit in units:
            for encoder in encoders:
                encoder.encode(unit)
            n_done += len(unit)
            on_progress("embed", n_done, len(unique), "")
            STOP.raise_if_requested()
        return len(unique)
    received = [KnownVectors({}, encoder.name) for encoder in encoders]
    caches = [CachedEncoder(known, vector_file()) for known in received]
    with cluster(engine) as workers:
        for number, matrices in done_by_workers(EmbedWork(embedder), units, workers):
            for known, cache, vectors in zip(received, caches, matrices, strict=True):
                known.vectors = dict(zip(units[number], vectors, strict=True))
                cache.encode(units[number])
            n_done += len(units[number])
            on_progress("embed", n_done, len(unique), "")
            STOP.raise_if_requested()
    return len(unique)


class EmbedWork:
    """Encodes units of texts; each machine has its own cache, so that a restarted one continues.

    Args:
        embedder: Name, as in ``open_encoder``.
    """

    def __init__(self, embedder: str) -> None:
        self._embedder = embedder
        self._encoders: list[Encoder] = []

    def open(self) -> None:
        """Open the encoders."""
        self._encoders = _encoders(self._embedder)

    def do(self, unit: Sequence[str]) -> list[Vectors]:
        """Vectors of the texts by each encoder that the name joins, (len(unit), dim) float32."""
        assert self._encoders
        return [encoder.encode(unit) for encoder in self._encoders]


def _encoders(embedder: str) -> list[Encoder]:
    """The encoders that a name joins; the cache holds the vectors of each by itself, as ``open_encoder`` reads them."""
    return [open_encoder(part, vector_file()) for part in parts_of(embedder)]
