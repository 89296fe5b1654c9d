"""``unlike report``: run folders to one report."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unlike.config import vector_file
from unlike.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.text import Text

    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.evaluate.running.plan import Plan
    from unlike.evaluate.statistics.findings import Cell, Findings
    from unlike.evaluate.statistics.measured import MeasuredRun


def report(
    runs: list[Path] = typer.Argument(help="Run folders, or folders of an experiment."),
    out: Path = typer.Option(Path("report.html"), help="The HTML file; .md, .csv and .tex are written beside it."),
    title: str = typer.Option("Comparison", help="What stands above it."),
    metrics: str = typer.Option("rouge1,rougeL,meteor,bleu", help="Metrics of the main table, with commas."),
    embedder: str = typer.Option("minilm", help="Encoder for the users' uniqueness."),
    corpus: Path | None = typer.Option(None, help="Corpus folder, where it has moved since the runs."),
    users: Path | None = typer.Option(
        None,
        help="Table of the users: user_id, and a column for each thing known of them, by which gains are compared.",
    ),
) -> None:
    """Compare runs in one self-contained file: tables, tests, plots, cases side by side, and how to repeat it."""
    from rich.console import Console

    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.running.experiment import measure_all
    from unlike.evaluate.running.plan import plan_of
    from unlike.evaluate.running.run import read_run

    folders = [folder for path in runs for folder in _run_folders(path)]
    facts = [read_run(folder)[1] for folder in folders]
    corpora = {fact["corpus_hash"] for fact in facts}
    if len(corpora) > 1:
        raise InputError(f"these runs are on {len(corpora)} corpora and cannot be compared; give runs on one corpus")
    plan = plan_of(
        {
            "title": title,
            "methods": _methods(facts),
            "metrics": [name.strip() for name in metrics.split(",")],
            "split": facts[0]["split"],
            "settings": facts[0]["settings"],
            "embedder": embedder,
            "users": users,
        },
        "report",
    )
    opened = Corpus.open(corpus or Path(facts[0]["corpus"]))
    encoder = open_encoder(embedder, vector_file())
    write_findings(Console(), plan, opened, encoder, measure_all(folders, plan, opened), out)


def _methods(facts: "Sequence[Mapping[str, Any]]") -> list[dict[str, Any]]:
    """The methods of some runs as a plan names them, each with its adapter."""
    adapters = {fact["method"]: fact["settings"].get("adapter", "") for fact in facts}
    return [{"method": method, "settings": {"adapter": adapter}} for method, adapter in adapters.items()]


def write_findings(
    console: "Console", plan: "Plan", corpus: "Corpus", encoder: "Encoder", runs: "Sequence[MeasuredRun]", out: Path
) -> int:
    """Write findings and report of measured runs, print the table; returns how many cases failed."""
    from unlike.cli.evaluate import write_results
    from unlike.evaluate.report.page import write_report
    from unlike.evaluate.running.experiment import find

    findings = find(plan, corpus, encoder, runs)
    write_results(out.with_suffix(".json"), json.dumps(asdict(findings), indent=1, ensure_ascii=False) + "\n")
    files = write_report(findings, out)
    show_findings(console, findings)
    console.print("report: " + "  ".join(str(file) for file in files), highlight=False, soft_wrap=True)
    return len(findings.failures)


def show_findings(console: "Console", findings: "Findings") -> None:
    """The main table, best values bold; calls and tokens are those of a case.

    Where the terminal is narrow, headings are broken and values are not.
    """
    from rich.table import Table
    from rich.text import Text

    labels = {name: label for name, label, _ in findings.metrics}
    scales = {name: scale for name, _, scale in findings.metrics}
    headings = [labels[name] for name in findings.main]
    rows = list[list[Text]]()
    for variant in findings.variants:
        cells = [variant.cells[name] for name in findings.main]
        values = [_shown(cell, scales[name]) for name, cell in zip(findings.main, cells, strict=True)]
        tokens = variant.cost.prompt_tokens + variant.cost.completion_tokens
        n_failed = max(cell.n_failed for cell in cells)
        rows.append([*values, *map(Text, (f"{variant.cost.calls:.1f}", f"{tokens:,.0f}", str(n_failed)))])
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("method", no_wrap=True)
    for heading, column in zip((*headings, "calls", "tokens", "failed"), zip(*rows, strict=True), strict=True):
        table.add_column(heading, justify="right", min_width=max(map(len, column)), vertical="bottom", overflow="fold")
    for variant, row in zip(findings.variants, rows, strict=True):
        table.add_row(Text(variant.name), *row)
    console.print(table)
    for note in findings.notes:
        console.print(note, style="yellow", markup=False, highlight=False)


def _shown(cell: "Cell", scale: float | str) -> "Text":
    from rich.text import Text

    if cell.mean is None:
        return Text("-")
    return Text(f"{cell.mean:.{2 if scale == 100 else 4}f}", style="bold" if cell.rank == 1 else "")


def _run_folders(path: Path) -> list[Path]:
    """The run folder itself, or the runs of an experiment folder."""
    if (path / "runs").is_dir():
        return sorted(folder.parent for folder in (path / "runs").glob("*/run.json"))
    return [path]
