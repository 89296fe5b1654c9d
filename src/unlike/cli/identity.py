"""``unlike identity``: how well vectors distinguish a user's next text from those of others."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.options import Embedder, Json, Time, names_in, time_rule
from unlike.cli.output import new_console, print_figures, print_result
from unlike.cli.progress import progress
from unlike.progress import n_of
from unlike.settings import vector_file

if TYPE_CHECKING:
    from unlike.evaluate.identity.encoders import EncodersReport
    from unlike.evaluate.identity.measure import IdentityReport
    from unlike.evaluate.identity.separation import Estimate


def identity(
    corpus: Annotated[Path, typer.Argument(help="A corpus folder; its split into cases is not used.")],
    embedder: Embedder = "minilm",
    time: Time = "as_of",
    records: int = typer.Option(8, min=1, help="N, number of a user's most recent earlier records that are compared."),
    peers: int | None = typer.Option(None, min=1, help="K, number of randomly chosen others per item. Default: all."),
    min_records: int = typer.Option(
        5, min=1, help="Minimum number of a user's earlier records whose items have other reviewers."
    ),
    foils: int = typer.Option(5, min=1, help="Number of other users' texts that each next text is compared with."),
    words: int | None = typer.Option(None, min=1, help="Use only the first N words of each text. Default: all."),
    users: int | None = typer.Option(None, min=10, help="Maximum number of users, drawn at random. Default: all."),
    compare: str = typer.Option(
        "",
        help="Compare several encoders, with commas between them, in one table without controls; --embedder is then not "
        "used. Any encoder, ngrams:DIM (character n-grams), style, or several joined by +. The last two kinds learn from "
        "users who are not tested. Example: minilm,style,ngrams:384,style+ngrams:384.",
    ),
    seed: int = typer.Option(0, help="Seed of foils, strangers, peers and the bootstrap."),
    out: Path | None = typer.Option(
        None, help="Folder for tables (.md), pictures (.svg) and all figures (.json), named after the corpus."
    ),
    as_json: Json = False,
) -> None:
    """Measure whether the difference from others identifies the user: own texts against others' on the same items.

    It needs vectors, but no LLM and no training. Controls show what rating, length, date and phrases alone distinguish.
    With --compare it shows which encoder identifies users best.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.open import LazyEncoder, open_encoder
    from unlike.evaluate.identity.encoders import compare_encoders
    from unlike.evaluate.identity.measure import IdentitySettings, identity
    from unlike.evaluate.report.encoders import write_encoders
    from unlike.evaluate.report.identity import write_identity
    from unlike.experiments.watch import Watch

    settings = IdentitySettings(time_rule(time), records, peers, min_records, foils, seed, words, users)
    opened, name = Corpus.open(corpus), corpus.resolve().name
    with progress(quiet=as_json) as on_progress:
        opening = partial(open_encoder, cache=vector_file(), on_progress=Watch(on_progress).encoding)
        if compare:
            found = compare_encoders(opened, names_in(compare), opening, settings, on_progress)
            files = write_encoders(found, name, out) if out else []
        else:
            found = identity(opened, LazyEncoder(partial(opening, embedder)), settings, on_progress)
            files = write_identity(found, name, out) if out else []
    print_result(found, files, _show, as_json=as_json)


def _show(report: "IdentityReport | EncodersReport") -> None:
    """Print the result and its controls, or the encoders, a row each."""
    from unlike.evaluate.identity.measure import IdentityReport

    columns, rows = _controls(report) if isinstance(report, IdentityReport) else _encoders(report)
    console = new_console()
    print_figures("own text nearer", columns, rows, console)
    if isinstance(report, IdentityReport):
        for reason, n in report.left_out.items():
            console.print(f"left out: {n_of(n, 'user')} with {reason}")


def _controls(report: "IdentityReport") -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the result and its controls."""
    from unlike.evaluate.report.identity import MEASURES

    rows: list[list[str]] = []
    for row in (report.main, *report.controls):
        if row.found is None:
            rows.append([row.name, str(row.n_users), "too few users"])
            continue
        gain = row.found.over_own_vector
        cells = [_estimate(getattr(row.found, field).share) for field in MEASURES.values()]
        rows.append([row.name, str(row.n_users), *cells, f"{gain.share.value:+.3f} (p {gain.p:.4f})"])
    return [report.embedder, "users", *MEASURES, "gain over own vector"], rows


def _encoders(report: "EncodersReport") -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the encoders."""
    from unlike.evaluate.report.encoders import MEASURES

    rows: list[list[str]] = []
    for one in report.encoders:
        found = [(getattr(one, row), field) for row, field in MEASURES.values()]
        rows.append([one.name, *(_estimate(getattr(of, field).share) if of else "" for of, field in found)])
    return [f"{report.n_users} users", *MEASURES], rows


def _estimate(share: "Estimate") -> str:
    return f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"
