"""Two Ray workers against one: DPL over 500 cases on a simulated engine with slots enough for both.

A worker has so few calls under way at once that it is the bottleneck; its throughput is calls between the first one's
arrival at the engine and the last one's end. A third run loses a worker in the middle (SIGKILL) and must end with the
rows of one process, each once, with no call paid twice but those in flight.

    python benchmarks/ray_scaling.py
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.row import Row
from benchmarks.simulated import corpus_of, engine
from unlike.api import open_kit
from unlike.data.corpus import Corpus
from unlike.evaluate.running.run_method import JOURNAL, arun
from unlike.records import Generation, Record
from unlike.settings import MethodSettings
from unlike.spread.methods import Supplies
from unlike.spread.runs import Spread, run_spread
from unlike.spread.workers import RayEngine
from unlike.sync import wait_for

SLOTS, CONCURRENCY = 64, 8
SETTINGS = MethodSettings(n_records=2, n_peers=2, max_tokens=256)
WORKER, JOURNAL_OWNER = "ray::MapWorker", "ray::JournalOwner"
REACH = 0.9


@dataclass(frozen=True)
class Measured:
    """One run: its rows without times, what the engine saw, and processor time of all processes and of the journal owners."""

    rows: list[dict[str, Any]]
    stats: dict[str, float]
    cpu_s: float
    journal_owner_s: float
    wall_s: float

    @property
    def calls_a_s(self) -> float:
        """Throughput as the engine saw it."""
        return self.stats["calls"] / self.stats["span_s"]


def main(quick: bool = False) -> list[Row]:
    """Measure with one worker, with two, and with two of which one is killed."""
    corpus = corpus_of(100 if quick else 500)
    here = _measured(corpus, None)
    one, two = (_measured(corpus, workers) for workers in (1, 2))
    killed = _measured(corpus, 2, kill=True)
    assert here.rows == one.rows == two.rows == killed.rows, "every engine writes the same rows"
    assert all(run.stats["calls"] == here.stats["calls"] for run in (one, two)), "every call is made once"
    paid_twice = int(killed.stats["calls"] - here.stats["calls"])
    assert paid_twice <= CONCURRENCY, "a killed worker loses only the calls in flight"
    calls = here.stats["calls"]
    facts = {
        "calls": int(calls),
        "engine_ms_per_call": round(1000 * one.stats["busy_s"] / calls),
        "own_cpu_ms_per_call_here": round(1000 * here.cpu_s / calls, 2),
        "own_cpu_ms_per_call_one_worker": round(1000 * one.cpu_s / calls, 2),
        "own_cpu_ms_per_call_two_workers": round(1000 * two.cpu_s / calls, 2),
        "journal_owner_cpu_ms_per_call": round(1000 * two.journal_owner_s / calls, 2),
        "corpus_bytes_a_record": round(_bytes_a_record()),
        "calls_under_way_of_a_worker": CONCURRENCY,
        "calls_a_s_one_worker": round(one.calls_a_s, 1),
        "calls_a_s_two_workers": round(two.calls_a_s, 1),
        "bound_calls_a_s_one_worker": round(CONCURRENCY * calls / one.stats["busy_s"], 1),
        "wall_s": [round(run.wall_s, 1) for run in (one, two, killed)],
    }
    return [
        Row(
            f"two Ray workers, DPL over {len(here.rows)} cases",
            "twice one worker",
            two.calls_a_s / one.calls_a_s / 2,
            REACH,
            facts=facts,
        ),
        Row(
            "calls paid twice after a worker is killed in the middle",
            "the calls it had in flight",
            paid_twice,
            CONCURRENCY,
            "calls",
            at_most=True,
        ),
    ]


def _measured(corpus: Corpus, workers: int | None, kill: bool = False) -> Measured:
    with tempfile.TemporaryDirectory() as folder, engine(SLOTS) as address, _cpu_of_workers() as cpu:
        out, url = Path(folder) / "run", f"openai:simulated@http://{address}/v1"
        kit = open_kit(corpus, url, "hashing:64", SETTINGS, journal=out / JOURNAL, concurrency=SLOTS)
        started, own = time.perf_counter(), time.process_time()
        if workers is None:
            rows = wait_for(arun(corpus, "dpl", kit, out))
        else:
            lose = _killer() if kill else lambda done: None
            spread = Spread(
                Supplies(corpus, url, "hashing:64", CONCURRENCY),
                RayEngine(workers=workers),
                out / JOURNAL,
                lambda progress: lose(progress.n_done / progress.n_cases),
            )
            rows = run_spread(spread, "dpl", kit, out, "test", None, {})
        journal_owner_s = sum(seconds for (name, _), seconds in cpu.items() if name == JOURNAL_OWNER)
        cpu_s = time.process_time() - own + sum(cpu.values())
        with urllib.request.urlopen(f"http://{address}/stats") as answer:
            stats = json.loads(answer.read())
        return Measured(
            [_without_times(row) for row in rows], stats, cpu_s, journal_owner_s, time.perf_counter() - started
        )


def _killer():  # noqa: ANN202
    """Kills one worker once a third of the cases is done."""
    victims = list[int]()

    def lose(share: float) -> None:
        if share > 1 / 3 and not victims:
            victims.append(_processes(WORKER)[0])
            os.kill(victims[0], signal.SIGKILL)

    return lose


def _processes(name: str) -> list[int]:
    """Processes of this cluster that are called so."""
    import psutil

    found = list[int]()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie is one, too
            found += [process.pid] if " ".join(process.cmdline()).startswith(name) else []
    return found


@contextmanager
def _cpu_of_workers() -> Generator[dict[tuple[str, int], float]]:
    """Processor seconds of workers and journal owners, by name and process, looked at while they live."""
    import psutil

    seen, over = dict[tuple[str, int], float](), threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            for name, pid in [(kind, pid) for kind in (WORKER, JOURNAL_OWNER) for pid in _processes(kind)]:
                with suppress(psutil.NoSuchProcess):
                    times = psutil.Process(pid).cpu_times()
                    seen[name, pid] = times.user + times.system

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def _without_times(row: Generation) -> dict[str, Any]:
    def cut(part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, dict):
            return {key: cut(value) for key, value in part.items() if key != "wall_s"}
        return [cut(value) for value in part] if isinstance(part, list | tuple) else part

    return cut(vars(row) if hasattr(row, "__dict__") else {name: getattr(row, name) for name in row.__slots__})


def _bytes_a_record(n: int = 100_000) -> float:
    """Memory that a corpus takes for each record, with texts of 500 characters."""
    import psutil

    before = psutil.Process().memory_info().rss
    records = [Record(f"r{i}", f"u{i // 8}", f"i{i % 5000}", f"{i} " + "word " * 100, "Said", 4.0, i) for i in range(n)]
    corpus = Corpus(records, [])
    return (psutil.Process().memory_info().rss - before) / len(corpus.records())


if __name__ == "__main__":
    for row in main("--quick" in sys.argv):
        print(row.what, row.measured, row.wanted, row.facts)
