"""What the routes share: the store, one memory per tenant, settings, and how the LLM's last call went."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Any, Literal, TypeVar

from sqlalchemy.exc import DBAPIError

from unlike.errors import EngineError, InputError, NoAnswer, UnlikeError
from unlike.llm.request_priority import RequestPriority
from unlike.llm.stop import STOP
from unlike.memory.erase import scrub
from unlike.memory.memory import Memory
from unlike.memory.retention import expire
from unlike.serve.errors import Problem, problem_of
from unlike.serve.logs import log
from unlike.serve.prometheus import Metrics
from unlike.settings import ServiceSettings
from unlike.store import jobs
from unlike.store.database import Store, Tenant, check_master
from unlike.store.keyring import AnotherMasterKey
from unlike.store.migrate import migrated

T = TypeVar("T")

FRESH_S = 1.0
GRACE_S = 30.0
"""Time for requests and builds to finish after a signal to stop."""
CANCEL_S = 3.0
"""Time for builds to end after their calls were cancelled."""
ROTATED = "the store has another master key now; restart this service with that one"
LLMState = Literal["unknown", "up", "down"]
StoreState = Literal["up", "down", "another_master_key"]
"""How the last call of the LLM went."""


class Service:
    """A store behind HTTP.

    Args:
        store: Of all tenants; the caller closes it.
        open_memory: Makes the memory of a tenant, once.
        settings: Limits and workers.
        priority: When the builds of the memories may call the LLM.

    Attributes:
        llm: How the LLM's last call went.
        metrics: Counts of this process.
        stop: Set where the workers are to end.
    """

    def __init__(
        self,
        store: Store,
        open_memory: Callable[[Tenant], Memory],
        settings: ServiceSettings | None = None,
        priority: RequestPriority | None = None,
    ) -> None:
        self.store = store
        self.settings = settings or ServiceSettings()
        self.llm: LLMState = "unknown"
        self.metrics = Metrics()
        self.stop = asyncio.Event()
        self._ends_at = 0.0
        self._priority = priority
        if priority:
            priority.expect_requests()
        self._open_memory = open_memory
        self._memories: dict[int, Memory] = {}
        self._opening = threading.Lock()
        self._asked: dict[str, tuple[float, asyncio.Task[Any]]] = {}
        self._is_migrated = False

    def memory(self, tenant: Tenant) -> Memory:
        """The memory of a tenant."""
        found = self._memories.get(tenant.id)
        if found is None:
            with self._opening:  # requests and the cleaning ask from different threads
                found = self._memories.get(tenant.id)
                if found is None:
                    found = self._memories[tenant.id] = self._open_memory(tenant)
                    found.spending.on_used = self.metrics.used
        return found

    def stop_building(self) -> None:
        """Let running jobs end after the LLM calls under way; answers are kept, and the jobs wait for the next start."""
        if not self.stop.is_set():
            self.stop.set()
            self._ends_at = time.monotonic() + GRACE_S
        if self._priority:
            self._priority.close()

    async def end(self, workers: Collection[asyncio.Task[None]]) -> None:
        """Wait for workers that were told to stop, for ``GRACE_S`` at most; then cancel the calls they wait for."""
        _, late = await asyncio.wait(workers, timeout=max(0.0, self._ends_at - time.monotonic()))
        if late:
            log("builds did not end in time; they go on at the next start", logging.WARNING)
            STOP.cancel()
            await asyncio.wait(late, timeout=CANCEL_S)
            STOP.reset()
        for worker in late:
            worker.cancel()

    def answered(self) -> None:
        """Note that the LLM answered."""
        self.llm = "up"

    def failed(self, error: UnlikeError) -> Problem:
        """Note an error; returns what the caller is sent."""
        if isinstance(error, EngineError | NoAnswer):
            self.llm = "down"
        if isinstance(error, AnotherMasterKey):
            log(ROTATED, logging.ERROR)
        return problem_of(error)

    async def store_usage(self) -> None:
        """Store the usage that is only counted so far."""
        for memory in list(self._memories.values()):
            await asyncio.to_thread(memory.close)

    async def store_state(self) -> StoreState:
        """Return "up" where the database answers, is migrated and has all usage; looked at once per second at most."""
        return await self._once_a_second("store", self._store_state)

    async def n_jobs(self) -> dict[str, int]:
        """Jobs of all tenants by state, counted at most once per second; empty while the database cannot be used."""
        return await self._once_a_second("jobs", self._count_jobs)

    def clean_up(self) -> None:
        """Regular cleaning: remove deleted data from the files, delete what has expired, store usage that could not be stored.

        Raises:
            InputError: The database cannot be used.
        """
        scrub(self.store)
        for tenant in self.store.tenants():
            memory = self.memory(tenant)
            expire(tenant, memory.settings.retention)
            if memory.owes_writing:
                memory.spending.write()

    async def _once_a_second(self, what: str, work: Callable[[], T]) -> T:
        asked = self._asked.get(what)
        if asked is None or time.monotonic() - asked[0] >= FRESH_S:
            asked = self._asked[what] = time.monotonic(), asyncio.create_task(asyncio.to_thread(work))
        return await asyncio.shield(asked[1])

    def _store_state(self) -> StoreState:
        try:
            if not self._is_migrated:
                migrated(self.store.engine, migrate=False)
                self._is_migrated = True
            check_master(self.store)
        except AnotherMasterKey:
            log(ROTATED, logging.ERROR)
            return "another_master_key"
        except (UnlikeError, DBAPIError):
            return "down"
        return "down" if any(memory.owes_writing for memory in list(self._memories.values())) else "up"

    def _count_jobs(self) -> dict[str, int]:
        try:
            with self.store.connection(writes=False) as conn:
                return jobs.counts(conn)
        except InputError:  # the other metrics are needed all the more
            return {}
