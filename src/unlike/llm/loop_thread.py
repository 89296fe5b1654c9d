"""An event loop in a thread of its own, for what belongs to one loop and is asked from many.

An engine lives as long as its process, while callers come and go with loops of their own: a script's, a notebook's,
a service's.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class LoopThread:
    """A thread that runs a loop until it is stopped.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._under_way: set[Future[Any]] = set()
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run in the loop and wait in this thread."""
        return self._submit(work).result()

    async def ask(self, work: Coroutine[Any, Any, Answer]) -> Answer:
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

    def _submit(self, work: Coroutine[Any, Any, Answer]) -> "Future[Answer]":
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future
