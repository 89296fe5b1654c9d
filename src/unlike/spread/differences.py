"""DEP's difference vectors of a corpus as one Parquet table, made by this process or by many workers.

A row is a past record of a case: its own vector (``his``), its difference (``diff``) and the peers whose texts it uses. Rows
come user by user, so the table is the same with every engine. Each unit of work is a file beside the table until the
table is complete: memory depends on the unit, not on the corpus.
"""

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.embed.open import open_encoder
from unlike.errors import InputError
from unlike.latent.difference import Differences
from unlike.latent.settings import Weighting
from unlike.llm.stop import STOP
from unlike.progress import OnProgress, no_progress
from unlike.records import Case, TimeRule
from unlike.settings import vector_file
from unlike.spread.pool import done_by_workers
from unlike.spread.ray_start import RayEngine, cluster
from unlike.spread.work_units import Place, units_of

if TYPE_CHECKING:
    import polars as pl

    from unlike.data.corpus import Corpus


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
        for number, n_cases, table in _tables(wanted, engine):
            table.write_parquet(folder / f"{number:08}.parquet")
            n_done += n_cases
            on_progress("differences", n_done, len(wanted.cases), "")
            STOP.raise_if_requested()
        whole = folder / "whole"
        pl.scan_parquet(sorted(folder.glob("*.parquet")), glob=False).sink_parquet(whole, compression="zstd")
        n_rows = pl.scan_parquet(whole).select(pl.len()).collect().item()
        os.replace(whole, out)
    return n_rows


def _tables(wanted: DifferenceRequest, engine: RayEngine | None) -> "Iterator[tuple[int, int, pl.DataFrame]]":
    """Number of a unit, its cases and its rows, as units are done."""
    work = DifferenceWork(wanted)
    if engine is None:
        units = units_of([wanted.cases], 1)
        work.open()
        for number, unit in enumerate(units):
            yield number, len(unit), work.do(unit)
        return
    with cluster(engine) as workers:
        units = units_of([wanted.cases], workers)
        for number, table in done_by_workers(work, units, workers):
            yield number, len(units[number]), table


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
