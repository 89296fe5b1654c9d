"""Runs async functions for synchronous callers: scripts and notebooks, also where an event loop is already running.

All calls run on one background loop, so clients and connections made by one call serve the next.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import wait
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_CREATING = threading.Lock()
POLL_S = 0.25
"""How often a waiting thread wakes: once llama.cpp is loaded, a signal does not wake the main thread by itself."""


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the library's own loop; return its result or raise its error."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        while not future.done():
            wait([future], POLL_S)
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    with _CREATING:  # two threads may need it for the first time at once
        return _only_loop()


@cache
def _only_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="unlike", daemon=True).start()
    return loop
