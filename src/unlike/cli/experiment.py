"""``unlike experiment``: everything a comparison needs, from one file to one report."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.live import live_line
from unlike.cli.spreading import HELP, begun, spread_of
from unlike.config import MethodSettings, vector_file
from unlike.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.cli.experiment_setup import Setup
    from unlike.evaluate.running.experiment import KitOf
    from unlike.evaluate.statistics.measured import MeasuredRun
    from unlike.spread.runs import Spread


def experiment(
    file: Path = typer.Argument(help="Experiment file (TOML), or the name of a preset such as dpl-table1."),
    out: Path | None = typer.Option(
        None, help="Where runs and report go; default a folder here, called like the file."
    ),
    corpus: Path | None = typer.Option(None, help="Corpus folder, in place of the file's."),
    llm: str | None = typer.Option(None, help="LLM, in place of the file's."),
    embedder: str | None = typer.Option(None, help="Encoder, in place of the file's."),
    limit: int | None = typer.Option(None, min=1, help="The first so many cases, in place of the file's limit."),
    engine: str = typer.Option("local", help=HELP),
    dry_run: bool = typer.Option(False, "--dry-run", help="Count calls, tokens and cost; ask no LLM."),
) -> None:
    """Run everything an experiment file asks for, and write the report.

    Killed and started again it goes on where it was. Exit status: 0, or 3 where cases failed (start again to retry).
    """
    from rich.console import Console

    from unlike.cli.curate import warn
    from unlike.cli.experiment_adapters import train_adapters
    from unlike.cli.experiment_forecast import show_forecast
    from unlike.cli.experiment_setup import Setup
    from unlike.cli.report import write_findings
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.running.experiment import measure_all
    from unlike.evaluate.running.plan import read_plan

    plan = read_plan(file, {"corpus": corpus, "embedder": embedder, "limit": limit})
    if llm:
        plan = plan.model_copy(update={"llm": plan.llm.model_copy(update={"uri": llm})})
    if plan.corpus is None or not plan.llm.uri:
        raise InputError(
            f"experiment {file} names no {'corpus' if plan.corpus is None else 'LLM'}: give --corpus and --llm"
        )
    encoder = open_encoder(plan.embedder, vector_file())
    console, setup = Console(), Setup(plan, Corpus.open(plan.corpus), encoder, out or Path(file.stem))
    warn(setup.corpus.manifest)
    if dry_run:
        show_forecast(console, setup)
        return
    train_adapters(console, setup)
    spread = _spread(setup, engine)
    kit_of = open_kits(setup)
    folders = run_live_plan(console, setup, kit_of, spread)
    if plan.likelihood:
        _measure_likelihood(console, setup, kit_of)
    runs = measure_all(folders, plan, setup.corpus)
    if plan.judge:
        _grade(console, setup, runs)
    if write_findings(console, plan, setup.corpus, encoder, runs, setup.folder / "report.html"):
        raise typer.Exit(3)


def open_kits(setup: "Setup") -> "KitOf":
    """Kits over the plan's LLM and the experiment's journal; the LLM is opened once for all that is done with it."""
    from unlike.evaluate.running.run import JOURNAL

    return setup.kits(setup.plan.llm, setup.folder / JOURNAL)


def run_live_plan(console: "Console", setup: "Setup", kit_of: "KitOf", spread: "Spread | None" = None) -> list[Path]:
    """Run a plan with a live line, in this process or spread over workers; returns the run folders."""
    from unlike.door import wait_for
    from unlike.evaluate.running.experiment import run_plan
    from unlike.evaluate.running.plan import planned_runs
    from unlike.spread.runs import plan_spread

    n_runs = len(planned_runs(setup.plan))
    label = f"{n_runs} run{'s' if n_runs > 1 else ''}"
    with begun(console, label, kit_of(MethodSettings()).llm, spread, setup.folder) as (on_progress, there):
        if there:
            return plan_spread(there, setup.plan, kit_of, setup.adapter_folder, setup.folder)
        return wait_for(run_plan(setup.plan, setup.corpus, kit_of, setup.folder, on_progress))


def _spread(setup: "Setup", engine: str) -> "Spread | None":
    """Where the runs of an experiment go; its likelihoods, grades and metrics are made here."""
    from unlike.evaluate.running.run import JOURNAL
    from unlike.spread.methods import Supplies, templates_of

    plan = setup.plan
    uri, concurrency, context_tokens = plan.llm.uri, plan.llm.concurrency, plan.llm.context_tokens
    templates = templates_of(plan.prompts)
    supplies = Supplies(setup.corpus, uri, plan.embedder, concurrency, context_tokens, plan.task, templates)
    return spread_of(engine, setup.folder / JOURNAL, supplies, setup.plan.keep_prompts)


def _measure_likelihood(console: "Console", setup: "Setup", kit_of: "KitOf") -> None:
    from unlike.door import wait_for
    from unlike.evaluate.running.experiment import likelihood_of_plan

    with live_line(console, kit_of(MethodSettings()).llm) as begin:
        on_progress = begin("likelihood of the real texts")
        wait_for(likelihood_of_plan(setup.plan, setup.corpus, kit_of, setup.folder, on_progress))


def _grade(console: "Console", setup: "Setup", runs: "list[MeasuredRun]") -> None:
    """Let the judge of a plan grade all texts, through the same journal."""
    from unlike.door import wait_for
    from unlike.evaluate.running.experiment import grade_all
    from unlike.evaluate.running.run import JOURNAL

    judge = setup.plan.judge
    assert judge
    console.print(f"judge: {judge.uri}, {judge.repeats} grades a text", highlight=False)
    kit = setup.kits(judge, setup.folder / JOURNAL)(MethodSettings())
    wait_for(grade_all(runs, judge.repeats, setup.corpus, kit))
