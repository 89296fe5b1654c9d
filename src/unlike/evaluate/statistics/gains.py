"""Who gains over Non-Perso, by how much, and cases to read (DPL, sections 4.4.2 and 4.5)."""

from collections.abc import Mapping, Sequence

import numpy as np

from unlike.data.corpus import Corpus
from unlike.evaluate.statistics.findings import CaseStudy, Half, UserGain
from unlike.evaluate.statistics.measured import Groups
from unlike.evaluate.statistics.paired_tests import over_users
from unlike.evaluate.statistics.significance import bootstrap_interval
from unlike.evaluate.statistics.uniqueness import halves

PLAIN = "non_perso"
"""What a gain is measured against."""


def user_gains(groups: Groups, metric: str, distances: Mapping[str, float], corpus: Corpus) -> list[UserGain]:
    """What each user gains over Non-Perso with each other variant of the main table."""
    if PLAIN not in groups:
        return []
    found: list[UserGain] = []
    latest = {row.user_id: corpus.case(row.case_id) for run in groups[PLAIN] for row in run.rows}
    for name, runs in groups.items():
        if name == PLAIN or runs[0].facts.get("apart"):
            continue
        ours, plain = over_users(runs, groups[PLAIN], metric)
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
            values = np.asarray([of_user[user] for user in users])
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
