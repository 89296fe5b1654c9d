"""Variants against each other: paired tests, gains of users over Non-Perso, and cases to read.

DPL, sections 4.4.2 and 4.5. A user's embedding is the mean over the texts before the request; the centre is the mean over
users; uniqueness is the Euclidean distance to it. The upper half of the users by that distance is unique.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.evaluate.metrics.table import sign_of
from unlike.evaluate.statistics.findings import CaseStudy, Half, PairedTest, UserGain
from unlike.evaluate.statistics.measured import (
    PLAIN,
    SHUFFLED,
    Groups,
    MeasuredRun,
    comparable,
    counterparts,
    is_baseline,
    most_shared,
    run_key,
    scored_cells,
    shared_means,
    unmatched,
    values_by_user,
)
from unlike.evaluate.statistics.significance import MIN_USERS, compare, holm, interval_ends, paired
from unlike.progress import n_of
from unlike.records import Case, Records

CONTROLS = {
    "dep": (SHUFFLED, "prompt_tuning", PLAIN),
    "pplug": ("prompt_tuning", PLAIN),
    "dpl": ("dpl_stranger", "dpl_other_item", PLAIN),
}
"""By method: its controls, methods without information about the user; ``PLAIN`` for all other methods."""
Pair = tuple[dict[str, float], dict[str, float]]
"""Values of two variants by unit."""


def paired_tests(groups: Groups, metrics: Sequence[str]) -> list[PairedTest]:
    """Each difference-aware variant against the best baseline of its LLM and task, over users and over runs."""
    found: list[PairedTest] = []
    for metric in metrics:
        for unit, values in (("users", over_users), ("runs", _over_runs)):
            made = [
                _test(groups, name, baseline, metric, unit, values)
                for part in comparable(groups)
                for name in part
                if not is_baseline(str(part[name][0].facts["method"]))
                if (baseline := best_baseline(part, name, metric))
            ]
            found += _corrected([test for test in made if test])
    return found


def control_tests(groups: Groups, metric: str) -> list[PairedTest]:
    """Each difference-aware variant against the best of its controls that were run: the gain that is due to the user."""
    found: list[PairedTest | None] = []
    for name, runs in groups.items():
        method = str(runs[0].facts["method"])
        if not is_baseline(method):
            controls = [other for one in CONTROLS.get(method, (PLAIN,)) for other in counterparts(groups, name, one)]
            control = _best(groups, name, controls, metric)
            found.append(_test(groups, name, control, metric, "users", over_users) if control else None)
    return _corrected([test for test in found if test])


def best_baseline(groups: Groups, name: str, metric: str) -> str | None:
    """The baseline that a variant is tested against; None where none was scored on its cases."""
    baselines = [other for other, runs in groups.items() if is_baseline(str(runs[0].facts["method"]))]
    return _best(groups, name, baselines, metric)


def _best(groups: Groups, name: str, others: Iterable[str], metric: str) -> str | None:
    """Of those that share the most of a variant's cells, the first with the best mean over them; None where none has one."""
    values = {other: list(shared_means(groups[other], groups[name], metric).values()) for other in others}
    nearest = most_shared(groups, name, [other for other, means in values.items() if means])
    return max(nearest, key=lambda other: sign_of(metric) * fmean(values[other]), default=None)


def over_users(a: Sequence[MeasuredRun], b: Sequence[MeasuredRun], metric: str) -> Pair:
    """One value per user; cases that failed for one of the two are left out for both."""
    excluded = unmatched(a, b, metric)
    return values_by_user(a, metric, excluded), values_by_user(b, metric, excluded)


def _over_runs(a: Sequence[MeasuredRun], b: Sequence[MeasuredRun], metric: str) -> Pair:
    """One value per run, as DPL tests over its five temperatures."""
    return shared_means(a, b, metric), shared_means(b, a, metric)


def _test(
    groups: Groups, name: str, baseline: str, metric: str, unit: str, values: Callable[..., Pair]
) -> PairedTest | None:
    ours, theirs = groups[name], groups[baseline]
    found = compare(*values(ours, theirs, metric))
    if found is None:
        return None
    pairs, left_out = paired(*values(ours, theirs, metric)), unmatched(ours, theirs, metric)
    enough = len(paired(*over_users(ours, theirs, metric)).ids) >= MIN_USERS

    def known(value: float) -> float | None:
        return value if enough and not np.isnan(value) else None

    return PairedTest(
        variant=name,
        baseline=baseline,
        metric=metric,
        unit=unit,
        difference=found.difference,
        low=found.interval.low,
        high=found.interval.high,
        n=found.n,
        n_left_out=len(left_out) if unit == "users" else found.n_left_out,
        p_t=known(found.p_t),
        p_wilcoxon=known(found.p_wilcoxon),
        p_permutation=known(found.p_permutation),
        p_holm=None,
        p_permutation_holm=None,
        effect=known(found.effect_size),
        n_cases=len(scored_cells(ours, metric) & scored_cells(theirs, metric)),
        mean=float(pairs.a.mean()),
        baseline_mean=float(pairs.b.mean()),
    )


