"""Vectors and differences of a corpus, made by this process or by many workers: the cache of texts, and DEP's table.

A row of the table is a past record of a case: its own vector (``his``), its difference (``diff``) and the peers whose texts it
uses. Rows come user by user, so the table is the same with every engine. Each unit of work is a file beside the table
until the table is complete: memory depends on the unit, not on the corpus.
"""

import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.embed.cache import CachedEncoder
from unlike.embed.encoder import Encoder, KnownVectors, Vectors
from unlike.embed.open import open_encoder, parts_of
from unlike.errors import InputError
from unlike.latent.difference import Differences
from unlike.latent.settings import Weighting
from unlike.llm.stop import STOP
from unlike.progress import OnProgress, no_progress
from unlike.records import Case, TimeRule
from unlike.settings import vector_file
from unlike.spread.work_units import Place, units_of
from unlike.spread.workers import RayEngine, units_done

if TYPE_CHECKING:
    import polars as pl

    from unlike.data.corpus import Corpus

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
    names = [encoder.name for encoder in _encoders(embedder)] if engine else []
    n_done = 0
    for _, unit, matrices in units_done(EmbedWork(embedder), lambda workers: units, engine):
        for name, vectors in zip(names, matrices, strict=False):  # those of this process are in its cache already
            _keep(KnownVectors(dict(zip(unit, vectors, strict=True)), name))
        n_done += len(unit)
        on_progress("embed", n_done, len(unique), "")
        STOP.raise_if_requested()
    return len(unique)


def _keep(known: KnownVectors) -> None:
    """Put vectors that a worker made into this machine's cache."""
    with closing(CachedEncoder(known, vector_file())) as cache:
        cache.encode(list(known.vectors))


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


@dataclass(frozen=True)
class DifferenceRequest:
    """Which differences are computed.

    Attributes:
        corpus: Histories and peers.
        cases: Cases whose past records are compared.
        embedder: Name, as in ``open_encoder``.
        n_records: N, the most recent records of a case (DEP).
        weighting: Weights of the peers.
        time_rule: Which texts of others count.
    """

    corpus: "Corpus"
    cases: Sequence[Case]
    embedder: str = "minilm"
    n_records: int = 8
    weighting: Weighting = "mean"
    time_rule: TimeRule = "as_of"


class DifferenceWork:
    """Computes the rows of units of cases.

    Args:
        wanted: Which differences are computed.
    """

    def __init__(self, wanted: DifferenceRequest) -> None:
        self._wanted = wanted
        self._made: Differences | None = None

    def open(self) -> None:
        """Open the encoder, behind this machine's cache."""
        wanted = self._wanted
        encoder = open_encoder(wanted.embedder, vector_file())
        self._made = Differences(wanted.corpus, encoder, wanted.weighting, wanted.time_rule)

    def do(self, unit: Sequence[Place]) -> "pl.DataFrame":
        """The rows of a unit; none for cases whose user has no past records."""
        import polars as pl

        tables = [self._rows(self._wanted.cases[place]) for _, place in unit]
        return pl.concat(tables) if tables else pl.DataFrame()

    def _rows(self, case: Case) -> "pl.DataFrame":
        import polars as pl

        assert self._made
        past = self._wanted.corpus.history(case.user_id, case.moment)[-self._wanted.n_records :]
        vectors = self._made.of(case, past)
        columns = {
            "case_id": pl.Series([case.id] * len(past), dtype=pl.String),
            "user_id": pl.Series([case.user_id] * len(past), dtype=pl.String),
            "record_id": pl.Series(vectors.record_ids, dtype=pl.String),
            "n_peers": pl.Series(vectors.n_peers, dtype=pl.Int64),
            "peer_ids": pl.Series([list(ids) for ids in vectors.peer_ids], dtype=pl.List(pl.String)),
            "his": pl.Series([row.tolist() for row in vectors.his], dtype=pl.List(pl.Float32)),
            "diff": pl.Series([row.tolist() for row in vectors.diff], dtype=pl.List(pl.Float32)),
        }
        return pl.DataFrame(columns)


def write_differences(
    wanted: DifferenceRequest,
    out: Path,
    engine: RayEngine | None = None,
    on_progress: OnProgress = no_progress,
) -> int:
    """Write the table.

    Args:
        wanted: Which differences are computed.
        out: The Parquet file.
        engine: None for this process.
        on_progress: Called after each unit of cases.

    Returns:
        Rows of the table.

    Raises:
        InputError: No such embedder or cluster, or the file cannot be written.
        MissingPart: A package is not installed.
    """
    import polars as pl

    with _parts(out) as folder:
        n_done = 0
        work = DifferenceWork(wanted)
        for number, unit, table in units_done(work, lambda workers: units_of([wanted.cases], workers), engine):
            table.write_parquet(folder / f"{number:08}.parquet")
            n_done += len(unit)
            on_progress("differences", n_done, len(wanted.cases), "")
            STOP.raise_if_requested()
        whole = folder / "whole"
        pl.scan_parquet(sorted(folder.glob("*.parquet")), glob=False).sink_parquet(whole, compression="zstd")
        n_rows = pl.scan_parquet(whole).select(pl.len()).collect().item()
        os.replace(whole, out)
    return n_rows


@contextmanager
def _parts(out: Path) -> Generator[Path]:
    """A folder beside the table, removed at the end of the block.

    Raises:
        InputError: It, or the table, cannot be written.
    """
    folder = out.with_name(f".{out.name}.parts-{os.getpid()}")
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}; free space or name another file") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
