"""Ctrl-C, as a real signal to a real process: once lets calls in flight finish, twice cancels them; what is done is kept."""

import io
import signal
import sys

import pytest
from tests.llm.endpoint import Slow
from tests.processes import Command

from unlike.cli.interrupt import interruptible

N_AT_ONCE, N_CASES = 2, 6


@pytest.fixture
def slow():
    endpoint = Slow()
    yield endpoint
    endpoint.go.set()
    endpoint.stop()


@pytest.fixture
def command(sample, slow, tmp_path):
    """The words of a run, or of an experiment with the same calls."""
    llm = f"openai:m@{slow.base_url}"
    (tmp_path / "plan.toml").write_text(
        f'title = "t"\ncorpus = "{sample}"\nlimit = {N_CASES}\nembedder = "hashing:64"\nmetrics = ["rouge1"]\n'
        f'llm = {{ uri = "{llm}", concurrency = {N_AT_ONCE} }}\nmethods = [{{ method = "non_perso" }}]\n'
    )
    of_run = ["--corpus", sample, "--method", "non_perso", "--llm", llm, "--embedder", "hashing:64"]
    return {
        "run": ["run", *of_run, "--limit", str(N_CASES), "--concurrency", str(N_AT_ONCE), "--out", tmp_path / "out"],
        "experiment": ["experiment", tmp_path / "plan.toml", "--out", tmp_path / "out"],
    }


def interrupt(process, said):
    """Send SIGINT and wait until a line says so."""
    process.send_signal(signal.SIGINT)
    return next(line for line in process.stderr if said in line)


@pytest.mark.parametrize("kind", ["run", "experiment"])
def test_the_first_one_lets_calls_in_flight_finish_and_keeps_them(kind, command, slow):
    process = Command(*command[kind])
    slow.wait_for_calls(N_AT_ONCE)
    assert f"waiting for {N_AT_ONCE} calls in flight" in interrupt(process, "stopping: no new LLM call begins")
    slow.go.set()
    err = process.stderr.read()  # the line above may have brought more with it than was read
    assert process.wait(120) == 130
    assert err.splitlines()[-1] == "unlike: stopped; run the same command again to continue"
    assert len(slow.requests) == N_AT_ONCE
    process = Command(*command[kind])
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(slow.requests) == N_CASES


def test_the_second_one_cancels_them(command, slow):
    process = Command(*command["run"])
    slow.wait_for_calls(N_AT_ONCE)
    interrupt(process, "stopping: no new LLM call begins")
    interrupt(process, "cancelling")
    err = process.stderr.read()  # the lines above may have brought more with them than was read
    assert process.wait(120) == 130
    assert "run the same command again to continue" in err
    assert len(slow.requests) == N_AT_ONCE
    slow.go.set()
    process = Command(*command["run"])
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert len(slow.requests) == N_AT_ONCE + N_CASES


def test_a_line_that_is_being_written_is_not_in_its_way(monkeypatch):
    class PressedWhileItWrites(io.RawIOBase):
        written = b""

        def writable(self):
            return True

        def write(self, chunk):
            self.written += bytes(chunk)
            if bytes(chunk) == b"progress\n":
                signal.raise_signal(signal.SIGINT)
            return len(chunk)

    raw = PressedWhileItWrites()
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=True))
    with interruptible():
        sys.stderr.write("progress\n")
        sys.stderr.write("progress\n")
    lines = raw.written.decode().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["cancelling;", "progress", "progress", "stopping:"]
