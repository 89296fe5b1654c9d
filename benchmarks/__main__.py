"""Run benchmarks: all of them, or those that are named.

    python -m benchmarks [NAME...] [--write] [--quick]

Each runs in a process of its own. A run of all writes results.json; of those that are named the rows are only printed, or
written again with --write.
"""

import argparse
import importlib
import time
import traceback

from benchmarks.own_process import PASSIVE, alone, with_environment
from benchmarks.results import table, write_results
from benchmarks.row import Row

NAMES = (
    "start",
    "metrics",
    "bm25",
    "kmeans",
    "representatives",
    "prefix",
    "curation",
    "store",
    "service",
    "training",
    "vllm_soft",
    "vllm_prefix",
    "embedded",
    "engines",
    "pipeline",
    "ray_scaling",
)


def main() -> None:
    """Run the named benchmarks and print their results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What the library costs, measured.")
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--write", action="store_true", help="write the named ones' rows to results.json too")
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures, no results.json")
    asked = parser.parse_args()
    with_environment(PASSIVE)
    writes = (asked.write or not asked.names) and not asked.quick
    rows = list[Row]()
    for name in asked.names or NAMES:
        started = time.perf_counter()
        found = _run(name, asked.quick)
        seconds = time.perf_counter() - started
        print(f"  {seconds:.0f} s", flush=True)
        rows += found
        if writes:  # at once, so that an interrupted run loses nothing
            write_results({name: found}, {name: seconds})
    print(table(rows))
    if any(row.failed for row in rows):
        raise SystemExit(1)


def _run(name: str, quick: bool) -> list[Row]:
    print(f"{name} ...", flush=True)
    try:
        rows = alone(importlib.import_module(f"benchmarks.{name}").main, quick)
    except Exception as error:  # the other benchmarks still run
        traceback.print_exc()
        rows = [Row(name, "", None, why_not=f"failed: {error}", failed=True)]
    for row in rows:
        print(f"  {row.what}: {row.measured}  {row.wanted}", *(f"    {k}: {v}" for k, v in row.facts.items()), sep="\n")
    return rows


if __name__ == "__main__":
    main()
