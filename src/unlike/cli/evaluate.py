"""``unlike evaluate``: score runs, or texts made elsewhere, with the papers' metrics."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import typer

from unlike.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from unlike.evaluate.metrics.score import Row, Scores
    from unlike.language import Language


def evaluate(
    paths: list[Path] = typer.Argument(..., help="Run folders, or tables in any format with text and reference."),
    out: Path | None = typer.Option(None, help="Write the rows to this JSON file, results.json say."),
    metrics: str = typer.Option("rouge1,rougeL,bleu,meteor", help="Names with commas, from those of the README."),
    map_: list[str] = typer.Option(
        [], "--map", help="OURS=THEIRS, repeatable. Ours: text, reference, case_id, method, split, status."
    ),
    references: Path | None = typer.Option(None, help="A table with the real texts, by case_id (or id)."),
    language: str = typer.Option("", help="english, spaced, chinese or unspaced; recognised where it is not given."),
    as_json: bool = typer.Option(False, "--json", help="Print the rows as JSON and nothing else."),
) -> None:
    """Score generated texts against the real ones: a row a method, a column a metric.

    Failed cases, and texts without a real one, are counted, never scored. Texts in other languages than English are
    split otherwise than the papers do; the results say how.
    """
    from rich.console import Console

    from unlike.cli.curate import pairs
    from unlike.evaluate.metrics.score import score
    from unlike.evaluate.metrics.texts import mapped, read_references

    columns = pairs(map_, "--map")
    form = mapped(columns)
    if references:
        form = replace(form, references=read_references(references, columns))
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    scores = score(paths, names, form=form, language=_language(language))
    results = json.dumps({"rows": [asdict(row) for row in scores.rows]}, indent=2, ensure_ascii=False)
    if out:
        write_results(out, results + "\n")
    if as_json:
        typer.echo(results)
    else:
        show_scores(Console(), scores)
        if out:
            typer.echo(f"rows: {out}")


def _language(given: str) -> Language | None:
    from unlike.language import Language

    if given and given not in get_args(Language):
        raise InputError(f"--language is {given!r}; allowed are {', '.join(get_args(Language))}")
    return cast("Language", given) if given else None


def write_results(out: Path, results: str) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: It cannot be written.
    """
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(results, encoding="utf-8")
        os.replace(part, out)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"{out} cannot be written: {error.strerror}; name another file with --out") from error


def show_scores(console: Console, scores: Scores) -> None:
    """Print the table and, below it, why a value is missing."""
    console.print(table(scores.rows))
    tokens = dict.fromkeys(f"{row.metric}: {row.tokens}" for row in scores.rows if row.tokens and not row.note)
    console.print(f"tokens: {', '.join(tokens)}" if tokens else "", markup=False, highlight=False)
    for note in dict.fromkeys(f"{row.metric}: {row.note}" for row in scores.rows if row.note):
        console.print(note, style="yellow", markup=False, highlight=False)


def table(rows: Sequence[Row]) -> Table:
    """Methods as rows, metrics as columns; n is the number of cases scored."""
    from rich.table import Table

    from unlike.evaluate.metrics import open_metric

    names = list(dict.fromkeys(row.metric for row in rows))
    of_run: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        of_run.setdefault((row.run, row.method, row.split), {})[row.metric] = row
    named = any(run != method for run, method, _ in of_run)
    result = Table(*(("run",) if named else ()), "method", "split")
    for label in (*(open_metric(name).label for name in names), "n", "failed"):
        result.add_column(label, justify="right")
    for (run, method, split), by_metric in of_run.items():
        values = [_shown(by_metric[name].mean, open_metric(name).scale) for name in names]
        n, n_failed = max(row.n for row in by_metric.values()), max(row.n_failed for row in by_metric.values())
        result.add_row(*((run,) if named else ()), method, split, *values, str(n), str(n_failed))
    return result


def _shown(mean: float | None, scale: float | str) -> str:
    """Two decimals for values of 0..100, four for the others."""
    if mean is None:
        return "-"
    return f"{mean:.2f}" if scale == 100 else f"{mean:.4f}"
