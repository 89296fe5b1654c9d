"""How many LLM calls work would still make, so that its progress can be counted in calls."""

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unlike.errors import Stopped
from unlike.experiments.watch import Watch
from unlike.llm.forecast import ForecastLLM
from unlike.llm.journal import Journal
from unlike.llm.recorded import LLM
from unlike.progress import no_progress
from unlike.sync import wait_for

MAX_ROWS = 200
"""More rows show progress well enough, and going through them twice takes time."""


def calls_left(
    work: Callable[[ForecastLLM], Coroutine[Any, Any, object]], n_rows: int, llm: LLM, file: Path, watch: Watch
) -> int:
    """The calls that work would make; 0 where that is not counted.

    It is not where nobody watches, where there are many rows, or where a method fails without real answers.

    Args:
        work: Does it with the LLM that it gets, which asks no engine.
        n_rows: Rows that it makes.
        llm: Its LLM, which is not called.
        file: Its journal, which need not exist.
        watch: Shows progress.
    """
    if watch.on_progress is no_progress or n_rows > MAX_ROWS:
        return 0
    with existing(file) as known:
        asked = ForecastLLM(llm.backend, known)
        try:
            wait_for(work(asked))
        except Stopped:
            raise
        except Exception:  # noqa: BLE001 - a method of one's own may not cope with placeholders; then cases are counted
            return 0
    return asked.usage.n_calls


@contextmanager
def existing(path: Path) -> Generator[Journal | None]:
    """A journal; None if the file does not exist."""
    if not path.is_file():
        yield None
        return
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()
