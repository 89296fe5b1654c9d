"""DPL over 200 cases on a simulated engine of 32 slots: how near the pipeline comes to the engine's own lower bound.

The bound of a set of calls on S slots that depend on each other as DPL's do: no schedule ends before all work is done
by all slots, nor before the longest chain of one case (its slowest extraction, summary and generation). The engine takes
the time of a real one: about five seconds a call. Engine and library share the machine.
"""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.row import Row
from benchmarks.simulator import REAL_READ_S, REAL_WRITE_S
from unlike.api import open_kit
from unlike.config import MethodSettings
from unlike.data.corpus import Corpus
from unlike.evaluate.run import arun
from unlike.records import Case, Item, Record

SLOTS, N_CASES, N_RECORDS, N_PEERS = 32, 200, 4, 4
REACH = 0.95


def main(quick: bool = False) -> list[Row]:
    """One row."""
    corpus = _corpus(40 if quick else N_CASES)
    with _engine() as address:
        wall_s, cpu_s, rows = asyncio.run(_run(corpus, address))
        with urllib.request.urlopen(f"http://{address}/stats") as answer:
            stats = json.loads(answer.read())
    assert all(row.status == "done" for row in rows), "every case is answered"
    bound_s = max(stats["busy_s"] / SLOTS, _longest_chain_s(rows))
    return [
        Row(
            what=f"pipeline, DPL over {len(rows)} cases on {SLOTS} simulated slots",
            against="the engine's lower bound for the same calls",
            value=bound_s / stats["span_s"],
            reach=REACH,
            facts={
                "calls": stats["calls"],
                "engine_s_a_call": round(stats["busy_s"] / stats["calls"], 2),
                "own_cpu_ms_a_call": round(1000 * cpu_s / stats["calls"], 2),
                "bound_s": round(bound_s, 1),
                "span_s": round(stats["span_s"], 1),
                "wall_s": round(wall_s, 1),
                "slots_used": round(stats["used"], 3),
                "idle_s_a_slot_until_the_last_call_came": round(stats["idle_till_newest_s"] / SLOTS, 2),
            },
        )
    ]


async def _run(corpus: Corpus, address: str) -> tuple[float, float, list]:
    with tempfile.TemporaryDirectory() as folder:
        kit = open_kit(
            corpus,
            f"openai:simulated@http://{address}/v1",
            "hashing:64",
            MethodSettings(n_records=N_RECORDS, n_peers=N_PEERS, max_tokens=256),
            journal=Path(folder) / "journal.sqlite",
            concurrency=SLOTS,
        )
        started, cpu = time.perf_counter(), time.process_time()
        rows = await arun(corpus, "dpl", kit, Path(folder) / "run")
        return time.perf_counter() - started, time.process_time() - cpu, rows


def _longest_chain_s(rows: list) -> float:
    """Of one case: nothing can make its three steps shorter than one after another."""

    def seconds(call: dict) -> float:
        return call["prompt_tokens"] * REAL_READ_S + call["completion_tokens"] * REAL_WRITE_S

    def chain(trace: dict) -> float:
        differences = max((seconds(d["call"]) for d in trace["differences"]), default=0.0)
        return differences + seconds(trace["profile"]["call"]) + seconds(trace["generate"])

    return max(chain(row.trace) for row in rows)


def _corpus(n_users: int) -> Corpus:
    """Users with eight records each on items that ten users wrote about."""
    n_items = n_users * 8 // 10
    items = [Item(f"i{i}", f"Item {i}", f"A thing with {i} parts. " * 8) for i in range(n_items)]
    records = [
        Record(
            f"r{u}-{n}", f"u{u}", f"i{(u * 8 + n * 7) % n_items}", f"User {u} says {n}. " * 20, "Said", 4.0, 1000 + n
        )
        for u in range(n_users)
        for n in range(8)
    ]
    cases = [Case(f"c{u}", f"u{u}", f"i{u % n_items}", 5000, "Said", 4.0, "text", "test") for u in range(n_users)]
    return Corpus(records, items, cases)


@contextmanager
def _engine() -> Generator[str]:
    """A simulated engine in a process of its own; gives its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, str(Path(__file__).parent / "simulator.py"), str(port), str(SLOTS)]
    engine = subprocess.Popen([*command, str(REAL_READ_S), str(REAL_WRITE_S)])
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        engine.kill()
        engine.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the simulated engine did not start")
