"""When calls of builds may begin beside those of requests."""

import asyncio

import pytest

from unlike.errors import Stopped
from unlike.llm.request_priority import MAX_BUILD_CALLS, RequestPriority
from unlike.llm.scripted import ScriptedBackend


class Calls:
    """Calls of builds that end when they are told to."""

    def __init__(self, turns):
        self.turns, self.n_begun, self.ends = turns, 0, []

    async def begin(self, n):
        for _ in range(n):
            self.ends.append(asyncio.Event())
            self.tasks = [*getattr(self, "tasks", ()), asyncio.create_task(self._call(self.ends[-1]))]
        await settle()

    async def _call(self, end):
        async with self.turns:
            self.n_begun += 1
            await end.wait()

    async def end(self, n):
        for end in self.ends[:n]:
            end.set()
        self.ends = self.ends[n:]
        await settle()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


def turns_at(slots):
    backend = ScriptedBackend.echo()
    if slots:
        backend.slots = slots
    return RequestPriority(backend)


@pytest.mark.parametrize(
    ("slots", "requests", "at_once"),
    [(4, False, 4), (4, True, 3), (1, True, 1), (100, True, 99), (None, True, MAX_BUILD_CALLS)],
)
def test_builds_leave_a_slot_free_where_requests_are_expected(slots, requests, at_once):
    async def begun():
        turns = turns_at(slots)
        if requests:
            turns.expect_requests()
        calls = Calls(turns)
        await calls.begin(120)
        n = calls.n_begun
        await calls.end(1)
        assert calls.n_begun == n + 1
        turns.close()
        await calls.end(120)
        return n

    assert asyncio.run(begun()) == at_once


@pytest.mark.parametrize(("slots", "n_beside"), [(4, 0), (None, MAX_BUILD_CALLS)])
def test_a_build_waits_for_requests_at_an_engine_of_this_process(slots, n_beside):
    async def work():
        turns = turns_at(slots)
        calls = Calls(turns)
        with turns.request():
            await calls.begin(20)
            assert calls.n_begun == n_beside
        await settle()
        assert calls.n_begun == (slots or MAX_BUILD_CALLS)
        with turns.request():
            await calls.end(2)  # those that ended are not followed
            assert calls.n_begun == (slots or MAX_BUILD_CALLS + 2)
        await calls.end(20)
        turns.close()

    asyncio.run(work())


def test_builds_that_wait_are_stopped_and_the_others_end():
    async def work():
        turns = turns_at(2)
        calls = Calls(turns)
        await calls.begin(5)
        turns.close()
        await settle()
        assert [isinstance(task.exception(), Stopped) for task in calls.tasks[2:]] == [True] * 3
        assert not any(task.done() for task in calls.tasks[:2])
        await calls.end(2)
        with pytest.raises(Stopped):
            await turns.__aenter__()

    asyncio.run(work())


def test_one_that_no_longer_waits_takes_no_turn():
    async def work():
        turns = turns_at(1)
        calls = Calls(turns)
        await calls.begin(3)
        calls.tasks[1].cancel()
        await calls.end(1)
        assert calls.n_begun == 2
        await calls.end(3)

    asyncio.run(work())
