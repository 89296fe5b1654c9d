"""Stopping a process's LLM work in two steps: no new call begins; then calls in flight are cancelled.

A call in flight is paid for, so the first step lets it finish and its answer is kept.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from unlike.errors import Stopped

T = TypeVar("T")


class Stop:
    """A request to stop.

    Attributes:
        requested: Whether no new call may begin.
    """

    def __init__(self) -> None:
        self.requested = False
        self._cancelled = False
        self._calls: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}

    @property
    def n_in_flight(self) -> int:
        """Calls that were sent and are not answered yet."""
        return len(self._calls)

    def request(self) -> None:
        """Do not let new calls begin; may be called from a signal handler or another thread."""
        self.requested = True

    def cancel(self) -> None:
        """Also cancel the calls in flight; may be called from a signal handler or another thread."""
        self.requested = self._cancelled = True
        for task, loop in list(self._calls.items()):
            loop.call_soon_threadsafe(task.cancel)

    def reset(self) -> None:
        """Let calls begin again."""
        self.requested = self._cancelled = False

    def raise_if_requested(self) -> None:
        """Between two units of work that calls no LLM.

        Raises:
            Stopped: A stop was requested.
        """
        if self.requested:
            raise Stopped("stopped before all work was done")

    async def check(self) -> None:
        """Before a call: raise where none may begin, but only after the calls in flight are answered.

        Raises:
            Stopped: A stop was requested.
        """
        if not self.requested:
            return
        loop = asyncio.get_running_loop()
        while calls := [task for task, of_loop in self._calls.items() if of_loop is loop]:
            await asyncio.wait(calls)
            await asyncio.sleep(0)  # lets those who wait for the answers store them first
        raise Stopped("stopped before all work was done")

    async def in_flight(self, call: Awaitable[T]) -> T:
        """The answer of a call, which counts as in flight meanwhile.

        Raises:
            Stopped: The call was cancelled.
        """
        task = asyncio.ensure_future(call)
        self._calls[task] = asyncio.get_running_loop()
        try:
            return await task
        except asyncio.CancelledError:
            if self._cancelled:
                raise Stopped("stopped; calls in flight were cancelled") from None
            raise
        finally:
            self._calls.pop(task, None)


STOP = Stop()
"""The one of this process: Ctrl-C stops all that it does."""
