"""``unlike identity``: how well vectors distinguish a user's next text from those of others."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.options import Embedder, Time, time_rule
from unlike.cli.output import print_result
from unlike.cli.progress import progress
from unlike.config import vector_file

if TYPE_CHECKING:
    from unlike.evaluate.identity.measure import IdentityReport


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
    seed: int = typer.Option(0, help="Seed of foils, strangers, peers and the bootstrap."),
    out: Path | None = typer.Option(
        None, help="Folder for tables (.md), pictures (.svg) and all figures (.json), named after the corpus."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print all figures as JSON and nothing else."),
) -> None:
    """Measure whether the difference from others identifies the user: own texts against others' on the same items.

    It needs vectors, but no LLM and no training. Controls show what rating, length, date and phrases alone distinguish.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.identity.measure import IdentitySettings, identity
    from unlike.evaluate.report.identity_files import write_identity
    from unlike.experiments.watch import Watch

    settings, opened = IdentitySettings(time_rule(time), records, peers, min_records, foils, seed), Corpus.open(corpus)
    with progress(quiet=as_json) as on_progress:
        encoder = open_encoder(embedder, vector_file(), Watch(on_progress).encoding)
        found = identity(opened, encoder, settings, on_progress)
    files = write_identity(found, corpus.resolve().name, out) if out else []
    print_result(found, files, _show, as_json=as_json)


def _show(report: "IdentityReport") -> None:
    """Print the result and its controls, a row each."""
    from rich.console import Console
    from rich.table import Table

    from unlike.evaluate.report.identity import MEASURES

    grid = Table("", "users", *MEASURES, "gain over own vector", box=None, title=f"own text nearer, {report.embedder}")
    for column in grid.columns[1:]:
        column.justify = "right"
    for row in (report.main, *report.controls):
        if row.found is None:
            grid.add_row(row.name, str(row.n_users), "too few users")
            continue
        shares = [getattr(row.found, field).share for field in MEASURES.values()]
        gain = row.found.over_own_vector
        cells = [f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})" for share in shares]
        grid.add_row(row.name, str(row.n_users), *cells, f"{gain.share.value:+.3f} (p {gain.p:.4f})")
    console = Console()
    console.print(grid)
    for reason, n in report.left_out.items():
        console.print(f"left out: {n:,} users with {reason}", highlight=False)
