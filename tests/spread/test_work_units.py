"""Units of work hold every row once, and all rows of a user together."""

from hypothesis import given, settings
from hypothesis import strategies as st

from unlike.records import Case
from unlike.spread.work_units import MAX_ROWS, units_of

JOBS = st.lists(st.lists(st.integers(0, 30), max_size=40), min_size=1, max_size=4)


def cases(users):
    return [Case(f"c{n}", f"u{user}", "i", n) for n, user in enumerate(users)]


@given(JOBS, st.integers(1, 200))
def test_every_row_is_in_one_unit_with_all_rows_of_its_user(users_of, workers):
    jobs = [cases(users) for users in users_of]
    units = units_of(jobs, workers)
    places = [place for unit in units for place in unit]
    assert sorted(places) == [(job, number) for job, own in enumerate(jobs) for number in range(len(own))]
    user_of = [{jobs[job][number].user_id for job, number in unit} for unit in units]
    assert sum(map(len, user_of)) == len(set().union(*user_of))


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 50))
def test_units_are_small_and_many_enough_for_all_workers(n_users, workers):
    units = units_of([cases(range(n_users))], workers)
    assert len(units) >= min(n_users, 32 * workers)
    assert max(map(len, units)) <= MAX_ROWS
