"""Units of work on a pool of workers: Ray Data distributes them, and repeats those of a lost worker.

A worker returns its errors and does not raise them: Ray would retry the unit on every worker in turn.
"""

import pickle
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from unlike.errors import UnlikeError
from unlike.spread.ray_start import import_ray

MAX_AT_ONCE = 64
"""Maximum number of threads per worker; each does one unit."""


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


def _cause(error: UnlikeError) -> UnlikeError:
    """The original error, where Ray wrapped it."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, UnlikeError) else error
