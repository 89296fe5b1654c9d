"""Units of work, done by this process or by a pool of workers: Ray, on this machine or on a cluster, distributes them.

Units of a lost worker are repeated. A worker returns its errors and does not raise them: Ray would retry the unit on every
worker in turn.
"""

import logging
import os
import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from unlike.errors import InputError, MissingPart, UnlikeError, how_to_install

LOCAL = "local"
ALLOWED = "local, ray, ray:WORKERS or ray://HOST:PORT"
MAX_AT_ONCE = 64
"""Maximum number of threads per worker; each does one unit."""


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


class Work(Protocol):
    """The work of a worker process: opened once, then called with one unit after another, from several threads."""

    def open(self) -> None:
        """Open what all units need."""
        ...

    def do(self, unit: Any) -> Any:  # noqa: ANN401 - each kind of work has units of its own
        """Do one unit."""
        ...


class Worker:
    """A process of the pool.

    Args:
        shipped: Reference of the work and its units.
    """

    def __init__(self, shipped: Any) -> None:  # noqa: ANN401
        import ray

        self._work, self._units = ray.get(shipped)
        self._error: UnlikeError | None = None
        try:
            self._work.open()
        except UnlikeError as error:
            self._error = _cause(error)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do the unit of that number."""
        number = int(batch["number"][0])
        return {"number": [number], "done": [pickle.dumps(self._done(self._units[number]))]}

    def _done(self, unit: Any) -> Any:  # noqa: ANN401
        if self._error is None:
            try:
                return self._work.do(unit)
            except UnlikeError as error:
                self._error = _cause(error)
        return self._error


def done_by_workers(work: Work, units: Sequence[Any], workers: int, at_once: int = 1) -> Iterator[tuple[int, Any]]:
    """Units as they are done, each with its number.

    Args:
        work: What each worker opens.
        units: The units.
        workers: Number of processes.
        at_once: Units that a worker does at a time.

    Raises:
        UnlikeError: As a worker raised it.
    """
    ray = import_ray()
    # Not ray.data.range: reading it would want a processor too, and workers hold them all.
    numbers = ray.data.from_items([{"number": number} for number in range(len(units))], override_num_blocks=len(units))
    shipped = ray.put((work, units))
    done = numbers.map_batches(
        Worker,
        batch_size=1,
        fn_constructor_args=(shipped,),
        compute=ray.data.ActorPoolStrategy(
            size=min(workers, len(units)),
            max_tasks_in_flight_per_actor=min(at_once, MAX_AT_ONCE),
            max_concurrent_calls_per_actor=min(at_once, MAX_AT_ONCE),
            enable_true_multi_threading=True,
        ),
        num_cpus=1,
    )
    for row in done.iter_rows():
        result = pickle.loads(row["done"])
        if isinstance(result, UnlikeError):
            raise result
        yield row["number"], result


def units_done(
    work: Work, units_for: Callable[[int], Sequence[Any]], engine: RayEngine | None
) -> Iterator[tuple[int, Any, Any]]:
    """Units as they are done, each with its number and its result.

    Args:
        work: What this process, or each worker, opens.
        units_for: Returns the units for a number of workers.
        engine: None for this process.

    Raises:
        UnlikeError: As the work raised it.
    """
    if engine is None:
        units = units_for(1)
        work.open()
        for number, unit in enumerate(units):
            yield number, unit, work.do(unit)
        return
    with cluster(engine) as workers:
        units = units_for(workers)
        for number, done in done_by_workers(work, units, workers):
            yield number, units[number], done


def _cause(error: UnlikeError) -> UnlikeError:
    """The original error, where Ray wrapped it."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, UnlikeError) else error
