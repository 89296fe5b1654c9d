"""The workers beside the routes: they build while the service is up, and start again where they break."""

import asyncio
import json
import threading
import time

from tests.serve.conftest import calling, crowd
from unlike.llm.request_priority import RequestPriority
from unlike.llm.scripted import ScriptedBackend
from unlike.llm.stop import STOP
from unlike.serve import app, service
from unlike.store import jobs

PATIENCE_S = 120


def test_a_profile_is_built_while_the_service_is_up(make_house):
    with calling(make_house(n_workers=1)) as client:
        client.post("/v1/records", json=crowd()).raise_for_status()
        until = time.monotonic() + PATIENCE_S
        while client.get("/v1/jobs").json()["total"] and time.monotonic() < until:
            pass
        assert client.get("/v1/users/ada/profile").json()["current"]


def test_a_worker_that_breaks_starts_again(make_house, monkeypatch, logged):
    begun, again = [], threading.Event()

    async def breaking(store, open_memory, stop):
        begun.append(1)
        if len(begun) == 1:
            raise ValueError("the words of a record")
        again.set()
        await stop.wait()

    monkeypatch.setattr(app, "work", breaking)
    with calling(make_house(n_workers=1, worker_pause_s=0.001)):
        assert again.wait(PATIENCE_S)
    line = json.loads(logged.getvalue().splitlines()[0])
    assert (line["event"], line["error"]) == ("worker failed", "ValueError")
    assert "the words" not in logged.getvalue()


def test_a_tenant_has_one_memory_whatever_thread_asks_for_it(full_house):
    tenant, opened, found = full_house.store.tenant("acme"), [], []
    asking = threading.Thread(target=lambda: found.append(served.memory(tenant)))

    def open_memory(of):
        opened.append(of)
        if len(opened) == 1:
            asking.start()
            asking.join(0.2)  # without a lock it ends here, with a memory of its own
        return full_house.open_memory(of)

    served = service.Service(full_house.store, open_memory)
    memory = served.memory(tenant)
    asking.join(PATIENCE_S)
    assert opened == [tenant] and found == [memory]


class Held(ScriptedBackend):
    """An engine of this process with two slots, which answers calls of builds when it is told to, and requests at once.

    Attributes:
        arrived: Released by every call of a build.
        go: Set where builds may be answered.
    """

    slots = 2

    def __init__(self):
        super().__init__(lambda messages, sampling: "A text.")
        self.arrived, self.go = threading.Semaphore(0), threading.Event()
        self._free = threading.Semaphore(self.slots)

    async def complete(self, messages, sampling):
        async with asyncio.timeout(PATIENCE_S):
            while not self._free.acquire(blocking=False):
                await asyncio.sleep(0)
        try:
            if sampling.max_tokens != TEXT_TOKENS:
                self.arrived.release()
                while not self.go.is_set():
                    await asyncio.sleep(0)
            return await super().complete(messages, sampling)
        finally:
            self._free.release()


TEXT_TOKENS = 77
TEXT = {"user_id": "ada", "item_id": "album-1", "max_tokens": TEXT_TOKENS}


def test_a_request_is_answered_beside_builds_at_the_same_engine(make_house):
    llm = Held()
    house = make_house(llm=llm, n_workers=1, priority=RequestPriority(llm))
    with calling(house) as client:
        client.post("/v1/records", json=crowd()).raise_for_status()
        assert llm.arrived.acquire(timeout=PATIENCE_S)
        assert client.post("/v1/generate", json=TEXT).json()["text"] == "A text."
        assert client.get("/v1/jobs?state=running").json()["total"]
        llm.go.set()


def test_builds_that_do_not_end_in_time_are_cancelled_and_wait_for_the_next_start(make_house, monkeypatch, logged):
    monkeypatch.setattr(service, "GRACE_S", 0.0)
    llm = Held()
    house = make_house(llm=llm, n_workers=1, priority=RequestPriority(llm))
    with calling(house) as client:
        client.post("/v1/records", json=crowd()).raise_for_status()
        assert llm.arrived.acquire(timeout=PATIENCE_S)
    assert "builds did not end in time" in logged.getvalue()
    assert not STOP.requested
    with house.store.tenant("acme").read() as tx:
        assert set(jobs.counts(tx.conn, jobs.Scope(tx.tenant))) == {"waiting"}
