"""DPL over 200 cases on a simulated engine of 32 slots: how near the pipeline comes to the engine's own lower bound.

The bound of a set of calls on S slots that depend on each other as DPL's do: no schedule ends before all work is done
by all slots, nor before the longest chain of one case (its slowest extraction, summary and generation). The engine takes
the time of a real one: about five seconds a call. Engine and library share the machine.
"""

import asyncio
import json
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.row import Row
from benchmarks.simulated import corpus_of, engine
from benchmarks.simulator import REAL_READ_S, REAL_WRITE_S
from unlike.api import open_kit
from unlike.data.corpus import Corpus
from unlike.evaluate.running.run_method import arun
from unlike.settings import MethodSettings

SLOTS, N_CASES, N_RECORDS, N_PEERS = 32, 200, 4, 4
REACH = 0.95


def main(quick: bool = False) -> list[Row]:
    """One row."""
    corpus = corpus_of(40 if quick else N_CASES)
    with engine(SLOTS, REAL_READ_S, REAL_WRITE_S) as address:
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
