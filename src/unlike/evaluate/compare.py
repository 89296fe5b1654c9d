"""From measured runs to findings: means, intervals, ranks, tests, curves, halves, gains and cases to read.

Everything follows from the run folders, so a report can be made again at any time, on any machine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from unlike.data.corpus import Corpus
from unlike.evaluate.findings import CaseStudy, Cell, Cost, Curve, Failure, Half, Test, UserGain, Variant
from unlike.evaluate.measured import MeasuredRun, run_key, unmatched, values_by_user
from unlike.evaluate.significance import bootstrap_interval, compare, holm, mean_and_std
from unlike.evaluate.uniqueness import halves

Groups = Mapping[str, Sequence[MeasuredRun]]
"""The runs of each variant."""

PLAIN = "non_perso"
"""What a gain is measured against."""

DIFFERENCE_AWARE = ("dpl", "drp")
"""Methods that are tested against the others; all others are baselines."""

_CUT_SHORT = 200


def is_baseline(method: str) -> bool:
    """Whether a method is one that the papers compare theirs with."""
    return method not in DIFFERENCE_AWARE


def cell(runs: Sequence[MeasuredRun], metric: str, rank: int = 0) -> Cell:
    """Mean and deviation over runs, interval over users."""
    means = [mean for run in runs if (mean := run.means.get(metric)) is not None]
    n_failed = sum(row.status == "failed" for run in runs for row in run.rows)
    if not means:
        return Cell(None, n_failed=n_failed, note=next((run.notes.get(metric, "") for run in runs), ""))
    mean, std = mean_and_std(means)
    users = list(values_by_user(runs, metric).values())
    interval = bootstrap_interval(_array(users)) if len(users) > 1 else None
    n = sum(row.status == "done" for run in runs for row in run.rows)
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Cell(mean, std if len(means) > 1 else None, low, high, n, n_failed, rank)


def ranks(groups: Groups, metric: str) -> dict[str, int]:
    """1 for the best variant, 2 for the second; equal ones share a rank."""
    means = {name: value for name, runs in groups.items() if (value := cell_mean(runs, metric)) is not None}
    best = sorted(set(means.values()), reverse=True)[:2]
    return {name: best.index(value) + 1 if value in best else 0 for name, value in means.items()}


def cell_mean(runs: Sequence[MeasuredRun], metric: str) -> float | None:
    """Mean over runs; None where no run has a value."""
    means = [mean for run in runs if (mean := run.means.get(metric)) is not None]
    return sum(means) / len(means) if means else None


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


def paired_tests(groups: Groups, metrics: Sequence[str]) -> list[Test]:
    """Each difference-aware variant against the best baseline of a metric, over users and over runs."""
    found: list[Test] = []
    for metric in metrics:
        baseline = best_baseline(groups, metric)
        if baseline is None:
            continue
        others = [name for name, runs in groups.items() if not is_baseline(str(runs[0].facts["method"]))]
        for unit, values in (("users", _over_users), ("runs", _over_runs)):
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


Pair = tuple[dict[str, float], dict[str, float]]


def _over_users(a: Sequence[MeasuredRun], b: Sequence[MeasuredRun], metric: str) -> Pair:
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


def curves(groups: Groups, metrics: Sequence[str]) -> list[Curve]:
    """A line a method for each setting that a sweep varied alone."""
    found: list[Curve] = []
    for setting in ("n_peers", "n_records"):
        swept = {
            str(runs[0].facts["method"]) for runs in groups.values() if set(runs[0].facts.get("apart", {})) == {setting}
        }
        lines_of = {
            method: [runs for runs in groups.values() if _on_line(runs, method, setting)] for method in sorted(swept)
        }
        for metric in metrics:
            lines = {method: _line(members, setting, metric) for method, members in lines_of.items()}
            found += [Curve(setting, metric, lines)] if any(len(line) > 1 for line in lines.values()) else []
    return found


def _on_line(runs: Sequence[MeasuredRun], method: str, setting: str) -> bool:
    return runs[0].facts["method"] == method and set(runs[0].facts.get("apart", {})) <= {setting}


def _line(
    members: Sequence[Sequence[MeasuredRun]], setting: str, metric: str
) -> list[tuple[float, float, float | None, float | None]]:
    points: dict[float, tuple[float, float, float | None, float | None]] = {}
    for runs in members:
        measured = cell(runs, metric)
        if measured.mean is not None:
            x = float(runs[0].facts["settings"][setting])
            points[x] = (x, measured.mean, measured.low, measured.high)
    return [points[x] for x in sorted(points)]


def user_gains(groups: Groups, metric: str, distances: Mapping[str, float], corpus: Corpus) -> list[UserGain]:
    """What each user gains over Non-Perso with each other variant of the main table."""
    if PLAIN not in groups:
        return []
    found: list[UserGain] = []
    latest = {row.user_id: corpus.case(row.case_id) for run in groups[PLAIN] for row in run.rows}
    for name, runs in groups.items():
        if name == PLAIN or runs[0].facts.get("apart"):
            continue
        ours, plain = _over_users(runs, groups[PLAIN], metric)
        found += [
            UserGain(
                name,
                metric,
                user,
                ours[user] - plain[user],
                len(corpus.history(user, latest[user].moment)),
                distances[user],
            )
            for user in sorted(ours.keys() & plain.keys() & distances.keys())
        ]
    return found


def gains_by_half(gains: Sequence[UserGain], distances: Mapping[str, float]) -> list[Half]:
    """Mean gain of unique and of not unique users (DPL, figure 3)."""
    found: list[Half] = []
    for variant, metric in dict.fromkeys((gain.variant, gain.metric) for gain in gains):
        of_user = {gain.user_id: gain.gain for gain in gains if (gain.variant, gain.metric) == (variant, metric)}
        for half, users in halves({user: distances[user] for user in of_user}).items():
            values = _array([of_user[user] for user in users])
            if len(values):
                interval = bootstrap_interval(values) if len(values) > 1 else None
                low, high = (interval.low, interval.high) if interval else (None, None)
                found.append(Half(variant, metric, half, float(values.mean()), low, high, len(values)))
    return found


def case_studies(groups: Groups, metric: str, corpus: Corpus, about: str = "dpl") -> list[CaseStudy]:
    """Three cases to read: the largest, the middle and the smallest gain of a variant over Non-Perso."""
    if about not in groups or PLAIN not in groups:
        return []
    ours, plain = (groups[name][0].per_case.get(metric, {}) for name in (about, PLAIN))
    ordered = sorted(ours.keys() & plain.keys(), key=lambda case: (plain[case] - ours[case], case))
    picked = dict.fromkeys(ordered[place] for place in (0, len(ordered) // 2, -1)) if ordered else ()
    return [_case_study(case, groups, corpus) for case in picked]


def _case_study(case_id: str, groups: Groups, corpus: Corpus) -> CaseStudy:
    case = corpus.case(case_id)
    rows = {
        name: row
        for name, runs in groups.items()
        if not runs[0].facts.get("apart")
        for row in runs[0].rows
        if row.case_id == case_id
    }
    profiles = {name: row.trace["profile"]["text"] for name, row in rows.items() if row.trace.get("profile")}
    return CaseStudy(
        case_id=case_id,
        user_id=case.user_id,
        item_title=corpus.item(case.item_id).title,
        request_title=case.title,
        rating=case.rating,
        reference=case.reference or "",
        texts={name: row.text for name, row in rows.items()},
        profiles=profiles,
    )


def failures(groups: Groups) -> list[Failure]:
    """Every case that failed, with its reason."""
    return [
        Failure(name, row.case_id, row.error[:_CUT_SHORT])
        for name, runs in groups.items()
        for run in runs
        for row in run.rows
        if row.status == "failed"
    ]


def _array(values: Sequence[float]) -> Any:  # noqa: ANN401
    import numpy as np

    return np.asarray(values, dtype=np.float64)
