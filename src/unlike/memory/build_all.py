"""Build all profiles that are due: every waiting job is done, as a worker of the service does it.

An LLM that cannot be used ends the work instead of being retried forever. Where the user stops it, calls in flight are
answered and kept, and the jobs wait again at once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from unlike.errors import EngineError
from unlike.llm.forecast import PlaceholderBackend
from unlike.llm.stop import STOP
from unlike.llm.usage import Meter, Usage
from unlike.memory.answers import JobRow
from unlike.memory.outdated import n_built_otherwise, queue_outdated
from unlike.memory.profile_pages import known_user
from unlike.memory.retention import expire
from unlike.memory.worker import run_until_idle
from unlike.progress import OnProgress, n_of, no_progress
from unlike.store import jobs
from unlike.store.backup import backup
from unlike.store.counts import built_since
from unlike.store.daily_budget import set_budget
from unlike.store.database import open_store
from unlike.store.jobs import Kind, Scope

if TYPE_CHECKING:
    from unlike.memory.open import MemoryParts
    from unlike.store.database import Tenant, Tx

MAX_ERROR_CHARS = 300


@dataclass(frozen=True, slots=True)
class Built:
    """What was built.

    Attributes:
        n_jobs: Jobs that were started, failed ones included.
        users: Users with a new profile version.
        n_calls: Answered LLM calls.
        tokens: Of their prompts and answers.
        stopped: Whether the work was stopped before all jobs were done.
        n_otherwise: Profiles that another process, such as a running service, built meanwhile with other settings or models.
        failed: The tenant's jobs that failed for good meanwhile.
        postponed: Why the job that waits longest is postponed, where there is a reason.
        call_error: Error of the last LLM call that failed.
    """

    n_jobs: int
    users: tuple[str, ...]
    n_calls: int
    tokens: int
    wall_s: float
    stopped: bool
    n_otherwise: int
    failed: tuple[JobRow, ...]
    postponed: str
    call_error: str


async def build_profiles(
    tenant: "Tenant",
    parts: "MemoryParts",
    user_ids: Sequence[str] | None = (),
    on_progress: OnProgress = no_progress,
    limit: int | None = None,
) -> tuple[Built, EngineError | None]:
    """Delete what has expired, then do the waiting jobs of a store: all of them, or those of some users.

    Unless users are named, profiles that were made under other settings are due too, and failed jobs are tried again.

    Args:
        tenant: Whose profiles are reported; where no users are named, jobs of the store's other tenants are done too.
        parts: With an LLM, which is closed at the end.
        user_ids: Build only these users' profiles, even where that is not due; () for all that are due, None for all.
        on_progress: Called before each batch of jobs and after each LLM call.
        limit: Build at most this many profiles, those first that are due first.

    Returns:
        What was built, and the error of an LLM or encoder that cannot be used; the remaining jobs keep waiting.
    """
    meter = parts.meter or Meter()
    parts = replace(parts, meter=meter)
    memory, started = parts.memory(tenant), time.monotonic()
    before = {job.number for job in (await memory.jobs("failed", limit=1_000)).rows}
    try:
        await asyncio.to_thread(expire, tenant, memory.settings.retention)
        if not user_ids:
            await asyncio.to_thread(queue_outdated, memory, models=True)
            await asyncio.to_thread(tenant.run_with_retry, jobs.retry)
        if user_ids is None or user_ids:
            await memory.build(user_ids and user_ids[:limit])
        scope = await asyncio.to_thread(tenant.run_with_retry, lambda tx: _scope(tx, user_ids, limit))
        since_ms = tenant.store.now_ms()
        shown = _BuildProgress(on_progress, meter, 1 + memory.settings.method.n_records)

        async def goes_on(wait_s: float | None) -> bool:
            shown.between_jobs(await asyncio.to_thread(jobs.n_left, tenant.store, scope), wait_s or 0.0)
            return not (STOP.requested or meter.unusable)

        n_jobs, error = await run_until_idle(tenant.store, parts.memory, scope, goes_on)
    finally:
        await parts.backend.aclose()
    with tenant.read() as tx:
        users = tuple(built_since(tx, since_ms))
    n_otherwise = await asyncio.to_thread(n_built_otherwise, memory, user_ids or ())
    failed = tuple(job for job in (await memory.jobs("failed", limit=1_000)).rows if job.number not in before)
    waiting = (await memory.jobs("waiting", limit=1_000)).rows
    reasons = [job.error for job in waiting if job.error and (not user_ids or job.user_id in user_ids)]
    postponed = reasons[-1] if reasons else ""  # others may only wait for this one
    wall_s = time.monotonic() - started
    used = meter.usage
    n_calls, call_error = used.n_calls - used.n_calls_failed, " ".join(meter.failed.split())[:MAX_ERROR_CHARS]
    built = Built(
        n_jobs, users, n_calls, _tokens(used), wall_s, STOP.requested, n_otherwise, failed, postponed, call_error
    )
    return built, error or meter.unusable


def _scope(tx: "Tx", user_ids: Sequence[str] | None, limit: int | None) -> Scope | None:
    """The jobs to do, made due at once; None for all jobs."""
    if user_ids:
        users = [known_user(tx, user_id) for user_id in user_ids[:limit]]
    elif limit:
        users = jobs.first_waiting(tx, "build", limit)
    else:
        return None
    scope = Scope(tx.tenant, tuple(users))
    jobs.hurry(tx, scope)
    return scope


class _BuildProgress:
    """Progress of a build: items while texts are only clustered, then LLM calls.

    Until a profile is built, each is assumed to take the maximum number of calls; then the mean so far, since unchanged parts
    are reused.
    """

    def __init__(self, on_progress: OnProgress, meter: Meter, max_calls: int) -> None:
        self._on_progress, self._meter, self._max_calls = on_progress, meter, max_calls
        self._left, self._most = Counter[Kind](), Counter[Kind]()
        self._n_calls, self._pause = 0, ""
        meter.on_count = self.show

    def between_jobs(self, left: Counter[Kind], wait_s: float) -> None:
        """Note which jobs are left while none runs, so that all calls so far belong to those that are done."""
        self._most |= left
        n_built, n_calls = self._most["build"] - left["build"], self._meter.usage.n_calls
        per_profile = n_calls / n_built if n_built else self._max_calls
        self._left, self._n_calls = left, n_calls + round(left["build"] * per_profile)
        self._pause = f", the next job is due in {wait_s:.0f} s" if wait_s > 1 else ""
        self.show()

    def show(self) -> None:
        """Show how far the work is."""
        used, most, left = self._meter.usage, self._most, self._left
        if left["cluster"] and not used.n_calls:
            n_done = most["cluster"] - left["cluster"]
            self._on_progress("clustering the texts on each item", n_done, most["cluster"], self._pause[2:])
            return
        if left["build"] and used.n_calls == self._n_calls:
            return  # the profile of the last call is ready next
        details = f"{most['build'] - left['build']:,} of {n_of(most['build'], 'profile')}, {_tokens(used):,} tokens"
        n_total = used.n_calls + 1 if used.n_calls > self._n_calls else self._n_calls
        self._on_progress("building, LLM calls", used.n_calls, n_total, details + self._pause)


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens


@dataclass(frozen=True, slots=True)
class BuildForecast:
    """What building would cost.

    Attributes:
        n_profiles: Profiles that would get a new version.
        completion_tokens: With an assumed length of each answer.
        rewrites_not_counted: Maximum number of times that each call is made again; these are not counted, since only a
            reply shows whether they are made.
    """

    n_profiles: int
    n_calls: int
    prompt_tokens: int
    completion_tokens: int
    rewrites_not_counted: int


async def forecast_build(
    tenant: "Tenant",
    parts: "MemoryParts",
    user_ids: Sequence[str] | None = (),
    on_progress: OnProgress = no_progress,
    limit: int | None = None,
) -> BuildForecast:
    """What ``build_profiles`` would cost, found by building with placeholders in a copy of the store, which is deleted.

    Args:
        tenant: Whose profiles are counted; jobs of the store's other tenants are counted too.
        parts: With an LLM, which only counts tokens.
        user_ids: As in ``build_profiles``.
        on_progress: Called before each batch of jobs.
        limit: As in ``build_profiles``.

    Raises:
        InputError: The store is in a database server, which is not copied.
    """
    with TemporaryDirectory(prefix="unlike-forecast-") as folder:
        backup(tenant.store, Path(folder))
        copy = open_store(folder, tenant.store.keys.master)
        try:
            for every in copy.tenants():
                every.run_with_retry(lambda tx: set_budget(tx, None))  # it is for the calls to be made
            meter = Meter()
            file = replace(parts.file, memory={**parts.file.memory, "keep_prompts": False})
            parts = replace(parts, backend=PlaceholderBackend(parts.backend), meter=meter, file=file)

            def counting(what: str, n_done: int, n_total: int, details: str) -> None:
                on_progress(what.replace("building", "counting"), n_done, n_total, details)

            built, _ = await build_profiles(copy.tenant(tenant.name), parts, user_ids, counting, limit)
        finally:
            copy.close()
    used, rewrites = meter.usage, file.memory_settings().method.max_rewrites
    return BuildForecast(len(built.users), used.n_calls, used.prompt_tokens, used.completion_tokens, rewrites)
