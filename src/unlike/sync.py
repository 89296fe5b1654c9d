"""Runs async functions in a loop of their own thread: for synchronous callers, and for what belongs to one loop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_CREATING = threading.Lock()
POLL_S = 0.25
"""How often a waiting thread wakes: once llama.cpp is loaded, a signal does not wake the main thread by itself."""


class LoopThread:
    """An event loop in a daemon thread, which runs until it is stopped.

    An engine lives as long as its process, while callers come and go with loops of their own: a script's, a notebook's,
    a service's.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._under_way: set[Future[Any]] = set()
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the loop and wait in this thread; an error in this thread, such as KeyboardInterrupt, cancels the work."""
        future = self._submit(work)
        try:
            while not future.done():
                wait([future], POLL_S)
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the loop and wait in the caller's loop; cancelling one cancels the other."""
        return await asyncio.wrap_future(self._submit(work))

    def stop(self, last: Callable[[], None] = lambda: None) -> None:
        """Let what is under way come to its end, call ``last`` in the loop, and end the thread."""
        wait(list(self._under_way))

        async def call_last() -> None:
            last()
            await asyncio.sleep(0)  # what ``last`` cancelled takes note

        self.run(call_last())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the library's own loop; return its result or raise its error.

    For scripts and notebooks, also where a loop is already running. All calls run on one loop, so clients and connections
    made by one call serve the next.
    """
    with _CREATING:  # two threads may need it for the first time at once
        loop = _own_loop()
    return loop.run(work)


@cache
def _own_loop() -> LoopThread:
    return LoopThread("unlike")
