"""DPL over 200 cases on a simulated engine of 32 slots: how near the pipeline comes to the engine's own lower bound.

The bound of a set of calls on S slots that depend on each other as DPL's do: no schedule ends before all work is done
by all slots, nor before the longest chain of one case (its slowest extraction, summary and generation).

    python benchmarks/pipeline.py
"""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.row import Row
from unlike.api import open_kit
from unlike.config import MethodSettings
from unlike.data.corpus import Corpus
from unlike.evaluate.run import arun
from unlike.records import Case, Item, Record

SLOTS, N_CASES, N_RECORDS, N_PEERS = 32, 200, 4, 4
REACH = 0.95


def main() -> Row:
    port = _free_port()
    engine = subprocess.Popen([sys.executable, str(Path(__file__).parent / "simulator.py"), str(port), str(SLOTS)])
    try:
        _wait_for(port)
        wall_s, cpu_s, rows = asyncio.run(_run(port))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as answer:
            stats = json.loads(answer.read())
    finally:
        engine.kill()
    assert all(row.status == "done" for row in rows), "every case is answered"
    bound_s = max(stats["busy_s"] / SLOTS, _longest_chain_s(rows))
    return Row(
        what=f"pipeline, DPL over {N_CASES} cases on {SLOTS} simulated slots",
        against="the engine's lower bound for the same calls",
        ratio=bound_s / stats["span_s"],
        reach=REACH,
        facts={
            "calls": stats["calls"],
            "span_s": round(stats["span_s"], 2),
            "bound_s": round(bound_s, 2),
            "slots_used": round(stats["used"], 3),
            "own_cpu_ms_per_call": round(1000 * cpu_s / stats["calls"], 2),
            "wall_s": round(wall_s, 2),
        },
    )


async def _run(port: int) -> tuple[float, float, list]:
    corpus = _corpus()
    with tempfile.TemporaryDirectory() as folder:
        kit = open_kit(
            corpus,
            f"openai:simulated@http://127.0.0.1:{port}/v1",
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
    from benchmarks.simulator import READ_S, WRITE_S

    def seconds(call: dict) -> float:
        return call["prompt_tokens"] * READ_S + call["completion_tokens"] * WRITE_S

    def chain(trace: dict) -> float:
        differences = max((seconds(d["call"]) for d in trace["differences"]), default=0.0)
        return differences + seconds(trace["profile"]["call"]) + seconds(trace["generate"])

    return max(chain(row.trace) for row in rows)


def _corpus() -> Corpus:
    """Users with eight records each on items that ten users wrote about."""
    n_users, n_items = N_CASES, N_CASES * 8 // 10
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


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the simulated engine did not start")


if __name__ == "__main__":
    print(main())
