"""How much longer the command and the import take to start than Python itself."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.row import Row

REACH_S = 0.2
NOTHING = (sys.executable, "-c", "pass")
STARTED = {
    "unlike --help": (sys.executable, "-c", "import sys; from unlike.cli.main import main; sys.exit(main())", "--help"),
    "import unlike": (sys.executable, "-c", "import unlike"),
}


def main(quick: bool = False) -> list[Row]:
    """Two rows: the medians of runs that take turns, so that a busy moment hits all alike."""
    seconds: dict[str, list[float]] = {"": [], **{name: [] for name in STARTED}}
    for _ in range(3 if quick else 10):
        seconds[""].append(_seconds(NOTHING))
        for name, command in STARTED.items():
            seconds[name].append(_seconds(command))
    nothing = statistics.median(seconds[""])
    return [
        Row(
            what=f"start of {name}, longer than nothing",
            against="python -c pass",
            value=statistics.median(seconds[name]) - nothing,
            reach=REACH_S,
            unit="s",
            at_most=True,
            facts={"median_s": round(statistics.median(seconds[name]), 3), "python_s": round(nothing, 3)},
        )
        for name in STARTED
    ]


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    assert "--help" not in command or "Usage" in done.stdout, "the help is shown"
    return seconds
