"""``unlike embed``: vectors of all texts of a corpus, and a table of differences."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from unlike.cli.interrupt import interruptible
from unlike.cli.options import CorpusAt, Embedder, Engine, Limit, Split, Time, time_rule
from unlike.cli.output import say
from unlike.cli.progress import progress
from unlike.errors import InputError
from unlike.progress import n_of

Differences = Annotated[
    Path | None,
    typer.Option(help="Also write DEP's vectors of past records and of their differences to this Parquet file."),
]
WeightingName = Annotated[
    str, typer.Option(help="Weights of others: mean (all equal), or profile_weighted (as in the released code).")
]
Fit = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="Fit an encoder of character n-grams with N dimensions instead, and write it to --out. Texts of validation and "
        "test cases are left out.",
    ),
]


def embed(
    corpus: CorpusAt,
    embedder: Embedder = "minilm",
    engine: Engine = "local",
    differences: Differences = None,
    split: Split = "train",
    limit: Limit = None,
    records: Annotated[int, typer.Option(min=1, help="N, number of the user's most recent records per case.")] = 8,
    weighting: WeightingName = "mean",
    time: Time = "as_of",
    fit: Fit = None,
    out: Annotated[
        Path | None, typer.Option(help="File of --fit, for --embedder ngrams:FILE. Default: ngrams.npz.")
    ] = None,
) -> None:
    """Encode all texts of a corpus into the vector cache, before runs or trainings need them.

    Texts that have vectors are not encoded again. --split, --limit, --records, --weighting and --time apply to
    --differences only.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.ngrams import fit_on_corpus
    from unlike.embed.open import open_encoder
    from unlike.experiments.watch import Watch
    from unlike.latent.settings import Weighting
    from unlike.settings import vector_file
    from unlike.spread.vectors import DifferenceRequest, embed, write_differences
    from unlike.spread.workers import read_engine

    weightings: dict[str, Weighting] = {name: name for name in get_args(Weighting)}
    if weighting not in weightings:
        raise InputError(f"--weighting {weighting!r}; allowed are {' and '.join(weightings)}")
    if out and not fit:
        raise InputError(
            f"--out {out} is for --fit, which is missing; vectors go to the cache; add --fit N or remove --out"
        )
    if fit and differences:
        raise InputError(f"--differences {differences} is not written with --fit; give one of the two")
    rule, chosen, opened = time_rule(time), read_engine(engine), Corpus.open(corpus)
    if fit:
        fitted = fit_on_corpus(opened, fit)
        out = out or Path("ngrams.npz")
        fitted.save(out)
        typer.echo(f"{fitted.name} is in {out}; use it with: --embedder ngrams:{out}")
        return
    with progress() as on_progress, interruptible():
        n_texts = embed(opened.texts(), embedder, chosen, on_progress)
        typer.echo(f"vectors of {embedder} for {n_of(n_texts, 'text')}: {vector_file()}")
        Watch(say=say).cut_texts(open_encoder(embedder), opened.texts())
        if differences:
            from unlike.evaluate.running.run_method import pick_cases

            cases = pick_cases(opened, split, limit)
            wanted = DifferenceRequest(opened, cases, embedder, records, weightings[weighting], rule)
            n_rows = write_differences(wanted, differences, chosen, on_progress)
            typer.echo(f"{n_of(n_rows, 'difference')} of {n_of(len(cases), 'case')}: {differences}")
