"""Killed at any moment and started again, a run pays nothing twice but what was in flight."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.llm.killed_run import CONCURRENCY
from unlike.llm.journal import Call, Journal, key

N_CALLS = 120
RUN = Path(__file__).with_name("killed_run.py")


def start(folder):
    command = [sys.executable, str(RUN), str(folder / "j.sqlite"), str(folder / "paid"), str(N_CALLS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def paid(folder):
    file = folder / "paid"
    return file.read_text().split() if file.exists() else []


def kill_after(folder, n_paid):
    """Start the run and kill it (SIGKILL) when so many calls have been asked in all."""
    process = start(folder)
    deadline = time.monotonic() + 120
    while len(paid(folder)) < n_paid:
        assert time.monotonic() < deadline and process.poll() is None, "the run ended before it was killed"
        time.sleep(0.001)
    process.kill()
    process.wait()
    process.stdout.close()


def answered(folder):
    journal = Journal(folder / "j.sqlite")
    model = "scripted:function"
    calls = {f"{n}": Call("s", "t", ({"role": "user", "content": f"{n}"},)) for n in range(N_CALLS)}
    done = {text for text, call in calls.items() if journal.get(key(call, model))}
    journal.close()
    return done


@pytest.mark.parametrize("moments", [(1, 30, 90), (17, 18, 61)])
def test_three_kills_cost_only_the_calls_in_flight(tmp_path, moments):
    for n_paid in moments:
        kill_after(tmp_path, n_paid)
        n_before, known = len(paid(tmp_path)), answered(tmp_path)
        # At most the calls in flight are lost.
        assert len(set(paid(tmp_path)) - known) <= CONCURRENCY
    finished = start(tmp_path)
    texts = finished.communicate(timeout=120)[0].split("\n")[:-1]
    assert texts == [f"re: {n}" for n in range(N_CALLS)]
    assert not known & set(paid(tmp_path)[n_before:]), "an answered call was paid again"
    assert len(paid(tmp_path)) <= N_CALLS + CONCURRENCY * len(moments)
