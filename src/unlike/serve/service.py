"""What the routes share: the store, one memory a tenant, settings, and what was last seen of the LLM."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from unlike.errors import EngineError, UnlikeError
from unlike.memory.memory import Memory
from unlike.serve.errors import Problem, problem_of
from unlike.serve.metrics import Metrics
from unlike.store import jobs
from unlike.store.database import Store, Tenant
from unlike.store.migrate import migrated

LLMState = Literal["unknown", "up", "down"]
"""How the last call of the LLM went."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Settings of the service.

    Attributes:
        requests_per_s: A key may make in the long run; None for no limit.
        burst: Requests a key may make at once after a rest.
        most_bytes: Of a request's body.
        most_records: Of one request.
        key_cache_s: For so long a key found valid is not looked up again; a revoked one works no longer than this.
        n_workers: Workers that build profiles in this process; 0 where they run elsewhere.
        worker_pause_s: Before a worker that broke starts again.
    """

    requests_per_s: float | None = 100.0
    burst: int = 200
    most_bytes: int = 32 * 2**20
    most_records: int = 10_000
    key_cache_s: float = 3.0
    n_workers: int = 1
    worker_pause_s: float = 5.0


class Service:
    """A store behind HTTP.

    Args:
        store: Of all tenants; the caller closes it.
        open_memory: Makes the memory of a tenant, once.
        settings: Limits and workers.

    Attributes:
        llm: How the LLM's last call went.
        metrics: Counts of this process.
    """

    def __init__(
        self, store: Store, open_memory: Callable[[Tenant], Memory], settings: ServiceSettings | None = None
    ) -> None:
        self.store = store
        self.settings = settings or ServiceSettings()
        self.llm: LLMState = "unknown"
        self.metrics = Metrics()
        self._open_memory = open_memory
        self._memories: dict[int, Memory] = {}

    def memory(self, tenant: Tenant) -> Memory:
        """The memory of a tenant."""
        found = self._memories.get(tenant.id)
        if found is None:
            found = self._memories[tenant.id] = self._open_memory(tenant)
        return found

    def answered(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Note an answer of the LLM."""
        self.llm = "up"
        self.metrics.used(prompt_tokens, completion_tokens)

    def failed(self, error: UnlikeError) -> Problem:
        """Note that something went wrong; gives what to tell the caller."""
        if isinstance(error, EngineError):
            self.llm = "down"
        return problem_of(error)

    async def settle(self) -> None:
        """Write down what is only counted yet."""
        for memory in self._memories.values():
            await asyncio.to_thread(memory.close)

    def check_store(self) -> None:
        """See that the database answers and has all migrations.

        Raises:
            InputError: It does not.
        """
        with self.store.connection(writes=False):
            migrated(self.store.engine, migrate=False)

    def count_jobs(self) -> dict[str, int]:
        """Jobs of all tenants by state."""
        found = Counter[str]()
        for tenant in self.store.tenants():
            with tenant.read() as tx:
                found.update(jobs.counts(tx))
        return dict(found)
