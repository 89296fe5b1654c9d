"""Does a rubric distinguish its user? Its scores of the user's real texts against those of others' texts on the same items."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from unlike.evaluate.running.ask_judge import Judged
from unlike.evaluate.running.rubric import Rubric
from unlike.evaluate.statistics.findings import Cell, RubricFindings
from unlike.evaluate.statistics.significance import MIN_USERS, compare, interval_ends, means_by_user
from unlike.progress import n_of


def rubric_findings(metric: str, rubrics: Collection[Rubric]) -> RubricFindings:
    """How many users have a rubric, and how many of the criteria count."""
    usable = [rubric for rubric in rubrics if not rubric.failure]
    n_found, n_criteria = (sum(map(len, of)) for of in ([r.found for r in rubrics], [r.criteria for r in usable]))
    return RubricFindings(metric, len(usable), len(rubrics) - len(usable), n_criteria, n_found - n_criteria)


def with_floor_and_ceiling(
    found: RubricFindings, floor: Judged, ceiling: Judged, users: Mapping[str, str]
) -> RubricFindings:
    """The findings with the scores of real texts.

    Args:
        found: Findings without these scores.
        floor: Texts by other users on the items of the cases.
        ceiling: The users' own texts of the cases.
        users: User id by case id.
    """
    own, others = (
        means_by_user((users[case], value) for case, value in of.per_case.items()) for of in (ceiling, floor)
    )
    found = replace(found, ceiling=_cell(own, ceiling), floor=_cell(others, floor))
    compared = compare(own, others)
    if compared is None:
        return found
    return replace(
        found,
        difference=compared.difference,
        low=compared.interval.low,
        high=compared.interval.high,
        n=compared.n,
        p=compared.p_permutation if compared.n >= MIN_USERS else None,
    )


def _cell(by_user: Mapping[str, float], judged: Judged) -> Cell:
    """Mean over users, with its interval."""
    values = np.array(list(by_user.values()))
    if not len(values):
        return Cell(None, n_failed=judged.n_failed, note=judged.note)
    low, high = interval_ends(values)
    return Cell(float(values.mean()), None, low, high, len(judged.per_case), judged.n_failed, note=judged.note)


def doubt(found: RubricFindings) -> str:
    """Why the column of a rubric judge says nothing about methods; empty where it may."""
    if found.ceiling is None:
        return ""
    if found.n < MIN_USERS or found.low is None:
        return (
            f"{found.metric}: {n_of(found.n, 'user')} {'is' if found.n == 1 else 'are'} too few to "
            f"know whether the criteria distinguish the user's texts from "
            f"others'; at least {MIN_USERS} are needed."
        )
    if found.low > 0:
        return ""
    return (
        f"{found.metric}: the users' real texts are not shown to meet more criteria than others' real texts on the same items "
        f"(difference {found.difference:.3f}, {found.low:.3f} to {found.high:.3f}, {found.n} users), so this column says "
        "nothing about methods."
    )
