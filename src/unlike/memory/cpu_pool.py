"""CPU-bound work, such as checking and redacting thousands of texts.

Each tenant has one thread for it, and at most two threads work at a time. So the batches of one tenant do not delay the
requests of another, and a tenant's batches run one after the other. A server also has processes for what may take long.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from unlike.memory.cpu_process import CPUProcesses

P = ParamSpec("P")
T = TypeVar("T")

LARGE_BYTES = 4_000
"""Work on more text than this may take seconds; for less, a process is not worth its round trip."""

_AT_ONCE = threading.Semaphore(2)


class Heavy:
    """The thread of a tenant.

    Args:
        processes: For large work; None to do everything in the thread.
    """

    def __init__(self, processes: CPUProcesses | None = None) -> None:
        self._thread = ThreadPoolExecutor(1, "unlike-heavy")
        self._processes = processes

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work in the tenant's thread."""

        def in_turn() -> T:
            with _AT_ONCE:
                return work(*args, **kwargs)

        return await self._in_thread(in_turn)

    async def run_sized(self, n_bytes: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work on a text of some size, in a process if it is large and there is one; then everything is pickled."""
        processes = self._processes
        if processes and n_bytes > LARGE_BYTES:
            # Not counted with the threads at work: small work of other tenants does not wait for it.
            return await self._in_thread(lambda: processes.run(work, *args, **kwargs))
        return await self.run(work, *args, **kwargs)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
