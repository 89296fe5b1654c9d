"""Calls of requests come before calls of builds at an engine that answers both."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

from unlike.errors import Stopped
from unlike.llm.backend import Backend

MAX_BUILD_CALLS = 16
"""Calls of builds at the same time, of all jobs together."""


class RequestPriority:
    """Decides when a call of a build may begin; a call of a request always may.

    An engine of this process answers a fixed number of calls at the same time, its slots, and computes all of them on the
    same processors. There, a build's call begins only while no request is under way, and one slot stays free for the next
    request. An engine elsewhere has no slots here; it gets at most ``MAX_BUILD_CALLS`` calls of builds.

    As an asynchronous context manager it is held by a build's call, as a semaphore would be.

    Args:
        backend: The engine; its slots are its attribute ``slots``, where it has one.
    """

    def __init__(self, backend: Backend) -> None:
        self._slots: int | None = getattr(backend, "slots", None)
        self._limit = min(self._slots or MAX_BUILD_CALLS, MAX_BUILD_CALLS)
        self._n_requests = self._n_builds = 0
        self._closed = False
        self._waiting: list[asyncio.Future[None]] = []

    def expect_requests(self) -> None:
        """Keep a slot free from now on."""
        if self._slots:
            self._limit = max(1, self._slots - 1)

    def close(self) -> None:
        """Let no call of a build begin any more; those that wait raise ``Stopped``."""
        self._closed = True
        self._wake()

    @contextmanager
    def request(self) -> Generator[None]:
        """A request is under way."""
        self._n_requests += 1
        try:
            yield
        finally:
            self._n_requests -= 1
            self._wake()

    async def __aenter__(self) -> Self:
        """Wait until a build's call may begin.

        Raises:
            Stopped: Builds are being stopped.
        """
        while not self._closed and not self._may_begin():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            finally:
                self._waiting.remove(turn)
        if self._closed:
            raise Stopped("stopped before all work was done")
        self._n_builds += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """The build's call has ended."""
        self._n_builds -= 1
        self._wake()

    def _may_begin(self) -> bool:
        return self._n_builds < self._limit and not (self._slots and self._n_requests)

    def _wake(self) -> None:
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
