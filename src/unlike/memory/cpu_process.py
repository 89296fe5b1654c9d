"""Processes that do CPU-bound work for a server, whose requests would otherwise wait for Python's GIL.

Each is a new interpreter (``python -m unlike.memory.cpu_process``) that reads pickled calls from its standard input and
writes their outcomes to its standard output. It ends when its input does, so it does not outlive a server that was killed.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from queue import LifoQueue
from typing import Any, BinaryIO, ParamSpec, TypeVar

from unlike.errors import UnlikeError

P = ParamSpec("P")
T = TypeVar("T")

NICENESS = 5
"""Requests come first where processors are scarce."""


class ProcessEnded(UnlikeError):
    """A process ended during its work, which may be tried again."""


class CPUProcesses:
    """Processes that are started when they are needed, and used until they are closed.

    Args:
        n: Maximum number.
    """

    def __init__(self, n: int = 2) -> None:
        self._all = [_CPUProcess() for _ in range(n)]
        self._free = LifoQueue[_CPUProcess]()  # the last one used has been started, others perhaps not
        for process in self._all:
            self._free.put(process)

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a module's function in a process, and wait for one if all are busy; arguments and result are pickled.

        Raises:
            ProcessEnded: The process was killed meanwhile, for example because memory ran out.
        """
        process = self._free.get()
        try:
            return process.run(work, args, kwargs)
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End all processes, also those at work, whose callers get ``ProcessEnded``."""
        for process in self._all:
            process.close()


class _CPUProcess:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def run(self, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        process = self._running()
        assert process.stdin and process.stdout
        try:
            pickle.dump((work, args, kwargs), process.stdin)
            process.stdin.flush()
            done, outcome = pickle.load(process.stdout)
        except BaseException as error:
            process.kill()  # part of a call or of an outcome may be in its pipes
            process.wait()
            if isinstance(error, OSError | EOFError | pickle.UnpicklingError):
                raise ProcessEnded("the process that reads and redacts texts ended; try again") from error
            raise
        if not done:
            raise outcome
        return outcome

    def close(self) -> None:
        with self._lock:
            self._closed = True
            process = self._process
        if process:
            process.kill()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ProcessEnded("the service stops; try again")
            if self._process is None or self._process.poll() is not None:
                # A session of its own: Ctrl-C in a terminal is meant for the server, which lets this work finish.
                self._process = subprocess.Popen(
                    [sys.executable, "-m", __name__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                )
            return self._process


def main(calls: BinaryIO, outcomes: BinaryIO) -> None:
    """Run calls until there are no more."""
    while True:
        try:
            work, args, kwargs = pickle.load(calls)
        except EOFError:
            return
        try:
            outcome = pickle.dumps((True, work(*args, **kwargs)))
        except Exception as error:  # of whatever kind, it is raised in the server
            outcome = pickle.dumps((False, error))
        outcomes.write(outcome)
        outcomes.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between outcomes
    main(sys.stdin.buffer, outcomes)
