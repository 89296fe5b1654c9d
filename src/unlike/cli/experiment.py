"""``unlike experiment``: everything a comparison needs, from one file to one report."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.live import live_line
from unlike.config import MethodSettings, cache_folder
from unlike.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from unlike.data.corpus import Corpus
    from unlike.embed.encoder import Encoder
    from unlike.evaluate.experiment import KitOf
    from unlike.evaluate.measured import MeasuredRun
    from unlike.evaluate.plan import Engine, Plan
    from unlike.llm.recorded import Usage


def experiment(
    file: Path = typer.Argument(help="Experiment file (TOML), or the name of a preset such as dpl-table1."),
    out: Path | None = typer.Option(
        None, help="Where runs and report go; default a folder here, called like the file."
    ),
    corpus: Path | None = typer.Option(None, help="Corpus folder, in place of the file's."),
    llm: str | None = typer.Option(None, help="LLM, in place of the file's."),
    embedder: str | None = typer.Option(None, help="Encoder, in place of the file's."),
    limit: int | None = typer.Option(None, min=1, help="The first so many cases, in place of the file's limit."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Count calls, tokens and cost; ask no LLM."),
) -> None:
    """Run everything an experiment file asks for, and write the report.

    Killed and started again it goes on where it was. Exit status: 0, or 3 where cases failed (start again to retry).
    """
    from rich.console import Console

    from unlike.cli.report import write_findings
    from unlike.data.corpus import Corpus
    from unlike.embed.open import open_encoder
    from unlike.evaluate.experiment import measure_all
    from unlike.evaluate.plan import read_plan

    plan = read_plan(file, {"corpus": corpus, "embedder": embedder, "limit": limit})
    if llm:
        plan = plan.model_copy(update={"llm": plan.llm.model_copy(update={"uri": llm})})
    if plan.corpus is None or not plan.llm.uri:
        raise InputError(
            f"experiment {file} names no {'corpus' if plan.corpus is None else 'LLM'}: give --corpus and --llm"
        )
    folder = out or Path(file.stem)
    console, opened = Console(), Corpus.open(plan.corpus)
    encoder = open_encoder(plan.embedder, cache_folder() / "vectors.sqlite")
    if dry_run:
        _forecast(console, plan, opened, encoder)
        return
    if plan.adapters:
        train_adapters(console, plan, opened, encoder, folder)
    folders = run_live_plan(console, plan, opened, encoder, folder)
    if plan.likelihood:
        _measure_likelihood(console, plan, opened, encoder, folder, folders)
    runs = measure_all(folders, plan, opened)
    if plan.judge:
        _grade(console, plan, opened, encoder, runs, folder)
    if write_findings(console, plan, opened, encoder, runs, folder / "report.html"):
        raise typer.Exit(3)


def run_live_plan(console: "Console", plan: "Plan", corpus: "Corpus", encoder: "Encoder", folder: Path) -> list[Path]:
    """Run a plan with a live line; returns the run folders."""
    from unlike.door import wait_for
    from unlike.evaluate.experiment import run_plan
    from unlike.evaluate.plan import planned_runs
    from unlike.evaluate.run import JOURNAL

    kit_of = _kits(plan, corpus, encoder, plan.llm, folder / JOURNAL)
    n_runs = len(planned_runs(plan))
    with live_line(console, kit_of(MethodSettings()).llm) as begin:
        on_progress = begin(f"{n_runs} run{'s' if n_runs > 1 else ''}")
        return wait_for(run_plan(plan, corpus, kit_of, folder, on_progress))


def train_adapters(console: "Console", plan: "Plan", corpus: "Corpus", encoder: "Encoder", folder: Path) -> None:
    """Train what the plan's methods need and what is not there yet, once for each seed."""
    from unlike.cli.train import train_live
    from unlike.latent.adapter import ABOUT
    from unlike.latent.lesson import lesson_of
    from unlike.latent.settings import recipe
    from unlike.llm.local_model import open_local_model
    from unlike.prompts.task import open_task

    scheme, _, name = plan.llm.uri.partition(":")
    if scheme != "transformers":
        raise InputError(f"adapters are trained on the model itself: llm {plan.llm.uri!r} is not transformers:MODEL")
    for entry in plan.adapters:
        for seed in plan.repeats.seeds or (MethodSettings().but(**plan.settings.given()).seed,):
            out = folder / "adapters" / f"{entry.name}-s{seed}"
            if (out / ABOUT).is_file():
                continue
            chosen = recipe(entry.preset, entry.kind, {**entry.set, "seed": seed})
            model = open_local_model(name, chosen.train.precision)
            lesson = lesson_of(
                corpus, model, encoder, open_task(plan.task, plan.prompts), chosen, salt=corpus.hash[:16]
            )
            console.print(f"adapter {entry.name}, seed {seed}", highlight=False)
            train_live(console, lesson, model, chosen, out, "")


