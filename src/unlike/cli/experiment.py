"""``unlike experiment``: run a whole comparison from one file, and write its report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.curate import warn
from unlike.cli.interrupt import interruptible
from unlike.cli.options import DryRun, Engine, time_rule
from unlike.cli.output import say
from unlike.cli.progress import progress
from unlike.cli.report import show_comparison
from unlike.cli.run import print_forecast
from unlike.progress import n_of

if TYPE_CHECKING:
    from unlike.evaluate.running.plan import Plan
    from unlike.experiments.forecast import ExperimentForecast
    from unlike.experiments.open import Experiment
    from unlike.experiments.report import Comparison
    from unlike.experiments.watch import Watch


Judges = Annotated[
    list[str] | None,
    typer.Option(
        help="LLM that grades each text against the real one: s-72b or s-gpt (those of DPL's paper; @URL for another "
        "endpoint), or any other. rubric:LLM checks criteria that it learned from the user's texts. none for no judge. May "
        "be repeated; overrides the file's.",
    ),
]
TrainOn = Annotated[
    list[Path] | None,
    typer.Option(
        help="Corpus folder to train adapters on; may be repeated, for one adapter on all. Default: the experiment's corpus."
    ),
]


def experiment(
    file: Path = typer.Argument(help="Experiment file (TOML), or the name of a preset such as dpl-table1."),
    out: Path | None = typer.Option(
        None, help="Folder for runs and report. Default: in the current folder, named after the file."
    ),
    corpus: Path | None = typer.Option(None, help="Corpus folder; overrides the file's."),
    llm: str | None = typer.Option(None, help="LLM; overrides the file's."),
    embedder: str | None = typer.Option(None, help="Encoder; overrides the file's."),
    limit: int | None = typer.Option(None, min=1, help="Run only the first N cases; overrides the file's limit."),
    time: str | None = typer.Option(
        None, help="Which texts of others are used: as_of, paper or released; overrides the file's."
    ),
    judge: Judges = None,
    train_on: TrainOn = None,
    adapters: Path | None = typer.Option(
        None, help="Folder of the adapters, which several experiments may share. Default: OUT/adapters."
    ),
    journal: Path | None = typer.Option(
        None, help="File that keeps all LLM calls, which experiments and runs may share. Default: OUT/journal.sqlite."
    ),
    engine: Engine = "local",
    train: bool = typer.Option(
        False, "--train", help="Only train the adapters; run it again without --train for the runs and the report."
    ),
    dry_run: DryRun = False,
) -> None:
    """Run everything that an experiment file asks for, and write the report.

    If it is interrupted, the same command continues. A folder holds one plan; another plan is refused. Exit status: 0; 3
    if cases failed (run it again to retry them).
    """
    from unlike.experiments.open import open_experiment
    from unlike.experiments.watch import Watch

    with progress() as on_progress, interruptible():
        watch = Watch(on_progress, typer.echo)
        rule = time_rule(time) if time else None
        judges = [one for one in judge if one != "none"] if judge else None
        opened = open_experiment(
            file,
            out,
            corpus=corpus,
            llm=llm,
            embedder=embedder,
            limit=limit,
            time=rule,
            judges=judges,
            train_on=train_on or (),
            adapters_at=adapters,
            journal=journal,
            watch=watch,
        )
        found = _run(opened, engine, watch, only_train=train, only_forecast=dry_run)
    if found:
        show_comparison(found)
        if found.n_failed:
            raise typer.Exit(3)


def _run(
    opened: "Experiment", engine: str, watch: "Watch", *, only_train: bool, only_forecast: bool
) -> "Comparison | None":
    from unlike.experiments.experiment import run_experiment, train_experiment
    from unlike.experiments.forecast import forecast_experiment

    if opened.plan.settings.get("time_rule", "as_of") == "as_of":
        warn(opened.corpus.manifest)
    if only_forecast:
        _show_forecast(forecast_experiment(opened, watch), opened.plan)
        return None
    if only_train:
        n_trained = len(train_experiment(opened, watch))
        typer.echo(f"{n_of(n_trained, 'adapter')} trained; all are in {opened.adapters_at}")
        return None
    return run_experiment(opened, engine, watch)


def _show_forecast(forecast: "ExperimentForecast", plan: "Plan") -> None:
    from unlike.llm.open import destination

    for training in forecast.trainings:
        adapter = training.adapter
        texts = f", {n_of(training.n_texts, 'validation text')}" if training.n_texts else ""
        typer.echo(
            f"adapter {adapter.name} ({adapter.recipe.adapter.kind}), seed {adapter.seed}: not trained yet, would be "
            f"trained first: {n_of(training.n_steps, 'step')}{texts}"
        )
    has_prices = any(cost is not None for _, cost in forecast.parts)
    sections = [(plan.llm.uri, "[llm]"), *((judge.uri, judge.label) for judge in plan.judges)]
    for (part, cost), (uri, section) in zip(forecast.parts, sections, strict=True):
        print_forecast(part, cost)
        if cost is None and part.usage.n_calls and (has_prices or destination(uri)):
            typer.echo(f"cost: not known; set price_in and price_out of {section}")
    if forecast.not_measurable:
        say(f"METEOR would not be measured: {forecast.not_measurable}")
