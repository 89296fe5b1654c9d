"""A simulated world for benchmarks: a corpus of any size, and the simulator as an engine in a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.simulator import READ_S, WRITE_S
from unlike.data.corpus import Corpus
from unlike.records import Case, Item, Record


def corpus_of(n_cases: int) -> Corpus:
    """Users with eight records each on items that ten users wrote about, and a case of each."""
    n_items = n_cases * 8 // 10
    items = [Item(f"i{i}", f"Item {i}", f"A thing with {i} parts. " * 8) for i in range(n_items)]
    records = [
        Record(
            f"r{u}-{n}", f"u{u}", f"i{(u * 8 + n * 7) % n_items}", f"User {u} says {n}. " * 20, "Said", 4.0, 1000 + n
        )
        for u in range(n_cases)
        for n in range(8)
    ]
    cases = [Case(f"c{u}", f"u{u}", f"i{u % n_items}", 5000, "Said", 4.0, "text", "test") for u in range(n_cases)]
    return Corpus(records, items, cases)


@contextmanager
def engine(slots: int, read_s: float = READ_S, write_s: float = WRITE_S) -> Generator[str]:
    """A simulated engine with seconds a token read and written; gives its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    simulator = str(Path(__file__).parent / "simulator.py")
    process = subprocess.Popen([sys.executable, simulator, *map(str, (port, slots, read_s, write_s))])
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the simulated engine did not start")
