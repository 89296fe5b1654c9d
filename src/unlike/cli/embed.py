"""``unlike embed``: every text of a corpus as a vector in the cache, before runs or trainings ask for it."""

from pathlib import Path

import typer

from unlike.cli.live import live_bar
from unlike.cli.spreading import HELP

MOST_LOOKED_AT = 2_000
"""Texts whose tokens are counted."""


def embed(
    corpus: Path = typer.Option(..., help="Corpus folder, made by unlike curate."),
    embedder: str = typer.Option("minilm", help="minilm, bge-m3, openai:MODEL, hashing:256, a model name or folder."),
    engine: str = typer.Option("local", help=HELP),
) -> None:
    """Encode all texts of a corpus into the vector cache; what is there already costs nothing."""
    from unlike.data.corpus import Corpus
    from unlike.spread.embed import embed, vector_file
    from unlike.spread.engine import read_engine

    chosen, texts = read_engine(engine), Corpus.open(corpus).texts()
    n_texts, n_done = len(set(texts)), 0
    with live_bar("embed") as report:

        def on_progress(n_more: int) -> None:
            nonlocal n_done
            n_done += n_more
            report(n_done, n_texts, f"{n_done:,} of {n_texts:,} texts")

        embed(texts, embedder, chosen, on_progress)
    typer.echo(f"{n_texts:,} texts have vectors of {embedder} in {vector_file()}")
    _tell_what_is_read(embedder, texts)


def _tell_what_is_read(embedder: str, texts: list[str]) -> None:
    """A local encoder reads the beginning of a long text; say how much of these texts that is."""
    from unlike.embed.open import open_encoder

    if not (read_share := getattr(open_encoder(embedder), "read_share", None)):
        return
    limit, share = read_share(texts[:MOST_LOOKED_AT])
    if share < 1:
        typer.echo(f"warning: {embedder} reads {limit} tokens of a text, {share:.0%} of these texts", err=True)
