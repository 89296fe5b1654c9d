"""The workers beside the routes: they build while the service is up, and start again where they break."""

import json
import threading
import time

from tests.serve.conftest import calling, crowd
from unlike.serve import app

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
    with calling(make_house(n_workers=1, worker_pause_s=0.0)):
        assert again.wait(PATIENCE_S)
    line = json.loads(logged.getvalue().splitlines()[0])
    assert (line["event"], line["error"]) == ("worker failed", "ValueError")
    assert "the words" not in logged.getvalue()
