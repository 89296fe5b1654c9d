"""Workers take due jobs, run them, and store failures. Any number of workers may share a store.

A worker survives any failure of a job. An engine's error message may hold a prompt, so only the class names of its errors
are stored.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from unlike.errors import Busy, CallFailed, EngineError, InputError, NoAnswer, Stopped, UnlikeError
from unlike.memory.memory import Memory
from unlike.memory.profile_sources import NotReady
from unlike.store import jobs, journal
from unlike.store.daily_budget import BudgetSpent
from unlike.store.database import Store, Tenant, TransactionConflict
from unlike.store.jobs import Job, Kind, LeaseLost, Scope
from unlike.store.keyring import AnotherMasterKey

AT_ONCE = 8
"""Jobs that one worker runs concurrently."""
IDLE_S = 0.5
ENGINE_PAUSE_S = 30.0
"""First pause of a job whose LLM or encoder does not answer; it doubles each time."""
MAX_ENGINE_PAUSE_S = 300.0
MAX_OUTAGES = 3
"""After so many in a row a job is to blame that gets no answer while others get theirs: its prompt may take too long."""
LEASE_S = 60.0
"""After this time another worker may take a job; a running job renews its lease."""
MAX_WAIT_S = 90.0
"""Longer than any pause after a failure of a job's own and any lease."""

Outage = EngineError | NoAnswer | Busy
"""Errors that no job is to blame for: the LLM or encoder does not answer anybody at the moment."""

End = tuple[Kind, Outage | None]
"""The kind of a job that was run, and the error of an LLM or encoder that did not answer it, if any."""

OpenMemory = Callable[[Tenant], Memory]
GoesOn = Callable[[float | None], Awaitable[bool]]

log = logging.getLogger(__name__)


async def _always(_: float | None) -> bool:
    return True


