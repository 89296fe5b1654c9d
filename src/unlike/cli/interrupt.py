"""Ctrl-C in two steps: the first one finishes what is in flight, the second one cancels it."""

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from unlike.cli.output import say
from unlike.errors import Stopped
from unlike.llm.stop import STOP


@contextmanager
def interruptible(waits_for: str = "") -> Generator[None]:
    """Handle Ctrl-C while the block runs; it then raises ``Stopped``, unless nothing was left to do.

    Args:
        waits_for: The work that is finished first, for the message; "" for the calls in flight.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    n_pressed = 0

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        nonlocal n_pressed
        n_pressed += 1
        if n_pressed == 1:
            STOP.request()
            say(f"stopping: no new LLM call begins; waiting for {waits_for or _calls()}; Ctrl-C again cancels")
        elif n_pressed == 2:
            STOP.cancel()
            say("cancelling; what is done is kept")
        else:
            _leave()

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    except Stopped:
        if n_pressed > 1:  # a thread of an engine may not be cancellable, and would be waited for
            say("unlike: stopped; run the same command again to continue")
            _leave()
        raise
    finally:
        STOP.reset()
        signal.signal(signal.SIGINT, before)


def _calls() -> str:
    n = STOP.n_in_flight
    return f"{n} {'call' if n == 1 else 'calls'} in flight"


def _leave() -> None:
    """End the process at once."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(128 + signal.SIGINT)
