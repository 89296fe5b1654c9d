"""Work that takes a processor for long, such as checking and redacting thousands of texts.

Each tenant has one thread for it, and only two of all threads work at a time: so one tenant's batches delay the requests of
no other tenant, and its next batch waits for its last one.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = threading.Semaphore(2)


class Heavy:
    """The thread of a tenant."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "unlike-heavy")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do work when it is this tenant's turn."""

        def in_turn() -> T:
            with _AT_ONCE:
                return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_turn)
