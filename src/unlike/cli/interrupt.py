"""Ctrl-C in two steps: the first one finishes what is in flight, the second one cancels it."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
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
            print_line(f"stopping: no new LLM call begins; waiting for {waits_for or _calls()}; Ctrl-C again cancels")
        elif n_pressed == 2:
            STOP.cancel()
            print_line("cancelling; what is done is kept")
        else:
            _leave()

    try:
        with _printing_thread() as print_line:
            before = signal.signal(signal.SIGINT, pressed)
            try:
                yield
            finally:
                signal.signal(signal.SIGINT, before)
    except Stopped:
        if n_pressed > 1:  # a thread of an engine may not be cancellable, and would be waited for
            say("unlike: stopped; run the same command again to continue")
            _leave()
        raise
    finally:
        STOP.reset()  # not before ``_leave``: until the process ends, other threads must not begin calls


@contextmanager
def _printing_thread() -> Generator[Callable[[str], None]]:
    """A thread that prints lines for a signal handler.

    A handler must not print: if the signal interrupted a write to the same stream, the stream raises RuntimeError.
    """
    lines: SimpleQueue[str] = SimpleQueue()  # its ``put`` is reentrant, so a handler may call it

    def print_lines() -> None:
        while line := lines.get():
            say(line)

    thread = threading.Thread(target=print_lines, daemon=True)
    thread.start()
    try:
        yield lines.put
    finally:
        lines.put("")
        thread.join()


def _calls() -> str:
    n = STOP.n_in_flight
    return f"{n} {'call' if n == 1 else 'calls'} in flight"


def _leave() -> None:
    """End the process at once."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(RuntimeError):  # the signal interrupted a write to it
            stream.flush()
    os._exit(128 + signal.SIGINT)
