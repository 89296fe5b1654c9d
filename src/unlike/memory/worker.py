"""Workers: take jobs that are due, do them, and note what failed. Any number of them may share a store."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from unlike.errors import CallFailed, EngineError, UnlikeError
from unlike.memory.build import Changed
from unlike.memory.memory import Memory
from unlike.store import jobs
from unlike.store.database import Store, Tenant
from unlike.store.jobs import Job, LeaseLost

AT_ONCE = 8
"""Jobs that one worker does side by side."""
IDLE_S = 0.5
ENGINE_PAUSE_S = 30.0

OpenMemory = Callable[[Tenant], Memory]

log = logging.getLogger(__name__)


async def work(store: Store, open_memory: OpenMemory, stop: asyncio.Event) -> None:
    """Work until told to stop; jobs under way are finished."""
    while not stop.is_set():
        if not await work_once(store, open_memory):
            try:
                await asyncio.wait_for(stop.wait(), IDLE_S)
            except TimeoutError:
                continue


async def work_off(store: Store, open_memory: OpenMemory) -> int:
    """Work until nothing is waiting, whenever it is due; gives how many jobs were done.

    What has to wait (a pause after a failure, new records being gathered) is waited for.
    """
    done = 0
    while (wait_s := await asyncio.to_thread(jobs.wait_s, store)) is not None:
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, 1.0))
        done += await work_once(store, open_memory)
    return done


async def work_once(store: Store, open_memory: OpenMemory) -> int:
    """Do what is due, at most a handful of jobs; gives how many."""
    taken = await asyncio.to_thread(jobs.claim, store, AT_ONCE, 600.0)
    await asyncio.gather(*(_do(job, open_memory) for job in taken))
    return len(taken)


async def _do(job: Job, open_memory: OpenMemory) -> None:
    """Do a job; whatever happens, it is ended, tried again, or given up, and the worker goes on."""
    try:
        await open_memory(job.tenant).do(job)
    except LeaseLost:
        log.info("job %d was taken over", job.number)
    except Changed:
        await asyncio.to_thread(_postpone, job, 0.0, "records changed meanwhile")
    except EngineError as error:
        await asyncio.to_thread(_postpone, job, ENGINE_PAUSE_S, str(error))
    except (CallFailed, UnlikeError) as error:
        await asyncio.to_thread(_fail, job, str(error))
    except Exception as error:  # noqa: BLE001 - a worker outlives any job; the text of an unknown error may hold words
        log.error("job %d failed: %s", job.number, type(error).__name__)
        await asyncio.to_thread(_fail, job, f"unexpected {type(error).__name__}")


def _fail(job: Job, error: str) -> None:
    with suppress(LeaseLost), job.tenant.write() as tx:
        jobs.fail(tx, job, error)


def _postpone(job: Job, pause_s: float, reason: str) -> None:
    with suppress(LeaseLost), job.tenant.write() as tx:
        jobs.postpone(tx, job, pause_s, reason)
