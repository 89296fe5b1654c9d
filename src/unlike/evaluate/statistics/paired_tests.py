"""Paired tests of the difference-aware variants against the best baseline, over users and, as DPL does it, over runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from unlike.evaluate.statistics.findings import Test
from unlike.evaluate.statistics.measured import Groups, MeasuredRun, run_key, unmatched, values_by_user
from unlike.evaluate.statistics.significance import compare, holm
from unlike.evaluate.statistics.variants import cell_mean, is_baseline

Pair = tuple[dict[str, float], dict[str, float]]
"""Values of two variants by unit."""


def paired_tests(groups: Groups, metrics: Sequence[str]) -> list[Test]:
    """Each difference-aware variant against the best baseline of a metric, over users and over runs."""
    found: list[Test] = []
    for metric in metrics:
        baseline = best_baseline(groups, metric)
        if baseline is None:
            continue
        others = [name for name, runs in groups.items() if not is_baseline(str(runs[0].facts["method"]))]
        for unit, values in (("users", over_users), ("runs", _over_runs)):
            made = [_test(groups, name, baseline, metric, unit, values) for name in others]
            found += _corrected([test for test in made if test])
    return found


def best_baseline(groups: Groups, metric: str) -> str | None:
    """The baseline with the highest mean."""
    means = {
        name: mean
        for name, runs in groups.items()
        if is_baseline(str(runs[0].facts["method"])) and (mean := cell_mean(runs, metric)) is not None
    }
    return max(means, key=lambda name: means[name], default=None)


def over_users(a: Sequence[MeasuredRun], b: Sequence[MeasuredRun], metric: str) -> Pair:
    """A value a user; cases that failed for one of the two are left out for both."""
    but = unmatched(a, b, metric)
    return values_by_user(a, metric, but), values_by_user(b, metric, but)


def _over_runs(a: Sequence[MeasuredRun], b: Sequence[MeasuredRun], metric: str) -> Pair:
    """One value a run, as DPL tests over its five temperatures."""
    return tuple(  # type: ignore[return-value]
        {run_key(run): mean for run in runs if (mean := run.means.get(metric)) is not None} for runs in (a, b)
    )


def _test(groups: Groups, name: str, baseline: str, metric: str, unit: str, values: Callable[..., Pair]) -> Test | None:
    found = compare(*values(groups[name], groups[baseline], metric))
    if found is None:
        return None
    return Test(
        variant=name,
        baseline=baseline,
        metric=metric,
        unit=unit,
        difference=found.difference,
        low=found.interval.low,
        high=found.interval.high,
        n=found.n,
        n_left_out=len(unmatched(groups[name], groups[baseline], metric)) if unit == "users" else found.n_left_out,
        p_t=found.p_t,
        p_wilcoxon=found.p_wilcoxon,
        p_permutation=found.p_permutation,
        p_holm=None,
        effect=found.effect_size,
    )


def _corrected(made: Sequence[Test]) -> list[Test]:
    """The tests of one metric and unit with Holm's correction."""
    corrected = holm({test.variant: test.p_t for test in made if test.p_t is not None})
    return [replace(test, p_holm=corrected.get(test.variant)) for test in made]
