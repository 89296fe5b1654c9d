"""Several processes that answer on one port: a parent starts them, replaces one that was killed, and passes signals on.

They share nothing but the port, the database and the counts for Prometheus. Each has a socket of its own, since a single
process could take all connections of a shared one. The parent holds the sockets too, so that connections wait while the
first processes start. The socket of a process that was killed is closed: its successor listens once it is ready, and the
others take all connections until then.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from socket import AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET, socket
from tempfile import TemporaryDirectory
from types import FrameType

from unlike.errors import UnlikeError
from unlike.serve.prometheus import SHARED_COUNTS

PAUSE_S = 1.0
"""Pause before a killed process is replaced."""


def run_in_processes(serve: Callable[[socket], None], listeners: Sequence[socket]) -> int:
    """Serve on each socket in a process until SIGINT or SIGTERM ends it; each signal is passed on to all of them.

    A process that was killed, for example because memory ran out, is replaced. One that ends with an error ends all others,
    since it would fail again.

    Args:
        serve: Can be pickled, and ends at SIGTERM and SIGINT.
        listeners: Of one port; see ``listening_together``.

    Returns:
        The exit status: 0, or that of the process which ended with an error.
    """
    with TemporaryDirectory(prefix="unlike-metrics-") as folder, _variable(SHARED_COUNTS, folder):
        return _Processes(serve, listeners).run()


class _Processes:
    def __init__(self, serve: Callable[[socket], None], listeners: Sequence[socket]) -> None:
        self._serve = serve
        self._free = list(listeners)
        self._running: dict[SpawnProcess, socket] = {}
        self._stopping = False

    def run(self) -> int:
        for told in (signal.SIGINT, signal.SIGTERM):
            signal.signal(told, self._pass_on)
        status = 0
        while self._running or not self._stopping:
            while self._free and not self._stopping:
                self._start(self._free.pop())
            ended = wait([process.sentinel for process in self._running])
            gone = [process for process in self._running if process.sentinel in ended]
            ended_at = [self._running.pop(process) for process in gone]
            self._free += [_bound_again(listener) for listener in ended_at] if self._running else ended_at
            if failed := [process.exitcode for process in gone if process.exitcode and process.exitcode > 0]:
                status = status or failed[0]
                self._pass_on(signal.SIGTERM)
            if not self._stopping:
                time.sleep(PAUSE_S)
        return status

    def _start(self, listener: socket) -> None:
        process = get_context("spawn").Process(target=_child, args=(self._serve, listener))
        process.start()
        self._running[process] = listener
        if self._stopping:  # a signal came before this process was known
            process.terminate()

    def _pass_on(self, told: int, _frame: FrameType | None = None) -> None:
        self._stopping = True
        for process in list(self._running):
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, told)


def _bound_again(listener: socket) -> socket:
    """A socket in place of one that is closed, to which nobody can connect before a process listens on it."""
    address = listener.getsockname()
    listener.close()
    again = socket(listener.family)
    again.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    again.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    if listener.family == AF_INET6:
        again.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
    again.bind(address)
    return again


def _child(serve: Callable[[socket], None], listener: socket) -> None:
    """Serve in a session of its own: Ctrl-C in a terminal reaches the parent, which passes it on."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        serve(listener)
    except UnlikeError as error:
        sys.exit(f"unlike: {error}")


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _variable(name: str, value: str) -> Generator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