def _measure_likelihood(
    console: "Console", plan: "Plan", corpus: "Corpus", encoder: "Encoder", folder: Path, folders: list[Path]
) -> None:
    from unlike.door import wait_for
    from unlike.evaluate.experiment import likelihood_of_plan
    from unlike.evaluate.run import JOURNAL

    kit_of = _kits(plan, corpus, encoder, plan.llm, folder / JOURNAL)
    with live_line(console, kit_of(MethodSettings()).llm) as begin:
        wait_for(likelihood_of_plan(plan, corpus, kit_of, folders, begin("likelihood of the real texts")))


def _grade(
    console: "Console", plan: "Plan", corpus: "Corpus", encoder: "Encoder", runs: "list[MeasuredRun]", folder: Path
) -> None:
    """Let the judge of a plan grade all texts, through the same journal."""
    from unlike.door import wait_for
    from unlike.evaluate.experiment import grade_all
    from unlike.evaluate.run import JOURNAL

    assert plan.judge
    console.print(f"judge: {plan.judge.uri}, {plan.judge.repeats} grades a text", highlight=False)
    kit = _kits(plan, corpus, encoder, plan.judge, folder / JOURNAL)(MethodSettings())
    wait_for(grade_all(runs, plan.judge.repeats, corpus, kit))


def _kits(plan: "Plan", corpus: "Corpus", encoder: "Encoder", engine: "Engine", journal: Path | None) -> "KitOf":
    from unlike.api import kits
    from unlike.llm.journal import Journal
    from unlike.llm.open import open_llm
    from unlike.llm.recorded import RecordedLLM
    from unlike.prompts.task import open_task

    given = {} if engine.context_tokens is None else {"context_tokens": engine.context_tokens}
    llm = RecordedLLM(open_llm(engine.uri, **given), Journal.open(journal), engine.concurrency)
    trained = {entry.name for entry in plan.adapters}

    def adapter_folder(settings: MethodSettings) -> Path:
        if journal is None or settings.adapter not in trained:
            return Path(settings.adapter)
        return journal.parent / "adapters" / f"{settings.adapter}-s{settings.seed}"

    return kits(corpus, llm, encoder, open_task(plan.task, plan.prompts), adapter_folder)


def _forecast(console: "Console", plan: "Plan", corpus: "Corpus", encoder: "Encoder") -> None:
    from unlike.door import wait_for
    from unlike.evaluate.experiment import forecast, forecast_judge
    from unlike.evaluate.plan import planned_runs

    usage = wait_for(forecast(plan, corpus, _kits(plan, corpus, encoder, plan.llm, None)))
    _print_usage(console, f"{len(planned_runs(plan))} runs", usage)
    _print_cost(console, usage, plan.llm)
    if plan.judge:
        kit = _kits(plan, corpus, encoder, plan.judge, None)(MethodSettings())
        graded = wait_for(forecast_judge(plan, corpus, kit))
        _print_usage(console, f"judge {plan.judge.uri}", graded)
        _print_cost(console, graded, plan.judge)


def _print_usage(console: "Console", what: str, usage: "Usage") -> None:
    shared = f" ({usage.n_cached:,} more shared between methods)" if usage.n_cached else ""
    console.print(
        f"{what}: {usage.n_calls:,} calls{shared}, {usage.prompt_tokens:,} prompt tokens, "
        f"about {usage.completion_tokens:,} completion tokens",
        highlight=False,
    )


def _print_cost(console: "Console", usage: "Usage", engine: "Engine") -> None:
    if engine.price_in is not None and engine.price_out is not None:
        cost = (usage.prompt_tokens * engine.price_in + usage.completion_tokens * engine.price_out) / 1e6
        console.print(f"cost: {cost:.2f}", highlight=False)
