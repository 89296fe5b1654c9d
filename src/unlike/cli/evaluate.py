"""``unlike evaluate``: score runs, or texts made elsewhere, with the papers' metrics."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import typer

from unlike.cli.options import Json, MovedCorpus, names_in, pairs
from unlike.cli.output import new_console
from unlike.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from unlike.evaluate.metrics.score import Row, Scores
    from unlike.language import Language


def evaluate(
    paths: list[Path] = typer.Argument(
        ..., help="Run folders; or tables (.jsonl, .csv and the like) with the columns text and reference."
    ),
    out: Path | None = typer.Option(None, help="Write the rows to this JSON file, for example results.json."),
    metrics: str = typer.Option(
        "rouge1,rougeL,bleu,meteor", help="Metrics, with commas between them; an unknown name prints all."
    ),
    map_: list[str] = typer.Option(
        [],
        "--map",
        help="FIELD=COLUMN, for tables whose columns have other names; may be repeated. Fields: text, reference, "
        "case_id, method, split, status.",
    ),
    references: Path | None = typer.Option(
        None, help="Table with the real texts, for tables without them; matched by case_id or id."
    ),
    language: str = typer.Option(
        "", help="How texts are split into words: english, spaced, chinese or unspaced. Default: recognised."
    ),
    corpus: MovedCorpus = None,
    as_json: Json = False,
) -> None:
    """Score generated texts against the real ones: a row per method, a column per metric.

    Failed cases and texts without a real text are counted and not scored. Texts in languages other than English are
    tokenised differently from the papers; the results show how.
    """
    from unlike.evaluate.metrics.score import score
    from unlike.evaluate.metrics.texts import mapped, read_references
    from unlike.evaluate.running.run_method import write_whole

    columns = pairs(map_, "--map", "text=output")
    form = mapped(columns)
    if references:
        form = replace(form, references=read_references(references, columns))
    scores = score(paths, names_in(metrics), form=form, language=_language(language), corpus=corpus)
    results = json.dumps(
        {"rows": [asdict(row) for row in scores.rows], "notes": scores.notes}, indent=2, ensure_ascii=False
    )
    if out:
        write_whole(out, results + "\n")
    if as_json:
        typer.echo(results)
        return
    _show(scores)
    if out:
        typer.echo(f"rows: {out}")


def _language(given: str) -> Language | None:
    from unlike.language import Language

    if given and given not in get_args(Language):
        raise InputError(f"--language is {given!r}; allowed are {', '.join(get_args(Language))}")
    return cast("Language", given) if given else None


def _show(scores: Scores) -> None:
    """Print the table and, below it, why cases or values are missing."""
    console = new_console()
    console.print(table(scores.rows))
    tokens = dict.fromkeys(f"{row.metric}: {row.tokens}" for row in scores.rows if row.tokens and not row.note)
    console.print(f"tokens: {', '.join(tokens)}" if tokens else "")
    missing = (f"{row.metric}: {row.remark}" for row in scores.rows if row.remark)
    for note in dict.fromkeys([*scores.notes, *missing]):
        console.print(note, style="yellow")


def table(rows: Sequence[Row]) -> Table:
    """Methods as rows, metrics as columns; n is the number of scored cases."""
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
    from unlike.evaluate.report.number_format import value

    return "-" if mean is None else value(mean, scale)
