"""Speed of the service with an LLM that answers at once, over 100,000 records, on two cores."""

import asyncio
import logging
import resource
import time

import pytest
from benchmarks.service_load import closed_loop, open_loop, request
from benchmarks.service_process import memory_of, rows, served
from sqlalchemy import func, select

from unlike.memory.worker import work_once
from unlike.privacy.keys import MasterKey
from unlike.store import api_keys
from unlike.store.database import open_store
from unlike.store.tables import PROFILES
from unlike.store.users import Consent

pytestmark = pytest.mark.soak
log = logging.getLogger(__name__)
N_RECORDS = 100_000
N_USERS = 300
"""Users who get a profile and are asked for."""


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """The store's folder, a key, and how long the records took."""
    folder = tmp_path_factory.mktemp("big")
    store = open_store(folder, MasterKey(b"k" * 32))
    memory = memory_of(store.tenant("acme"))
    started = time.perf_counter()
    asyncio.run(memory.add(list(rows(N_RECORDS)), Consent(peer=True)))
    took_s = time.perf_counter() - started
    with memory.tenant.write() as tx:
        key = api_keys.new(tx, "load")
    asyncio.run(_profiles(store, memory))
    store.close()
    return folder, key, took_s


async def _profiles(store, memory):
    """Work until most of the users have a profile; the jobs of all others may wait."""
    await memory.build([f"u{n}" for n in range(N_USERS)])
    n_profiles = 0
    while n_profiles < N_USERS * 9 // 10:
        await work_once(store, lambda _: memory)
        with memory.tenant.read() as tx:
            n_profiles = tx.conn.scalar(select(func.count()).select_from(PROFILES))


def requests(key):
    return [request("/v1/generate", key, {"user_id": f"u{n}", "item_id": f"i{n}"}) for n in range(N_USERS)]


def test_100_000_records_come_in_within_a_minute(big):
    log.info(f"{big[2]:.1f} s")
    assert big[2] < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1024 * 1024, "kB"


def test_a_request_is_quick_at_50_a_second(big):
    with served(big[0]) as port:
        asyncio.run(open_loop(port, requests(big[1]), 50, 3))
        load = asyncio.run(open_loop(port, requests(big[1]), 50, 20))
    assert load.n_errors == 0
    log.info(f"p50 {load.quantile(0.5) * 1000:.2f} ms, p99 {load.quantile(0.99) * 1000:.2f} ms")
    assert load.quantile(0.5) <= 0.010
    assert load.quantile(0.99) <= 0.050


def test_32_clients_get_a_fifth_of_what_a_bare_route_gives(big):
    with served("bare") as port:
        asyncio.run(closed_loop(port, requests(big[1]), 32, 2))
        bare = asyncio.run(closed_loop(port, requests(big[1]), 32, 10))
    with served(big[0]) as port:
        asyncio.run(closed_loop(port, requests(big[1]), 32, 2))
        load = asyncio.run(closed_loop(port, requests(big[1]), 32, 60))
    assert (bare.n_errors, load.n_errors) == (0, 0)
    log.info(f"{load.per_s:.0f} of {bare.per_s:.0f} requests a second, p50 {load.quantile(0.5) * 1000:.1f} ms")
    assert load.per_s >= 0.2 * bare.per_s
