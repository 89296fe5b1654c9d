"""Work in a process of its own, which starts with nothing in memory and says how much it came to need."""

import multiprocessing
import os
import resource
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Threads of OpenMP sleep while they wait: on a busy machine those that spin make everything slower."""


def alone(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What a function of a module gives, done in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args, **named).result()


def with_environment(changes: Mapping[str, str]) -> None:
    """Set variables for the processes that are started from here."""
    os.environ.update(changes)


def peak_mb() -> float:
    """Most memory that this process held so far, in MB.

    Linux counts it anew for a new program; what getrusage says of a child begins with its parent's figure.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6
