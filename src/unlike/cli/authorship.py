"""``unlike authorship``: how much generated texts sound like their users, measured by authorship verifiers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.options import Json
from unlike.cli.output import new_console, print_figures, print_result
from unlike.cli.progress import progress

if TYPE_CHECKING:
    from unlike.evaluate.authorship.measure import AuthorshipReport


def authorship(
    corpus: Annotated[
        Path, typer.Argument(help="Corpus folder: that of the runs, or a larger one from the same files.")
    ],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders, or folders of experiments. Default: validate the measure on real texts."),
    ] = None,
    words: int = typer.Option(60, min=1, help="Use only the first N words of each text, and no text with fewer."),
    known: int = typer.Option(8, min=1, help="Maximum number of earlier texts that a text is compared with."),
    min_known: int = typer.Option(4, min=1, help="Minimum number of earlier texts; a text with fewer is left out."),
    users: int = typer.Option(300, min=10, help="Maximum number of users that are tested if no runs are given."),
    training_users: int = typer.Option(1000, min=20, help="Maximum number of users that the verifiers learn from."),
    against: str = typer.Option(
        "", help="Method, by its name in the table, that all others are compared with user by user."
    ),
    seed: int = typer.Option(0, help="Seed of all draws."),
    out: Path | None = typer.Option(
        None, help="Folder for tables (.md) and all figures (.json), named after the corpus."
    ),
    as_json: Json = False,
) -> None:
    """Measure how much texts sound like their users, from 0 (like another user's real text) to 1 (like the user's own).

    Two verifiers are trained on users who are in no test; one that cannot distinguish real authors reports no scores.
    """
    from unlike.data.corpus import Corpus
    from unlike.evaluate.authorship.measure import authorship
    from unlike.evaluate.authorship.trials import AuthorshipSettings
    from unlike.evaluate.report.authorship import write_authorship
    from unlike.evaluate.running.run_method import read_run
    from unlike.evaluate.statistics.measured import MeasuredRun, by_variant
    from unlike.experiments.report import finished_runs

    settings = AuthorshipSettings(words, known, min_known, users, training_users, seed, against)
    folders = [folder for path in runs or () for folder in finished_runs(path)]
    groups = by_variant([MeasuredRun(folder, *read_run(folder)) for folder in folders])
    with progress(quiet=as_json) as on_progress:
        found = authorship(Corpus.open(corpus), groups, settings, on_progress)
    files = write_authorship(found, corpus.resolve().name, out) if out else []
    print_result(found, files, _show, as_json=as_json)


def _show(report: "AuthorshipReport") -> None:
    """Print the validation of each verifier, and the floor, ceiling and methods unless it declines."""
    from unlike.evaluate.report.authorship import columns_of, reason_declined, rows_of, with_interval

    console = new_console()
    for verdict in report.verdicts:
        if verdict.declines:
            console.print(reason_declined(verdict))
            continue
        title = f"{verdict.verifier}: AUC {with_interval(verdict.auc)}"
        print_figures(title, columns_of(report), rows_of(verdict, report), console)
    for reason, n in sorted(report.left_out.items()):
        console.print(f"left out: {n:,} with {reason}")
