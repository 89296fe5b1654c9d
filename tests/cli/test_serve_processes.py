"""``unlike serve --processes``: several processes on one port, of which one may be killed."""

import subprocess
import sys
import time
from contextlib import suppress

import httpx
import psutil
import pytest
from tests.cli.shop import WITHOUT_MODELS

N = 2
PATIENCE_S = 120


def until(holds):
    """What ``holds`` returns, once that is true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(psutil.Error, httpx.TransportError):
            if found := holds():
                return found
        time.sleep(0.05)
    raise AssertionError("it did not come to hold")


class Served:
    """The command with two processes."""

    def __init__(self, shop, key):
        words = ("serve", "--store", shop, "--port", "0", "--processes", N, *WITHOUT_MODELS)
        # Not tests.processes.Command: its processes may have none of their own.
        command = [sys.executable, "-m", "unlike.cli.main", *map(str, words)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().partition(" at ")[2].partition(";")[0]
        self.headers = {"authorization": f"Bearer {key}"}

    def children(self):
        """The processes that serve; a helper of multiprocessing is none of them."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.ZombieProcess):
                found += [child] if any("spawn_main" in word for word in child.cmdline()) else []
        return found

    def ask(self):
        """The status of a request on a connection of its own."""
        return httpx.get(f"{self.address}/v1/users", headers=self.headers, timeout=PATIENCE_S).status_code

    def counted(self):
        """Requests for users that were answered, as the counts for Prometheus say."""
        lines = httpx.get(f"{self.address}/metrics", timeout=PATIENCE_S).text.splitlines()
        counts = [
            line.split()[-1] for line in lines if line.startswith("unlike_requests_total") and "/v1/users" in line
        ]
        return sum(map(float, counts))


@pytest.fixture
def served(shop, unlike):
    served = Served(shop, unlike("keys", "new", "web", "--store", shop)[1].strip())
    yield served
    children = served.children() if served.process.poll() is None else []
    for process in (served.process, *children):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    served.process.communicate()


def test_a_killed_process_is_replaced_and_counts_are_those_of_all(served):
    before = until(lambda: len(there := served.children()) == N and there)
    assert {served.ask() for _ in range(8)} == {200}
    assert served.counted() == 8
    before[0].kill()
    asked = []
    while len(now := served.children()) < N or before[0] in now:
        with suppress(httpx.ConnectError, httpx.ReadError):  # it was waiting at the socket that is closed
            began = time.monotonic()
            asked.append((served.ask(), time.monotonic() - began))
    assert {status for status, _ in asked} == {200} and max(seconds for _, seconds in asked) < 5
    for _ in range(20):  # the successor is there, and not yet ready
        assert served.ask() == 200
    until(lambda: len(now := served.children()) == N and before[0] not in now)
    until(lambda: served.ask() == 200)
    assert served.counted() >= 9  # what a dead process counted still counts
    served.process.terminate()
    after = served.children()
    assert served.process.wait(PATIENCE_S) == 0
    assert not [child for child in after if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_they_end_where_the_command_is_killed(served):
    until(lambda: served.ask() == 200)
    children = served.children()
    served.process.kill()
    until(lambda: not any(child.is_running() for child in children))


def test_one_that_cannot_start_ends_all(served, shop):
    until(lambda: served.ask() == 200)
    (shop / "master.key").unlink()
    served.children()[0].kill()
    assert served.process.wait(PATIENCE_S) == 1


def test_a_model_is_not_loaded_in_each(unlike, shop):
    status, _, err = unlike("serve", "--store", shop, "--processes", N, "--llm", "llama.cpp:smollm2")
    assert status == 2
    assert "each process would load the model" in err
