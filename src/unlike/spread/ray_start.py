"""Starting Ray, on this machine or on a cluster, where it does the work; and the option that says whether it does."""

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from unlike.errors import InputError, MissingPart, how_to_install

LOCAL = "local"
ALLOWED = "local, ray, ray:WORKERS or ray://HOST:PORT"


@dataclass(frozen=True, slots=True)
class RayEngine:
    """A Ray cluster, and the number of workers to start in it.

    Attributes:
        address: HOST:PORT of the cluster's head; empty for the cluster that RAY_ADDRESS names, or for one that is
            started on this machine and ends with the work.
        workers: Processes that do the work; None for as many as the cluster has processors.
    """

    address: str = ""
    workers: int | None = None


def read_engine(text: str) -> RayEngine | None:
    """The engine of that name; None for this process.

    Raises:
        InputError: There is no such engine.
    """
    scheme, _, rest = text.partition(":")
    if text == LOCAL:
        return None
    if scheme == "ray" and not rest and ":" not in text:
        return RayEngine()
    if scheme == "ray" and rest.isdecimal() and int(rest) > 0:
        return RayEngine(workers=int(rest))
    if scheme == "ray" and rest.startswith("//") and rest.strip("/"):
        return RayEngine(address=rest.strip("/"))
    raise InputError(f"engine: {text!r}; allowed are {ALLOWED}")


@contextmanager
def cluster(engine: RayEngine) -> Generator[int]:
    """A connection to the cluster, and the number of workers to start there.

    A cluster that this process is connected to already is used, and stays.

    Raises:
        MissingPart: Ray is not installed.
        InputError: There is no cluster at the address.
    """
    ray = import_ray()
    ours = not ray.is_initialized()
    if ours:
        _connect(ray, engine)
    try:
        yield engine.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if ours:
            ray.shutdown()


def import_ray() -> Any:  # noqa: ANN401 - a module without types of its own
    """Import Ray, without its log output and its usage reports.

    Raises:
        MissingPart: It is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its internal warnings go to standard error
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingPart(
            f"--engine ray needs Ray Data, which is not installed ({error}): {how_to_install('ray')}"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.memory_usage_poll_interval_s = None  # each unit of work would read the process's memory map every second
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # a lost worker is replaced
    return ray


def _connect(ray: Any, engine: RayEngine) -> None:  # noqa: ANN401
    address = engine.address or os.environ.get("RAY_ADDRESS", "")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        workers = engine.workers or os.cpu_count() or 1
        ray.init("local", num_cpus=workers, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        return
    try:
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"engine ray://{address}: {str(error).splitlines()[0]}; give the address that `ray start --head` printed, "
            "from a machine of that cluster"
        ) from error
