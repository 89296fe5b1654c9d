"""The rows of the tables: mean, interval, rank and cost of every variant."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unlike.evaluate.statistics.findings import Cell, Cost, Failure, Variant
from unlike.evaluate.statistics.measured import Groups, MeasuredRun, values_by_user
from unlike.evaluate.statistics.significance import bootstrap_interval, mean_and_std

BASELINES = (
    *("non_perso", "rag", "int_sum", "llm_trsr", "llm_trsr_hierarchical", "cicl", "persona_db", "pplug"),
    *("prompt_tuning", "dep_shuffled"),
)
"""What others are compared with; any other method, also one of the reader's own, is tested against these."""

_REASON_CHARS = 200


def is_baseline(method: str) -> bool:
    """Whether a method is one that the papers compare theirs with."""
    return method in BASELINES


def variants(
    groups: Groups, main: Sequence[str], sanity: Sequence[str], prices: tuple[float | None, float | None]
) -> list[Variant]:
    """The rows of the tables; only main metrics are ranked, since of the others more is not better."""
    rank_of = {metric: ranks(groups, metric) for metric in main}
    return [
        Variant(
            name=name,
            method=str(runs[0].facts["method"]),
            is_baseline=is_baseline(str(runs[0].facts["method"])),
            settings=dict(runs[0].facts.get("apart", {})),
            cells={metric: cell(runs, metric, rank_of.get(metric, {}).get(name, 0)) for metric in (*main, *sanity)},
            cost=cost(runs, prices),
        )
        for name, runs in groups.items()
    ]


def cell(runs: Sequence[MeasuredRun], metric: str, rank: int = 0) -> Cell:
    """Mean and deviation over runs, interval over users."""
    means = [mean for run in runs if (mean := run.means.get(metric)) is not None]
    n_failed = sum(row.status == "failed" for run in runs for row in run.rows)
    if not means:
        return Cell(None, n_failed=n_failed, note=next((run.notes.get(metric, "") for run in runs), ""))
    mean, std = mean_and_std(means)
    users = list(values_by_user(runs, metric).values())
    interval = bootstrap_interval(np.asarray(users)) if len(users) > 1 else None
    n = sum(row.status == "done" for run in runs for row in run.rows)
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Cell(mean, std if len(means) > 1 else None, low, high, n, n_failed, rank)


def cell_mean(runs: Sequence[MeasuredRun], metric: str) -> float | None:
    """Mean over runs; None where no run has a value."""
    means = [mean for run in runs if (mean := run.means.get(metric)) is not None]
    return sum(means) / len(means) if means else None


def ranks(groups: Groups, metric: str) -> dict[str, int]:
    """1 for the best variant, 2 for the second; equal ones share a rank."""
    means = {name: value for name, runs in groups.items() if (value := cell_mean(runs, metric)) is not None}
    best = sorted(set(means.values()), reverse=True)[:2]
    return {name: best.index(value) + 1 if value in best else 0 for name, value in means.items()}


def cost(runs: Sequence[MeasuredRun], prices: tuple[float | None, float | None]) -> Cost:
    """Calls, tokens, LLM seconds and money a case, from the traces: what a user without a journal would pay."""
    calls = [call for run in runs for row in run.rows for call in calls_in(row.trace)]
    n = max(sum(row.status == "done" for run in runs for row in run.rows), 1)
    read, written = (sum(call[key] for call in calls) / n for key in ("prompt_tokens", "completion_tokens"))
    priced = None not in prices
    money = (read * (prices[0] or 0) + written * (prices[1] or 0)) / 1e6 if priced else None
    return Cost(len(calls) / n, read, written, sum(call.get("wall_s", 0.0) for call in calls) / n, money)


def calls_in(trace: object) -> list[Mapping[str, Any]]:
    """Every LLM call of a trace, wherever the method put it."""
    if isinstance(trace, Mapping):
        found: Mapping[str, Any] = trace  # pyright: ignore[reportUnknownVariableType]
        inner = [call for value in found.values() for call in calls_in(value)]
        return [found, *inner] if "completion_tokens" in found else inner
    if isinstance(trace, list | tuple):
        return [call for value in trace for call in calls_in(value)]  # pyright: ignore[reportUnknownVariableType]
    return []


def failures(groups: Groups) -> list[Failure]:
    """Every case that failed, with its reason."""
    return [
        Failure(name, row.case_id, row.error[:_REASON_CHARS])
        for name, runs in groups.items()
        for run in runs
        for row in run.rows
        if row.status == "failed"
    ]
