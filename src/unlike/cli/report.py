"""``unlike report``: compare runs that exist already."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.options import MovedCorpus, names_in
from unlike.cli.output import cut_texts, new_console
from unlike.cli.progress import progress

if TYPE_CHECKING:
    from rich.text import Text

    from unlike.evaluate.statistics.findings import Cell, Findings
    from unlike.experiments.report import Comparison


def report(
    runs: list[Path] = typer.Argument(help="Run folders, or folders of experiments."),
    out: Path | None = typer.Option(
        None,
        help="HTML file; .md, .csv, .tex and .json are written beside it. Default: report.html in the folder of the runs, or "
        "in the current one where there are several; comparison.html in an experiment's folder.",
    ),
    title: str = typer.Option("Comparison", help="Title of the report."),
    metrics: str | None = typer.Option(
        None,
        help="Metrics of the main table, separated by commas. Default: those of the runs' experiment, otherwise "
        "rouge1,rougeL,meteor,bleu.",
    ),
    embedder: str | None = typer.Option(
        None, help="Encoder by which the uniqueness of users is measured. Default: that of the runs."
    ),
    corpus: MovedCorpus = None,
    users: Path | None = typer.Option(
        None, help="Table of users: user_id, and a column for each attribute by which gains are compared."
    ),
) -> None:
    """Compare runs in one self-contained file: tables, tests, plots, cases side by side, and how to repeat them."""
    from unlike.experiments.report import report
    from unlike.experiments.watch import Watch

    with progress() as on_progress:
        options = {"title": title, "metrics": None if metrics is None else names_in(metrics), "users": users}
        found = report(runs, out, corpus=corpus, embedder=embedder, watch=Watch(on_progress), **options)
    show_comparison(found)


def show_comparison(comparison: "Comparison") -> None:
    """Print the report's answer, the main table and the files."""
    from unlike.evaluate.report.answer import answer

    typer.echo(answer(comparison.findings))
    show_findings(comparison.findings)
    typer.echo("report: " + "  ".join(str(file) for file in comparison.files))


def show_findings(findings: "Findings") -> None:
    """Print the main table, best values bold; calls and tokens are per case.

    In a narrow terminal headings are wrapped between words and values are not.
    """
    from rich.table import Table
    from rich.text import Text

    from unlike.evaluate.report.report_tables import has_cut_texts

    labels = {name: label for name, label, _ in findings.metrics}
    scales = {name: scale for name, _, scale in findings.metrics}
    headings = [labels[name] for name in findings.main]
    cut_off = ("cut off",) if has_cut_texts(findings) else ()
    rows = list[list[Text]]()
    for variant in findings.variants:
        cells = [variant.cells[name] for name in findings.main]
        values = [_shown(cell, scales[name]) for name, cell in zip(findings.main, cells, strict=True)]
        tokens = variant.cost.prompt_tokens + variant.cost.completion_tokens
        n_failed = max(cell.n_failed for cell in cells)
        cut = ("-" if variant.n_cut is None else str(variant.n_cut),) if has_cut_texts(findings) else ()
        rows.append([*values, *map(Text, (f"{variant.cost.calls:.1f}", f"{tokens:,.0f}", str(n_failed), *cut))])
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("method", no_wrap=True)
    for heading, column in zip(
        (*headings, "calls", "tokens", "failed", *cut_off), zip(*rows, strict=True), strict=True
    ):
        width = max(map(len, (*column, *heading.split())))
        table.add_column(heading, justify="right", min_width=width, vertical="bottom", overflow="fold")
    for variant, row in zip(findings.variants, rows, strict=True):
        table.add_row(variant.name, *row)
    console = new_console()
    console.print(table)
    for note in findings.notes:
        console.print(note, style="yellow")
    if n_cut := sum(variant.n_cut or 0 for variant in findings.variants):
        console.print(cut_texts(n_cut), style="yellow")


def _shown(cell: "Cell", scale: float | str) -> "Text":
    from rich.text import Text

    from unlike.evaluate.report.number_format import value

    if cell.mean is None:
        return Text("-")
    return Text(value(cell.mean, scale), style="bold" if cell.rank == 1 else "")
