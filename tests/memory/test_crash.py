"""Killed at any moment and started again, a memory keeps what it acknowledged, and nothing that was taken back."""

import random
import signal

import pytest

from tests.memory.killed_memory import STEPS, done, live, people, words, written
from tests.memory.town import faults, job_rows, kept, memory_of, opened
from tests.processes import new_process
from tests.store.rows import MASTER
from unlike.store.database import open_store


def run(*args):
    process = new_process(live, *args)
    process.join(240)
    assert process.exitcode is not None, "the process hangs"
    return process.exitcode


def moment(draw):
    """When to be killed: at a statement or its end, at a commit, or at any time at all."""
    if draw.random() < 0.6:
        return draw.randrange(1, 1_200), None
    return None, draw.uniform(0.05, 1.0)


@pytest.mark.parametrize("n_kills", [5, pytest.param(50, marks=pytest.mark.soak)])
def test_killed_at_random_moments(address, tmp_path, n_kills):
    notes, draw = tmp_path / "notes", random.Random(n_kills)
    for _ in range(n_kills):
        assert run(address, notes, 10_000, *moment(draw)) == -signal.SIGKILL
        check(address, done(notes))
    n_done = (done(notes) // STEPS + 2) * STEPS
    assert run(address, notes, n_done, None, None) == 0
    check(address, n_done, ended=True)


def check(address, n_done, ended=False):
    """The store against what was acknowledged."""
    store = open_store(address, MASTER)
    memory = memory_of(store)
    there = kept(memory)
    expected, erased, going = expectation(n_done)
    assert expected <= there.keys(), "an acknowledged record is lost"
    left = {record.user_id for record in there.values()}
    assert not erased & left
    for user in going & left:  # either wholly there or wholly gone
        assert {id_ for id_ in ids_of(user) if id_ in there} == ids_of(user)
    assert all(record.text == f"Well, {words(record.user_id, record.item_id)} as ever." for record in there.values())
    gone = [f"word-of-{user}-on" for user in erased | (going - left)]
    assert not [word for texts in opened(memory).values() for text in texts for word in gone if word in text]
    assert not faults(memory)
    if ended:
        assert there.keys() == expected
        assert not [job for job in job_rows(memory) if job.state != "failed"]
        assert {job.error for job in job_rows(memory)} <= {"every worker that took it died"}
        assert all(user_has_profile(memory, user) for user in left)
    store.close()


def user_has_profile(memory, user_id):
    import asyncio

    return not asyncio.run(memory.profile(user_id)).stale


def expectation(n_done):
    """Ids of records that must be there, users who are erased, and those who may be just now."""
    rows, erased, going = set(), set(), set()
    for step in range(n_done + 1):
        generation, kind = divmod(step, STEPS)
        if kind in (0, 1) and step < n_done:
            rows |= {new.record.id for new in written(generation, kind)}
        if kind == 4 and generation:
            (going if step == n_done else erased).add(people(generation - 1)[0])
    gone = {id_ for user in erased | going for id_ in ids_of(user)}
    return rows - gone, erased, going


def ids_of(user):
    generation = int(user.rsplit("-", 1)[1])
    return {new.record.id for kind in (0, 1) for new in written(generation, kind) if new.record.user_id == user}
