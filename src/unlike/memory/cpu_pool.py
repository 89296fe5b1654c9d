"""CPU-bound work, such as checking and redacting thousands of texts.

Each tenant has one thread for it, and at most two threads work at a time. So the batches of one tenant do not delay the
requests of another, and a tenant's batches run one after the other.
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
        """Run work in the tenant's thread."""

        def in_turn() -> T:
            with _AT_ONCE:
                return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_turn)
