"""Units of work: the rows of a few users each, so that all that is known of a user is worked on in one place.

Whatever of one user's calls is the same in several methods is then one call, as in a run of one process.
"""

from collections.abc import Sequence

from unlike.records import Case

Place = tuple[int, int]
"""Number of a job, and of a case in it."""

UNITS_A_WORKER = 64
"""So many that workers end together, though users differ in what they cost."""
MOST_ROWS = 64
"""Rows of a unit at most, unless one user has more: what is handed over at once stays small."""


def units_of(cases_of: Sequence[Sequence[Case]], workers: int) -> list[list[Place]]:
    """The rows of some jobs as units; all rows of a user are in one.

    Args:
        cases_of: The cases of each job.
        workers: Who share the work.
    """
    rows_of: dict[str, list[Place]] = {}
    for job, cases in enumerate(cases_of):
        for number, case in enumerate(cases):
            rows_of.setdefault(case.user_id, []).append((job, number))
    wanted = rows_a_unit(sum(map(len, rows_of.values())), workers)
    units: list[list[Place]] = []
    for rows in rows_of.values():
        if not units or len(units[-1]) >= wanted:
            units.append([])
        units[-1] += rows
    return units


def rows_a_unit(n_rows: int, workers: int) -> int:
    """Rows that a unit should have."""
    return min(MOST_ROWS, max(1, n_rows // (workers * UNITS_A_WORKER)))