async def work(store: Store, open_memory: OpenMemory, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set; running jobs are finished."""
    while not stop.is_set():
        if not await work_once(store, open_memory):
            try:
                await asyncio.wait_for(stop.wait(), IDLE_S)
            except TimeoutError:
                continue


async def build_due(memory: Memory) -> int:
    """Do the waiting jobs of a memory now, also those that are not due yet; returns how many were done.

    A job that was postponed for a reason of its own, such as a refused call, is done when its pause is over.

    Raises:
        EngineError: The LLM cannot be used, or does not answer; jobs that need it keep waiting.
    """
    scope = Scope(memory.tenant.id)
    await asyncio.to_thread(memory.tenant.run_with_retry, lambda tx: jobs.hurry(tx, scope))
    return await work_off(memory.tenant.store, lambda tenant: memory, scope)


async def work_off(store: Store, open_memory: OpenMemory, scope: Scope | None = None) -> int:
    """Work until no job (of the scope) is due soon; returns how many jobs were done.

    Short pauses (after a failure, or while new records are gathered) are waited for; jobs that the refresh settings
    postpone for longer are left.

    Raises:
        EngineError: The LLM cannot be used, or does not answer; jobs that need it keep waiting.
    """
    done, error = await run_until_idle(store, open_memory, scope)
    if error is not None:
        raise error
    return done


async def run_until_idle(
    store: Store, open_memory: OpenMemory, scope: Scope | None = None, goes_on: GoesOn = _always
) -> tuple[int, EngineError | None]:
    """Work as ``work_off`` does, and until ``goes_on`` is false.

    Args:
        store: With the jobs.
        open_memory: The memory of a tenant.
        scope: Do only these jobs; None for all.
        goes_on: Called before each round with the seconds until the next job is due; None where there is none.

    Returns:
        How many jobs were started, and the error of an LLM or encoder that cannot be used, or that answered no job of a
        kind in a round, which ends the work.
    """
    done = 0
    while True:
        wait_s = await asyncio.to_thread(jobs.wait_s, store, scope)
        if not await goes_on(wait_s) or wait_s is None or wait_s > MAX_WAIT_S:
            return done, None
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, 1.0))
        ends = await _round(store, open_memory, LEASE_S, scope)
        done += len(ends)
        if error := _unusable(ends):
            return done, error


def _unusable(ends: Sequence[End]) -> EngineError | None:
    """The error that ends the work; a job that got no answer while others of its kind were done does not."""
    for _, outage in ends:
        if isinstance(outage, EngineError):
            return outage
    answered = {kind for kind, outage in ends if outage is None}
    for kind, outage in ends:
        if outage is not None and kind not in answered:
            error = EngineError(f"{outage}; what is done is kept, and the rest waits: run it again later to continue")
            error.__cause__ = outage
            return error
    return None


async def work_once(store: Store, open_memory: OpenMemory, lease_s: float = LEASE_S, scope: Scope | None = None) -> int:
    """Run due jobs (of the scope), at most ``AT_ONCE``; returns how many."""
    return len(await _round(store, open_memory, lease_s, scope))


async def _round(store: Store, open_memory: OpenMemory, lease_s: float, scope: Scope | None = None) -> list[End]:
    """Run due jobs concurrently."""
    taken = await asyncio.to_thread(jobs.claim, store, AT_ONCE, lease_s, scope)
    outages = await asyncio.gather(*(_do_held(job, open_memory, lease_s) for job in taken))
    return [(job.kind, outage) for job, outage in zip(taken, outages, strict=True)]


async def _do_held(job: Job, open_memory: OpenMemory, lease_s: float) -> Outage | None:
    """Do a job under a lease that is renewed for as long as it takes."""
    holding = asyncio.create_task(_hold(job, lease_s))
    try:
        return await _do(job, open_memory)
    finally:
        holding.cancel()


async def _do(job: Job, open_memory: OpenMemory) -> Outage | None:
    """Do a job; whatever happens, it is ended, tried again, or given up."""
    try:
        await open_memory(job.tenant).do(job)
    except LeaseLost:
        log.info("job %d was taken over", job.number)
    except NotReady as reason:
        await asyncio.to_thread(_postpone, job, reason.pause_s, str(reason))
    except TransactionConflict:
        await asyncio.to_thread(_postpone, job, 0.0, "records changed meanwhile")
    except Stopped:
        await asyncio.to_thread(_postpone, job, 0.0, "")
    except BudgetSpent as spent:
        await asyncio.to_thread(_postpone, job, spent.renewed_in_s, str(spent))
    except AnotherMasterKey:
        log.error("job %d waits for a service with the store's new master key", job.number)
        await asyncio.to_thread(_postpone, job, ENGINE_PAUSE_S, "the store has another master key")
    except (EngineError, NoAnswer, Busy) as error:  # an Outage
        return await asyncio.to_thread(_put_off, job, error)
    except UnlikeError as error:
        await asyncio.to_thread(_fail, job, safe_message(error))
    except Exception as error:  # noqa: BLE001 - a worker survives any failure of a job
        log.error("job %d failed: %s", job.number, type(error).__name__)
        await asyncio.to_thread(_fail, job, f"unexpected {type(error).__name__}")
    return None


def _put_off(job: Job, outage: Outage) -> Outage | None:
    """Postpone a job whose LLM or encoder does not answer; the job is to blame if it alone gets no answer."""
    if isinstance(outage, NoAnswer) and job.outages >= MAX_OUTAGES and _others_are_answered(job):
        _fail(job, safe_message(outage))
        return None
    pause_s = min(ENGINE_PAUSE_S * 2**job.outages, MAX_ENGINE_PAUSE_S)
    _postpone(job, pause_s, safe_message(outage), job.outages + 1)
    return outage


def _others_are_answered(job: Job) -> bool:
    """Whether a build was answered lately: since the job was put off the last time, and while its calls waited."""
    with job.tenant.read() as tx:
        answered_ms = journal.last_answer_ms(tx)
        return answered_ms is not None and tx.now_ms - answered_ms <= 2 * MAX_ENGINE_PAUSE_S * 1000


def safe_message(error: UnlikeError) -> str:
    """The message of an error that may be stored: our own, and for an engine's error only class names."""
    if not isinstance(error, CallFailed | EngineError) or isinstance(error.__cause__, InputError):
        return str(error)
    return f"the LLM {_failure_of(error)} ({' < '.join(_names(error))}); see the engine's own log"


def _failure_of(error: CallFailed | EngineError) -> str:
    if isinstance(error, EngineError):
        return "cannot be used"
    return "did not answer" if isinstance(error, Outage) else "gave no usable answer"


def _names(error: BaseException) -> list[str]:
    """Names of an error and of its causes."""
    return [type(error).__name__, *(_names(error.__cause__) if error.__cause__ else [])]


async def _hold(job: Job, lease_s: float) -> None:
    while True:
        await asyncio.sleep(lease_s / 3)
        with suppress(UnlikeError):  # a lost lease is noticed when the job ends
            await asyncio.to_thread(_hold_on, job, lease_s)


def _hold_on(job: Job, lease_s: float) -> None:
    with suppress(LeaseLost), job.tenant.write(durable=False) as tx:
        jobs.hold(tx, job, lease_s)


def _fail(job: Job, error: str) -> None:
    with suppress(LeaseLost):
        job.tenant.run_with_retry(lambda tx: jobs.fail(tx, job, error), durable=False)


def _postpone(job: Job, pause_s: float, reason: str, outages: int = 0) -> None:
    with suppress(LeaseLost):
        job.tenant.run_with_retry(lambda tx: jobs.postpone(tx, job, pause_s, reason, outages), durable=False)
