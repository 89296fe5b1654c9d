"""What an experiment would ask and cost: ``unlike experiment --dry-run``."""

from typing import TYPE_CHECKING

from unlike.config import MethodSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from unlike.cli.experiment_adapters import WantedAdapter
    from unlike.cli.experiment_setup import Setup
    from unlike.evaluate.running.plan import Engine, PlannedRun
    from unlike.llm.recorded import Usage


def show_forecast(console: "Console", setup: "Setup") -> None:
    """Print adapters to train, then calls, tokens and cost of the runs; those of adapters not trained yet are left out."""
    from unlike.cli.experiment_adapters import untrained_adapters
    from unlike.door import wait_for
    from unlike.evaluate.running.experiment import forecast, forecast_judge

    plan, untrained = setup.plan, untrained_adapters(setup)
    _print_adapters(console, setup, untrained)
    runs = _forecastable(console, setup, untrained)
    if not runs:
        return
    usage = wait_for(forecast(plan, setup.corpus, setup.kits(plan.llm, None), runs))
    _print_usage(console, f"{len(runs)} run{'s' if len(runs) > 1 else ''}", usage)
    _print_cost(console, usage, plan.llm)
    if plan.judge:
        kit = setup.kits(plan.judge, None)(MethodSettings())
        graded = wait_for(forecast_judge(plan, setup.corpus, kit, runs))
        _print_usage(console, f"judge {plan.judge.uri}", graded)
        _print_cost(console, graded, plan.judge)


def _print_adapters(console: "Console", setup: "Setup", untrained: "Sequence[WantedAdapter]") -> None:
    for adapter in untrained:
        from unlike.latent.train import n_steps_of
        from unlike.latent.training_data import training_cases

        settings = adapter.recipe.train
        n_steps = n_steps_of(settings, len(training_cases(setup.corpus, settings)))
        console.print(
            f"adapter {adapter.name} ({adapter.recipe.adapter.kind}), seed {adapter.seed}: not trained yet, would be "
            f"trained first: {n_steps:,} steps",
            highlight=False,
            soft_wrap=True,
        )


def _forecastable(console: "Console", setup: "Setup", untrained: "Sequence[WantedAdapter]") -> "Sequence[PlannedRun]":
    """The planned runs whose prompts can be made now."""
    from unlike.evaluate.running.plan import planned_runs

    planned, lacking = planned_runs(setup.plan), {(adapter.name, adapter.seed) for adapter in untrained}
    runs = [run for run in planned if (run.settings.adapter, run.settings.seed) not in lacking]
    if lacking:
        console.print(
            f"{len(planned) - len(runs)} of {len(planned)} runs need them and are left out of the forecast",
            highlight=False,
            soft_wrap=True,
        )
    return runs


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