def _corrected(made: Sequence[PairedTest]) -> list[PairedTest]:
    """The tests of one metric and unit with Holm's correction."""
    by_t = holm({test.variant: test.p_t for test in made})
    by_permutation = holm({test.variant: test.p_permutation for test in made})
    return [
        replace(test, p_holm=by_t.get(test.variant), p_permutation_holm=by_permutation.get(test.variant))
        for test in made
    ]


def same_texts(groups: Groups) -> list[str]:
    """A note on variants whose texts are the same in every case that any two of them have, at least two."""
    texts = {
        name: {(run_key(run), row.case_id): row.text for run in runs for row in run.rows if row.text}
        for name, runs in groups.items()
    }

    def n_same(one: str, other: str) -> int:
        shared = texts[one].keys() & texts[other].keys()
        return len(shared) if all(texts[one][case] == texts[other][case] for case in shared) else 0

    alike: list[list[str]] = []
    for name in texts:
        known = next((names for names in alike if all(n_same(name, one) > 1 for one in names)), None)
        if known is None:
            alike.append([name])
        else:
            known.append(name)
    return [
        f"The texts of {', '.join(names[:-1])} and {names[-1]} are the same in all {n_of(n_same(*names[-2:]), 'case')}: either "
        "their prompts are equal (unlike show --prompts), or the endpoint ignores a part of them, such as the system message."
        for names in alike
        if len(names) > 1
    ]


# Uniqueness -----------------------------------------------------------------------------------------------------------


def uniqueness(cases: Sequence[Case], records: Records, encoder: Encoder) -> dict[str, float]:
    """Distance of each user's mean vector to the mean over users.

    Args:
        cases: Test cases; only the latest of each user counts.
        records: Where the histories are.
        encoder: Turns texts into vectors.

    Returns:
        By user id; users without a text before their case are left out.
    """
    histories = {user: records.history(user, case.moment) for user, case in _latest(cases).items()}
    histories = {user: history for user, history in histories.items() if history}
    if not histories:
        return {}
    vectors = encoder.encode([record.text for history in histories.values() for record in history])
    ends = np.cumsum([len(history) for history in histories.values()])
    means = np.stack([block.mean(axis=0) for block in np.split(vectors, ends[:-1])])  # (n_users, dim)
    distances = np.linalg.norm(means - means.mean(axis=0), axis=1)
    return dict(zip(histories, map(float, distances), strict=True))


def _latest(cases: Iterable[Case]) -> dict[str, Case]:
    """The latest case of each user."""
    return {case.user_id: case for case in sorted(cases, key=lambda case: case.moment)}


def halves(distances: Mapping[str, float]) -> dict[str, list[str]]:
    """Users by half: "unique" is the upper one, with one user more where their number is odd."""
    ordered = sorted(distances, key=lambda user: (distances[user], user))
    middle = len(ordered) // 2
    return {"not unique": ordered[:middle], "unique": ordered[middle:]}


# Gains over Non-Perso -------------------------------------------------------------------------------------------------


def user_gains(groups: Groups, metric: str, distances: Mapping[str, float], corpus: Corpus) -> list[UserGain]:
    """What each user gains over Non-Perso with each other variant of the main table; above 0 is better in every metric."""
    found: list[UserGain] = []
    case_ids = dict.fromkeys(row.case_id for runs in groups.values() for run in runs for row in run.rows)
    latest = _latest(map(corpus.case, case_ids))
    for name, runs in groups.items():
        base = counterparts(groups, name, PLAIN)
        if not base or runs[0].facts["method"] == PLAIN or runs[0].facts.get("apart"):
            continue
        ours, plain = over_users(runs, groups[base[0]], metric)
        found += [
            UserGain(
                name,
                metric,
                user,
                sign_of(metric) * (ours[user] - plain[user]),
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
            values = np.asarray([of_user[user] for user in users])
            if len(values):
                found.append(Half(variant, metric, half, float(values.mean()), *interval_ends(values), len(values)))
    return found


def case_studies(groups: Groups, metric: str, corpus: Corpus, about: str = "dpl") -> list[CaseStudy]:
    """Three cases to read: the largest, the middle and the smallest gain over Non-Perso of a method's first variant."""
    name = next((name for name, runs in groups.items() if runs[0].facts["method"] == about), None)
    base = counterparts(groups, name, PLAIN) if name else []
    if not name or not base:
        return []
    ours, plain = (groups[variant][0].per_case.get(metric, {}) for variant in (name, base[0]))
    ordered = sorted(ours.keys() & plain.keys(), key=lambda case: (sign_of(metric) * (plain[case] - ours[case]), case))
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
        item_title=corpus.item(case.item_id).name,
        request_title=case.title,
        rating=case.rating,
        reference=case.reference or "",
        texts={name: row.text for name, row in rows.items()},
        profiles=profiles,
    )
