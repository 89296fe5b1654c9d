"""``unlike differences``: DEP's vectors of past records and of how they differ from others', as a table."""

from pathlib import Path

import typer

from unlike.cli.live import live_bar
from unlike.cli.spreading import HELP
from unlike.cli.time_rule import time_rule
from unlike.errors import InputError


def differences(
    corpus: Path = typer.Option(..., help="Corpus folder, made by unlike curate."),
    out: Path = typer.Option(..., help="Parquet file."),
    embedder: str = typer.Option("minilm", help="minilm, bge-m3, openai:MODEL, hashing:256, a model name or folder."),
    split: str = typer.Option("train", help="train, validation or test: whose cases."),
    limit: int | None = typer.Option(None, min=1, help="The first so many cases only."),
    records: int = typer.Option(8, min=1, help="N, the most recent records of a case."),
    weighting: str = typer.Option("mean", help="mean, or profile_weighted as the released code has it."),
    time: str = typer.Option("as_of", help="as_of: only texts before the request; paper: all texts of others."),
    engine: str = typer.Option("local", help=HELP),
) -> None:
    """Write the vectors of each case's past records, and of their differences, to one table."""
    from unlike.data.corpus import Corpus
    from unlike.evaluate.running.run import pick_cases
    from unlike.spread.differences import Wanted, write_differences
    from unlike.spread.engine import read_engine

    if weighting not in ("mean", "profile_weighted"):
        raise InputError(f"--weighting {weighting!r}; allowed are mean and profile_weighted")
    chosen, opened = read_engine(engine), Corpus.open(corpus)
    cases = pick_cases(opened, split, limit)
    wanted, n_done = Wanted(opened, cases, embedder, records, weighting, time_rule(time)), 0
    with live_bar("differences") as report:

        def on_progress(n_more: int) -> None:
            nonlocal n_done
            n_done += n_more
            report(n_done, len(cases), f"{n_done:,} of {len(cases):,} cases")

        n_rows = write_differences(wanted, out, chosen, on_progress)
    typer.echo(f"{n_rows:,} differences of {len(cases):,} cases: {out}")
