"""Waiting for async work from code that is not async."""

import asyncio
import os
import signal
import threading

from unlike.sync import wait_for


def test_a_signal_is_handled_while_work_is_waited_for():
    pressed = threading.Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.set())
    signal.siginterrupt(signal.SIGINT, False)  # system calls go on after a signal, as llama.cpp leaves it

    async def work():
        os.kill(os.getpid(), signal.SIGINT)
        return await asyncio.to_thread(pressed.wait, 60)

    try:
        assert wait_for(work())
    finally:
        signal.signal(signal.SIGINT, before)
