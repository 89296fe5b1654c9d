"""Units of work: each has all rows of a few users.

Calls of a user that are the same in several methods are then made once, as in a run of one process.
"""

from collections.abc import Sequence

from unlike.records import Case

Place = tuple[int, int]
"""Number of a job, and of a case in it."""

UNITS_PER_WORKER = 64
"""Large enough that workers end at about the same time, though users differ in cost."""
MAX_ROWS = 64
"""Maximum number of rows per unit, unless one user has more, so that messages between processes stay small."""


def units_of(cases_of: Sequence[Sequence[Case]], workers: int) -> list[list[Place]]:
    """The rows of some jobs as units; all rows of a user are in one.

    Args:
        cases_of: The cases of each job.
        workers: Number of workers.
    """
    rows_of: dict[str, list[Place]] = {}
    for job, cases in enumerate(cases_of):
        for number, case in enumerate(cases):
            rows_of.setdefault(case.user_id, []).append((job, number))
    wanted = rows_per_unit(sum(map(len, rows_of.values())), workers)
    units: list[list[Place]] = []
    for rows in rows_of.values():
        if not units or len(units[-1]) >= wanted:
            units.append([])
        units[-1] += rows
    return units


def rows_per_unit(n_rows: int, workers: int) -> int:
    """Target number of rows per unit."""
    return min(MAX_ROWS, max(1, n_rows // (workers * UNITS_PER_WORKER)))
