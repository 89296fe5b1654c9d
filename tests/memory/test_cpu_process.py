"""Work in processes of their own: results and errors come back, and a killed process is replaced."""

import asyncio
import os
import signal
import threading
import time

import pytest

from unlike.errors import InputError
from unlike.memory.cpu_pool import LARGE_BYTES, Heavy
from unlike.memory.cpu_process import CPUProcesses, ProcessEnded
from unlike.serve.reading import records_in


@pytest.fixture
def processes():
    processes = CPUProcesses(1)
    yield processes
    processes.close()


def test_work_is_done_in_another_process(processes):
    assert processes.run(os.getpid) not in (os.getpid(), 0)
    assert processes.run(os.getpid) == processes.run(os.getpid)


def test_errors_of_the_work_are_raised_here(processes):
    with pytest.raises(InputError, match="one request; allowed are 1 to 3"):
        processes.run(records_in, b'{"records": [{}, {}, {}, {}]}', 3)
    assert processes.run(len, "afterwards") == 10


def test_what_is_printed_meanwhile_does_no_harm(processes):
    processes.run(print, "a library's warning")
    assert processes.run(len, "abc") == 3


def test_a_killed_process_is_an_error_and_the_next_work_gets_a_new_one(processes):
    first = processes.run(os.getpid)
    with pytest.raises(ProcessEnded, match="try again"):
        processes.run(signal.raise_signal, signal.SIGKILL)
    assert processes.run(os.getpid) != first


def test_closing_ends_work_under_way(processes):
    processes.run(len, "")  # it has been started
    outcomes = []

    def work():
        try:
            outcomes.append(processes.run(time.sleep, 600))
        except ProcessEnded as error:
            outcomes.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    processes.close()
    thread.join(60)
    assert [type(outcome) for outcome in outcomes] == [ProcessEnded]
    with pytest.raises(ProcessEnded):
        processes.run(len, "")


def test_large_work_of_others_does_not_delay_small_work(processes):
    async def small_beside_large():
        large = [asyncio.create_task(Heavy(processes).run_sized(LARGE_BYTES + 1, time.sleep, 600.0)) for _ in range(3)]
        await asyncio.sleep(0)  # they begin
        assert await Heavy(processes).run_sized(10, len, "abc") == 3
        assert not any(task.done() for task in large)
        processes.close()
        return await asyncio.gather(*large, return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(small_beside_large())] == [ProcessEnded] * 3
