"""``unlike identity``: how well a user's next text is told from somebody else's, by vectors alone."""

import json as jsons
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.live import live_bar
from unlike.cli.time_rule import time_rule
from unlike.config import vector_file

if TYPE_CHECKING:
    from unlike.evaluate.identity.measure import IdentityReport


def identity(
    corpus: Annotated[Path, typer.Argument(help="A corpus folder; its cases do not matter.")],
    embedder: str = typer.Option("minilm", help="minilm, bge-m3, openai:MODEL, hashing:256, a model name or folder."),
    time: str = typer.Option("as_of", help="as_of: only earlier texts of others; paper: all texts of others."),
    records: int = typer.Option(8, min=1, help="N, the most recent earlier records of a user that are compared."),
    peers: int | None = typer.Option(None, min=1, help="K, others on each item, drawn at random; all where not given."),
    min_records: int = typer.Option(5, min=1, help="Earlier records, with others on their items, that a user needs."),
    foils: int = typer.Option(5, min=1, help="Texts of others that each user's next text stands against."),
    seed: int = typer.Option(0, help="Of foils, strangers, peers and the bootstrap."),
    out: Path | None = typer.Option(
        None, help="Folder for tables (.md), pictures (.svg) and all figures (.json), named after the corpus."
    ),
    json: bool = typer.Option(False, "--json", help="Print all figures as JSON and nothing else."),
) -> None:
    """Measure whether the difference from others knows the user: own texts against others' on the same items.

    No LLM and no training: vectors alone, with controls for what else could tell the texts apart.
    """
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.identity.measure import IdentitySettings, identity

    settings = IdentitySettings(time_rule(time), records, peers, min_records, foils, seed)
    opened, encoder = Corpus.open(corpus), open_encoder(embedder, vector_file())
    with live_bar("identity", quiet=json) as report:
        found = identity(
            opened, encoder, settings, lambda what, n_done, n: report(n_done, n, f"{n_done:,} of {n:,} {what}")
        )
    figures = jsons.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n"
    files = write_identity(found, figures, corpus.resolve().name, out) if out else []
    if json:
        typer.echo(figures, nl=False)
        return
    show_identity(found)
    for file in files:
        typer.echo(f"written: {file}")


def write_identity(report: "IdentityReport", figures: str, name: str, out: Path) -> list[Path]:
    """Write tables, pictures and figures.

    Args:
        report: What was measured.
        figures: The same as JSON.
        name: Of the files, without their endings.
        out: Their folder.

    Returns:
        The files.

    Raises:
        InputError: One cannot be written.
    """
    from unlike.cli.evaluate import write_results
    from unlike.evaluate.report.identity import curves_picture, render_identity, result_picture

    texts = {
        f"{name}.json": figures,
        f"{name}.md": render_identity(report, f"Identity: {name}"),
        f"{name}.svg": result_picture(report, f"Who wrote it? {name}", "share"),
        f"{name}_areas.svg": result_picture(report, f"Who wrote it? {name}, all scores pooled", "auc"),
        f"{name}_curves.svg": curves_picture(report, f"Who wrote it? {name}, by N and K"),
    }
    for file, text in texts.items():
        write_results(out / file, text)
    return [out / file for file in texts]


def show_identity(report: "IdentityReport") -> None:
    """The result and its controls, a row each."""
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
        told = [f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})" for share in shares]
        grid.add_row(row.name, str(row.n_users), *told, f"{gain.share.value:+.3f} (p {gain.p:.4f})")
    console = Console()
    console.print(grid)
    for reason, n in report.left_out.items():
        console.print(f"left out: {n:,} users with {reason}", highlight=False)
