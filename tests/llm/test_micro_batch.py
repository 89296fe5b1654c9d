"""Calls that wait at the same moment become one batch."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from unlike.llm import micro_batch
from unlike.llm.micro_batch import MicroBatches

WAIT_S = 10


class Doubling:
    """Doubles numbers, one batch at a time, as fast as it is let."""

    def __init__(self, size=3):
        self.batches = []
        self.given_up = []
        self.started = threading.Event()
        self.go = threading.Event()
        self.worker = ThreadPoolExecutor(1)
        self.queue = MicroBatches(self.answer, self.worker, size)

    def answer(self, batch):
        self.batches.append([asked.question for asked in batch])
        self.started.set()
        assert self.go.wait(WAIT_S)
        for place, asked in enumerate(batch):
            if asked.given_up.is_set():
                self.given_up.append(asked.question)
                continue
            if asked.question < 0:
                raise ValueError(asked.question)
            yield place, asked.question * 2

    async def busy(self):
        """A call under way; returns once its batch has begun."""
        task = asyncio.create_task(self.queue.ask(100))
        assert await asyncio.to_thread(self.started.wait, WAIT_S)
        return task


@pytest.fixture
def doubling():
    made = Doubling()
    yield made
    made.go.set()
    made.worker.shutdown()


def test_what_waits_while_one_is_answered_goes_together(doubling):
    async def scene():
        first = await doubling.busy()
        others = [asyncio.create_task(doubling.queue.ask(n)) for n in range(7)]
        await asyncio.sleep(0)
        doubling.go.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(scene()) == [200, *(n * 2 for n in range(7))]
    assert doubling.batches == [[100], [0, 1, 2], [3, 4, 5], [6]]


def test_an_idle_worker_waits_a_moment_for_company(doubling, monkeypatch):
    monkeypatch.setattr(micro_batch, "GATHER_S", 0.3)
    doubling.go.set()

    async def two():
        return await asyncio.gather(doubling.queue.ask(1), doubling.queue.ask(2))

    assert asyncio.run(two()) == [2, 4]
    assert doubling.batches == [[1, 2]]


def test_a_call_cancelled_while_it_waits_is_never_answered(doubling):
    async def scene():
        first = await doubling.busy()
        others = [asyncio.create_task(doubling.queue.ask(n)) for n in range(3)]
        await asyncio.sleep(0)
        others[1].cancel()
        await asyncio.sleep(0)
        doubling.go.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    first, zero, one, two = asyncio.run(scene())
    assert (first, zero, two) == (200, 0, 4)
    assert isinstance(one, asyncio.CancelledError)
    assert doubling.batches == [[100], [0, 2]]


def test_a_call_cancelled_while_it_is_answered_is_told_to_the_worker(doubling):
    async def scene():
        first = await doubling.busy()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        doubling.go.set()
        return await doubling.queue.ask(5)

    assert asyncio.run(scene()) == 10
    assert doubling.given_up == [100]


def test_a_failure_reaches_those_of_its_batch_who_have_no_answer_yet(doubling):
    async def scene():
        first = await doubling.busy()
        others = [asyncio.create_task(doubling.queue.ask(n)) for n in (1, -2, 3)]
        await asyncio.sleep(0)
        doubling.go.set()
        return await asyncio.gather(first, *others, doubling.queue.ask(4), return_exceptions=True)

    _, one, two, three, four = asyncio.run(scene())
    assert (one, four) == (2, 8)
    assert isinstance(two, ValueError)
    assert isinstance(three, ValueError)


def test_shutting_the_worker_down_answers_what_waits(doubling):
    async def scene():
        tasks = [await doubling.busy(), *(asyncio.create_task(doubling.queue.ask(n)) for n in range(4))]
        await asyncio.sleep(0)
        doubling.go.set()
        await asyncio.to_thread(doubling.worker.shutdown)
        return await asyncio.gather(*tasks)

    assert asyncio.run(scene()) == [200, 0, 2, 4, 6]
