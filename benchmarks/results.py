"""What benchmarks found: on which machine, of which commit, as a table and as results.json."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.row import Row

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("results.json")


def write_results(found: Mapping[str, Sequence[Row]], seconds: Mapping[str, float], path: Path = RESULTS) -> None:
    """Write the rows of each benchmark with commit, date and duration; what was there of other benchmarks stays.

    Args:
        found: Rows by the name of their benchmark.
        seconds: How long each took.
        path: Where; what another machine measured is not kept beside what this one did.
    """
    here = machine()
    there: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept = there.get("benchmarks", {}) if there.get("machine") == here else {}
    of = {"commit": commit(), "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")}
    new = {
        name: of | {"seconds": round(seconds[name]), "rows": [asdict(row) | {"reached": row.reached} for row in rows]}
        for name, rows in found.items()
    }
    told = {"machine": here, "benchmarks": kept | new}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Cores, processor, memory, system."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _of_file("/proc/cpuinfo", "model name") or platform.processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return f"{head} and changes" if _git("status", "--porcelain", "src", "benchmarks/*.py") else head


def has_avx2() -> bool:
    """Whether the processor has what vLLM for processors is built for at least."""
    return "avx2" in (_of_file("/proc/cpuinfo", "flags") or "").split()


def table(rows: Sequence[Row]) -> str:
    """One line a row, for people."""
    from rich.console import Console
    from rich.table import Table

    made = Table("what", "against", "measured", "wanted", "reached", show_lines=True)
    for row in rows:
        made.add_row(row.what, row.against, row.measured, row.wanted, {True: "yes", False: "NO", None: ""}[row.reached])
    console = Console(width=150)
    with console.capture() as captured:
        console.print(made)
    return captured.get()


def _of_file(path: str, name: str) -> str | None:
    """The first value of a name in a file of the kernel's."""
    if not Path(path).is_file():
        return None
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), None)


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.strip()
