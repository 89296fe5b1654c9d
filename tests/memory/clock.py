"""A time that stands still until it is moved."""

import asyncio

from unlike.memory.profile_sources import PAUSE_S
from unlike.memory.worker import work_once

NOW_MS = 1_800_000_000_000


class Clock:
    """A store's time, which stands still until it is moved."""

    def __init__(self, store):
        self.ms = NOW_MS
        store.now_ms = lambda: self.ms

    def later(self, seconds):
        self.ms += int(seconds * 1000)

    def work(self, memory):
        """Do what is due now, and what waits only for that; gives how many jobs."""
        self.later(0.01)
        done = once(memory)
        self.later(PAUSE_S)
        return done + once(memory)


def once(memory):
    """All that is due now."""
    done = 0
    while n := asyncio.run(work_once(memory.tenant.store, lambda _: memory)):
        done += n
    return done
